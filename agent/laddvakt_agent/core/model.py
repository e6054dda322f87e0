"""The words of the core: what goes in, what is remembered, what comes out.

Every type is frozen. Times are monotonic seconds (CLOCK_BOOTTIME) and are always passed in. A
missing reading is `None`, never 0. Units stand in the names.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from laddvakt_agent.core.catalogue import Act, FaultRule

T_co = TypeVar("T_co", covariant=True)
Phases: TypeAlias = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Generic[T_co]):
    """A value and when the hardware said it."""

    value: T_co
    taken_s: float


class Pilot(enum.Enum):
    """Vehicle state on the control pilot, IEC 61851-1 Annex A; `INVALID` is outside every band."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    INVALID = "invalid"


class State(enum.Enum):
    """The connector's life; each comment says what is true in it."""

    UNAVAILABLE = "unavailable"  # closed by command, or no complete read yet
    AVAILABLE = "available"  # pilot A, nothing in the way
    PREPARING = "preparing"  # vehicle there, not authorised yet or not asking yet
    CHARGING = "charging"  # contactor commanded closed, PWM on
    SUSPENDED_VEHICLE = "suspended_vehicle"  # session runs, vehicle does not ask (pilot B)
    SUSPENDED_STATION = "suspended_station"  # session runs, the station holds it back
    FINISHING = "finishing"  # session over, vehicle still there
    FAULTED = "faulted"  # a tripping or ramping fault holds it


class Role(enum.Enum):
    """What a device is for the connector."""

    BOARD = "board"
    METER = "meter"
    CONTACTOR = "contactor"
    RESIDUAL_MONITOR = "residual_monitor"
    EMERGENCY_STOP = "emergency_stop"  # the device that reads the loop


class Reset(enum.Enum):
    """Who clears a fault; a stronger one includes the weaker ones. Edges: true for one step."""

    MANUAL = 1  # a person, may be remote
    LOCAL = 2  # a person at the charger
    SERVICE = 3  # the service role after a passed test


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHealth:
    """Whether a device answers. `heard_s` is its last good reply, `None` before the first."""

    name: str
    role: Role
    line: str
    heard_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineHealth:
    """Whether a line works: port there and at least one device on it answering."""

    name: str
    up: bool
    reason: str = ""  # "port missing", "every device silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything one step may know about one connector. Absent means `None`."""

    pilot: Sample[Pilot] | None = None
    pwm_on: Sample[bool] | None = None
    limit_readback_a: Sample[float] | None = None
    board_errors: Sample[tuple[str, ...]] | None = None
    feedback_closed: Sample[bool] | None = None  # mirror contact, None where none is fitted
    emergency_stop: Sample[bool] | None = None  # True: pressed (loop open)
    residual_dc_a: Sample[float] | None = None
    residual_tripped: Sample[bool] | None = None
    voltage_v: Sample[Phases] | None = None
    current_a: Sample[Phases] | None = None
    power_w: Sample[float] | None = None
    energy_wh: Sample[float] | None = None
    devices: tuple[DeviceHealth, ...] = ()
    lines: tuple[LineHealth, ...] = ()
    guarded: bool = False  # a watchdog or dead-man opens the contactor if the agent dies
    authorised: bool = False  # a session is wanted: token accepted, not stopped
    in_service: bool = True  # False: the operator closed the connector
    resets: frozenset[Reset] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is fixed for one connector while the agent runs."""

    connector: str
    max_current_a: float  # hardware and installation limit per phase
    phases: int = 3  # wired phases: 1 or 3
    nominal_voltage_v: float = 230.0  # per measured pair
    voltage_load_side: bool = False  # meter sits behind the contactor
    meter_name: str = "meter"
    meter_update_s: float = 1.0
    meter_latency_s: float = 1.0
    meter_resolution_wh: float = 1.0
    board_apply_s: float = 10.0
    limit_resolution_a: float = 1.0
    has_feedback: bool = True
    has_emergency_stop: bool = True
    has_residual_monitor: bool = True
    residual_reclose: bool = False  # profile `reclose = "us"`
    state_d_allowed: bool = False  # ventilation provided
    unattended_current_a: float | None = None  # for unguarded boards; None: finish
    feedback_settle_s: float = 0.3
    meter_settle_s: float = 3.0
    sample_max_age_s: float = 1.5  # pilot, feedback, emergency stop, residual monitor
    session_hold_s: float = 1800.0  # a faulted session is kept this long
    session_hold_grid_s: float = 3600.0
    meter_max_age_s: float = 3.0  # older meter values are not judged; `meter_lost` follows
    reclose_min_s: float = 2.0  # no closing sooner after an opening
    spread: float = 0.0  # 0…1, drawn once per station and kept: share of a row's `spread_s`
    rules: Mapping[str, FaultRule] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What the hardware is told: a function of the connector's state alone (Moore)."""

    closed: bool  # contactor commanded closed
    limit_a: float  # offered current; 0: PWM off


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
    | StateChanged
    | FaultRaised
    | FaultUpdated
    | FaultCleared
    | SessionBegun
    | SessionEnded
    | LatchesChanged
)
