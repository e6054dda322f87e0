"""Opening `ledger.db`: one agent at a time, checked, a broken file set aside and never deleted."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from laddvakt_agent.ledger.errors import (
    LedgerError,
    LedgerInUse,
    NewerSchema,
    from_os,
    from_sqlite,
    sqlite_code,
)
from laddvakt_agent.ledger.schema import APPLICATION_ID, SCHEMA_VERSION, migrate

NAME = "ledger.db"
_LOCK = "ledger.lock"
_NEW = "ledger.db.new"
_MAGIC = b"SQLite format 3\x00"
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MODE = 0o640  # who charged when is nobody else's business; SQLite's companions take it over
_WAL_LIMIT_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


class Damaged(LedgerError):
    """The file is no usable ledger; the message says what was found."""


def lock(directory: Path) -> int:
    """Make this process the folder's only agent; the lock lives as long as the descriptor.

    Raises:
        LedgerInUse: another process holds it.
        StorageError: the folder cannot be written.
    """
    path = directory / _LOCK
    with os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    with os_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    _hold(descriptor, path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(descriptor)
        raise from_os(error, path) from error
    return descriptor


def lock_without_writing(directory: Path) -> int | None:
    """The same lock in a folder that cannot be written; `None` where it cannot be had at all.

    Raises:
        LedgerInUse: another process holds it.
    """
    path = directory / _LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # whoever could hold it, needed this file too
        return None
    _hold(descriptor, path)
    return descriptor


def in_memory() -> sqlite3.Connection:
    """A ledger that lasts as long as the process."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(connection)
    return connection


def open_checked(directory: Path, wall: datetime) -> tuple[sqlite3.Connection, Path | None, str]:
    """The ledger's connection; where a broken file was put, and why, if there was one.

    Raises:
        NewerSchema: written by a newer version; nothing was touched.
        StorageError: the disk does not take it.
    """
    path = directory / NAME
    aside: Path | None = None
    reason = ""
    with os_errors(path):
        if path.exists():
            _close_to_others(path)
            try:
                return _open_existing(path), None, ""
            except Damaged as damage:
                reason = str(damage)
                aside = set_aside(path, wall)
        _create(directory)
    return _connect(path), aside, reason


def set_aside(path: Path, wall: datetime) -> Path:
    """Rename a broken file with its log, so that it can still be examined; its new path."""
    stamp = wall.strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        target = path.with_name(f"{path.name}.damaged-{stamp}.{number}")
        number += 1
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
    path.rename(target)
    sync_directory(path.parent)
    return target


def sync_directory(directory: Path) -> None:
    """Make renames in this folder survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def os_errors(where: Path) -> Iterator[None]:
    """Raise what the kernel says as a `StorageError` about `where`."""
    try:
        yield
    except OSError as error:
        raise from_os(error, where) from error


def _hold(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise LedgerInUse(
            f"{path}: another agent uses this folder (process {holder}); "
            "stop it, or give this one its own state folder"
        ) from None


def _open_existing(path: Path) -> sqlite3.Connection:
    _check_header(path)
    try:
        connection = _connect(path)
    except sqlite3.DatabaseError as error:
        raise _judged(error, path) from error
    try:
        _check_content(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _judged(error, path) from error
    except (Damaged, NewerSchema):
        connection.close()
        raise
    return connection


def _judged(error: sqlite3.DatabaseError, path: Path) -> Exception:
    if sqlite_code(error) in _BROKEN:
        return Damaged(str(error))
    return from_sqlite(error, path)


def _check_header(path: Path) -> None:
    """Look at the first page alone: a newer file must not even get a log beside it."""
    head = path.read_bytes()[:100] if path.stat().st_size < 100 else _head(path)
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise Damaged("not a database")
    if int.from_bytes(head[68:72], "big") != APPLICATION_ID:
        raise Damaged("a database, but not a ledger")
    _refuse_newer(int.from_bytes(head[60:64], "big"), path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(100)


def _refuse_newer(version: int, path: Path) -> None:
    if version > SCHEMA_VERSION:
        raise NewerSchema(
            f"{path}: written by a newer Laddvakt (schema {version}, known up to "
            f"{SCHEMA_VERSION}); install that version again. Nothing was touched"
        )


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    if rows != [("ok",)]:
        raise Damaged("; ".join(str(row[0]) for row in rows))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _refuse_newer(version, path)
    migrate(connection)


def _close_to_others(path: Path) -> None:
    """Take the rights of others off a ledger that was made, or copied back, without care."""
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if not file.is_file():
            continue
        found = file.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o777 & ~_MODE:
            file.chmod(found.st_mode & _MODE)


def _create(directory: Path) -> None:
    """Make the new file whole under another name: an empty `ledger.db` is so always damage."""
    new = directory / _NEW
    for suffix in ("", "-wal", "-shm"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
    try:
        with closing(_connect(new)) as connection:
            migrate(connection)
    except sqlite3.Error as error:
        raise from_sqlite(error, new) from error
    new.rename(directory / NAME)
    sync_directory(directory)


def _connect(path: Path) -> sqlite3.Connection:
    # One thread at a time uses it: see thread.LedgerThread.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 2000")  # readers such as the command line
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
