"""What a vehicle, or its pilot signal, that is not as it should be looks like."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.measured import shown_s
from laddvakt_agent.core.detect.words import contact, values
from laddvakt_agent.core.freshness import currents_a, pilot
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life.gear import state_f_explains
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.life.transitions import RAMP_MAX_S
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, found, of_connector

_ANSWER_S = 3.0  # what is drawn so long after the offer ended, a vehicle does not give up by itself
_BAD = frozenset({Pilot.E, Pilot.F, Pilot.INVALID})


def pilot_fault(s: Scene) -> Finding:
    """E or F that nobody here commanded, or outside every band."""
    state = pilot(s.settings, s.inputs, s.now_s)
    if state is None or (state is Pilot.F and _shown_by_us(s)):
        return UNKNOWN
    return found(True, f"pilot {state.value}") if state in _BAD else AWAY


pilot_diode_missing = contact(
    lambda inputs: inputs.diode_missing, "the pilot's negative half is missing: no vehicle diode"
)


def ventilation_required(s: Scene) -> Finding:
    """The vehicle asks for ventilation, and there is none."""
    state = pilot(s.settings, s.inputs, s.now_s)
    if state is None:
        return UNKNOWN
    if state is not Pilot.D:
        return AWAY
    return found(True, "pilot D: the vehicle asks for ventilation, which is not provided")


def vehicle_keeps_drawing(s: Scene) -> Finding:
    """The offer was withdrawn 6 s ago; the pilot still says C and a current flows."""
    if s.life.power is not Power.RAMPING or s.now_s < s.life.ramp_since_s + RAMP_MAX_S:
        return AWAY
    state = pilot(s.settings, s.inputs, s.now_s)
    measured, sample = currents_a(s.settings, s.inputs, s.now_s), s.inputs.current_a
    if state is None or sample is None or not measured:
        return UNKNOWN
    if sample.taken_s < s.life.ramp_since_s + _ANSWER_S + shown_s(s.settings):
        return UNKNOWN  # a slow meter may still show what was drawn before
    above_a = values(s, "vehicle_keeps_drawing")["current_a"]
    draws = state in (Pilot.C, Pilot.D) and max(measured) > above_a
    return found(draws, f"{max(measured):.1f} A, {RAMP_MAX_S:g} s after the offer ended")


def _shown_by_us(s: Scene) -> bool:
    sample = s.inputs.pilot
    return sample is not None and state_f_explains(s.life, sample.taken_s)


def _ramp_due_s(s: Scene) -> Iterator[float]:
    if s.life.power is Power.RAMPING:
        yield s.life.ramp_since_s + RAMP_MAX_S


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="vehicle_keeps_drawing",
        subject=of_connector,
        needs=("pilot", "current_a"),
        look=vehicle_keeps_drawing,
        due_s=_ramp_due_s,
    ),
    Detector(code="pilot_fault", subject=of_connector, needs=("pilot",), look=pilot_fault),
    Detector(
        code="pilot_diode_missing",
        subject=of_connector,
        needs=("diode_missing",),
        look=pilot_diode_missing,
    ),
    Detector(
        code="ventilation_required",
        subject=of_connector,
        needs=("pilot",),
        look=ventilation_required,
        fitted=lambda settings: not settings.state_d_allowed,
    ),
)
