"""One connection, its transactions, and the stamp each written row carries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

from laddvakt_agent import __version__
from laddvakt_agent.clock import Boot, Clock, ClockState, Moment
from laddvakt_agent.ledger.errors import StorageError, StorageKind, from_sqlite, is_mistake
from laddvakt_agent.ledger.rows import Row, SqlValue, from_columns, to_columns

_RUN_BITS = 32
Parameters: TypeAlias = Mapping[str, SqlValue] | tuple[()]

STAMP = ("w_boot_id", "w_seq", "w_s", "w_wall", "w_clock")


class Store:
    """Reads and writes; every write is one transaction, on the disk when it returns.

    Each write also says that the agent was alive then, so a later start knows until when.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, *, boot: Boot, clock: Clock
    ) -> None:
        connection.row_factory = sqlite3.Row
        self._connection = connection
        self._clock = clock
        self._sync_noted = False
        self._count = 0
        self.path = path
        self.boot = boot
        self.run = 0
        self.unclean = False  # the run before this one did not end in good order
        self.power_lost = False  # … and ended with its boot: the whole controller was off

    def begin_run(self, stamp: Mapping[str, SqlValue]) -> None:
        """Note this start of the agent; inside a `write`."""
        last = "SELECT ended, boot_id FROM runs ORDER BY run DESC LIMIT 1"
        before = self.execute(last).fetchone()
        self.unclean = before is not None and not before["ended"]
        self.power_lost = self.unclean and before["boot_id"] != self.boot.boot_id
        (record,) = self.execute(
            "INSERT INTO runs (boot_id, started_s, started_wall, clock_state, last_s, last_wall,"
            " version) VALUES (:boot_id, :started_s, :started_wall, :clock_state, :w_s, :w_wall,"
            " :version)"
            " RETURNING run",
            {**to_columns(self.boot), **stamp, "version": __version__},
        ).fetchall()
        self.run = record["run"]

    def moment(self) -> Moment:
        """Now, on both clocks."""
        return self._clock.moment()

    @contextmanager
    def write(self, moment: Moment | None = None) -> Iterator[dict[str, SqlValue]]:
        """One transaction; yields the stamp of its rows. Nothing of it stays after an error.

        Raises:
            StorageError: the disk does not take it.
        """
        moment = moment if moment is not None else self.moment()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._stamp(moment)
                self._note_alive(moment)
                self._connection.execute("COMMIT")
                self._sync_noted = self._sync_noted or moment.clock_state is ClockState.SYNCED
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if is_mistake(error):
                raise
            raise from_sqlite(error, self.path) from error

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """One statement inside a `write`."""
        return self._connection.execute(sql, parameters)

    def read(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All records of a query.

        Raises:
            StorageError: the disk does not give it.
        """
        try:
            rows: list[sqlite3.Row] = self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            if is_mistake(error):
                raise
            raise from_sqlite(error, self.path) from error
        return rows

    def rows(self, row_type: type[Row], sql: str, parameters: Parameters = ()) -> tuple[Row, ...]:
        """All records of a query as typed rows.

        Raises:
            StorageError: the disk does not give it, or what it gives is no such row.
        """
        try:
            found = self.read(sql, parameters)
            return tuple(from_columns(row_type, dict(record)) for record in found)
        except msgspec.DecodeError as error:
            raise StorageError(StorageKind.DAMAGED, self.path, str(error)) from error

    @property
    def connection(self) -> sqlite3.Connection:
        """The database this writes to now."""
        return self._connection

    @property
    def on_disk(self) -> bool:
        """Whether it has a file: one in memory keeps nothing."""
        return bool(self._connection.execute("PRAGMA database_list").fetchone()["file"])

    def swap(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Go on in another database; the one before, as it was."""
        connection.row_factory = sqlite3.Row
        before, self._connection = self._connection, connection
        self._sync_noted = False
        return before

    def close(self) -> None:
        """Close the connection; the log is folded into the file."""
        self._connection.close()

    def _stamp(self, moment: Moment) -> dict[str, SqlValue]:
        """Ascending over all starts: the run in the upper half, a counter in the lower."""
        self._count += 1
        return {
            "w_boot_id": self.boot.boot_id,
            "w_seq": (self.run << _RUN_BITS) | self._count,
            "w_s": moment.at_s,
            "w_wall": wall_text(moment),
            "w_clock": moment.clock_state.value,
        }

    def _note_alive(self, moment: Moment) -> None:
        self.execute(
            "UPDATE runs SET last_s = :at_s, last_wall = :at_wall"
            " WHERE run = :run AND last_s <= :at_s",
            {"at_s": moment.at_s, "at_wall": wall_text(moment), "run": self.run},
        )
        if moment.clock_state is ClockState.SYNCED and not self._sync_noted:
            self._note_sync(self.moment())

    def _note_sync(self, now: Moment) -> None:
        """The first synchronisation of this boot: read anew, what is written may be older."""
        if now.clock_state is ClockState.SYNCED:
            self.execute(
                "INSERT INTO syncs VALUES (:boot_id, :at_s, :at_wall) ON CONFLICT DO NOTHING",
                {"boot_id": self.boot.boot_id, "at_s": now.at_s, "at_wall": wall_text(now)},
            )


def wall_text(moment: Moment) -> str:
    """The wall time as the columns keep it."""
    text: str = msgspec.to_builtins(moment.at_wall)
    return text
