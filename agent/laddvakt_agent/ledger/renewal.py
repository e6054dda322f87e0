"""A ledger whose file breaks or disappears under way goes on in a new one, without a restart.

Its content comes along: a copy of what is still open where only the name is gone, otherwise what
can be read of the broken file. A ledger that had to begin in memory moves into the file it finds
when the disk is back. All of it happens on the ledger's thread.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from laddvakt_agent import __version__
from laddvakt_agent.ledger import absence, aside, files, tables
from laddvakt_agent.ledger.errors import LedgerError, StorageError, from_sqlite
from laddvakt_agent.ledger.latch_keeper import LatchKeeper
from laddvakt_agent.ledger.rows import FaultRow, SqlValue, to_columns
from laddvakt_agent.ledger.salvage import add_bill, merge, take_over_due
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.published import CdrRecord

_Identity = tuple[int, int]
_NOT_OURS = frozenset({"runs", "latches"})  # of a ledger in memory: they are this run's already
_SAME_RUN = (
    "INSERT INTO runs (run, boot_id, started_s, started_wall, clock_state, last_s, last_wall,"
    " version) VALUES (:run, :boot_id, :started_s, :started_wall, :clock_state, :w_s, :w_wall,"
    " :version) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """What became of it."""

    why: str
    salvaged: int  # rows read out of files that were put aside
    latches_found: bool = False  # the disk held some that this run did not know
    latches_due: bool = False  # the new place did not take them yet: see `write_latches`


def begin(store: Store) -> None:
    """Note this start of the agent, and what the time before it was."""
    with store.write() as stamp:
        store.begin_run(stamp)
        absence.end_left_open(store, stamp)


class Renewal:
    """Watches the file of one open ledger. `lock` is the folder's, `None` where there is none."""

    def __init__(
        self, store: Store, keeper: LatchKeeper, directory: Path, lock: int | None, *, on_disk: bool
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._directory = directory
        self.lock = lock
        self.on_disk = on_disk
        self._known = self._found() if on_disk else {}

    def wrong(self) -> str:
        """What has become of the file under way; empty: it is still the one that is open."""
        if not self.on_disk:
            return ""
        for path, found in self._found().items():
            if found is None:
                return f"{path.name} was deleted under way"
            if found != self._known.get(path, found):
                return f"{path.name} was replaced by another file under way"
        return ""

    def renew(self, why: str, *, damaged: bool) -> Renewed:
        """Go on in a new file. `damaged`: what is open cannot be copied, only read row by row.

        Raises:
            StorageError: the disk does not take it; the ledger goes on as it is, if need be in
                memory (see `on_disk`).
            LedgerInUse: another agent has taken the folder meanwhile.
        """
        new = self._prepared(damaged=damaged)
        with files.os_errors(self._store.path):
            self._clear_name(self._store.moment().at_wall)
        self._move_to(new)
        salvaged = take_over_due(self._store)
        with self._store.write() as stamp:
            run: dict[str, SqlValue] = {"run": self._store.run, "version": __version__}
            self._store.execute(_SAME_RUN, to_columns(self._store.boot) | stamp | run)
        self._known = self._found()
        return Renewed(why=why, salvaged=salvaged, latches_due=self._latches_due())

    def come_home(self) -> Renewed:
        """Move what is in memory onto the disk, into the ledger that is found there.

        Raises:
            LedgerError: it cannot be; everything stays in memory.
        """
        self._lock_folder()
        wall = self._store.moment().at_wall
        connection, _, damage = files.open_checked(self._directory, wall)
        memory, in_memory = self._store.swap(connection), self._store.run
        try:
            salvaged = take_over_due(self._store)
            begin(self._store)
            self._bring(memory)
            found = self._keeper.take_over()
        except (LedgerError, sqlite3.Error):
            self._store.swap(memory)
            self._store.run = in_memory
            connection.close()
            raise
        memory.close()
        self.on_disk, self._known = True, self._found()
        due = self._latches_due()
        return Renewed(why=damage, salvaged=salvaged, latches_found=found, latches_due=due)

    def write_latches(self) -> None:
        """Bring the latches to where the ledger stands now.

        Raises:
            StorageError: a copy could not be written; the other was tried all the same.
        """
        self._keeper.write_again()

    def restore(self, faults: tuple[FaultRow, ...], bills: tuple[CdrRecord, ...]) -> None:
        """Write what the process still knows and the renewed ledger may have lost.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            for row in faults:
                tables.put_fault(self._store, row, stamp)
            for bill in bills:
                add_bill(self._store, bill, stamp)

    def _latches_due(self) -> bool:
        """The ledger has moved whether or not the latches' own file takes them too."""
        try:
            self.write_latches()
        except StorageError:
            return True
        return False

    def _bring(self, memory: sqlite3.Connection) -> None:
        """What memory knows of this run's status takes the place of what was only assumed."""
        known = memory.execute("SELECT DISTINCT evse_uid FROM intervals").fetchall()
        with self._store.write() as stamp:
            for record in known:
                self._store.execute(
                    "DELETE FROM intervals WHERE evse_uid = :uid AND ended_wall IS NULL",
                    {"uid": record[0]},
                )
            merge(memory, self._store, without=_NOT_OURS, anew={"w_seq": stamp["w_seq"]})

    def _prepared(self, *, damaged: bool) -> Path:
        """A file to go on in, not yet under its name."""
        with files.os_errors(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
        self._lock_folder()
        if damaged:
            return files.create(self._directory)
        return files.create_copy(self._directory, self._store.connection)

    def _clear_name(self, wall: datetime) -> None:
        """Put aside what bears the ledger's name; our log must not be read with another's file."""
        path, found = self._store.path, self._found()
        if not path.exists():
            return
        log = path.with_name(path.name + "-wal")
        if found.get(log) == self._known.get(log) and found.get(path) != self._known.get(path):
            aside.set_log_aside(path, wall)
        aside.set_ledger_aside(path, wall)

    def _move_to(self, new: Path) -> None:
        """The old file is closed first: closing it removes the log that bears its name."""
        path = self._store.path
        with suppress(sqlite3.Error):  # of a broken file, whose log is kept beside it
            self._store.close()
        try:
            with files.os_errors(path):
                aside.set_strays_aside(path, self._store.moment().at_wall)
                files.put_in_place(self._directory, new)
            self._store.swap(files.connect(path))
        except (StorageError, sqlite3.Error) as error:
            self._store.swap(files.in_memory())
            self.on_disk = False
            raise error if isinstance(error, StorageError) else from_sqlite(error, path) from error

    def _lock_folder(self) -> None:
        """Hold the lock that lies in the folder now: it may have gone with everything else."""
        if self.lock is not None and files.holds(self.lock, self._directory):
            return
        before, self.lock = self.lock, files.lock(self._directory)
        if before is not None:
            os.close(before)

    def _found(self) -> dict[Path, _Identity | None]:
        """Which file is there under each name, `None` where none is."""
        path = self._store.path
        names = (path, path.with_name(path.name + "-wal"))
        return {name: identity for name in names if (identity := _identity(name)) != (0, 0)}


def _identity(path: Path) -> _Identity | None:
    """Device and number of a file; (0, 0) where that cannot be told."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
