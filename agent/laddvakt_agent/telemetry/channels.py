"""The numbers of one connector at one second; NaN where there is none to believe."""

from __future__ import annotations

import math

from laddvakt_agent.core.inputs import Inputs, Phases, Pilot, Sample
from laddvakt_agent.core.model import Outputs, State
from laddvakt_agent.core.settings import Settings

MISSING = math.nan

# Each channel with the smallest step a snapshot keeps of it.
CHANNELS: dict[str, float] = {
    "voltage_l1_v": 0.1,
    "voltage_l2_v": 0.1,
    "voltage_l3_v": 0.1,
    "current_l1_a": 0.01,
    "current_l2_a": 0.01,
    "current_l3_a": 0.01,
    "power_w": 1.0,
    "energy_wh": 0.1,
    "residual_dc_a": 0.0001,
    "residual_ac_a": 0.0001,
    "enclosure_c": 0.1,
    "plug_c": 0.1,
    "limit_a": 0.1,
    "state": 1.0,  # place in STATES
    "pilot": 1.0,  # place in PILOTS
    "closed": 1.0,  # the contactor is commanded closed
    "feedback": 1.0,  # its mirror contact says closed
}
LEVELS = frozenset({"state", "pilot", "closed", "feedback"})  # of these there is no mean
STATES = tuple(state.value for state in State)
PILOTS = tuple(pilot.value for pilot in Pilot)
_STATE_PLACE = {state: float(place) for place, state in enumerate(State)}
_PILOT_PLACE = {pilot: float(place) for place, pilot in enumerate(Pilot)}


def values(
    settings: Settings, inputs: Inputs, outputs: Outputs, state: State, now_s: float
) -> tuple[float, ...]:
    """One value for each of `CHANNELS`, in their order. Readings past their time are missing."""
    meter_s, guard_s = now_s - settings.meter_max_age_s, now_s - settings.sample_max_age_s
    slow_s = now_s - settings.slow_max_age_s
    pilot = inputs.pilot
    piloted = pilot is not None and pilot.taken_s >= guard_s
    return (
        *_phases(inputs.voltage_v, meter_s),
        *_phases(inputs.current_a, meter_s),
        _number(inputs.power_w, meter_s),
        _number(inputs.energy_wh, meter_s),
        _number(inputs.residual_dc_a, guard_s),
        _number(inputs.residual_ac_a, guard_s),
        _number(inputs.enclosure_temp_c, slow_s),
        _number(inputs.plug_temp_c, slow_s),
        outputs.limit_a,
        _STATE_PLACE[state],
        _PILOT_PLACE[pilot.value] if pilot is not None and piloted else MISSING,
        float(outputs.closed),
        _number(inputs.feedback_closed, guard_s),
    )


def _number(sample: Sample[float] | Sample[bool] | None, oldest_s: float) -> float:
    if sample is None or sample.taken_s < oldest_s:
        return MISSING
    return float(sample.value)


def _phases(sample: Sample[Phases] | None, oldest_s: float) -> tuple[float, float, float]:
    if sample is None or sample.taken_s < oldest_s:
        return MISSING, MISSING, MISSING
    one, two, three = (MISSING if value is None else float(value) for value in sample.value)
    return one, two, three
