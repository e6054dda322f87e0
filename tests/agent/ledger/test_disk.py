"""A disk that is full or read-only is told, and everything goes on."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.ledger.samples import cdr_of, ended, latch, open_ledger, session_row
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.ledger import Ledger, LedgerInUse, StorageError, StorageKind, read_latches

NOBODY = 65534


@contextmanager
def _file_size_limit(limit_bytes: int) -> Iterator[None]:
    """Writing beyond it fails: as near to a full disk as works everywhere without a mount."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Permissions do not bind root, so step down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that also another user can reach: pytest's own are private."""
    directory = Path(tempfile.mkdtemp(prefix="laddvakt-"))
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def _save_until_it_fails(ledger: Ledger) -> tuple[int, StorageError]:
    for number in range(1000):
        try:
            ledger.save_session(session_row(f"s{number}"))
        except StorageError as error:
            return number, error
    pytest.fail("the disk never ran full")


def test_no_room_for_the_log(tmp_path: Path) -> None:
    """Rows written before are kept, the failing one leaves nothing, later ones work again."""
    ledger = open_ledger(tmp_path, FakeTime())
    with _file_size_limit(200_000):
        kept, error = _save_until_it_fails(ledger)
    assert error.kind in (StorageKind.FULL, StorageKind.IO)
    assert kept > 10
    ids = {row.id for row in ledger.open_sessions()}
    assert ids == {f"s{number}" for number in range(kept)}
    ledger.save_session(session_row("after"))
    ledger.close()
    ledger = open_ledger(tmp_path, FakeTime())
    assert {row.id for row in ledger.open_sessions()} == ids | {"after"}
    ledger.close()


