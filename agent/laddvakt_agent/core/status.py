"""The status of one EVSE as OCPI names it: a cascade in which the first match wins.

Faults that only derate or do nothing have no influence. A silent board needs no row of its own: it
is `device_lost`, which opens the contactor and recovers by itself.
"""

from __future__ import annotations

import enum

from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import State
from laddvakt_agent.core.rules import Act, Recovery
from laddvakt_agent.core.tracks import STATUS_GRACE_S, Track

_INOPERATIVE_CODES = frozenset({"emergency_stop"})  # nothing is broken: a person stopped it
_SILENT_CODES = frozenset({"device_lost", "bus_down", "meter_lost"})
_PERSONS = frozenset({Recovery.MANUAL, Recovery.LOCAL, Recovery.SERVICE})


class EvseStatus(enum.Enum):
    """OCPI 2.2.1 mod_locations, Status enum: the values a charger itself can know."""

    AVAILABLE = "AVAILABLE"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    UNKNOWN = "UNKNOWN"


def ocpi_status(connector: Connector, now_s: float) -> EvseStatus:
    """The status now. It may change by time alone: see `next_deadline_s`."""
    faults = [t for t in connector.tracks if t.standing and t.act >= Act.FINISH]
    codes = {track.rule.code for track in faults}
    if not connector.life.read_once and not codes & _SILENT_CODES:
        return EvseStatus.UNKNOWN
    if codes & _INOPERATIVE_CODES:
        return EvseStatus.INOPERATIVE
    return _held(connector, faults, now_s) or _free(connector)


def _held(connector: Connector, faults: list[Track], now_s: float) -> EvseStatus | None:
    session = connector.life.session
    blocking = [track for track in faults if track.act >= Act.RAMP]
    decisive = blocking if session else faults
    if any(track.locked_out or track.needs in _PERSONS for track in decisive):
        return EvseStatus.OUTOFORDER
    if not blocking:
        if not faults:
            return None
        return EvseStatus.CHARGING if session else EvseStatus.INOPERATIVE
    if connector.life.plugged and any(t.needs is Recovery.UNPLUG for t in blocking):
        return EvseStatus.CHARGING
    since_s = min(track.raised_s for track in blocking)
    soon_over = session and now_s < since_s + STATUS_GRACE_S
    return EvseStatus.CHARGING if soon_over else EvseStatus.INOPERATIVE


def _free(connector: Connector) -> EvseStatus:
    if connector.life.session:
        return EvseStatus.CHARGING
    match connector.life.state:
        case State.UNAVAILABLE | State.FAULTED:
            return EvseStatus.INOPERATIVE if connector.life.read_once else EvseStatus.UNKNOWN
        case _:
            # A vehicle that waits for its authorisation leaves the EVSE able to start a session.
            return EvseStatus.AVAILABLE
