"""Broken files are set aside, never deleted, and the agent starts all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.ledger.samples import fault_row, latch, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import Ledger, NewerSchema
from laddvakt_agent.ledger.schema import READABLE_FROM, SCHEMA_VERSION


def _filled(directory: Path) -> Path:
    ledger = open_ledger(directory, FakeTime())
    for number in range(200):
        ledger.raise_fault(fault_row(f"f{number}"))
    ledger.save_session(session_row())
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.close()
    return directory / "ledger.db"


def _overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def _foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.close()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "not a database": (lambda p: p.write_text("Dear diary,\n" * 50), "not a database"),
    "empty": (lambda p: p.write_bytes(b""), "not a database"),
    "a few bytes": (lambda p: p.write_bytes(p.read_bytes()[:60]), "not a database"),
    "half of it": (lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]), ""),
    "last page gone": (lambda p: p.write_bytes(p.read_bytes()[:-4096]), ""),
    "a page of rubbish": (lambda p: _overwrite(p, 8192, b"\xa5" * 4096), ""),
    "broken schema page": (lambda p: _overwrite(p, 100, b"\xff" * 200), ""),
    "zeroed": (lambda p: p.write_bytes(bytes(p.stat().st_size)), "not a database"),
    "somebody else's": (_foreign, "not a ledger"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_broken_file_is_set_aside_and_kept(tmp_path: Path, case: str) -> None:
    break_it, told = DAMAGE[case]
    path = _filled(tmp_path)
    break_it(path)
    broken = path.read_bytes()

    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.damaged_aside == tmp_path / "ledger.db.damaged-20270101T120000Z"
    assert ledger.damaged_aside.read_bytes() == broken
    assert told in ledger.damage
    assert ledger.damage
    ledger.raise_fault(fault_row("new"))
    assert ledger.load_latches() == ({"1": (latch(),)}, False)  # they have copies of their own
    ledger.close()

    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.damaged_aside is None
    assert fault_row("new") in ledger.open_faults()
    ledger.close()


def test_broken_twice_in_a_second_keeps_both(tmp_path: Path) -> None:
    for _ in range(2):
        _filled(tmp_path).write_text("x")
        open_ledger(tmp_path, FakeTime()).close()
        (tmp_path / "ledger.db").unlink()
    names = sorted(p.name for p in tmp_path.glob("*damaged*"))
    assert names == ["ledger.db.damaged-20270101T120000Z", "ledger.db.damaged-20270101T120000Z.1"]


def test_the_log_goes_with_the_file(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    path.write_text("x")
    (tmp_path / "ledger.db-wal").write_bytes(b"log")
    ledger = open_ledger(tmp_path, FakeTime())
    aside = ledger.damaged_aside
    ledger.close()
    assert aside is not None
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"log"


def test_left_over_creation_does_no_harm(tmp_path: Path) -> None:
    """Killed while making the first file: the next start begins again, nothing is damaged."""
    (tmp_path / "ledger.db.new").write_bytes(b"half")
    (tmp_path / "ledger.db.new-wal").write_bytes(b"half")
    ledger = open_ledger(tmp_path, FakeTime())
    assert ledger.damaged_aside is None
    ledger.close()
    assert not list(tmp_path.glob("ledger.db.new*"))


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(NewerSchema, match=r"written by a newer Laddvakt.*Nothing was touched"):
        open_ledger(tmp_path, FakeTime())
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert after == before
    # and the folder is free again, so the newer version can be put back
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.close()
    open_ledger(tmp_path, FakeTime()).close()


def test_every_write_is_synced(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    assert _pragma(ledger, "journal_mode") == "wal"
    assert _pragma(ledger, "synchronous") == 2
    assert _pragma(ledger, "user_version") == READABLE_FROM
    ledger.close()


def _pragma(ledger: Ledger, name: str) -> object:
    ((value,),) = ledger._store.read(f"PRAGMA {name}")
    return value
