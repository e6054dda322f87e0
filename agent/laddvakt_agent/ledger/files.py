"""Opening `ledger.db`: one agent at a time, checked, a broken file set aside and never deleted."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from laddvakt_agent.ledger import aside
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
# A log that grows costs its file system as much as its pages; one written over does not. So it is
# short: half a day of signs of life.
_WAL_PAGES = 256

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


def holds(descriptor: int, directory: Path) -> bool:
    """Whether this is the lock that lies in the folder now."""
    held = os.fstat(descriptor)
    try:
        found = (directory / _LOCK).stat()
    except OSError:
        return False
    return (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)


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

    What was put aside, now or earlier, and not taken over yet is `aside.due`.

    Raises:
        NewerSchema: written by a newer version; nothing was touched.
        StorageError: the disk does not take it.
    """
    path = directory / NAME
    broken: Path | None = None
    reason = ""
    with os_errors(path):
        aside.finish(path)
        if path.exists():
            _close_to_others(path)
            try:
                return _open_existing(path), None, ""
            except Damaged as damage:
                reason = str(damage)
                broken = aside.set_ledger_aside(path, wall)
        aside.set_strays_aside(path, wall)
        put_in_place(directory, create(directory))
    try:
        return connect(path), broken, reason
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error


def create(directory: Path) -> Path:
    """A new ledger, whole under another name: an empty `ledger.db` is so always damage.

    Raises:
        StorageError: the disk does not take it.
    """
    return _made(directory, lambda connection: None)


def create_copy(directory: Path, source: sqlite3.Connection) -> Path:
    """What an open ledger holds, as a new file under another name.

    Raises:
        StorageError: it cannot be read any more, or the disk does not take it.
    """
    return _made(directory, source.backup)


def put_in_place(directory: Path, new: Path) -> None:
    """Give a new ledger its name; no other file may have it now."""
    new.rename(directory / NAME)
    aside.sync_directory(directory)


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
        connection = connect(path)
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


def _made(directory: Path, fill: Callable[[sqlite3.Connection], None]) -> Path:
    """Synced once, at its end: until it gets its name nobody reads it, and a slow disk is slow."""
    new = _new_file(directory)
    try:
        with closing(connect(new)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            fill(connection)
            migrate(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise from_sqlite(error, new) from error
    with os_errors(new):
        aside.sync_file(new)
    return new


def _new_file(directory: Path) -> Path:
    new = directory / _NEW
    with os_errors(new):
        for suffix in ("", *aside.COMPANIONS):
            new.with_name(new.name + suffix).unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        os.fchmod(descriptor, _MODE)  # the service's umask would shut its group out
        os.close(descriptor)
    return new


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose every commit is on the disk when it returns."""
    # One thread at a time uses it: see thread.LedgerThread.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 2000")  # readers such as the command line
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
