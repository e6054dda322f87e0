"""What each thermometer said last, and whether its newest level is believed.

Heat moves slowly. A reading that jumps is doubted: it must come back to where it was, or stay
where it is for a while, before it judges anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.core.settings import Settings

_STEP_MIN_S = 1.0  # readings closer than this are held against the jump of one second


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermometer:
    """The newest reading inside the sensor's range, and the doubts about it."""

    value_c: float
    taken_s: float
    believed_c: float  # the last level that was believed
    doubted_since_s: float | None = None  # the newest level has stood since then; None: believed


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMemory:
    """Every thermometer of one connector; `None` before its first reading."""

    enclosure: Thermometer | None = None
    plug: Thermometer | None = None


def remember_heat(
    settings: Settings, before: HeatMemory, inputs: Inputs, now_s: float
) -> HeatMemory:
    """The memory after this moment's readings; the same object when nothing is new."""
    enclosure = _read(settings, before.enclosure, inputs.enclosure_temp_c, now_s)
    plug = _read(settings, before.plug, inputs.plug_temp_c, now_s)
    if enclosure is before.enclosure and plug is before.plug:
        return before
    return HeatMemory(enclosure=enclosure, plug=plug)


def _read(
    settings: Settings, before: Thermometer | None, sample: Sample[float] | None, now_s: float
) -> Thermometer | None:
    if sample is None or (before is not None and sample.taken_s <= before.taken_s):
        return before
    value_c = number(fresh(sample, settings.slow_max_age_s, now_s))
    values = rule_for(settings.rules, "sensor_implausible").values
    if value_c is None or not values["low_c"] <= value_c <= values["high_c"]:
        return before
    if before is None:
        return Thermometer(value_c=value_c, taken_s=sample.taken_s, believed_c=value_c)
    since_s = _doubted_since_s(before, value_c, sample.taken_s, values)
    believed_c = value_c if since_s is None else before.believed_c
    return Thermometer(
        value_c=value_c, taken_s=sample.taken_s, believed_c=believed_c, doubted_since_s=since_s
    )


def _doubted_since_s(
    before: Thermometer, value_c: float, taken_s: float, values: Mapping[str, float]
) -> float | None:
    rate, since_s = values["jump_c_per_s"], before.doubted_since_s
    jumps = abs(value_c - before.value_c) > rate * max(taken_s - before.taken_s, _STEP_MIN_S)
    if since_s is not None and abs(value_c - before.believed_c) <= rate * _STEP_MIN_S:
        return None  # back where it was
    if jumps:
        return taken_s
    return None if since_s is None or taken_s >= since_s + values["believe_s"] else since_s
