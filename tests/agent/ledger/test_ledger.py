"""What the ledger keeps, over restarts of the agent and of the machine."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import (
    WALL,
    cdr_of,
    ended,
    fault_row,
    open_ledger,
    session_row,
)
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, CommandRow, Conflict, LedgerInUse

SECOND_BOOT = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def test_a_fresh_ledger_is_empty_and_whole(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path / "state", time)
    assert ledger.damaged_aside is None
    assert (ledger.open_sessions(), ledger.open_faults(), ledger.cdrs()) == ((), (), ())
    assert ledger.load_latches() == ({}, False)
    ledger.close()


def test_a_session_survives_a_restart(tmp_path: Path, time: FakeTime) -> None:
    row = session_row()
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(row)
    checkpoint = replace(row, last_wh=1300.0, last_taken_s=200.0, last_wall=WALL)
    ledger.save_session(checkpoint)
    ledger.close()

    ledger = open_ledger(tmp_path, time)
    assert ledger.open_sessions() == (checkpoint,)
    assert ledger.session("s1") == checkpoint
    assert ledger.session("s2") is None
    ledger.close()


def test_a_start_without_a_meter_value_stays_none(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(session_row(start_wh=None))
    kept = ledger.session("s1")
    ledger.close()
    assert kept is not None
    assert kept.start_wh is None


@pytest.mark.parametrize("text", ["null", "true", "12", "", "åäö 'quoted' \"x\"", "[1]"])
def test_texts_come_back_as_they_went(tmp_path: Path, time: FakeTime, text: str) -> None:
    row = replace(fault_row(), evidence=text, mrec=text, symptoms=(text,))
    ledger = open_ledger(tmp_path, time)
    ledger.raise_fault(row)
    assert ledger.open_faults() == (row,)
    ledger.close()


def test_ended_without_cdr_is_still_open(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(ended(session_row()))
    settled = replace(ended(session_row()), settled=True)
    ledger.save_session(settled)  # killed here, it must still be billed
    assert ledger.open_sessions() == (settled,)
    ledger.close_session_with_cdr(settled, cdr_of(settled))
    assert ledger.open_sessions() == ()
    ledger.close()


def test_closing_with_a_cdr_is_one_act_and_repeatable(tmp_path: Path, time: FakeTime) -> None:
    row = ended(session_row())
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(session_row())
    for _ in range(2):
        ledger.close_session_with_cdr(row, cdr_of(row))
        ledger.add_cdr(cdr_of(row))
    assert ledger.open_sessions() == ()
    assert ledger.session("s1") == replace(row, settled=True)
    ledger.close()

    ledger = open_ledger(tmp_path, time)
    assert ledger.cdrs() == (cdr_of(row),)
    ledger.close()


def test_a_bill_never_changes(tmp_path: Path, time: FakeTime) -> None:
    row = ended(session_row())
    ledger = open_ledger(tmp_path, time)
    ledger.close_session_with_cdr(row, cdr_of(row))
    with pytest.raises(Conflict, match="already billed by CDR c1"):
        ledger.add_cdr(replace(cdr_of(row), end_wh=9999.0))
    with pytest.raises(Conflict, match="already billed by CDR c1"):
        ledger.close_session_with_cdr(row, cdr_of(row, "c2"))
    with pytest.raises(Conflict, match="cannot change any more"):
        ledger.save_session(session_row())
    assert ledger.cdrs() == (cdr_of(row),)
    ledger.close()


def test_a_refused_bill_leaves_the_session_as_it_was(tmp_path: Path, time: FakeTime) -> None:
    first, second = ended(session_row("s1")), ended(session_row("s2"))
    ledger = open_ledger(tmp_path, time)
    ledger.close_session_with_cdr(first, cdr_of(first, "c1"))
    ledger.save_session(second)
    with pytest.raises(Conflict):
        ledger.close_session_with_cdr(second, cdr_of(second, "c1"))
    assert ledger.open_sessions() == (second,)
    ledger.close()


def test_what_cannot_be_billed(tmp_path: Path, time: FakeTime) -> None:
    row = ended(session_row())
    ledger = open_ledger(tmp_path, time)
    with pytest.raises(Conflict, match="has not ended"):
        ledger.close_session_with_cdr(session_row(), cdr_of(row))
    with pytest.raises(Conflict, match="bills session s1, not s2"):
        ledger.close_session_with_cdr(ended(session_row("s2")), cdr_of(row))
    with pytest.raises(Conflict, match="which is unknown"):
        ledger.add_cdr(cdr_of(row))
    ledger.close()


def test_a_cdr_waits_until_it_is_acknowledged(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    for number in ("1", "2"):
        row = ended(session_row(f"s{number}"))
        ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
    offered = AckRow(kind="cdr", object_id="c1", last_updated=WALL, body="{}", acknowledged=False)
    ledger.save_ack(offered)
    assert [c.id for c in ledger.cdrs(unacknowledged_only=True)] == ["c1", "c2"]
    ledger.save_ack(replace(offered, acknowledged=True, location_url="https://b/cdrs/c1"))
    ledger.close()

    ledger = open_ledger(tmp_path, time)
    assert [c.id for c in ledger.cdrs(unacknowledged_only=True)] == ["c2"]
    assert ledger.acks() == (replace(offered, acknowledged=True, location_url="https://b/cdrs/c1"),)
    ledger.close()


def test_a_fault_from_raised_to_cleared(tmp_path: Path, time: FakeTime) -> None:
    row = fault_row()
    ledger = open_ledger(tmp_path, time)
    ledger.raise_fault(row)
    ledger.raise_fault(row)
    locked = replace(row, locked_out=True, changed_wall=WALL + timedelta(seconds=5))
    ledger.update_fault(locked)
    ledger.close()

    ledger = open_ledger(tmp_path, time)
    assert ledger.open_faults() == (locked,)
    over = WALL + timedelta(seconds=9)
    cleared = ledger.clear_fault("f1", at_s=129.0, at_wall=over)
    again = ledger.clear_fault("f1", at_s=999.0, at_wall=over + timedelta(hours=1))
    assert (
        cleared == again == replace(locked, cleared_s=129.0, cleared_wall=over, changed_wall=over)
    )
    assert ledger.open_faults() == ()
    assert ledger.faults() == (cleared,)
    ledger.close()


def test_the_newest_fault_comes_first_also_over_restarts(tmp_path: Path, time: FakeTime) -> None:
    for fault_id in ("a", "b", "c"):
        ledger = open_ledger(tmp_path, time)
        ledger.raise_fault(fault_row(fault_id))
        ledger.update_fault(fault_row("a"))
        ledger.close()
    ledger = open_ledger(tmp_path, time)
    assert [row.id for row in ledger.faults(limit=2)] == ["c", "b"]
    assert [row.id for row in ledger.open_faults()] == ["a", "b", "c"]
    ledger.close()


def test_unknown_and_double_faults_are_refused(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    ledger.raise_fault(fault_row())
    with pytest.raises(Conflict, match="raised before, as meter_lost"):
        ledger.raise_fault(fault_row(code="phase_lost"))
    with pytest.raises(Conflict, match="no such fault"):
        ledger.update_fault(fault_row("f2"))
    with pytest.raises(Conflict, match="no such fault"):
        ledger.clear_fault("f2", at_s=1.0, at_wall=WALL)
    ledger.close()


def test_commands_are_kept_in_order(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    rows = [
        CommandRow(
            source="local",
            who="uid 1000",
            verb=verb,
            connector="1",
            outcome="accepted",
            at_s=100.0,
            at_wall=WALL,
        )
        for verb in ("start", "stop")
    ]
    for row in rows:
        ledger.add_command(row)
    ledger.close()
    ledger = open_ledger(tmp_path, time)
    assert list(ledger.commands()) == rows[::-1]
    ledger.close()


def test_a_heartbeat_and_its_checkpoints_are_one_commit(tmp_path: Path, time: FakeTime) -> None:
    row, billed = session_row("s1"), ended(session_row("s2"))
    ledger = open_ledger(tmp_path, time)
    ledger.close_session_with_cdr(billed, cdr_of(billed))
    with pytest.raises(Conflict):
        ledger.heartbeat(101.0, WALL, (row, session_row("s2")))
    assert ledger.session("s1") is None
    ledger.heartbeat(101.0, WALL, (row,))
    assert ledger.session("s1") == row
    ledger.close()


def test_every_row_says_when_it_was_written(tmp_path: Path, time: FakeTime) -> None:
    time.is_synced = False
    ledger = open_ledger(tmp_path, time)
    ledger.raise_fault(fault_row("f1"))
    time.advance(5.0)
    time.is_synced = True
    ledger.raise_fault(fault_row("f2"))
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    found = connection.execute("SELECT w_boot_id, w_s, w_clock, w_seq FROM faults").fetchall()
    syncs = connection.execute("SELECT boot_id, sync_s FROM syncs").fetchall()
    connection.close()
    assert [(row[1], row[2]) for row in found] == [(100.0, "restored"), (105.0, "synced")]
    assert found[0][3] < found[1][3]
    assert {row[0] for row in found} == {time.boot_id()}
    assert syncs == [(time.boot_id(), 105.0)]


def test_two_agents_never_share_a_ledger(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    with pytest.raises(LedgerInUse, match=r"another agent uses this folder \(process \d+\)"):
        open_ledger(tmp_path, time)
    ledger.close()
    open_ledger(tmp_path, time).close()
