"""`telemetry.db` in use: one transaction for each batch of rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from laddvakt_agent.clock import Moment
from laddvakt_agent.ledger.errors import StorageError, StorageKind, from_sqlite, is_mistake
from laddvakt_agent.telemetry.file import NAME, Opened, inode_of, is_damage, open_checked
from laddvakt_agent.telemetry.means import Value
from laddvakt_agent.telemetry.schema import TABLES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
Parameters = Mapping[str, Value | bytes] | tuple[()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row to write: its table, when it was true, its columns beside the stamp."""

    table: str
    moment: Moment
    record: Mapping[str, Value | bytes]


class TelemetryStore:
    """The file of one state folder, opened when it is first needed and anew after damage."""

    def __init__(self, directory: Path, *, boot_id: str) -> None:
        self.path = directory / NAME
        self._set_aside: list[tuple[Path, str]] = []
        self._boot_id = boot_id
        self._opened: Opened | None = None
        self._boot = 0
        self._seq = 0

    def write(self, rows: Sequence[Row]) -> None:
        """All of them or, with an error, none.

        Raises:
            StorageError: the disk does not take it.
        """
        with self.transaction() as connection:
            for number, row in enumerate(rows, start=self._seq + 1):
                stamped = {**_stamp(row.moment), "seq": number, "boot": self._boot, **row.record}
                connection.execute(_insert(row.table, stamped), stamped)
        self._seq += len(rows)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction; nothing of it stays after an error.

        Raises:
            StorageError: the disk does not take it; a damaged file is replaced by the next call.
        """
        connection = self._ready()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise self._judged(error) from error

    def read(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All records of a query.

        Raises:
            StorageError: the disk does not give it.
        """
        try:
            found: list[sqlite3.Row] = self._ready().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._judged(error) from error
        return found

    def take_set_aside(self) -> list[tuple[Path, str]]:
        """Files that could not be used since this was last asked, and why."""
        found, self._set_aside = self._set_aside, []
        return found

    def pages(self) -> tuple[int, int]:
        """Bytes of the database's pages, and how many of them are free."""
        (size,), (count,), (free,) = (
            self.read(f"PRAGMA {name}")[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size) * int(count), int(size) * int(free)

    def give_back(self, pages: int) -> None:
        """Hand up to so many free pages back to the file system."""
        self.read(f"PRAGMA incremental_vacuum({pages})")

    def fold(self) -> None:
        """Fold the log into the file, so that the file shrinks too."""
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Fold the log into the file and let it go."""
        if self._opened is not None:
            self._opened.connection.close()
            self._opened = None

    def _ready(self) -> sqlite3.Connection:
        if self._opened is not None and inode_of(self.path) != self._opened.inode:
            self.close()  # somebody has deleted it: what goes there now would be lost
        if self._opened is None:
            self._open()
        if self._opened is None:
            raise StorageError(StorageKind.IO, self.path, "cannot be opened")
        return self._opened.connection

    def _open(self) -> None:
        wall = datetime.now(UTC)  # only names what is set aside
        opened = open_checked(self.path.parent, wall)
        try:
            self._boot = _boot(opened.connection, self._boot_id)
            self._seq = _last_seq(opened.connection)
        except sqlite3.Error as error:
            opened.connection.close()
            raise from_sqlite(error, self.path) from error
        self._opened = opened
        if opened.aside is not None:
            self._set_aside.append((opened.aside, opened.reason))

    def _judged(self, error: sqlite3.Error) -> Exception:
        if is_mistake(error):
            return error
        if is_damage(error):
            self.close()  # the next use checks the file and sets it aside
        return from_sqlite(error, self.path)


def _stamp(moment: Moment) -> dict[str, Value | bytes]:
    return {
        "at_s": round(moment.at_s, 3),
        "wall_ms": (moment.at_wall - _EPOCH) // _MILLISECOND,
        "clock": moment.clock_state.value,
    }


def _insert(table: str, record: Mapping[str, Value | bytes]) -> str:
    places = ", ".join(f":{name}" for name in record)
    return f"INSERT INTO {table} ({', '.join(record)}) VALUES ({places})"


def _boot(connection: sqlite3.Connection, boot_id: str) -> int:
    connection.execute("INSERT OR IGNORE INTO boots (boot_id) VALUES (?)", (boot_id,))
    found = connection.execute("SELECT boot FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return int(found[0])


def _last_seq(connection: sqlite3.Connection) -> int:
    """The highest of all rows; telling it from the tables costs no write."""
    return max(
        int(connection.execute(f"SELECT coalesce(max(seq), 0) FROM {name}").fetchone()[0])
        for name in TABLES
    )
