"""Opening `telemetry.db`: checked, a broken one set aside and not salvaged."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from laddvakt_agent.ledger.aside import set_aside
from laddvakt_agent.ledger.errors import from_os, from_sqlite, sqlite_code
from laddvakt_agent.telemetry.schema import APPLICATION_ID, SCHEMA_VERSION, migrate

NAME = "telemetry.db"
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MODE = 0o640  # who charged when is nobody else's business; SQLite's companions take it over
_WAL_LIMIT_BYTES = 1024 * 1024
_CACHE_KB = 256
_WAL_PAGES = 128  # a log that is written over costs half of one that grows


class Unusable(Exception):
    """The file is no telemetry this version can go on with; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open file; where the one before went if it could not be used, and why."""

    connection: sqlite3.Connection
    inode: int  # of the file: another one there means that ours was deleted
    aside: Path | None = None
    reason: str = ""


def open_checked(directory: Path, wall: datetime) -> Opened:
    """Open, migrate or make the file.

    Raises:
        StorageError: the disk does not take it.
    """
    path = directory / NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        connection, aside, reason = _usable(path, wall)
    except OSError as error:
        raise from_os(error, path) from error
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    return Opened(connection=connection, inode=inode_of(path), aside=aside, reason=reason)


def inode_of(path: Path) -> int:
    """The file's inode, 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def is_damage(error: sqlite3.Error) -> bool:
    """True when the file itself is broken."""
    return sqlite_code(error) in _BROKEN


def _usable(path: Path, wall: datetime) -> tuple[sqlite3.Connection, Path | None, str]:
    if not path.exists():
        _clear_companions(path)
        return _connect(path), None, ""
    try:
        return _existing(path), None, ""
    except Unusable as reason:
        return _anew(path, wall, str(reason))
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return _anew(path, wall, str(error))


def _anew(path: Path, wall: datetime, reason: str) -> tuple[sqlite3.Connection, Path, str]:
    aside = set_aside(path, wall)
    return _connect(path), aside, reason


def _existing(path: Path) -> sqlite3.Connection:
    with path.open("rb") as file:
        head = file.read(100)
    if head and int.from_bytes(head[60:64], "big") > SCHEMA_VERSION:
        raise Unusable("written by a newer Laddvakt")
    # A power cut right after it was made leaves it empty: nothing is lost then.
    if head and int.from_bytes(head[68:72], "big") not in (0, APPLICATION_ID):
        raise Unusable("a database, but not telemetry")
    connection = _connect(path)
    try:
        rows = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error:
        connection.close()
        raise
    if rows != ["ok"]:
        connection.close()
        raise Unusable("; ".join(rows))
    return connection


def _clear_companions(path: Path) -> None:
    """A log without its file belongs to one that was deleted."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE))
    # One thread at a time uses it: see recorder.Telemetry.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # Nobody else reads it while the agent runs, so the log's index stays in memory: as a file
        # it would be written almost whole for each commit.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Before the first table: what is dropped when others need the disk must be given back.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.row_factory = sqlite3.Row
        migrate(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
