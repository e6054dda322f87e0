"""What is remembered of the supply: since when it has been wrong, and what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laddvakt_agent.core.detect.measured import Measured
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import feedback, fresh, number
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.runs import held
from laddvakt_agent.core.settings import Settings

BEFORE_EVENT_S = 2.0  # the meter may be read before the monitor that tripped
FRESH_BOOT_S = 120.0  # a device that started so shortly before the agent lost its supply
COLD_SHOWN_S = 5.0  # so long an outage before the start is told of: longer than its confirm time
COLD_UNTIL_S = 30.0  # devices heard later than this after the start tell nothing of before


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMemory:
    """One connector's supply. Every `…_since_s` is `None` while it is not so."""

    started_s: float | None = None  # the first look
    cold_s: float | None = None  # then every device was found freshly booted after an unclean stop
    high_since_s: float | None = None
    gross_since_s: float | None = None
    low_since_s: float | None = None
    deep_since_s: float | None = None
    outside_since_s: float | None = None  # one phase alone beyond what a sound neutral allows
    dead_since_s: float | None = None
    alarm: bool = False  # a residual trip or a weld stands
    event_s: float | None = None  # the last of what makes a breaker trip
    tripped: bool = False  # the line died right after it


def remember_grid(
    settings: Settings,
    life: Life,
    before: GridMemory,
    inputs: Inputs,
    measured: Measured,
    over_s: float | None,
    now_s: float,
) -> GridMemory:
    """The memory after this moment's readings. `over_s`: when an over-current was last seen."""
    volts_v, taken_s = (() if measured.blind else measured.volts_v), measured.volts_s
    lowest_v, highest_v = min(volts_v, default=0.0), max(volts_v, default=0.0)
    known = bool(volts_v)
    pen = rule_for(settings.rules, "neutral_lost").values
    alarm, event_s = _event(settings, life, before, inputs, over_s, now_s)
    dead_v = rule_for(settings.rules, "upstream_protection_tripped").values["dead_v"]
    dead_since_s, tripped = before.dead_since_s, before.tripped
    if known:
        dead_since_s = held(dead_since_s, measured.whole_v and highest_v < dead_v, taken_s)
        tripped = _tripped(settings, before, dead_since_s, event_s)
    alive = known and lowest_v >= dead_v
    return GridMemory(
        started_s=now_s if before.started_s is None else before.started_s,
        cold_s=_cold_s(settings, before, inputs, now_s),
        high_since_s=held(before.high_since_s, highest_v > _share_v(settings, _HIGH), taken_s),
        gross_since_s=held(before.gross_since_s, highest_v > _share_v(settings, _GROSS), taken_s),
        low_since_s=held(
            before.low_since_s, known and lowest_v < _share_v(settings, _LOW), taken_s
        ),
        deep_since_s=held(
            before.deep_since_s, known and lowest_v < _share_v(settings, _DEEP), taken_s
        ),
        outside_since_s=held(before.outside_since_s, alive and _outside(volts_v, pen), taken_s),
        dead_since_s=dead_since_s,
        alarm=alarm,
        event_s=event_s,
        tripped=tripped,
    )


_HIGH, _GROSS = ("over_voltage", "high_share"), ("over_voltage", "gross_share")
_LOW, _DEEP = ("under_voltage", "low_share"), ("under_voltage", "deep_share")


def _share_v(settings: Settings, threshold: tuple[str, str]) -> float:
    """A threshold that a row names as a share of the nominal voltage."""
    code, name = threshold
    return rule_for(settings.rules, code).values[name] * settings.nominal_voltage_v


def _outside(volts_v: tuple[float, ...], pen: Mapping[str, float]) -> bool:
    return not all(pen["pen_low_v"] <= volts <= pen["pen_high_v"] for volts in volts_v)


def _tripped(
    settings: Settings, before: GridMemory, dead_since_s: float | None, event_s: float | None
) -> bool:
    """The line is dead, and what trips a breaker was seen right before."""
    if dead_since_s is None:
        return False
    if before.tripped or event_s is None:
        return before.tripped
    within_s = rule_for(settings.rules, "upstream_protection_tripped").values["after_event_s"]
    return -BEFORE_EVENT_S <= dead_since_s - event_s <= within_s


def _event(
    settings: Settings,
    life: Life,
    before: GridMemory,
    inputs: Inputs,
    over_s: float | None,
    now_s: float,
) -> tuple[bool, float | None]:
    """A trip or a weld counts from its beginning, an over-current for as long as it is seen."""
    age_s = settings.sample_max_age_s
    dc = fresh(inputs.residual_tripped, age_s, now_s)
    ac = fresh(inputs.residual_ac_tripped, age_s, now_s)
    weld_s = (
        life.commanded_since_s + rule_for(settings.rules, "contactor_welded").values["settle_s"]
    )
    contact = inputs.feedback_closed
    welded = (
        not life.closed
        and contact is not None
        and contact.taken_s >= weld_s
        and feedback(settings, inputs, now_s) is True
    )
    alarm = bool(dc or ac or welded)
    times_s = [at_s for at_s in (before.event_s, over_s) if at_s is not None]
    if alarm and not before.alarm:
        times_s.append(now_s)
    return alarm, max(times_s, default=None)


def _cold_s(settings: Settings, before: GridMemory, inputs: Inputs, now_s: float) -> float | None:
    """When it was seen that the whole charger has just got its supply back, `None` while not."""
    if not settings.unclean_stop or before.cold_s is not None:
        return before.cold_s
    if before.started_s is not None and now_s > before.started_s + COLD_UNTIL_S:
        return None
    uptimes_s = [device.uptime_s for device in inputs.devices]
    board = fresh(inputs.board_uptime_s, settings.slow_max_age_s, now_s)
    known_s = [at for at in map(number, (*uptimes_s, board)) if at is not None]
    return now_s if known_s and max(known_s) < FRESH_BOOT_S else None
