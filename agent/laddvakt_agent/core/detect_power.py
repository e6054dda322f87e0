"""What too much current, a missing supply and a meter that repeats itself look like."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.contactor import (
    LOAD_SIDE_CLOSE_S,
    WELD_SETTLE_S,
    contactor_did_not_close,
    contactor_opened_alone,
    contactor_welded,
)
from laddvakt_agent.core.freshness import currents_a, fresh, number, voltages_v
from laddvakt_agent.core.memory import GROSS_SAMPLES, gross_above_a, offered_a
from laddvakt_agent.core.scene import (
    AWAY,
    UNKNOWN,
    Detector,
    Scene,
    found,
    of_connector,
    of_meter,
    settling,
)
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.tracks import Finding

LOAD_SIDE_SETTLE_S = 2.0  # after closing, before load-side voltages are judged
DEAD_V = 50.0
ALIKE_S = 120.0  # measured quantities bit-identical under load
ALIKE_QUANTITIES = 3


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


def _contactor_due_s(s: Scene) -> Iterator[float]:
    settles = (WELD_SETTLE_S, LOAD_SIDE_SETTLE_S, LOAD_SIDE_CLOSE_S, s.settings.feedback_settle_s)
    yield from (s.life.commanded_since_s + settle_s for settle_s in settles)


def _frozen_due_s(s: Scene) -> Iterator[float]:
    power_w = number(s.inputs.power_w.value) if s.inputs.power_w else None
    if s.memory.energy is not None and power_w:
        yield s.memory.energy.since_s + _register_step_s(s.settings, power_w)
    if s.memory.alike is not None:
        yield s.memory.alike.since_s + ALIKE_S


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


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="residual_current_dc",
        subject=of_connector,
        needs=("residual_tripped", "residual_dc_a"),
        look=residual_current_dc,
        fitted=lambda settings: settings.has_residual_monitor,
    ),
    Detector(
        code="over_current_gross",
        subject=of_connector,
        needs=("current_a",),
        look=over_current_gross,
    ),
    Detector(
        code="contactor_welded",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v", "current_a"),
        look=contactor_welded,
        due_s=_contactor_due_s,
    ),
    Detector(
        code="contactor_did_not_close",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v"),
        look=contactor_did_not_close,
    ),
    Detector(
        code="contactor_opened_alone",
        subject=of_connector,
        needs=("feedback_closed", "pilot", "pwm_on", "board_errors"),
        look=contactor_opened_alone,
    ),
    Detector(code="over_current", subject=of_connector, needs=("current_a",), look=over_current),
    Detector(code="power_lost", subject=of_connector, needs=("voltage_v",), look=power_lost),
    Detector(
        code="phase_lost",
        subject=of_connector,
        needs=("voltage_v",),
        look=phase_lost,
        fitted=lambda settings: settings.phases > 1,
    ),
    Detector(
        code="meter_frozen",
        subject=of_meter,
        needs=("power_w", "energy_wh", "voltage_v", "current_a"),
        look=meter_frozen,
        due_s=_frozen_due_s,
    ),
)
