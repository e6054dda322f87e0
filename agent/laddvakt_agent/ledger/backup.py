"""A copy of the ledger to keep: whole or not there, made while the agent goes on writing.

SQLite copies one state of the ledger, that of the moment it began; a writer neither waits for it
nor disturbs it. Its steps are small and apart, so that the disk stays free for the agent. What
takes the name in the end has been synced and checked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from laddvakt_agent.ledger.aside import sync_directory, sync_file
from laddvakt_agent.ledger.errors import LedgerError, from_os, from_sqlite
from laddvakt_agent.ledger.reading import Reading

_MODE = 0o640
_PAGES = 64  # a step: 256 kB
_PAUSE_S = 0.002  # between two steps
_SPARE_BYTES = 16 * 1024 * 1024  # what the agent may need of the same disk meanwhile


class NotCopied(LedgerError):
    """The export was not made; the message says why. Nothing of it is left."""


def back_up(reading: Reading, target: Path, *, pause: Callable[[float], None] = time.sleep) -> int:
    """Copy the ledger's file; the bytes written.

    Raises:
        NotCopied: the copy is not sound, or there is no room for it.
        StorageError: the disk does not take it.
    """
    require_room(target, reading)
    with whole(target) as new:
        try:
            _copy(reading.raw, new, pause)
            _require_sound(new)
        except sqlite3.Error as error:
            raise from_sqlite(error, target) from error
        return new.stat().st_size


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A new empty file, for its owner and group; synced and under its name when all went well.

    Raises:
        StorageError: the disk does not take it.
    """
    new = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        yield new
        sync_file(new)
        new.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise from_os(error, target) from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            new.with_name(new.name + suffix).unlink(missing_ok=True)


@contextmanager
def written(target: Path) -> Iterator[TextIO]:
    """A text file, as `whole`.

    Raises:
        StorageError: the disk does not take it.
    """
    with whole(target) as new, new.open("w", encoding="utf-8") as file:
        yield file


def require_room(target: Path, reading: Reading) -> None:
    """Refuse before the disk is full of the copy: the agent may live on the same one.

    Raises:
        NotCopied: there is no room.
        StorageError: there is no such folder.
    """
    (pages,) = reading.raw.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = reading.raw.execute("PRAGMA page_size").fetchone()
    needed = pages * page_bytes
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise from_os(error, target.parent) from error
    if free < needed + _SPARE_BYTES:
        mega = 1024 * 1024
        raise NotCopied(
            f"{target.parent}: {needed // mega + 1} MB are needed and {_SPARE_BYTES // mega} MB "
            f"must stay free, {free // mega} MB are; choose another disk with --to"
        )


def _copy(source: sqlite3.Connection, new: Path, pause: Callable[[float], None]) -> None:
    def rest(_status: int, left: int, _all: int) -> None:
        if left:
            pause(_PAUSE_S)

    with closing(sqlite3.connect(new, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # synced as a whole in the end
        source.backup(copy, pages=_PAGES, progress=rest, sleep=0)


def _require_sound(new: Path) -> None:
    with closing(sqlite3.connect(f"file:{quote(str(new))}?immutable=1", uri=True)) as copy:
        found = copy.execute("PRAGMA quick_check(1)").fetchall()
    if found != [("ok",)]:
        raise NotCopied(
            f"the copy is damaged, because the ledger is: {found[0][0]}; see: laddvakt ledger check"
        )
