"""One or three poles: switched only in an open contactor, without an offer, and seldom.

An automaton of its own. Where the poles stand is unknown after a start, so they are set once before
anything is offered.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

QUIET_S = 10.0  # the offer must have ended so long ago: the vehicle takes a switch for a new start
SETTLE_S = 1.0  # the poles have moved by then
_MOVES_MAX = 3


class Poles(enum.Enum):
    """Where the automaton is; each comment says what is true in it."""

    UNKNOWN = "unknown"  # not set since the start
    STANDING = "standing"  # set, settled, and nothing is to be done: an offer is allowed
    WAITING = "waiting"  # another number is wanted: the connector holds its offer back
    SETTLING = "settling"  # switched, not believed yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """What the poles were told."""

    poles: Poles = Poles.UNKNOWN
    phases: int = 3  # 1 or 3
    since_s: float = 0.0  # switched then
    tried_s: float = 0.0  # last held an offer back for it, or set them


@dataclass(frozen=True, slots=True)
class PhasesSight:
    """All the poles may know."""

    wanted: int  # 1 or 3
    quiet: bool  # contactor open and seen open, no offer for `QUIET_S`, the pilot known
    confirmed: bool  # they say the number they were told, or cannot say any
    apart_s: float  # no switching sooner after the last


Guard: TypeAlias = Callable[[Phases, PhasesSight, float], bool]
Row: TypeAlias = tuple[str, Guard, Poles]


def _quiet(_: Phases, s: PhasesSight, __: float) -> bool:
    return s.quiet


def _as_wanted(p: Phases, s: PhasesSight, _: float) -> bool:
    return s.wanted == p.phases


def _due(p: Phases, s: PhasesSight, now_s: float) -> bool:
    return s.wanted != p.phases and now_s >= p.tried_s + s.apart_s


def _settled(p: Phases, s: PhasesSight, now_s: float) -> bool:
    return s.confirmed and now_s >= p.since_s + SETTLE_S


ROWS: Mapping[Poles, tuple[Row, ...]] = {
    Poles.UNKNOWN: (("set", _quiet, Poles.SETTLING),),
    Poles.STANDING: (("another number wanted", _due, Poles.WAITING),),
    Poles.WAITING: (
        ("no longer wanted", _as_wanted, Poles.STANDING),
        ("switched", _quiet, Poles.SETTLING),
    ),
    Poles.SETTLING: (("settled", _settled, Poles.STANDING),),
}


def advance(phases: Phases, sight: PhasesSight, now_s: float) -> Phases:
    """The poles one step on; the same object when nothing changed."""
    for _ in range(_MOVES_MAX):
        moved = _once(phases, sight, now_s)
        if moved is phases:
            break
        phases = moved
    return phases


def deadlines_s(phases: Phases, apart_s: float) -> Iterator[float]:
    """When they may move although nothing new is read, beside the end of `QUIET_S`."""
    if phases.poles is Poles.SETTLING:
        yield phases.since_s + SETTLE_S
    elif phases.poles is Poles.STANDING:
        yield phases.tried_s + apart_s


def _once(phases: Phases, sight: PhasesSight, now_s: float) -> Phases:
    for _, guard, target in ROWS[phases.poles]:
        if guard(phases, sight, now_s):
            return _moved(phases, target, sight.wanted, now_s)
    return phases


def _moved(phases: Phases, target: Poles, wanted: int, now_s: float) -> Phases:
    if target is Poles.SETTLING:
        return Phases(poles=target, phases=wanted, since_s=now_s, tried_s=now_s)
    tried_s = now_s if target is Poles.WAITING else phases.tried_s
    return replace(phases, poles=target, tried_s=tried_s)
