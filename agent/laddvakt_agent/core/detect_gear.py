"""What a board, a pilot or a stop loop that is not as it should be looks like."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.freshness import currents_a, fresh, number, pilot
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life import Power
from laddvakt_agent.core.reported import REPORTS
from laddvakt_agent.core.scene import (
    AWAY,
    UNKNOWN,
    Detector,
    Scene,
    found,
    of_connector,
    of_station,
)
from laddvakt_agent.core.tracks import Finding
from laddvakt_agent.core.transitions import RAMP_MAX_S


def emergency_stop(s: Scene) -> Finding:
    """The loop is open."""
    if not s.settings.has_emergency_stop:
        return AWAY
    pressed = fresh(s.inputs.emergency_stop, s.settings.sample_max_age_s, s.now_s)
    return Finding(present=pressed, evidence="emergency-stop loop is open")


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
    unnamed = [word for word in errors if word not in REPORTS]  # the others are faults of their own
    return found(bool(unnamed), f"board reports {', '.join(unnamed)}")


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


def latches_lost(_: Scene) -> Finding:
    """Raised at the start alone; then a person's word counts."""
    return AWAY


def _limit_due_s(s: Scene) -> Iterator[float]:
    yield s.life.limit_changed_s + s.settings.board_apply_s


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="emergency_stop",
        subject=of_station,
        needs=("emergency_stop",),
        look=emergency_stop,
        fitted=lambda settings: settings.has_emergency_stop,
    ),
    Detector(
        code="vehicle_keeps_drawing",
        subject=of_connector,
        needs=("pilot", "current_a"),
        look=vehicle_keeps_drawing,
    ),
    Detector(code="pilot_fault", subject=of_connector, needs=("pilot",), look=pilot_fault),
    Detector(code="board_error", subject=of_connector, needs=("board_errors",), look=board_error),
    Detector(
        code="limit_not_obeyed",
        subject=of_connector,
        needs=("limit_readback_a", "pwm_on"),
        look=limit_not_obeyed,
        due_s=_limit_due_s,
    ),
    Detector(code="latches_lost", subject=of_connector, needs=(), look=latches_lost),
)
