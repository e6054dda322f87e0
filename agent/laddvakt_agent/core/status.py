"""The status of one EVSE as OCPI names it: a cascade in which the first match wins.

Faults that only derate or do nothing have no influence. A silent board needs no row of its own: it
is `device_lost`, which opens the contactor and recovers by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from laddvakt_agent.core.effects import STOPPED_CODES, out_of_order
from laddvakt_agent.core.faults.rules import Act, Recovery
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import STATUS_GRACE_S, Track

_SILENT_CODES = frozenset({"device_lost", "bus_down", "meter_lost"})


class EvseStatus(enum.Enum):
    """OCPI 2.2.1 mod_locations, Status enum: the values a charger itself can know."""

    AVAILABLE = "AVAILABLE"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the cascade looks at. A running session feels only the faults that block it."""

    life: Life
    faults: tuple[Track, ...]  # standing, finishing or stronger
    blocking: tuple[Track, ...]  # of these, ramping or tripping
    now_s: float

    @property
    def codes(self) -> set[str]:
        """Of all that stands in the way."""
        return {track.rule.code for track in self.faults}

    @property
    def felt(self) -> tuple[Track, ...]:
        """The faults that decide: a session in progress is not touched by `finish`."""
        return self.blocking if self.life.session else self.faults


Row: TypeAlias = tuple[str, Callable[[Facts], bool], EvseStatus]


def _unread(f: Facts) -> bool:
    # A device that is known to be silent is known: it would else stay unknown for ever.
    return not f.life.read_once and not f.codes & _SILENT_CODES


def _awaited(f: Facts) -> bool:
    return f.life.plugged and any(t.needs is Recovery.UNPLUG for t in f.blocking)


def _graced(f: Facts) -> bool:
    if not (f.blocking and f.life.session):
        return False
    return f.now_s < min(track.raised_s for track in f.blocking) + STATUS_GRACE_S


def _closed(f: Facts) -> bool:
    return f.life.state in (State.UNAVAILABLE, State.FAULTED)


CASCADE: tuple[Row, ...] = (
    ("nothing read yet", _unread, EvseStatus.UNKNOWN),
    ("stopped by a person", lambda f: bool(f.codes & STOPPED_CODES), EvseStatus.INOPERATIVE),
    ("a person is needed", lambda f: any(map(out_of_order, f.felt)), EvseStatus.OUTOFORDER),
    ("waits for the vehicle to leave", _awaited, EvseStatus.CHARGING),
    ("may go on within a minute", _graced, EvseStatus.CHARGING),
    ("recovers by itself", lambda f: bool(f.felt), EvseStatus.INOPERATIVE),
    ("in session", lambda f: f.life.session, EvseStatus.CHARGING),
    ("closed", _closed, EvseStatus.INOPERATIVE),
    ("reserved", lambda f: f.life.reserved, EvseStatus.RESERVED),
    # A vehicle that waits for its authorisation leaves the EVSE able to start a session.
    ("free", lambda _: True, EvseStatus.AVAILABLE),
)


def ocpi_status(connector: Connector, now_s: float) -> EvseStatus:
    """The status now. It may change by time alone: see `next_deadline_s`."""
    return why(connector, now_s)[1]


def why(connector: Connector, now_s: float) -> tuple[str, EvseStatus]:
    """The status now, and the name of the row that gives it."""
    faults = tuple(t for t in connector.tracks if t.standing and t.act >= Act.FINISH)
    blocking = tuple(t for t in faults if t.act >= Act.RAMP)
    facts = Facts(connector.life, faults, blocking, now_s)
    return next((name, status) for name, guard, status in CASCADE if guard(facts))
