"""The predicates: what each fault looks like in the readings.

`present` is True (seen in fresh readings), False (seen to be away, or not applicable now) or `None`
(cannot be judged). Settling times keep an answer that is still on its way from being a fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.contactor import (
    LOAD_SIDE_CLOSE_S,
    WELD_SETTLE_S,
    contactor_did_not_close,
    contactor_opened_alone,
    contactor_welded,
)
from laddvakt_agent.core.freshness import (
    currents_a,
    fresh,
    number,
    pilot,
    voltages_v,
)
from laddvakt_agent.core.life import Power
from laddvakt_agent.core.memory import (
    GROSS_SAMPLES,
    gross_above_a,
    offered_a,
)
from laddvakt_agent.core.model import Pilot, Settings
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Found, Scene, found, settling
from laddvakt_agent.core.tracks import Finding
from laddvakt_agent.core.transitions import RAMP_MAX_S

LOAD_SIDE_SETTLE_S = 2.0  # after closing, before load-side voltages are judged
DEAD_V = 50.0
ALIKE_S = 120.0  # measured quantities bit-identical under load
ALIKE_QUANTITIES = 3


def findings(scene: Scene) -> Iterator[Found]:
    """What every detector of this connector says now."""
    connector, meter = scene.settings.connector, scene.settings.meter_name
    yield "emergency_stop", "station", emergency_stop(scene)
    yield "residual_current_dc", connector, residual_current_dc(scene)
    yield "over_current_gross", connector, over_current_gross(scene)
    yield "contactor_welded", connector, contactor_welded(scene)
    yield "contactor_did_not_close", connector, contactor_did_not_close(scene)
    yield "contactor_opened_alone", connector, contactor_opened_alone(scene)
    yield "vehicle_keeps_drawing", connector, vehicle_keeps_drawing(scene)
    yield "pilot_fault", connector, pilot_fault(scene)
    yield "board_error", connector, board_error(scene)
    yield "over_current", connector, over_current(scene)
    yield "power_lost", connector, power_lost(scene)
    yield "phase_lost", connector, phase_lost(scene)
    yield "limit_not_obeyed", connector, limit_not_obeyed(scene)
    yield "meter_frozen", meter, meter_frozen(scene)
    yield "latches_lost", connector, AWAY  # raised at the start alone; then a person's word counts


def detect_deadlines_s(scene: Scene) -> Iterator[float]:
    """When a settling or confirming time inside a detector ends."""
    settings, life = scene.settings, scene.life
    settles = (WELD_SETTLE_S, LOAD_SIDE_SETTLE_S, LOAD_SIDE_CLOSE_S, settings.feedback_settle_s)
    yield from (life.commanded_since_s + settle_s for settle_s in settles)
    yield life.limit_changed_s + settings.board_apply_s
    power_w = number(scene.inputs.power_w.value) if scene.inputs.power_w else None
    if scene.memory.energy is not None and power_w:
        yield scene.memory.energy.since_s + _register_step_s(settings, power_w)
    if scene.memory.alike is not None:
        yield scene.memory.alike.since_s + ALIKE_S


def emergency_stop(s: Scene) -> Finding:
    """The loop is open."""
    if not s.settings.has_emergency_stop:
        return AWAY
    pressed = fresh(s.inputs.emergency_stop, s.settings.sample_max_age_s, s.now_s)
    return Finding(present=pressed, evidence="emergency-stop loop is open")


def residual_current_dc(s: Scene) -> Finding:
    """The monitor's own alarm."""
    if not s.settings.has_residual_monitor:
        return AWAY
    age_s = s.settings.sample_max_age_s
    tripped = fresh(s.inputs.residual_tripped, age_s, s.now_s)
    dc_a = number(fresh(s.inputs.residual_dc_a, age_s, s.now_s))
    shown = "monitor tripped" if dc_a is None else f"monitor tripped at {dc_a * 1000:.1f} mA DC"
    return Finding(present=tripped, evidence=shown)


def over_current(s: Scene) -> Finding:
    """A wired phase above the offer with every tolerance."""
    judged = _drawn(s)
    if isinstance(judged, Finding):
        return judged
    current_a, limit_a = judged
    above_a = (limit_a + 0.5) * 1.10
    return found(current_a > above_a, f"{current_a:.1f} A, allowed {above_a:.1f} A")


def over_current_gross(s: Scene) -> Finding:
    """Far above the offer in two samples."""
    judged = _drawn(s)
    if isinstance(judged, Finding):
        return judged
    current_a, limit_a = judged
    above_a, run = gross_above_a(limit_a), s.memory.gross
    return Finding(
        present=current_a > above_a and run.count >= GROSS_SAMPLES,
        since_s=run.first_s,
        evidence=f"{current_a:.1f} A, allowed {above_a:.1f} A",
    )


