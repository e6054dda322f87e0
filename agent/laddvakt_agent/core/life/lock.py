"""The lock of a socket: holds the plug before anything closes, lets it go when nothing is live.

An automaton of its own. It never lets go while the contactor is commanded closed or a witness says
that the socket is live; where nobody can say, only a person at the charger can answer for it. A
welded contactor therefore keeps the plug until the supply is off or that person has been there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

RUN_S = 1.0  # an actuator without feedback has arrived after this
TRY_S = 2.0  # between the first tries
TRIES_QUICK = 3
TRIES_SLOW = 10  # … then so many, a minute apart: the actuator heats up
SLOW_S = 60.0
RARE_S = 600.0
ASKED_S = 10.0  # whoever asks for the plug gets a try, no sooner than this after the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What the lock was told. `tries` in a row; 0: it has obeyed, or was never told."""

    told: bool = False  # since the start; its position is unknown before
    locked: bool = False
    since_s: float = 0.0
    tries: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LockSight:
    """All the lock may know."""

    wanted: bool  # a session holds the plug
    closed: bool  # the contactor is commanded closed
    dead: bool | None  # False: a witness says live; None: nobody can say
    plugged: bool
    answered: bool  # a person at the charger says that nothing is live
    asked: bool  # somebody wants the plug: an edge
    said: bool | None  # where the lock says it is, read since it was last told


Guard: TypeAlias = Callable[[LockSight], bool]

AIMS: tuple[tuple[str, Guard, bool], ...] = (  # the first true guard says where it should be
    ("contactor is closed", lambda s: s.closed, True),
    ("socket is live", lambda s: s.dead is False and s.plugged, True),
    ("session holds the plug", lambda s: s.wanted, True),
    ("socket is dead", lambda s: s.dead is True, False),
    ("a person answers for it", lambda s: s.dead is None and s.answered, False),
)


def advance(lock: Lock, sight: LockSight, now_s: float) -> Lock:
    """The lock one step on; the same object when nothing changed. Each try is a change."""
    if lock.tries and sight.said is lock.locked and now_s > lock.since_s:
        lock = replace(lock, tries=0)
    for name, guard, aim in AIMS:
        if guard(sight):
            return _towards(lock, sight, aim, name, now_s)
    return lock


def secured(lock: Lock, said: bool | None) -> bool:
    """The plug is held: told so, and it says so."""
    return lock.told and lock.locked and said is True


def deadlines_s(lock: Lock) -> Iterator[float]:
    """When it may move, or be believed, although nothing new is read."""
    yield lock.since_s + RUN_S
    yield lock.since_s + TRY_S
    yield lock.since_s + ASKED_S
    if lock.tries:
        yield lock.since_s + gap_s(lock.tries)


def gap_s(tries: int) -> float:
    """How long after so many tries the next one comes."""
    if tries < TRIES_QUICK:
        return TRY_S
    return SLOW_S if tries < TRIES_QUICK + TRIES_SLOW else RARE_S


def _towards(lock: Lock, sight: LockSight, aim: bool, name: str, now_s: float) -> Lock:
    if not lock.told or lock.locked is not aim:
        return Lock(told=True, locked=aim, since_s=now_s, tries=1, reason=name)
    due = lock.tries > 0 and now_s >= lock.since_s + gap_s(lock.tries)
    astray = lock.tries == 0 and sight.said is not None and sight.said is not aim
    lost = astray and now_s >= lock.since_s + TRY_S
    pleaded = sight.asked and not aim and now_s >= lock.since_s + ASKED_S
    if not (due or lost or pleaded):
        return lock
    tries = min(lock.tries + 1, TRIES_QUICK + TRIES_SLOW)
    return Lock(told=True, locked=aim, since_s=now_s, tries=tries, reason=name)
