"""The fault catalogue as data: what each fault means, how long it is confirmed, what follows.

Defaults are starting points from public implementations, manuals and engineering judgement; each
time may be changed in the configuration within its range.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


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
    backoff_s: float = 0.0
    ends_session: bool = False
    grid_caused: bool = False  # reclosing adds a random delay drawn once
    mrec: str | None = None
    ocpp16: str | None = None
    who: str = "S"
    title: str = ""  # one short English line for people


CATALOGUE: dict[str, FaultRule] = {}
