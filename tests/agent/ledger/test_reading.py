"""A ledger is read beside the agent, whatever its state, and nothing of it is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.ledger import older
from agent.ledger.samples import latch, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import Ledger, NewerSchema
from laddvakt_agent.ledger.files import Damaged
from laddvakt_agent.ledger.reading import Forbidden, Missing, Reading, Restless, read
from laddvakt_agent.ledger.schema import SCHEMA_VERSION

NOBODY = 65534


def _sessions(reading: Reading) -> list[str]:
    rows = reading.rows.execute("SELECT id FROM sessions_corrected ORDER BY id").fetchall()
    return [row["id"] for row in rows]


def _everything(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and the time of its last change."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}


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
def folder() -> Iterator[Path]:
    """A folder that another user can reach: pytest's own are private."""
    directory = Path(tempfile.mkdtemp(prefix="laddvakt-"))
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def _written(directory: Path) -> Ledger:
    """An open ledger; what it wrote lies in its log alone."""
    ledger = open_ledger(directory, FakeTime())
    ledger.save_session(session_row("s1"))
    ledger.save_latches("1", (latch(),), 100.0)
    return ledger


def _closed(directory: Path) -> None:
    _written(directory).close()


def _cut_off(directory: Path) -> None:
    """As the power leaves it: with a log that nobody folded in."""
    with tempfile.TemporaryDirectory() as scratch:
        live = Path(scratch)
        ledger = _written(live)
        for path in live.iterdir():
            shutil.copyfile(path, directory / path.name)
        ledger.close()


def _without_index(directory: Path) -> None:
    """As it comes back from a copy of ledger and log."""
    _cut_off(directory)
    (directory / "ledger.db-shm").unlink()


@pytest.mark.parametrize("writable", [True, False], ids=["its own", "a reader's"])
@pytest.mark.parametrize("left", [_closed, _cut_off, _without_index])
def test_without_an_agent(folder: Path, left: Callable[[Path], None], writable: bool) -> None:
    left(folder)
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o777 if writable else 0o555)
    before = _everything(folder)
    with _as_nobody():
        assert read(folder, _sessions) == ["s1"]
    assert _everything(folder) == before


def test_while_the_agent_runs(folder: Path) -> None:
    """In the same process SQLite shares the log's index, so that may say who reads."""
    ledger = _written(folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    before = _everything(folder)
    with _as_nobody():
        assert read(folder, _sessions) == ["s1"]
    after = _everything(folder)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} <= {"ledger.db-shm"}
    ledger.save_session(session_row("s2"))
    assert read(folder / "ledger.db", _sessions) == ["s1", "s2"]
    ledger.close()
    assert read(folder, _sessions) == ["s1", "s2"]


def test_what_is_read_is_one_moment(tmp_path: Path) -> None:
    ledger = _written(tmp_path)

    def while_writing(reading: Reading) -> tuple[list[str], list[str]]:
        before = _sessions(reading)
        ledger.save_session(session_row("s2"))
        return before, _sessions(reading)

    assert read(tmp_path, while_writing) == (["s1"], ["s1"])
    ledger.close()


def test_an_agent_that_starts_just_then(tmp_path: Path) -> None:
    """A closed file is read without a log: when one appears, it is read again."""
    _closed(tmp_path)
    ledgers: list[Ledger] = []

    def disturbed(reading: Reading) -> list[str]:
        if not ledgers:
            ledgers.append(open_ledger(tmp_path, FakeTime()))
            ledgers[0].save_session(session_row("s2"))
            ledgers[0].close()
        return _sessions(reading)

    assert read(tmp_path, disturbed) == ["s1", "s2"]


def test_a_file_that_never_rests(tmp_path: Path) -> None:
    _closed(tmp_path)
    path = tmp_path / "ledger.db"
    with pytest.raises(Restless, match="try again"):
        read(tmp_path, lambda _: os.utime(path, ns=(1, path.stat().st_mtime_ns + 1)))


def test_an_older_versions_file_has_todays_tables(tmp_path: Path) -> None:
    older.put(tmp_path, 1)
    before = _everything(tmp_path)

    def look(reading: Reading) -> tuple[int, list[str]]:
        return reading.schema, _sessions(reading)

    assert read(tmp_path, look) == (1, ["s1", "s2", "s3", "s4"])
    assert _everything(tmp_path) == before


def _newer(path: Path) -> None:
    _closed(path.parent)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def _torn(path: Path) -> None:
    _closed(path.parent)
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\x5a" * (len(raw) - 4096))


def _another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda _: None, Missing, "there is no ledger here"),
        (lambda path: path.write_text("rubbish"), Damaged, "not a database"),
        (lambda path: path.touch(), Damaged, "not a database"),
        (_another, Damaged, "not a ledger"),
        (_torn, Damaged, "malformed"),
        (
            _newer,
            NewerSchema,
            f"schema {SCHEMA_VERSION + 1}, known up to {SCHEMA_VERSION}",
        ),
        (Path.mkdir, Damaged, "Is a directory"),
    ],
    ids=["missing", "rubbish", "empty", "another", "torn", "newer", "folder"],
)
def test_what_cannot_be_read(
    tmp_path: Path, make: Callable[[Path], object], error: type[Exception], said: str
) -> None:
    make(tmp_path / "ledger.db")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=said):
        read(tmp_path, lambda reading: reading.rows.execute("SELECT * FROM sessions").fetchall())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", ""])
def test_without_permission(folder: Path, name: str) -> None:
    _cut_off(folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    (folder / name).chmod(0o000)
    with _as_nobody(), pytest.raises(Forbidden, match="may not read it"):
        read(folder, _sessions)
