"""The words of the core: what is remembered of a connector, and what comes out.

Every type is frozen. Times are monotonic seconds (CLOCK_BOOTTIME).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import SelfTest


class State(enum.Enum):
    """The connector's life; each comment says what is true in it."""

    UNAVAILABLE = "unavailable"  # closed by command, or no complete read yet
    AVAILABLE = "available"  # pilot A, nothing in the way
    RESERVED = "reserved"  # as available, kept for one token
    PREPARING = "preparing"  # vehicle there, not authorised yet or not asking yet
    CHARGING = "charging"  # contactor commanded closed, PWM on
    SUSPENDED_VEHICLE = "suspended_vehicle"  # session runs, vehicle does not ask (pilot B)
    SUSPENDED_STATION = "suspended_station"  # session runs, the station holds it back
    FINISHING = "finishing"  # session over, vehicle still there
    FAULTED = "faulted"  # a tripping or ramping fault holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """What must survive a restart about one fault: lock-out and used-up retries.

    `spent_s` are the times of reclosures still inside the budget's window.
    """

    code: str
    subject: str
    locked_out: bool
    active: bool
    spent_s: tuple[float, ...] = ()
    spread_s: float = 0.0  # the random delay, drawn once
    act: Act | None = None  # the stage it had reached; `None`: not known, so its strongest


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFault:
    """One fault that stands now. Identity is (code, subject)."""

    code: str
    subject: str
    since_s: float
    act: Act
    locked_out: bool
    evidence: str  # one line: measured value and threshold
    retries_used: int = 0
    retries_allowed: int = 0
    retry_at_s: float | None = None
    flapping: bool = False  # it comes and goes: kept standing until it has been quiet for long


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What the hardware is told: a function of the connector's state alone (Moore)."""

    closed: bool  # contactor commanded closed
    limit_a: float  # offered current; 0: PWM off
    phases: int = 3  # 1 or 3 poles of the contactor
    locked: bool = False  # sockets only
    state_f: bool = False  # the pilot shows F: the vehicle is told of a fault


# Effects are differences for the shell to carry out or to write down.


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorCommanded:
    """Close or open the contactor."""

    closed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCommanded:
    """Offer this current; 0 switches the PWM off."""

    limit_a: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasesCommanded:
    """Switch the contactor's poles; only ever while it is open."""

    phases: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockCommanded:
    """Move the lock; each try is one effect."""

    locked: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFCommanded:
    """Show F on the pilot, or take it away."""

    on: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestCommanded:
    """Start this test now."""

    test: SelfTest


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestEnded:
    """Evidence for the ledger."""

    test: SelfTest
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationDropped:
    """The connector cannot keep what it was reserved for."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The connector moved; `reason` is the name of the table row."""

    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRaised:
    """A fault stands from now on."""

    fault: ActiveFault


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultUpdated:
    """New evidence, another act or a lock-out of a fault already raised."""

    fault: ActiveFault


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCleared:
    """The detector that raised it says it is over."""

    code: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBegun:
    """Authorised and plugged: a session exists from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """The session is over; the shell settles the meter value and makes the CDR."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchesChanged:
    """Write these down before reclosing; they replace the previous set of this connector."""

    latches: tuple[Latch, ...]


Effect: TypeAlias = (
    ContactorCommanded
    | LimitCommanded
    | PhasesCommanded
    | LockCommanded
    | StateFCommanded
    | SelfTestCommanded
    | SelfTestEnded
    | ReservationDropped
    | StateChanged
    | FaultRaised
    | FaultUpdated
    | FaultCleared
    | SessionBegun
    | SessionEnded
    | LatchesChanged
)
