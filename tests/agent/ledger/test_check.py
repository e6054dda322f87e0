"""What an examination of the ledger finds, each with its place and its remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger import older
from agent.ledger.samples import WALL, cdr_of, ended, fault_row, latch, open_ledger, session_row
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.ledger import Ledger
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.latches import decode, encode
from laddvakt_agent.ledger.points import Point, Verdict
from laddvakt_agent.ledger.rows import SecurityRow
from laddvakt_agent.ledger.schema import SCHEMA_VERSION

CLOCK = Clock(FakeTime())


def _filled(directory: Path) -> Ledger:
    ledger = open_ledger(directory, FakeTime())
    for number in range(3):
        row = ended(session_row(f"s{number}"))
        ledger.save_session(row)
        ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
    ledger.save_session(session_row("open"))
    ledger.save_session(replace(ended(session_row("free")), settled=True, unbilled="unsigned"))
    ledger.raise_fault(fault_row())
    ledger.save_latches("1", (), 100.0)
    ledger.save_latches("1", (latch(),), 101.0)
    return ledger


def _points(directory: Path, verdict: Verdict, *, full: bool = False) -> list[Point]:
    points = check(directory, full=full, clock=CLOCK)
    return [point for point in points if point.verdict is verdict]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("running", [False, True])
def test_a_sound_ledger(tmp_path: Path, running: bool, full: bool) -> None:
    ledger = _filled(tmp_path)
    if not running:
        ledger.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert _points(tmp_path, Verdict.WRONG, full=full) == []
    (waits,) = _points(tmp_path, Verdict.NOTE)
    assert (waits.name, waits.detail[:34]) == ("confirmed", "not yet confirmed by the backend: ")
    details = {point.name: point.detail for point in _points(tmp_path, Verdict.OK)}
    assert details["bills"] == (
        "3, one for each settled session; not billed, and why is said: 1; under way: 1"
    )
    assert details["latches"] == "the newest file and the ledger agree"
    assert (details["latches.a"], details["latches.b"]) == ("whole, number 2", "whole, number 1")
    assert details["status"].startswith("the intervals of every EVSE join")
    assert details["security"].endswith("an unbroken chain")
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    if running:
        ledger.close()


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_an_older_versions_ledger_is_sound(tmp_path: Path, schema: int) -> None:
    older.put(tmp_path, schema)
    points = check(tmp_path, full=True, clock=CLOCK)
    assert [point for point in points if point.verdict is Verdict.WRONG] == []
    now = f"schema {schema}, brought to {SCHEMA_VERSION} when the agent next starts"
    assert points[0].detail == now


def _sql(statement: str) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        with closing(sqlite3.connect(directory / "ledger.db")) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(statement)

    return change


def _tear_file(directory: Path) -> None:
    path = directory / "ledger.db"
    raw = bytearray(path.read_bytes())
    raw[8192 : 8192 + 4096] = b"\x5a" * 4096
    path.write_bytes(raw)


def _overwrite(directory: Path) -> None:
    (directory / "ledger.db").write_text("rubbish")


def _tear(name: str) -> Callable[[Path], None]:
    def tear(directory: Path) -> None:
        path = directory / name
        path.write_bytes(path.read_bytes()[:-9])

    return tear


def _lose_latches(directory: Path) -> None:
    _sql("DELETE FROM latches")(directory)
    for name in ("latches.a", "latches.b"):
        (directory / name).unlink()


def _older_row(directory: Path) -> None:
    raw = (directory / "latches.b").read_bytes().decode()
    _sql(f"UPDATE latches SET copy = '{raw}'")(directory)


def _another_row(directory: Path) -> None:
    copy = decode((directory / "latches.a").read_bytes(), directory)
    assert copy is not None
    raw = encode(replace(copy, connectors={})).decode()
    _sql(f"UPDATE latches SET copy = '{raw}'")(directory)


def _newer_latches(directory: Path) -> None:
    path = directory / "latches.a"
    path.write_bytes(path.read_bytes().replace(b"laddvakt-latches 1", b"laddvakt-latches 9"))


def _bill(change: str) -> Callable[[Path], None]:
    return _sql(f"UPDATE cdrs SET body = {change} WHERE id = 'c1'")


def _telemetry(directory: Path) -> None:
    (directory / "telemetry.db").write_bytes(b"SQLite format 3\x00" + b"\x5a" * 9000)


WRONG = {
    "a torn page": (_tear_file, {"integrity", "rows", "file"}, "systemctl restart laddvakt"),
    "rubbish": (_overwrite, {"file"}, "systemctl restart laddvakt"),
    "no bill": (
        _sql("DELETE FROM cdrs WHERE id = 'c1'"), {"bills"}, "it bills what is settled",
    ),
    "more billed": (
        _bill("json_set(body, '$.session.energy_wh', 1112.0)"), {"energies"}, "report it",
    ),
    "periods that do not add up": (
        _bill("json_set(body, '$.session.periods[0].energy_wh', 1000.0)"),
        {"energies"}, "report it",
    ),
    "a bill nobody can read": (_bill("'{}'"), {"energies"}, "report it"),
    "a torn file of latches": (
        _tear("latches.b"), {"latches.b"}, "sets it aside and goes on with the others",
    ),
    "no latches left": (_lose_latches, {"latches"}, "laddvakt connector N reset --local"),
    "the ledger's latches behind": (_older_row, {"latches"}, "takes the newest"),
    "the ledger's latches others": (_another_row, {"latches"}, "takes the newest"),
    "newer latches": (_newer_latches, {"latches.a", "latches"}, "install that version again"),
    "torn telemetry": (_telemetry, {"telemetry"}, "only means and statistics are lost"),
    "a hole between intervals": (
        _sql("UPDATE intervals SET ended_s = ended_s - 1 WHERE status = 'AVAILABLE'"),
        {"status"}, "report it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "names", "remedy"), WRONG.values(), ids=WRONG)
def test_what_is_wrong(
    tmp_path: Path, spoil: Callable[[Path], None], names: set[str], remedy: str
) -> None:
    ledger = _filled(tmp_path)
    _status(ledger)
    ledger.close()
    assert _points(tmp_path, Verdict.WRONG) == []
    spoil(tmp_path)
    points = _points(tmp_path, Verdict.WRONG)
    assert points
    assert {point.name for point in points} <= names
    assert remedy in points[0].remedy
    assert all(point.where.startswith(str(tmp_path)) for point in points)


def _status(ledger: Ledger) -> None:
    """Two intervals that join."""
    with ledger._store.write() as stamp:
        for number, begun, end in ((1, 100.0, 200.0), (2, 200.0, None)):
            ledger._store.execute(
                "INSERT INTO intervals (number, evse_uid, status, cause_class, cause,"
                " begun_boot_id, begun_s, begun_wall, ended_boot_id, ended_s, ended_wall,"
                " w_boot_id, w_seq, w_s, w_wall, w_clock)"
                " VALUES (:number, 'E1', :status, 'own', 'none', :w_boot_id, :begun, :w_wall,"
                " :boot, :end, :wall, :w_boot_id, :w_seq, :w_s, :w_wall, :w_clock)",
                {
                    "number": number,
                    "status": "AVAILABLE" if end else "CHARGING",
                    "begun": begun,
                    "end": end,
                    "boot": stamp["w_boot_id"] if end else None,
                    "wall": stamp["w_wall"] if end else None,
                    **stamp,
                },
            )


def test_an_index_that_lies_is_found_in_full(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'IS NULL', 'IS NOT NULL')"
            " WHERE name = 'faults_open'"
        )
    assert _points(tmp_path, Verdict.WRONG) == []
    (point,) = _points(tmp_path, Verdict.WRONG, full=True)
    assert (point.name, "faults_open" in point.detail) == ("integrity", True)


def test_a_bill_of_no_session_is_found_in_full(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    _sql("DELETE FROM sessions WHERE id = 's1'")(tmp_path)
    (point,) = _points(tmp_path, Verdict.WRONG, full=True)
    assert (point.name, point.detail) == ("integrity", "a row of cdrs belongs to none of sessions")


def test_what_was_set_aside_is_told(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    _tear("latches.b")(tmp_path)
    open_ledger(tmp_path, FakeTime()).close()
    (aside,) = tmp_path.glob("latches.b.damaged-*")
    found = [point for point in _points(tmp_path, Verdict.NOTE) if point.name == "aside"]
    assert [(point.where, "then delete it" in point.remedy) for point in found] == [
        (str(aside), True)
    ]


def test_a_backup_is_looked_at_alone(tmp_path: Path) -> None:
    """What lies beside it is of another ledger."""
    _filled(tmp_path).close()
    (tmp_path / "ledger.db").rename(tmp_path / "backup.db")
    (tmp_path / "latches.a").write_text("rubbish")
    names = [point.name for point in check(tmp_path / "backup.db", clock=CLOCK)]
    assert names == [
        "file", "integrity", "latches in the ledger", "bills", "energies", "confirmed", "status",
        "security",
    ]  # fmt: skip


def test_a_changed_security_log_is_told(tmp_path: Path) -> None:
    ledger = _filled(tmp_path)
    for number in range(3):
        ledger.security.add(_event(str(number)))
    ledger.close()
    assert _points(tmp_path, Verdict.WRONG) == []
    _sql("DROP TRIGGER security_no_update")(tmp_path)
    _sql("UPDATE security SET who = 'nobody' WHERE detail = '1'")(tmp_path)
    points = _points(tmp_path, Verdict.WRONG)
    assert {point.name for point in points} == {"security"}
    assert "was changed" in " ".join(point.detail for point in points)
    assert "keep the file as evidence" in points[0].remedy


def _event(detail: str) -> SecurityRow:
    return SecurityRow(
        category="login",
        event="login",
        source="local",
        who="uid 0",
        detail=detail,
        result="done",
        boot_id="00000000-0000-4000-8000-000000000001",
        at_s=100.0,
        at_wall=WALL,
        clock_state="synced",
    )
