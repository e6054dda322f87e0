"""A charger's usual day as it is published: four sessions of three hours, and one fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.uplink.uplink_kit import T0, evse, fault, period, session
from laddvakt_agent.published import CdrRecord, EvseState, EvseStatus, SessionRecord, Station

SESSIONS = 4
LASTS = timedelta(hours=3)
EVERY = timedelta(hours=5)
REPORT = timedelta(minutes=10)  # agent.session_report_s
FAULT_AT = timedelta(hours=23)
FAULT_LASTS = timedelta(minutes=10)
POWER_W = 11_000.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What is published from then on."""

    at: datetime
    station: Station
    changes: int  # how many objects it changes: nobody could tell it with fewer requests


def a_day(name: str) -> Iterator[Moment]:
    """The moments of a day, in order; ids begin with the charger's name."""
    idle = _evse(EvseStatus.AVAILABLE, T0)
    yield Moment(T0, _station(idle), 1)
    for number in range(SESSIONS):
        yield from _session(f"{name}-{number}", T0 + number * EVERY + REPORT)
    at = T0 + FAULT_AT
    raised = fault(f"{name}-f", started_at=at, changed_at=at)
    out = _evse(EvseStatus.OUTOFORDER, at)
    yield Moment(at, replace(_station(out), faults=(raised,)), 2)
    over_at = at + FAULT_LASTS
    over = replace(raised, cleared_at=over_at, changed_at=over_at)
    well = _evse(EvseStatus.AVAILABLE, over_at)
    yield Moment(over_at, replace(_station(well), faults=(over,)), 2)


def _session(name: str, begins: datetime) -> Iterator[Moment]:
    busy = _evse(EvseStatus.CHARGING, begins)
    record = session(name, started_at=begins, changed_at=begins)
    yield Moment(begins, _station(busy, record), 2)
    for step in range(1, int(LASTS / REPORT)):
        at = begins + step * REPORT
        yield Moment(at, _station(busy, _charged(record, at)), 1)
    at = begins + LASTS
    ended = replace(_charged(record, at), ended_at=at)
    bill = CdrRecord(
        id=f"c-{name}",
        session=ended,
        end_wh=1000.0 + ended.energy_wh,
        charging_s=LASTS.total_seconds(),
        parking_s=0.0,
        remark=None,
        created_at=at,
    )
    free = _evse(EvseStatus.AVAILABLE, at)
    yield Moment(at, replace(_station(free, ended), cdrs=(bill,)), 3)


def _charged(record: SessionRecord, at: datetime) -> SessionRecord:
    lasted = at - record.started_at
    energy_wh = POWER_W * (lasted / timedelta(hours=1))
    lasting = replace(
        period(0, energy_wh), started_at=record.started_at, duration_s=lasted.total_seconds()
    )
    return replace(record, periods=(lasting,), energy_wh=energy_wh, changed_at=at)


def _evse(status: EvseStatus, at: datetime) -> EvseState:
    return evse(status, at=at)


def _station(state: EvseState, *sessions: SessionRecord) -> Station:
    other = evse(EvseStatus.AVAILABLE, uid="evse-2")
    return Station(evses=(state, other), sessions=sessions, faults=(), cdrs=())
