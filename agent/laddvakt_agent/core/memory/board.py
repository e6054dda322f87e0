"""What a pilot board showed before: its counters, and contacts that moved by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from laddvakt_agent.core.detect.measured import shown_s
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import feedback, fresh, number, pilot, voltages_v
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.settings import Settings

LOAD_SIDE_SETTLE_S = 1.0  # after opening, before load-side voltage counts
# Counters of 16 bits in s, 32 bits in ms and 32 bits in s begin anew without a restart.
_ROLLOVERS_S = (65_536.0, 4_294_967.296, 4_294_967_296.0)
_ROLLOVER_NEAR_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardMemory:
    """One board's past."""

    boots: int | None = None
    uptime_s: float | None = None
    uptime_taken_s: float = 0.0
    was_guarded: bool = False  # before the last restart
    restarted_s: float | None = None  # seen then, and not led again yet
    seen_open: bool = False  # the contacts followed the present open command …
    reclosed: bool = False  # … and closed again without one
    reclosed_s: float | None = None  # when that was seen last
    asked: bool = False  # the pilot was C or D last
    let_go_s: float | None = None  # … and was first read A or B then


def remember_board(
    settings: Settings, life: Life, before: BoardMemory, inputs: Inputs, now_s: float
) -> BoardMemory:
    """The memory after this moment's readings; the same object when nothing is new."""
    memory = _counters(settings, before, inputs, now_s)
    memory = _led(settings, memory, inputs, now_s)
    memory = _contacts(settings, life, memory, inputs, now_s)
    return _pilot(settings, memory, inputs, now_s)


def contacts(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> bool | None:
    """Whether the contacts are closed, by a reading the last command had time to act on.

    The mirror contact says so; without one, load-side voltage.
    """
    since_s = life.commanded_since_s
    if settings.has_feedback:
        sample = inputs.feedback_closed
        if sample is None or sample.taken_s < since_s + settings.feedback_settle_s:
            return None
        return feedback(settings, inputs, now_s)
    if not settings.voltage_load_side or inputs.voltage_v is None:
        return None
    pairs_v = voltages_v(settings, inputs, now_s)
    settle_s = max(LOAD_SIDE_SETTLE_S, shown_s(settings))
    if not pairs_v or inputs.voltage_v.taken_s < since_s + settle_s:
        return None
    return max(pairs_v) > 0.5 * settings.nominal_voltage_v


def _counters(settings: Settings, before: BoardMemory, inputs: Inputs, now_s: float) -> BoardMemory:
    memory, taken_s = before, None
    boots = fresh(inputs.board_boots, settings.slow_max_age_s, now_s)
    if boots is not None and boots != before.boots:
        taken_s = now_s if before.boots is not None else None
        memory = replace(memory, boots=boots)
    uptime = inputs.board_uptime_s
    uptime_s = number(fresh(uptime, settings.slow_max_age_s, now_s))
    if uptime is not None and uptime_s is not None and uptime.taken_s > _last_taken_s(before):
        if _went_back(before, uptime_s, uptime):
            taken_s = now_s
        memory = replace(memory, uptime_s=uptime_s, uptime_taken_s=uptime.taken_s)
    return memory if taken_s is None else replace(memory, restarted_s=taken_s)


def _last_taken_s(before: BoardMemory) -> float:
    return before.uptime_taken_s if before.uptime_s is not None else float("-inf")


def _went_back(before: BoardMemory, uptime_s: float, sample: Sample[float]) -> bool:
    if before.uptime_s is None or uptime_s >= before.uptime_s:
        return False
    due_s = before.uptime_s + sample.taken_s - before.uptime_taken_s
    return not any(abs(due_s - over_s - uptime_s) < _ROLLOVER_NEAR_S for over_s in _ROLLOVERS_S)


def _led(settings: Settings, before: BoardMemory, inputs: Inputs, now_s: float) -> BoardMemory:
    """A restarted board counts as led again once what guarded it before is armed again."""
    if before.restarted_s is None:
        if inputs.guarded is before.was_guarded:
            return before
        return replace(before, was_guarded=inputs.guarded)
    rearm_s = rule_for(settings.rules, "board_restarted").values["rearm_s"]
    waits = now_s < before.restarted_s + rearm_s
    if waits or (before.was_guarded and not inputs.guarded):
        return before
    return replace(before, restarted_s=None, was_guarded=inputs.guarded)


def _contacts(
    settings: Settings, life: Life, before: BoardMemory, inputs: Inputs, now_s: float
) -> BoardMemory:
    if life.closed:
        if not (before.seen_open or before.reclosed):
            return before
        return replace(before, seen_open=False, reclosed=False)
    closed = contacts(settings, life, inputs, now_s)
    if closed is None or (closed, before.seen_open) == (before.reclosed, True):
        return before
    if closed:
        if not before.seen_open:
            return before
        return replace(before, reclosed=True, reclosed_s=now_s)
    return replace(before, seen_open=True, reclosed=False)


def _pilot(settings: Settings, before: BoardMemory, inputs: Inputs, now_s: float) -> BoardMemory:
    match pilot(settings, inputs, now_s):
        case Pilot.C | Pilot.D:
            asked, let_go_s = True, None
        case Pilot.A | Pilot.B if before.asked and inputs.pilot is not None:
            asked, let_go_s = False, inputs.pilot.taken_s
        case _:
            return before
    if (asked, let_go_s) == (before.asked, before.let_go_s):
        return before
    return replace(before, asked=asked, let_go_s=let_go_s)