def vehicle_keeps_drawing(s: Scene) -> Finding:
    """The offer was withdrawn 6 s ago; the pilot still says C and a current flows."""
    if s.life.power is not Power.RAMPING or s.now_s < s.life.ramp_since_s + RAMP_MAX_S:
        return AWAY
    state, measured = (
        pilot(s.settings, s.inputs, s.now_s),
        currents_a(s.settings, s.inputs, s.now_s),
    )
    if state is None or not measured:
        return UNKNOWN
    draws = state in (Pilot.C, Pilot.D) and max(measured) > 1.0
    return found(draws, f"{max(measured):.1f} A, {RAMP_MAX_S:g} s after the offer ended")


def pilot_fault(s: Scene) -> Finding:
    """E or F, which is never commanded here, or outside every band."""
    state = pilot(s.settings, s.inputs, s.now_s)
    if state is None:
        return UNKNOWN
    return found(state in (Pilot.E, Pilot.F, Pilot.INVALID), f"pilot {state.value}")


def board_error(s: Scene) -> Finding:
    """Any error the board reports; with the raw names."""
    if s.inputs.board_errors is None:
        return UNKNOWN if s.memory.tells_errors else AWAY  # a board that reports none
    errors = fresh(s.inputs.board_errors, s.settings.sample_max_age_s, s.now_s)
    if errors is None:
        return UNKNOWN
    return found(bool(errors), f"board reports {', '.join(errors)}")


def power_lost(s: Scene) -> Finding:
    """Every measured pair is dead."""
    if _voltage_meaningless(s):
        return AWAY
    pairs_v = voltages_v(s.settings, s.inputs, s.now_s)
    if len(pairs_v) < s.settings.phases:
        return UNKNOWN
    return found(max(pairs_v) < DEAD_V, f"highest voltage {max(pairs_v):.0f} V")


def phase_lost(s: Scene) -> Finding:
    """One wired pair is low while another is well; never on one phase."""
    if s.settings.phases == 1 or _voltage_meaningless(s):
        return AWAY
    pairs_v, nominal_v = voltages_v(s.settings, s.inputs, s.now_s), s.settings.nominal_voltage_v
    if len(pairs_v) < s.settings.phases:
        return UNKNOWN
    lost = min(pairs_v) < 0.7 * nominal_v and max(pairs_v) >= 0.85 * nominal_v
    return found(lost, f"lowest {min(pairs_v):.0f} V, highest {max(pairs_v):.0f} V")


def limit_not_obeyed(s: Scene) -> Finding:
    """The board still offers more than it was told, after the time it needs to apply it."""
    sample, due_s = s.inputs.limit_readback_a, s.life.limit_changed_s + s.settings.board_apply_s
    if s.now_s < due_s or not s.memory.tells_limit:
        return AWAY  # not due yet, or a write-only board
    limit_a = number(fresh(sample, s.settings.sample_max_age_s, s.now_s))
    if sample is None or limit_a is None or sample.taken_s < due_s:
        return UNKNOWN
    above_a = s.life.limit_a + s.settings.limit_resolution_a
    return found(limit_a > above_a, f"board offers {limit_a:g} A, told {s.life.limit_a:g} A")


def meter_frozen(s: Scene) -> Finding:
    """Energy does not move under load, or everything measured repeats itself."""
    age_s = s.settings.meter_max_age_s
    power_w = number(fresh(s.inputs.power_w, age_s, s.now_s))
    if power_w is None or fresh(s.inputs.energy_wh, age_s, s.now_s) is None:
        return UNKNOWN
    energy, alike = s.memory.energy, s.memory.alike
    # The memory is kept under load only, so the power is well above zero.
    if energy is not None and s.now_s >= energy.since_s + _register_step_s(s.settings, power_w):
        shown = f"energy unchanged at {power_w:.0f} W"
        return Finding(present=True, since_s=energy.since_s, evidence=shown)
    if alike is not None and len(alike.value) >= ALIKE_QUANTITIES:
        same = s.now_s >= alike.since_s + ALIKE_S
        return Finding(
            present=same, since_s=alike.since_s, evidence=f"all values alike at {power_w:.0f} W"
        )
    return AWAY


def _register_step_s(settings: Settings, power_w: float) -> float:
    """Three steps of the energy register at this power: none in that time means frozen."""
    return 3.0 * settings.meter_resolution_wh * 3600.0 / power_w


def _drawn(s: Scene) -> Finding | tuple[float, float]:
    """The highest current and the offer it is held against; a finding when not judged."""
    if not s.life.closed:
        return AWAY
    measured, sample = currents_a(s.settings, s.inputs, s.now_s), s.inputs.current_a
    if not measured or sample is None:
        return UNKNOWN
    limit_a = offered_a(s.settings, s.life, sample.taken_s)
    return (max(measured), limit_a) if limit_a > 0.0 else AWAY


def _voltage_meaningless(s: Scene) -> bool:
    """Behind an open or just closed contactor a voltage says nothing about the supply."""
    if not s.settings.voltage_load_side:
        return False
    return not s.life.closed or settling(s, LOAD_SIDE_SETTLE_S)
