"""An update takes over what older versions wrote, and after a roll-back they go on with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.ledger import older
from agent.ledger.samples import TOKEN, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger.schema import READABLE_FROM, SCHEMA_VERSION, migrate, schema_of
from laddvakt_agent.session_rows import to_session

SECOND_BOOT = "00000000-0000-4000-8000-000000000002"


def _connect(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def _starts(row: tuple[older.Value, ...], beginning: tuple[older.Value, ...]) -> bool:
    return row[: len(beginning)] == beginning


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_a_migration_keeps_every_row_and_value(tmp_path: Path, schema: int) -> None:
    """New columns come after the old ones and are empty: nobody claims what was not recorded."""
    with _connect(older.put(tmp_path, schema)) as connection:
        assert schema_of(connection) == schema
        before = older.tables(connection)
        migrate(connection)
        after = older.tables(connection)
        assert schema_of(connection) == SCHEMA_VERSION
    assert all(before.values()), "a table without a row pins nothing"
    for told in (before, after):  # the number itself is what a migration changes
        told["meta"] = [row for row in told.get("meta", []) if row[0] != "schema"]
    for name, rows in before.items():
        assert len(after[name]) == len(rows)
        for old, new in zip(rows, after[name], strict=True):
            assert _starts(new, old), name
            assert set(new[len(old) :]) <= {None}
    assert all(not rows for name, rows in after.items() if name not in {*before, "meta"})


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_the_agent_goes_on_with_an_older_versions_ledger(tmp_path: Path, schema: int) -> None:
    older.put(tmp_path, schema)
    ledger = open_ledger(tmp_path, FakeTime(boot_s=12.0, boot_id=SECOND_BOOT))
    assert (ledger.damaged_aside, ledger.unclean) == (None, True)
    assert [row.id for row in ledger.open_sessions()] == ["s3", "s4"]
    row = ledger.session("s1")
    assert row is not None
    assert (row.token, row.start_wh, row.end_wh, row.settled) == (TOKEN, 1234.5, 2345.5, True)
    assert (row.core, row.unbilled) == (None, None)
    assert [cdr.id for cdr in ledger.cdrs()] == ["c1", "c2"]
    assert [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)] == ["c2"]
    assert [(row.id, row.cleared_s) for row in ledger.faults()] == [("f2", 130.0), ("f1", None)]
    assert [row.verb for row in ledger.commands()] == ["reset", "start"]
    assert [row.object_id for row in ledger.acks()] == ["c1"]
    assert [row.operations for row in ledger.contactors()] == ([12] if schema > 1 else [])
    latches, lost = ledger.load_latches()
    assert {name: len(found) for name, found in latches.items()} == {"1": 2, "2": 1}
    assert not lost
    statuses = [row.status for row in reversed(ledger.intervals("SE*LVK*E1"))]
    assert statuses[:3] == ["AVAILABLE", "CHARGING", "UNKNOWN"]
    ledger.save_session(session_row("s6"))
    ledger.close()
    with _connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_a_session_of_an_older_version_goes_on(tmp_path: Path, schema: int) -> None:
    """What it did not write down is not invented: nobody says what is worth what."""
    older.put(tmp_path, schema)
    ledger = open_ledger(tmp_path, FakeTime(boot_s=12.0, boot_id=SECOND_BOOT))
    first, second = (to_session(row) for row in ledger.open_sessions())
    ledger.close()
    assert (first.id, first.start_wh, first.last_wh, first.settled) == ("s3", 3456.5, 3500.0, False)
    assert [(p.start_s, p.start_wh) for p in first.periods] == [(100.0, 3456.5), (105.5, 3476.5)]
    assert (first.serial, first.unbilled, first.flowed_s) == (None, None, None)
    assert (second.id, second.start, second.last, second.end) == ("s4", None, None, None)


def test_the_header_lets_the_previous_version_in() -> None:
    """It knew schema 2 and refuses a header beyond that."""
    assert READABLE_FROM == 2


def test_every_statement_of_the_previous_version_does_what_it_did(tmp_path: Path) -> None:
    """On a file of this schema each gets the answer it got on one of its own."""
    path = older.put(tmp_path, 2)
    with _connect(path) as connection:
        migrate(connection)
        for sql, values, rows in older.said_by_schema_2():
            found = [list(row) for row in connection.execute(sql, values).fetchall()]
            assert found == rows, sql


def test_what_the_previous_version_wrote_into_this_schema_is_taken_over(tmp_path: Path) -> None:
    """The columns it does not know stay empty in its rows, and every reader lives with that."""
    path = older.put(tmp_path, 2)
    with _connect(path) as connection:
        migrate(connection)
        for sql, values, _ in older.said_by_schema_2():
            connection.execute(sql, values).fetchall()
    time = FakeTime(boot_s=12.0, boot_id="00000000-0000-4000-8000-000000000003")
    ledger = open_ledger(tmp_path, time)
    assert (ledger.damaged_aside, ledger.unclean) == (None, False)
    assert [row.id for row in ledger.open_sessions()] == ["s4", "s5"]
    assert [cdr.id for cdr in ledger.cdrs()] == ["c1", "c2", "c3"]
    assert {row.code for row in ledger.open_faults()} == {"meter_lost", "enclosure_open"}
    assert [row.verb for row in ledger.commands()] == ["out", "reset", "start"]
    latches, lost = ledger.load_latches()
    assert {name: len(found) for name, found in latches.items()} == {"1": 1, "2": 1}
    assert not lost
    statuses = {row.status for row in ledger.intervals("SE*LVK*E1")}
    assert {"AVAILABLE", "CHARGING", "UNKNOWN"} <= statuses
    assert [row.operations for row in ledger.contactors()] == [13]
    ledger.close()
