"""A damaged ledger gives up what is still readable: a bill not yet sent is money."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
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
from laddvakt_agent.ledger import AckRow
from laddvakt_agent.published import CdrRecord

BILLED = 60
PAGE = 4096


def _filled(directory: Path) -> Path:
    """Sixty bills, the first twenty acknowledged, one running session, two faults."""
    ledger = open_ledger(directory, FakeTime())
    for number in range(BILLED):
        row = ended(session_row(f"s{number:02d}"))
        ledger.close_session_with_cdr(row, cdr_of(row, f"c{number:02d}"))
    for number in range(20):
        ack = AckRow(
            kind="cdr", object_id=f"c{number:02d}", last_updated=WALL, body="{}", acknowledged=True
        )
        ledger.save_ack(ack)
    ledger.save_session(session_row("running"))
    ledger.raise_fault(fault_row("stands"))
    ledger.raise_fault(fault_row("over"))
    ledger.clear_fault("over", at_s=130.0, at_wall=WALL)
    ledger.close()
    return directory / "ledger.db"


def _expected(number: int) -> CdrRecord:
    return cdr_of(ended(session_row(f"s{number:02d}")), f"c{number:02d}")


def _leaf_pages(path: Path, table: str) -> list[int]:
    """The table's leaf pages, from the interior page it starts with (SQLite file format, 1.6)."""
    connection = sqlite3.connect(path)
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    connection.close()
    raw = path.read_bytes()[(root - 1) * PAGE : root * PAGE]
    assert raw[0] == 5, "the table is too small to have leaves"
    cells = int.from_bytes(raw[3:5], "big")
    starts = (int.from_bytes(raw[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells))
    return [int.from_bytes(raw[at : at + 4], "big") for at in starts]


def _spoil(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


@pytest.mark.parametrize("table", ["sessions", "cdrs"])
def test_one_broken_page_costs_one_page(tmp_path: Path, table: str) -> None:
    path = _filled(tmp_path)
    leaves = _leaf_pages(path, table)
    _spoil(path, leaves[len(leaves) // 2])
    broken = path.read_bytes()

    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.damaged_aside is not None
    assert ledger.damaged_aside.read_bytes() == broken
    bills = ledger.cdrs()
    unsent = {cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)}
    still_open = {row.id for row in ledger.open_sessions()}
    faults = [row.id for row in ledger.open_faults()]
    ledger.close()

    assert {cdr.id for cdr in bills} >= {"c00", "c59"}
    assert len(bills) > BILLED // 2
    assert all(cdr == _expected(int(cdr.id[1:])) for cdr in bills)
    assert unsent == {cdr.id for cdr in bills if cdr.id >= "c20"}
    assert "running" in still_open
    assert faults == ["stands"]
    if table == "sessions":  # every bill is there, and its session again
        assert len(bills) == BILLED
        assert still_open == {"running"}
    else:  # whose bill is lost can be billed anew
        lost = {f"s{n:02d}" for n in range(BILLED)} - {cdr.session.id for cdr in bills}
        assert still_open == lost | {"running"}


def test_what_is_saved_is_counted_and_saved_once(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    _spoil(path, _leaf_pages(path, "cdrs")[2])
    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.salvaged > BILLED
    ledger.close()
    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.salvaged == 0
    assert len(ledger.cdrs()) > BILLED // 2
    ledger.close()


def test_rubbish_that_reads_as_rows_is_left_behind(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("UPDATE cdrs SET body = substr(body, 1, 40) WHERE id = 'c30'")
    connection.execute("UPDATE sessions SET begun_wall = 'noon' WHERE id = 's31'")
    connection.execute("UPDATE acks SET body = CAST(x'7bff7d' AS TEXT) WHERE object_id = 'c05'")
    connection.commit()
    connection.close()
    _spoil(path, _leaf_pages(path, "sessions")[-1])
    ledger = open_ledger(tmp_path, FakeTime())
    bills = {cdr.id: cdr for cdr in ledger.cdrs()}
    assert "c30" not in bills
    assert bills["c31"] == _expected(31)
    assert ("cdr", "c05") not in {(ack.kind, ack.object_id) for ack in ledger.acks()}
    session = ledger.session("s31")
    ledger.close()
    assert session is not None
    assert replace(session, settled=True) == session


def test_nothing_readable_is_no_obstacle(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    path.write_bytes(path.read_bytes()[:200] + b"\xa5" * 100_000)
    ledger = open_ledger(tmp_path, FakeTime())
    assert (ledger.salvaged, ledger.cdrs()) == (0, ())
    ledger.close()


def test_rows_still_in_the_log_are_saved_too(tmp_path: Path) -> None:
    """Killed before the log was folded in, and the file then found broken."""
    path = _filled(tmp_path)
    page = _leaf_pages(path, "cdrs")[2]
    dead = open_ledger(tmp_path, FakeTime())
    row = ended(session_row("late"))
    dead.close_session_with_cdr(row, cdr_of(row, "late"))
    kept = {name: (tmp_path / name).read_bytes() for name in ("ledger.db", "ledger.db-wal")}
    dead.close()
    for name, raw in kept.items():
        (tmp_path / name).write_bytes(raw)
    _spoil(path, page)
    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.damaged_aside is not None
    assert "late" in {cdr.id for cdr in ledger.cdrs()}
    ledger.close()
