"""Reading a ledger from beside the agent: nothing is locked, nothing is written.

The agent may run or not, the folder may be read-only, the file may be a backup of years ago. A
reader takes no part in the agent's lock and does not make, change or recover a file of the ledger:
where SQLite would have to, it reads a private copy. What is read is one state of the ledger, that
of the moment it was opened.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from laddvakt_agent.ledger.errors import (
    LedgerError,
    NewerSchema,
    from_sqlite,
    is_mistake,
    sqlite_code,
)
from laddvakt_agent.ledger.files import NAME, Damaged
from laddvakt_agent.ledger.schema import APPLICATION_ID, SCHEMA_VERSION, migrate, schema_of

_MAGIC = b"SQLite format 3\x00"
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FORBIDDEN = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY})
_TRIES = 5  # an agent that starts just then makes a log where there was none

T = TypeVar("T")


class Missing(LedgerError):
    """There is no ledger."""


class Forbidden(LedgerError):
    """This user may not read it."""


class Restless(LedgerError):
    """It was changed in a way that a reader beside the agent cannot follow; try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An open ledger. `rows` has today's tables and views, whatever version wrote the file."""

    path: Path
    schema: int  # of the file
    raw: sqlite3.Connection  # the file itself
    rows: sqlite3.Connection


def find(place: Path) -> Path:
    """The ledger's file, given that or its state folder.

    Raises:
        Missing: there is none.
        Forbidden: this user may not look.
    """
    with _os_errors(place):
        path = place / NAME if place.is_dir() else place
        path.stat()
    return path


def read(place: Path, fn: Callable[[Reading], T]) -> T:
    """What `fn` makes of the ledger at this place: a state folder or a file.

    Raises:
        Missing, Forbidden: there is none, or this user may not read it.
        Damaged: it cannot be read.
        NewerSchema: only a newer version can read it.
        Restless: it changed under every try.
        StorageError: the disk does not give it.
    """
    path = find(place)
    for _ in range(_TRIES):
        before = _stamps(path)
        with opened(path) as reading:
            answer = fn(reading)
        if _has_log(path) or _stamps(path) == before:
            return answer
    raise Restless(f"{path}: it changes too fast to be read; try again")


@contextmanager
def opened(path: Path) -> Iterator[Reading]:
    """An open ledger, for as long as inside. Use `read`, which also sees what changed meanwhile.

    Raises:
        LedgerError: as `read`.
    """
    with ExitStack() as stack, _sqlite_errors(path):
        with _os_errors(path):
            _check_header(path)
            raw = beside(path, stack)
        raw.execute("BEGIN")  # everything below sees one state
        schema = schema_of(raw)
        rows = raw if schema >= SCHEMA_VERSION else _brought_forward(raw, stack)
        rows.row_factory = sqlite3.Row
        yield Reading(path=path, schema=schema, raw=raw, rows=rows)


def beside(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """A connection to a database in use or not, of which nothing is changed.

    Raises:
        OSError: the file cannot be read.
        sqlite3.Error: SQLite cannot read it.
    """
    connection = _connect(path, stack)
    stack.callback(connection.close)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 2000")
    return connection


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise Damaged(f"{path}: not a database")
    if int.from_bytes(head[68:72], "big") != APPLICATION_ID:
        raise Damaged(f"{path}: a database, but not a ledger")
    readable_from = int.from_bytes(head[60:64], "big")
    if readable_from > SCHEMA_VERSION:
        raise NewerSchema(
            f"{path}: written by a newer Laddvakt (schema {readable_from}, known up to "
            f"{SCHEMA_VERSION}); read it with that version"
        )


def _connect(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """With a log its index must be there: else SQLite would have to make one."""
    if not _has_log(path):
        return _uri(path, "immutable=1")
    if path.with_name(path.name + "-shm").exists():
        # The index is only read; what a dead agent left in it, SQLite makes anew in memory.
        return _uri(path, "mode=ro&readonly_shm=1")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="laddvakt-")))
    for suffix in ("", "-wal"):
        shutil.copyfile(path.with_name(path.name + suffix), folder / (NAME + suffix))
    return sqlite3.connect(folder / NAME, isolation_level=None)


def _uri(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None
    )


def _has_log(path: Path) -> bool:
    """Whether SQLite needs more than the file itself: an agent runs, or one was cut off."""
    try:
        log = path.with_name(path.name + "-wal").stat()
    except FileNotFoundError:
        return False
    return log.st_size > 0 or path.with_name(path.name + "-shm").exists()


def _stamps(path: Path) -> tuple[int, int, int]:
    with _os_errors(path):
        found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _brought_forward(raw: sqlite3.Connection, stack: ExitStack) -> sqlite3.Connection:
    """An older version's rows in today's tables: in a copy that goes when it is closed."""
    copy = sqlite3.connect("", isolation_level=None)
    stack.callback(copy.close)
    raw.backup(copy)
    migrate(copy)
    return copy


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(f"{path}: there is no ledger here") from None
    except PermissionError:
        raise Forbidden(f"{path}: this user may not read it") from None
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}") from error


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if is_mistake(error):
            raise
        code = sqlite_code(error)
        if code in _BROKEN:
            raise Damaged(f"{path}: {error}") from error
        if code in _FORBIDDEN:
            raise Forbidden(f"{path}: this user may not read it") from error
        raise from_sqlite(error, path) from error
