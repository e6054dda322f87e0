"""State F on the pilot for a moment after a trip: the vehicle is told why it was cut off.

An automaton of its own. A ramp has told the vehicle by ending the offer; a trip has not. Some older
hybrids latch on F until they are plugged in anew: a station may opt out, and says so.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

PULSE_S = 1.0  # at least 0.3 s on the wire, however late a slow line carries out the two commands
AFTER_S = 1.5  # the pilot may still be read as F so long after it was taken away


class Told(enum.Enum):
    """Where the automaton is; each comment says what is true in it."""

    QUIET = "quiet"  # nothing to tell
    SHOWN = "shown"  # F is on the pilot; the connector offers nothing
    TOLD = "told"  # the trip that still stands has been told, or there was nobody to tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What the vehicle was told."""

    told: Told = Told.QUIET
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SignSight:
    """All the automaton may know."""

    tripped: bool
    closed: bool  # the contactor is commanded closed
    plugged: bool


Guard: TypeAlias = Callable[[Sign, SignSight, float], bool]
Row: TypeAlias = tuple[str, Guard, Told]


def _shown_enough(sign: Sign, s: SignSight, now_s: float) -> bool:
    return s.closed or now_s >= sign.since_s + PULSE_S


ROWS: Mapping[Told, tuple[Row, ...]] = {
    Told.QUIET: (
        ("nobody there", lambda _, s, __: s.tripped and not s.plugged, Told.TOLD),
        ("tripped", lambda _, s, __: s.tripped and not s.closed, Told.SHOWN),
    ),
    Told.SHOWN: (("shown", _shown_enough, Told.TOLD),),
    Told.TOLD: (("over", lambda _, s, __: not s.tripped, Told.QUIET),),
}
_MOVES_MAX = len(Told)


def advance(sign: Sign, sight: SignSight, now_s: float) -> Sign:
    """The automaton one step on; the same object when nothing changed."""
    for _ in range(_MOVES_MAX):
        moved = _once(sign, sight, now_s)
        if moved is sign:
            break
        sign = moved
    return sign


def ours(sign: Sign, taken_s: float) -> bool:
    """Whether an F read from the pilot then was what this station had put there."""
    if sign.told is Told.SHOWN:
        return taken_s >= sign.since_s
    return taken_s < sign.since_s + AFTER_S


def deadlines_s(sign: Sign) -> Iterator[float]:
    """When it may move although nothing new is read."""
    if sign.told is Told.SHOWN:
        yield sign.since_s + PULSE_S


def _once(sign: Sign, sight: SignSight, now_s: float) -> Sign:
    for _, guard, target in ROWS[sign.told]:
        if guard(sign, sight, now_s):
            return Sign(told=target, since_s=now_s)
    return sign
