"""What was over before the backend first heard of it: the next start tells it, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, open_ledger, session_row
from agent.station_kit import Bench, bench
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger

LOCATION, SESSION, CDR, FAULT = "location", "session", "cdr", "fault"
RUNNING, OVER = '{"status":"ACTIVE"}', '{"status":"COMPLETED"}'
STANDING, CLEARED = '{"cleared_at":null}', '{"cleared_at":"2027-01-01T12:00:00Z"}'
LONG = timedelta(days=31)


def ack(kind: str, object_id: str, body: str = "{}", *, confirmed: bool = True) -> AckRow:
    return AckRow(
        kind=kind, object_id=object_id, last_updated=WALL, body=body, acknowledged=confirmed
    )


ONCE_ONLINE = ack(LOCATION, "LOC1")  # the backend has heard of the station


def left(directory: Path, *acks: AckRow) -> Ledger:
    """What a run leaves that was killed; with what it knew of the backend."""
    ledger = open_ledger(directory / "state", FakeTime())
    for row in acks:
        ledger.save_ack(row)
    return ledger


def bill(ledger: Ledger) -> None:
    row = ended(session_row())
    ledger.save_session(session_row())
    ledger.close_session_with_cdr(row, cdr_of(row))


def over(ledger: Ledger, fault_id: str, at: datetime = WALL) -> None:
    """A fault that was raised and has cleared, in a boot of which nothing else is known."""
    row = replace(fault_row(fault_id), boot_id="before", since_wall=at, changed_wall=at)
    ledger.raise_fault(row)
    ledger.clear_fault(fault_id, at_s=500.0, at_wall=at)


@asynccontextmanager
async def restarted(directory: Path, ledger: Ledger) -> AsyncIterator[Bench]:
    ledger.close()
    async with bench(directory) as b:
        yield b


@pytest.mark.parametrize(
    ("acks", "told"),
    [
        pytest.param([], True, id="nobody was ever reached"),
        pytest.param([ONCE_ONLINE], True, id="billed before its first report"),
        pytest.param([ack(SESSION, "s1", confirmed=False)], True, id="its first report in doubt"),
        pytest.param([ack(SESSION, "s1", RUNNING)], True, id="its end never told"),
        pytest.param([ack(SESSION, "s1", OVER)], False, id="its end confirmed"),
        pytest.param([ack(CDR, "c1")], False, id="told long ago, and that is forgotten"),
    ],
)
async def test_a_billed_session_is_told_with_its_bill(
    tmp_path: Path, acks: list[AckRow], told: bool
) -> None:
    """A backend that gets a bill has its session too."""
    ledger = left(tmp_path)
    bill(ledger)
    for row in acks:
        ledger.save_ack(row)
    async with restarted(tmp_path, ledger) as b:
        station = b.parts.publisher.station()
    assert [record.id for record in station.sessions] == (["s1"] if told else [])
    assert all(record.ended_at is not None for record in station.sessions)
    assert len(station.cdrs) == (0 if acks == [ack(CDR, "c1")] else 1)


@pytest.mark.parametrize("cdrs", [True, False], ids=["told bills", "told no bills"])
async def test_one_platform_that_never_heard_of_it_is_enough(tmp_path: Path, *, cdrs: bool) -> None:
    """The backend has all of it; the hub was dead from before the session to the restart."""
    ledger = left(tmp_path)
    ledger.audience.join("backend", cdrs=True)
    ledger.audience.join("hub", cdrs=cdrs)
    bill(ledger)
    ledger.save_ack(ack(SESSION, "s1", OVER))
    ledger.save_ack(ack(CDR, "c1"))
    async with restarted(tmp_path, ledger) as b:
        station = b.parts.publisher.station()
    assert [record.id for record in station.sessions] == (["s1"] if cdrs else [])
    assert [record.id for record in station.cdrs] == (["c1"] if cdrs else [])


@pytest.mark.parametrize(
    ("acks", "told"),
    [
        pytest.param([ONCE_ONLINE], True, id="over before its first report"),
        pytest.param([ack(FAULT, "f1", confirmed=False)], True, id="its first report in doubt"),
        pytest.param([ack(FAULT, "f1", STANDING)], True, id="its end never told"),
        pytest.param([ack(FAULT, "f1", CLEARED)], False, id="its end confirmed"),
        pytest.param([], False, id="there is no backend"),
    ],
)
async def test_a_fault_that_was_over_is_told(
    tmp_path: Path, acks: list[AckRow], told: bool
) -> None:
    ledger = left(tmp_path, *acks)
    over(ledger, "f1")
    async with restarted(tmp_path, ledger) as b:
        reports = b.parts.publisher.station().faults
    assert [(report.id, report.cleared_at) for report in reports] == (
        [("f1", WALL)] if told else []
    )


async def test_faults_of_long_ago_are_not_told_anew(tmp_path: Path) -> None:
    """That they were told may be forgotten; by the newest one, since no clock is to be trusted."""
    ledger = left(tmp_path, ONCE_ONLINE)
    over(ledger, "old", WALL - LONG)
    over(ledger, "new")
    async with restarted(tmp_path, ledger) as b:
        assert [report.id for report in b.parts.publisher.station().faults] == ["new"]
