"""What a charging session is: its meter values, each with its worth, and its periods.

Energy is the meter's import register in Wh, never integrated power. Times are monotonic seconds of
the present boot; `moving` takes a session to another boot's time.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from laddvakt_agent.core.inputs import Phases, Signed

NO_PHASES: Phases = (None, None, None)


class Quality(enum.Enum):
    """What a start or stop value is worth; each comment says what is true of it."""

    GOOD = "good"  # read when it was due
    LATE = "late"  # a true register value, read later than it was due
    BEFORE_OPENING = "before_opening"  # the meter is dead while the contactor is open
    ESTIMATED = "estimated"  # the register at the open command: the contactor did not obey
    LAST_KNOWN = "last_known"  # the last value that could be believed stands in
    SIGNED = "signed"  # the meter's own signed value


class Kind(enum.Enum):
    """What makes the price of a stretch of time."""

    CHARGING = "charging"  # the contactor is closed
    VEHICLE = "vehicle"  # the vehicle does not ask: this is parking
    STATION = "station"  # the station withholds
    FAULT = "fault"  # a fault withholds
    RESERVED = "reserved"  # kept for this customer, who is not there yet


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue:
    """The register at one moment, and what that is worth. `signed`: the meter's own proof."""

    wh: float  # counted on where the register began anew
    taken_s: float
    quality: Quality = Quality.GOOD
    reason: str = ""  # why it is no better; empty where there is nothing to say
    signed: Signed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch that begins at this register value; it ends where the next begins.

    `limit_a` is what was offered when it began and `max_a` the highest current that was measured
    on each phase in it; both only while charging.
    """

    start_s: float
    start_wh: float | None
    kind: Kind
    limit_a: float = 0.0
    max_a: Phases = NO_PHASES


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a session redeems: the connector was kept from `since_s` on."""

    id: str
    since_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session. `end` stands once it is `settled`; an `unbilled` one gets no bill, ever."""

    id: str
    connector: str
    begun_s: float
    periods: tuple[Period, ...]
    reservation: str | None = None
    serial: str | None = None  # of the meter whose register counts, once it is known
    other: str | None = None  # of another meter that answers in its place
    turns: int = 0  # how often the register began anew
    start: MeterValue | None = None
    last: MeterValue | None = None  # the newest that could be believed
    sealed: MeterValue | None = None  # the newest signed one after the signed start
    opened: MeterValue | None = None  # the register when the contactor was last told to open …
    opened_s: float | None = None  # … and when that was; `None`: it is closed, or not known
    conducting: bool = False  # the contactor is commanded closed
    seen_s: float | None = None  # while conducting: when it was last looked at
    flowed_s: float | None = 0.0  # … so long since the register moved; `None`: nobody knows
    ended_s: float | None = None
    end_reason: str | None = None
    end: MeterValue | None = None
    settled: bool = False
    unbilled: str | None = None  # why it is never billed

    @property
    def start_wh(self) -> float | None:
        """The register at the start, `None` while it was not read."""
        return None if self.start is None else self.start.wh

    @property
    def last_wh(self) -> float | None:
        """The newest register value that could be believed."""
        return None if self.last is None else self.last.wh

    @property
    def last_taken_s(self) -> float | None:
        """When that was read."""
        return None if self.last is None else self.last.taken_s

    @property
    def end_wh(self) -> float | None:
        """The register at the end, `None` until it is settled, or where it was never read."""
        return None if self.end is None else self.end.wh

    @property
    def estimated(self) -> bool:
        """The stop value was not read after the end, it was inferred."""
        inferred = (Quality.ESTIMATED, Quality.LAST_KNOWN)
        return self.end is not None and self.end.quality in inferred
