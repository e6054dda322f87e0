"""What one row of the fault catalogue is made of."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


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


class Severity(enum.Enum):
    """How urgent a person's attention is."""

    INFO = "info"
    WARNING = "warning"
    FAULT = "fault"
    SAFETY = "safety"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One row of the catalogue. Times in seconds; `window_s` None means per session."""

    code: str
    subject_kind: SubjectKind
    severity: Severity
    reported: bool  # True: the hardware says so; False: inferred here
    confirm_s: float
    clear_s: float
    stages: tuple[tuple[float, Act], ...]  # (seconds after it was raised, act), ascending
    recovery: Recovery
    retries: int | None = None  # AUTO: reclosures in the window; None: without limit
    window_s: float | None = None
    backoff_s: float = 0.0  # no reclosure sooner than this after it was raised
    backoff_max_s: float | None = None  # set: the back-off doubles with each retry up to here
    ends_session: bool = False
    grid_caused: bool = False  # reclosing adds a random delay drawn once
    spread_s: float = (
        0.0  # widest random delay after the clear time, so streets do not reclose as one
    )
    lockout: Recovery = Recovery.LOCAL  # what lifts it once the budget is spent
    early_trip_s: float = 0.0  # raised this soon after closing: locked out at once
    act_by_role: tuple[tuple[str, Act], ...] = ()  # device role → act, instead of the stages
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict, compare=False)
    mrec: str | None = None
    ocpp16: str | None = None
    who: str = "S"
    title: str = ""  # one short English line for people

    def act_at(self, raised_s: float, now_s: float) -> Act:
        """The act of the last stage reached by a fault raised at `raised_s`."""
        act = Act.NONE
        for after_s, stage in self.stages:
            if now_s >= raised_s + after_s:
                act = stage
        return act
