"""A disk that refuses a part, or comes back: nothing is forgotten, nothing waits in vain."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger.filled import content, fill, spoil
from agent.ledger.samples import latch, open_ledger
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.ledger import Ledger, StorageError, StorageKind, aside, files
from laddvakt_agent.ledger.latches import LatchFiles
from laddvakt_agent.ledger.renewal import Renewed


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = open_ledger(tmp_path, FakeTime())
    fill(opened)
    return opened


def _no_room(_files: LatchFiles, _copy: object) -> None:
    raise StorageError(StorageKind.FULL, Path("latches.a"), "no room")


def _in_memory(directory: Path) -> Ledger:
    clock = Clock(FakeTime())
    return Ledger.without_disk(directory, boot=clock.boot(), clock=clock)


def _home(directory: Path) -> tuple[Ledger, Callable[[], Renewed]]:
    before = open_ledger(directory, FakeTime())
    fill(before)
    before.close()
    ledger = _in_memory(directory)
    return ledger, ledger.renewal.come_home


def _anew(directory: Path) -> tuple[Ledger, Callable[[], Renewed]]:
    ledger = open_ledger(directory, FakeTime())
    fill(ledger)
    (directory / "ledger.db").unlink()
    return ledger, lambda: ledger.renewal.renew("gone", damaged=False)


@pytest.mark.parametrize("how", [_home, _anew], ids=["home", "anew"])
def test_a_latch_file_that_refuses_keeps_no_ledger_from_moving(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[Path], tuple[Ledger, Callable[[], Renewed]]],
) -> None:
    """It stands on the disk, once; the latches are still due."""
    ledger, move = how(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(LatchFiles, "write", _no_room)
        assert move().latches_due
    assert (ledger.renewal.on_disk, ledger.renewal.wrong()) == (True, "")
    for name in ("latches.a", "latches.b"):
        (tmp_path / name).unlink(missing_ok=True)
    ledger.renewal.write_latches()
    assert any((tmp_path / name).exists() for name in ("latches.a", "latches.b"))
    ledger.close()


def test_without_a_folder_for_its_copy_salvage_stays_due(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent goes on; with room again the next start finds everything."""
    before = content(ledger)
    spoil(tmp_path / "ledger.db", "acks")
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        assert ledger.renewal.renew("page 7", damaged=True).salvaged == 0
    assert aside.due(tmp_path / "ledger.db")
    ledger.close()
    again = open_ledger(tmp_path, FakeTime())
    assert aside.due(tmp_path / "ledger.db") == ()
    assert content(again)["cdrs"] == before["cdrs"]
    again.close()


def test_rubbish_in_the_list_of_what_is_due_keeps_nobody_from_starting(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.close()
    (tmp_path / "ledger.db.salvage").write_bytes(b"\xff\xfe\x00rubbish\n\n../elsewhere\n")
    again = open_ledger(tmp_path, FakeTime())
    assert aside.due(tmp_path / "ledger.db") == ()
    assert {cdr.id for cdr in again.cdrs()} == {"c"}
    again.close()


def test_what_sqlite_says_of_a_new_file_is_about_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts then goes on in memory."""
    connect = files.connect

    def refusing(path: Path) -> sqlite3.Connection:
        if path.name == files.NAME:
            raise sqlite3.OperationalError("disk I/O error")
        return connect(path)

    monkeypatch.setattr(files, "connect", refusing)
    with pytest.raises(StorageError, match="kernel log"):
        open_ledger(tmp_path, FakeTime())


@pytest.mark.parametrize("saved", [False, True], ids=["none meanwhile", "another meanwhile"])
def test_latches_of_a_disk_that_came_late_are_not_forgotten(tmp_path: Path, *, saved: bool) -> None:
    """This run knew nothing of them, and nothing told of a loss: the folder was just empty."""
    before = open_ledger(tmp_path / "disk", FakeTime())
    fill(before)
    before.close()
    ledger = _in_memory(tmp_path / "state")
    if saved:
        with pytest.raises(StorageError):
            ledger.save_latches("1", (replace(latch(), code="other"),), 1.0)
    (tmp_path / "disk").rename(tmp_path / "state")
    assert ledger.renewal.come_home().latches_found
    ledger.close()
    again = open_ledger(tmp_path / "state", FakeTime())
    found, lost = again.load_latches()
    assert not lost
    assert latch() in found["1"]
    assert len(found["1"]) == 1 + saved
    again.close()


def test_latches_that_this_run_has_let_go_do_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk still has what this run began with: it is older, not unknown."""
    ledger, move = _home(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(LatchFiles, "write", _no_room)
        with pytest.raises(StorageError):
            ledger.save_latches("1", (), 1.0)
    assert not move().latches_found
    assert ledger.load_latches() == ({"1": ()}, False)
    ledger.close()
