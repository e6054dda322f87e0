"""What a read costs on a line, how urgent values are, and how long a read may hold the line: pure.

A read has two prices. It *holds the line* for its characters, its silences and the device's
turnaround: nobody else gets on. And it may *tire the device*: some want rest before the next
request, while the line is free for others. A plan counts both, because the device's next value
waits for both; a line's utilisation counts the first alone.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.frame import rtu_reply_length, rtu_request_length
from laddvakt_hal.settings import SerialSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_hal.frame import Request
    from laddvakt_hal.settings import LineSettings, Timing

# What a byte costs over TCP: only decides between plans that are equal otherwise.
_TCP_BYTE_S = 1e-7
# A safety read that has just become due waits for one read under way at most, then takes one
# itself: at half the period each, both end before the next is due.
LONGEST_SHARE = 0.5
# What a device needs for any answer at all cannot be saved by asking for less at once: a read is
# never split because of its length while it takes no more than this many times its longest row.
SPLIT_PAYS = 1.5


class ReadClass(enum.IntEnum):
    """How urgent a value is; smaller is more urgent."""

    SAFETY = 0  # an opening depends on it
    STATUS = 1  # a fault that comes and goes; must not depend on how often energy is read
    NORMAL = 2
    SLOW = 3
    ONCE = 4  # identity: at start, after every silence, and now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How often each class is read on one line."""

    safety_s: float = 0.25
    status_s: float = 0.5  # one read may fail and the value is still young after 1.5 s
    normal_s: float = 1.0
    slow_s: float = 10.0
    identity_s: float = 60.0  # a device exchanged faster than a silence is noticed shows here

    def of(self, kind: ReadClass) -> float:
        """The period of a class; for ONCE the pause between tries that failed."""
        match kind:
            case ReadClass.SAFETY:
                return self.safety_s
            case ReadClass.STATUS:
                return self.status_s
            case ReadClass.NORMAL:
                return self.normal_s
            case ReadClass.SLOW | ReadClass.ONCE:
                return self.slow_s

    def steady(self, kind: ReadClass) -> float:
        """How often a class is read while everything answers."""
        return self.identity_s if kind is ReadClass.ONCE else self.of(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCost:
    """What a transaction costs on one line with one device."""

    character_s: float
    silence_s: float
    turnaround_s: float
    change_s: float = 0.0  # the line idle before it, when another unit was asked last
    rest_s: float = 0.0  # the device left alone after it, the line free for others

    def of(self, request: Request) -> float:
        """Seconds from first to last character, its leading silence included."""
        characters = rtu_request_length(request) + rtu_reply_length(request)
        waits_s = self.silence_s + max(self.turnaround_s, self.silence_s)
        return characters * self.character_s + waits_s

    def held_s(self, request: Request) -> float:
        """Seconds nobody else gets on the line."""
        return self.of(request) + self.change_s

    def price_s(self, request: Request) -> float:
        """Seconds until the device can be asked again: what a plan makes small."""
        return self.held_s(request) + self.rest_s


def wire_cost(
    line: LineSettings, timing: Timing, *, turnaround_s: float | None = None, shared: bool = False
) -> WireCost:
    """The cost model of a device on a line.

    Args:
        line: the line's settings.
        timing: what the device needs.
        turnaround_s: the measured turnaround; the profile's while nothing is measured.
        shared: others are asked on the same line, so every read may follow another unit's.
    """
    usual_s = timing.turnaround_s if turnaround_s is None else turnaround_s
    change_s = timing.unit_change_s if shared else 0.0
    rest_s = max(timing.min_delay_s, timing.read_interval_s)
    if isinstance(line, SerialSettings):
        return WireCost(
            character_s=line.character_s,
            silence_s=line.silence_s,
            turnaround_s=usual_s,
            change_s=change_s,
            # The silence before the next request is counted already.
            rest_s=max(0.0, rest_s - line.silence_s),
        )
    return WireCost(
        character_s=_TCP_BYTE_S,
        silence_s=0.0,
        turnaround_s=usual_s,
        change_s=change_s,
        rest_s=rest_s,
    )


def longest_allowed_s(kinds: Iterable[ReadClass], periods: Periods) -> float:
    """How long one read may hold a line that reads values of these classes.

    Half of the safety period where a safety value is read, for ever elsewhere: nothing urgent
    waits there. A single row is always possible, see `plan_block.allowed`.
    """
    return periods.safety_s * LONGEST_SHARE if ReadClass.SAFETY in kinds else math.inf