def test_no_room_in_the_file(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    ledger._store.execute("PRAGMA max_page_count = 1")
    _, error = _save_until_it_fails(ledger)
    assert error.kind is StorageKind.FULL
    assert "free space on this file system" in str(error)
    ledger._store.execute("PRAGMA max_page_count = 100000")
    ledger.save_session(session_row("after"))
    ledger.close()


def test_no_room_for_latches(tmp_path: Path) -> None:
    """The old copy stays valid, and the next write that fits replaces it."""
    ledger = open_ledger(tmp_path, FakeTime())
    ledger.save_latches("1", (latch("old"),), 100.0)
    many = tuple(latch(f"fault_{number}") for number in range(100))
    with _file_size_limit(2000), pytest.raises(StorageError) as raised:
        ledger.save_latches("1", many, 101.0)
    assert raised.value.kind in (StorageKind.FULL, StorageKind.IO)
    clock = Clock(FakeTime())
    assert read_latches(tmp_path, clock.boot()) == ({"1": (latch("old"),)}, False)
    ledger.save_latches("1", many, 102.0)
    assert read_latches(tmp_path, clock.boot()) == ({"1": many}, False)
    ledger.close()


def test_a_write_protected_database(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    ledger._store.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="mount it read-write") as raised:
        ledger.save_session(session_row())
    assert raised.value.kind is StorageKind.READ_ONLY
    ledger._store.execute("PRAGMA query_only = OFF")
    ledger.save_session(session_row())
    ledger.close()


def test_a_write_protected_folder_still_gives_its_latches(open_to_all: Path) -> None:
    """Without a ledger the agent must still know what is locked out."""
    ledger = open_ledger(open_to_all, FakeTime())
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.close()
    for path in open_to_all.iterdir():
        path.chmod(0o444)
    open_to_all.chmod(0o555)
    with _as_nobody():
        with pytest.raises(StorageError) as raised:
            open_ledger(open_to_all, FakeTime())
        latches = read_latches(open_to_all, Clock(FakeTime()).boot())
    assert raised.value.kind is StorageKind.READ_ONLY
    assert latches == ({"1": (latch(),)}, False)


def test_a_folder_that_cannot_be_made(open_to_all: Path) -> None:
    open_to_all.chmod(0o555)
    with _as_nobody(), pytest.raises(StorageError) as raised:
        open_ledger(open_to_all / "state", FakeTime())
    assert raised.value.kind is StorageKind.READ_ONLY
    assert read_latches(open_to_all / "state", Clock(FakeTime()).boot()) == ({}, False)


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(StorageError) as raised:
            open_ledger(place, FakeTime())
        assert raised.value.kind is StorageKind.NOT_A_FOLDER
        assert str(raised.value).startswith(f"{place}: ")
        assert "this is not a folder: set agent.state_directory to one" in str(raised.value)


@pytest.mark.parametrize("name", ["ledger.db", "ledger.lock"])
def test_a_folder_in_the_place_of_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(StorageError, match=f"{name}.*move this folder away") as raised:
        open_ledger(tmp_path, FakeTime())
    assert raised.value.kind is StorageKind.A_FOLDER
    assert (tmp_path / name).is_dir()


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def test_nobody_else_reads_who_charged(tmp_path: Path) -> None:
    """Whatever the umask: the token ids in it are for the service and its group alone."""
    with _umask(0):
        ledger = open_ledger(tmp_path, FakeTime())
        ledger.save_latches("1", (latch(),), 100.0)
        modes = _modes(tmp_path)
        ledger.close()
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock"} < modes.keys()
    assert set(modes.values()) == {0o640}


def test_the_services_group_reads_what_the_service_wrote(tmp_path: Path) -> None:
    """Its umask keeps its other files to itself; these the group looks into."""
    with _umask(0o077):
        ledger = open_ledger(tmp_path, FakeTime())
        ledger.save_latches("1", (latch(),), 100.0)
        modes = _modes(tmp_path)
        ledger.close()
    names = ("ledger.db", "ledger.db-wal", "ledger.db-shm", "latches.b")
    assert {modes[name] for name in names} == {0o640}


def test_a_ledger_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    """One copied back by hand, say from a backup; a narrower one stays so."""
    with _umask(0):
        open_ledger(tmp_path, FakeTime()).close()
        for before, after in ((0o666, 0o640), (0o600, 0o600)):
            (tmp_path / "ledger.db").chmod(before)
            ledger = open_ledger(tmp_path, FakeTime())
            modes = _modes(tmp_path)
            ledger.close()
            names = ("ledger.db", "ledger.db-wal", "ledger.db-shm")
            assert {modes[name] for name in names} == {after}


def test_without_a_disk_everything_goes_on_in_memory(open_to_all: Path) -> None:
    """Latches are known, sessions are billed while the agent lives, and the fault is told."""
    ledger = open_ledger(open_to_all, FakeTime())
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.close()
    before = {path.name: path.read_bytes() for path in open_to_all.iterdir()}
    for path in open_to_all.iterdir():
        path.chmod(0o444)
    open_to_all.chmod(0o555)
    clock = Clock(FakeTime())
    row = ended(session_row())
    with _as_nobody():
        ledger = Ledger.without_disk(open_to_all, boot=clock.boot(), clock=clock)
        with pytest.raises(LedgerInUse):
            Ledger.without_disk(open_to_all, boot=clock.boot(), clock=clock)
        assert ledger.load_latches() == ({"1": (latch(),)}, False)
        ledger.close_session_with_cdr(row, cdr_of(row))
        assert ledger.cdrs(unacknowledged_only=True) == (cdr_of(row),)
        with pytest.raises(StorageError):
            ledger.save_latches("1", (), 101.0)
        assert ledger.load_latches()[0] == {"1": ()}
        ledger.close()
    assert {path.name: path.read_bytes() for path in open_to_all.iterdir()} == before


def test_without_a_disk_and_a_readable_folder_latches_count_as_lost(open_to_all: Path) -> None:
    ledger = open_ledger(open_to_all, FakeTime())
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.close()
    clock = Clock(FakeTime())
    for name in ("latches.a", "latches.b"):
        (open_to_all / name).unlink(missing_ok=True)
        (open_to_all / name).mkdir()  # reading fails, whatever the permissions
    ledger = Ledger.without_disk(open_to_all, boot=clock.boot(), clock=clock)
    assert ledger.load_latches() == ({}, True)
    ledger.close()
