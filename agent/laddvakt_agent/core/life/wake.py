"""A vehicle that sleeps through its offer: the offer is taken away for a moment, twice at most.

An automaton of its own. Some vehicles fall asleep while they wait and wake when the duty cycle ends
and begins anew. A vehicle that has drawn current and then pauses is awake: it is left alone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

PULSE_S = 5.0  # as long as a vehicle has to follow a change of the offer
PULSES_MAX = 2  # in a row; whoever sleeps on wants to


class Wake(enum.Enum):
    """Where the automaton is; each comment says what is true in it."""

    REST = "rest"  # nothing is offered
    WAITING = "waiting"  # offered, the vehicle does not ask
    DRY = "dry"  # it asks, the contactor is closed, no current seen yet
    PULSE = "pulse"  # the connector holds its offer back to wake it
    AWAKE = "awake"  # it has drawn since the offer began


@dataclass(frozen=True, slots=True, kw_only=True)
class Waking:
    """What was done to wake the vehicle."""

    wake: Wake = Wake.REST
    since_s: float = 0.0
    pulses: int = 0  # in a row, in this session


@dataclass(frozen=True, slots=True)
class WakeSight:
    """All the automaton may know."""

    session: bool
    offered: bool
    closed: bool
    draws: bool | None  # None: no fresh current
    after_s: float  # so long it may sleep


Guard: TypeAlias = Callable[[Waking, WakeSight, float], bool]
Row: TypeAlias = tuple[str, Guard, Wake]


def _due(w: Waking, s: WakeSight, now_s: float) -> bool:
    return w.pulses < PULSES_MAX and now_s >= w.since_s + s.after_s


def _dry_due(w: Waking, s: WakeSight, now_s: float) -> bool:
    return s.draws is False and _due(w, s, now_s)


def _pulse_over(w: Waking, s: WakeSight, now_s: float) -> bool:
    return not s.session or now_s >= w.since_s + PULSE_S


_OFFER_OVER: Row = ("offer ended", lambda _, s, __: not s.offered, Wake.REST)

ROWS: Mapping[Wake, tuple[Row, ...]] = {
    Wake.REST: (("offered", lambda _, s, __: s.offered, Wake.WAITING),),
    Wake.WAITING: (
        _OFFER_OVER,
        ("asks", lambda _, s, __: s.closed, Wake.DRY),
        ("sleeps", _due, Wake.PULSE),
    ),
    Wake.DRY: (
        _OFFER_OVER,
        ("draws", lambda _, s, __: s.draws is True, Wake.AWAKE),
        ("asks no longer", lambda _, s, __: not s.closed, Wake.WAITING),
        ("sleeps", _dry_due, Wake.PULSE),
    ),
    Wake.PULSE: (("pulse over", _pulse_over, Wake.REST),),
    Wake.AWAKE: (_OFFER_OVER,),
}
_MOVES_MAX = len(Wake)


def advance(waking: Waking, sight: WakeSight, now_s: float) -> Waking:
    """The automaton one step on; the same object when nothing changed."""
    for _ in range(_MOVES_MAX):
        moved = _once(waking, sight, now_s)
        if moved is waking:
            break
        waking = moved
    return waking


def deadlines_s(waking: Waking, after_s: float) -> Iterator[float]:
    """When it may move although nothing new is read."""
    if waking.wake in (Wake.WAITING, Wake.DRY):
        yield waking.since_s + after_s
    elif waking.wake is Wake.PULSE:
        yield waking.since_s + PULSE_S


def _once(waking: Waking, sight: WakeSight, now_s: float) -> Waking:
    for _, guard, target in ROWS[waking.wake]:
        if guard(waking, sight, now_s):
            return Waking(wake=target, since_s=now_s, pulses=_pulses(waking, target))
    if waking.pulses and not sight.session:
        return Waking(wake=waking.wake, since_s=waking.since_s)
    return waking


def _pulses(waking: Waking, target: Wake) -> int:
    if target is Wake.AWAKE:
        return 0
    return waking.pulses + 1 if target is Wake.PULSE else waking.pulses
