"""What one row of the fault catalogue is made of."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from laddvakt_agent.core.inputs import SelfTest


class Act(enum.IntEnum):
    """What a fault demands; the strongest of all active faults wins."""

    NONE = 0
    DERATE = 1
    FINISH = 2  # no new session, a running one goes on
    RAMP = 3  # PWM off, open at pilot B, below 1 A, or after 6 s
    TRIP = 4  # open now, under load if need be


class Recovery(enum.Enum):
    """How a fault is left once its condition is gone."""

    AUTO = "auto"  # by itself, within a budget of reclosures
    UNPLUG = "unplug"  # when the vehicle leaves
    MANUAL = "manual"  # a person, may be remote
    LOCAL = "local"  # a person at the charger
    SERVICE = "service"  # the service role after a passed test


class SubjectKind(enum.Enum):
    """What a fault is about."""

    STATION = "station"
    CONNECTOR = "connector"
    DEVICE = "device"
    LINE = "line"
    UPLINK = "uplink"
    STORE = "store"


class Severity(enum.Enum):
    """How urgent a person's attention is."""

    INFO = "info"
    WARNING = "warning"
    FAULT = "fault"
    SAFETY = "safety"


class How(enum.Enum):
    """Who says that the fault is there."""

    REPORTED = "reported"  # the board, the meter or a monitor
    INFERRED = "inferred"  # concluded here from readings
    BOTH = "both"


class CauseClass(enum.Enum):
    """Where the cause lies unless there is evidence for another side."""

    GRID = "grid"
    VEHICLE = "vehicle"
    OWN = "own"  # the station, its installation or its operator


class SessionRule(enum.Enum):
    """What becomes of a running session."""

    END = "end"  # at once, completed with a remark
    HOLD = "hold"  # kept for `session_hold_s`, then ended
    HOLD_GRID = "hold_grid"  # kept for `session_hold_grid_s`, then ended
    GOES_ON = "goes_on"  # the fault does not touch it


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One row of the catalogue. Times in seconds; `window_s` None means per session.

    `values` are the thresholds of the fault's detector, each by a name that ends in its unit;
    `ranges` says how far the configuration may move each of them, and each of the times. `choices`
    are words it may say, the default first: `act` of the only stage, `reclose` of residual trips.
    """

    code: str
    subject_kind: SubjectKind
    severity: Severity
    how: How
    confirm_s: float
    clear_s: float
    stages: tuple[tuple[float, Act], ...]  # (seconds after it was raised, act), ascending
    recovery: Recovery
    retries: int | None = None  # AUTO: reclosures in the window; None: without limit
    window_s: float | None = None
    backoff_s: float = 0.0  # no reclosure sooner than this after it was raised
    backoff_max_s: float | None = None  # set: the back-off doubles with each retry up to here
    ends_session: bool = False
    spread_s: float = (
        0.0  # widest random delay after the clear time, so streets do not reclose as one
    )
    lockout: Recovery = Recovery.LOCAL  # what lifts it once the budget is spent
    early_trip_s: float = 0.0  # raised this soon after closing: locked out at once
    per_vehicle: bool = False  # the budget is one vehicle's: nothing is left of it for the next
    tests: tuple[SelfTest, ...] = ()  # … that must pass, once it is away, before it is left
    act_by_role: tuple[tuple[str, Act], ...] = ()  # device role → act, instead of the stages
    found_acts: tuple[Act, ...] = ()  # the detector may ask for these instead of the stages
    why_unlimited: str = ""  # AUTO that opens, without a budget: why that cannot go on for ever
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict, compare=False)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    mrec: str | None = None  # ChargeX minimum required error code, where one truly fits
    mrec_also: str | None = None  # … and the one that its evidence may add
    ocpp16: str | None = None  # OCPP 1.6 ChargePointErrorCode
    who: str = "S"  # who can end it, likeliest first: S station, O operator, U user, V vehicle, G
    cause_class: CauseClass = CauseClass.OWN

    @property
    def may_be_grid(self) -> bool:
        """Whether the grid is the first to suspect: its sessions are kept longer."""
        return self.who.startswith("G")

    @property
    def strongest(self) -> Act:
        """The most this fault can ever demand."""
        acts = (act for _, act in (*self.stages, *self.act_by_role))
        return max((*acts, *self.found_acts))

    @property
    def session(self) -> SessionRule:
        """What it does to a running session at its strongest, its budget not yet spent."""
        if self.ends_session:
            return SessionRule.END
        if self.strongest < Act.RAMP:
            return SessionRule.GOES_ON
        if self.recovery in (Recovery.UNPLUG, Recovery.SERVICE):
            return SessionRule.END
        return SessionRule.HOLD_GRID if self.may_be_grid else SessionRule.HOLD

    def act_at(self, raised_s: float, now_s: float) -> Act:
        """The act of the last stage reached by a fault raised at `raised_s`."""
        act = Act.NONE
        for after_s, stage in self.stages:
            if now_s >= raised_s + after_s:
                act = stage
        return act
