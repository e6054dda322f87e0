"""A renewal that fails or is cut off, and a ledger in memory that finds its disk again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.ledger.filled import fill, folder_gone, interval, spoil
from agent.ledger.samples import (
    TOKEN,
    fault_row,
    latch,
    open_ledger,
    session_row,
)
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.ledger import (
    Ledger,
    LedgerInUse,
    NewerSchema,
    StorageError,
    StorageKind,
    aside,
    files,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = open_ledger(tmp_path, FakeTime())
    fill(opened)
    return opened


def _refuse(*_: object) -> Path:
    raise StorageError(StorageKind.FULL, Path("ledger.db.new"), "no")


def test_without_room_for_a_new_file_the_open_one_goes_on(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is moved before the new file stands; later it succeeds."""
    (tmp_path / "ledger.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(files, "create_copy", _refuse)
        with pytest.raises(StorageError):
            ledger.renewal.renew("gone", damaged=False)
    ledger.save_session(session_row("meanwhile"))
    ledger.renewal.renew("gone", damaged=False)
    assert {row.id for row in ledger.open_sessions()} == {"running", "meanwhile"}
    ledger.close()


def test_a_disk_that_goes_in_the_midst_of_it_leaves_a_ledger_in_memory(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes home when the disk is back, and finds what was copied."""
    (tmp_path / "ledger.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(files, "connect", _refuse_named(files.connect))
        with pytest.raises(StorageError):
            ledger.renewal.renew("gone", damaged=False)
    assert _on_disk(ledger) is False
    ledger.raise_fault(fault_row("meanwhile"))
    ledger.renewal.come_home()
    assert _on_disk(ledger)
    assert {row.id for row in ledger.open_faults()} == {"stands", "meanwhile"}
    assert {cdr.id for cdr in ledger.cdrs()} == {"c"}
    ledger.close()


def _on_disk(ledger: Ledger) -> bool:
    return ledger.renewal.on_disk


def _refuse_named(
    connect: Callable[[Path], sqlite3.Connection],
) -> Callable[[Path], sqlite3.Connection]:
    def refusing(path: Path) -> sqlite3.Connection:
        if path.name == files.NAME:
            raise sqlite3.OperationalError("disk I/O error")
        return connect(path)

    return refusing


def test_another_agent_in_the_new_folder_is_not_disturbed(ledger: Ledger, tmp_path: Path) -> None:
    folder_gone(tmp_path / "ledger.db")
    other = open_ledger(tmp_path, FakeTime())
    with pytest.raises(LedgerInUse):
        ledger.renewal.renew("gone", damaged=False)
    other.raise_fault(fault_row("theirs"))
    other.close()
    ledger.close()


@pytest.mark.parametrize("found", [True, False], ids=["a ledger is found", "an empty disk"])
def test_a_ledger_in_memory_comes_home(tmp_path: Path, *, found: bool) -> None:
    """What the disk knew and what happened without it stand there together."""
    time = FakeTime()
    if found:
        before = open_ledger(tmp_path, time)
        fill(before, "old ")
        before._store.close()  # killed
        assert before.renewal.lock is not None
        os.close(before.renewal.lock)
    time.advance(60.0)
    clock = Clock(time)
    ledger = Ledger.without_disk(tmp_path, boot=clock.boot(), clock=clock)
    time.advance(60.0)
    assert _on_disk(ledger) is False
    ledger.change_status([interval("AVAILABLE", 170.0)])
    ledger.raise_fault(fault_row("f"))
    ledger.change_status([interval("INOPERATIVE", 180.0)])
    ledger.renewal.come_home()
    assert _on_disk(ledger)
    assert ledger.unclean is found
    assert "f" in {row.id for row in ledger.open_faults()}
    newest = [row.status for row in ledger.intervals("E1")]
    assert newest[:2] == ["INOPERATIVE", "AVAILABLE"]
    if found:
        assert newest[-2:] == ["CHARGING", "AVAILABLE"]
        assert "UNKNOWN" in newest
        assert {row.id for row in ledger.open_sessions()} == {"old running"}
        assert {cdr.id for cdr in ledger.cdrs()} == {"old c"}
        assert ledger.load_latches() == ({"1": (latch(),)}, False)
    rows = ledger.intervals("E1")
    assert [row.evse_uid for row in rows if row.ended_s is None] == ["E1"]
    ledger.close()


def test_a_newer_ledger_on_the_disk_leaves_the_other_in_memory(tmp_path: Path) -> None:
    open_ledger(tmp_path, FakeTime()).close()
    clock = Clock(FakeTime())
    ledger = Ledger.without_disk(tmp_path, boot=clock.boot(), clock=clock)
    ledger.raise_fault(fault_row("f"))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(NewerSchema):
        ledger.renewal.come_home()
    assert not ledger.renewal.on_disk
    assert [row.id for row in ledger.open_faults()] == ["f"]
    ledger.close()


MOVES = ("list", "ledger", "log", "new")


@pytest.mark.parametrize("cut_after", MOVES)
def test_a_power_cut_between_the_renames_loses_nothing(tmp_path: Path, cut_after: str) -> None:
    """Whoever starts next goes on where this one was cut off."""
    ledger = open_ledger(tmp_path, FakeTime())
    fill(ledger)
    path, names = tmp_path / "ledger.db", ("ledger.db", "ledger.db-wal")
    kept = {name: (tmp_path / name).read_bytes() for name in names}
    ledger.close()
    for name, raw in kept.items():  # as after a power cut: much of it only in the log
        (tmp_path / name).write_bytes(raw)
    path.with_name("ledger.db-shm").unlink(missing_ok=True)
    target = tmp_path / "ledger.db.damaged-20270101T120000Z"
    reached = MOVES.index(cut_after)
    (tmp_path / "ledger.db.salvage").write_text(f"{target.name}\n")
    if reached >= 1:
        path.rename(target)
    if reached >= 2:
        (tmp_path / "ledger.db-wal").rename(tmp_path / f"{target.name}-wal")
    if reached >= 3:
        files.put_in_place(tmp_path, files.create(tmp_path))
    again = open_ledger(tmp_path, FakeTime())
    assert {row.id for row in again.open_sessions()} == {"running"}
    assert {cdr.id for cdr in again.cdrs()} == {"c"}
    assert again.unclean
    assert aside.due(path) == ()
    again.close()


def test_a_log_without_its_ledger_is_not_played_into_a_new_one(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    fill(ledger)
    log = (tmp_path / "ledger.db-wal").read_bytes()
    ledger.close()
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db-wal").write_bytes(log)
    again = open_ledger(tmp_path, FakeTime())
    assert again.open_sessions() == ()
    again.raise_fault(fault_row("f"))
    again.close()
    assert [p.read_bytes() for p in tmp_path.glob("ledger.db.damaged-*-wal")] == [log]


def test_the_token_of_a_session_survives_salvage(ledger: Ledger, tmp_path: Path) -> None:
    """JSON columns come over as they are."""
    spoil(tmp_path / "ledger.db", "acks")
    ledger.renewal.renew("page 7", damaged=True)
    session = ledger.session("running")
    assert session is not None
    assert session.token == TOKEN
    ledger.close()
