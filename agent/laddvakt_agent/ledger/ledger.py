"""`Ledger`: every fact that must survive, behind one object.

Each call is one transaction and on the disk when it returns. Calls come from one thread at a time
(see `thread.LedgerThread`). When the disk does not take a row, `StorageError` says so and nothing
of it stays; the ledger remains usable and a later call may succeed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from laddvakt_agent.clock import Boot, Clock, Moment
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger import evidence, files, intervals, tables
from laddvakt_agent.ledger.audience import BACKEND, Audience
from laddvakt_agent.ledger.clock_book import ClockBook
from laddvakt_agent.ledger.found import FoundSessions
from laddvakt_agent.ledger.history import History
from laddvakt_agent.ledger.latch_keeper import LatchKeeper
from laddvakt_agent.ledger.later import LaterCdrs
from laddvakt_agent.ledger.payments import PaymentBook
from laddvakt_agent.ledger.profiles import ProfileBook
from laddvakt_agent.ledger.renewal import Renewal, begin
from laddvakt_agent.ledger.reservations import ReservationBook
from laddvakt_agent.ledger.retention import Retention
from laddvakt_agent.ledger.rows import (
    AckRow,
    CommandRow,
    ContactorRow,
    FaultRow,
    IntervalRow,
    SelfTestRow,
    SessionRow,
)
from laddvakt_agent.ledger.salvage import take_over_due
from laddvakt_agent.ledger.security import SecurityLog
from laddvakt_agent.ledger.shown import ShownBook
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.ledger.tariffs import TariffTable
from laddvakt_agent.ledger.tokens import TokenFile
from laddvakt_agent.published import CdrRecord


class Ledger:
    """The open ledger of one state folder; made by `Ledger.open`."""

    def __init__(self, store: Store, keeper: LatchKeeper, renewal: Renewal) -> None:
        self._store = store
        self._keeper = keeper
        self.renewal = renewal
        self.audience = Audience(store)
        self.later = LaterCdrs(store)
        self.history = History(store)
        self.shown = ShownBook(store)
        self.found = FoundSessions(store)
        self.security = SecurityLog(store)
        self.times = ClockBook(store)
        self.retention = Retention(store)
        self.tokens = TokenFile(store.path.parent)
        self.reservations = ReservationBook(store)
        self.profiles = ProfileBook(store)
        self.payments = PaymentBook(store)
        self.tariffs = TariffTable(store)
        self.damaged_aside: Path | None = None
        self.damage = ""  # what was wrong with it
        self.salvaged = 0  # rows saved from it

    @classmethod
    def open(cls, directory: Path, *, boot: Boot, clock: Clock | None = None) -> Ledger:
        """Open or make the ledger; a damaged file is set aside, see `damaged_aside`.

        Raises:
            LedgerInUse: another agent has it.
            NewerSchema: a newer version wrote it; nothing was touched.
            StorageError: the disk does not take it; `latches.read_latches` may still work.
        """
        clock = clock if clock is not None else Clock()
        with ExitStack() as undo:
            lock = files.lock(directory)
            undo.callback(os.close, lock)
            connection, aside, damage = files.open_checked(directory, boot.started_wall)
            undo.callback(connection.close)
            store = Store(connection, directory / files.NAME, boot=boot, clock=clock)
            salvaged = take_over_due(store)
            begin(store)
            keeper = LatchKeeper(store, directory, boot)
            ledger = cls(store, keeper, Renewal(store, keeper, directory, lock, on_disk=True))
            undo.pop_all()
        ledger.salvaged = salvaged
        ledger.damaged_aside, ledger.damage = aside, damage
        return ledger

    @classmethod
    def without_disk(cls, directory: Path, *, boot: Boot, clock: Clock | None = None) -> Ledger:
        """A ledger in memory, for when `open` raised `StorageError`: protection goes on.

        It knows the latches if their files can be read, and keeps trying to write them. All else
        is gone when the agent ends.

        Raises:
            LedgerInUse: another agent has the folder.
            NewerSchema: a newer version wrote the latches; nothing was touched.
        """
        with ExitStack() as undo:
            lock = files.lock_without_writing(directory)
            if lock is not None:
                undo.callback(os.close, lock)
            clock = clock if clock is not None else Clock()
            store = Store(files.in_memory(), directory / files.NAME, boot=boot, clock=clock)
            undo.callback(store.close)
            with store.write() as stamp:
                store.begin_run(stamp)
            keeper = LatchKeeper(store, directory, boot, examine=False)
            ledger = cls(store, keeper, Renewal(store, keeper, directory, lock, on_disk=False))
            undo.pop_all()
        return ledger

    @property
    def path(self) -> Path:
        """Where it stands, or would if there were a disk."""
        return self._store.path

    def close(self) -> None:
        """Note the orderly end and let the folder go, whatever the disk says.

        Raises:
            StorageError: the end could not be noted; everything is closed all the same.
        """
        try:
            with self._store.write():
                ended = "UPDATE runs SET ended = 1 WHERE run = :run"
                self._store.execute(ended, {"run": self._store.run})
        finally:
            self.tokens.close()
            self._store.close()
            if self.renewal.lock is not None:
                os.close(self.renewal.lock)

    def heartbeat(
        self, at_s: float, at_wall: datetime, sessions: Iterable[SessionRow] = ()
    ) -> None:
        """Note that the agent is alive, with the open sessions' checkpoints: one commit."""
        state = self._store.moment().clock_state
        moment = Moment(at_s=at_s, at_wall=at_wall, clock_state=state)
        tables.save_sessions(self._store, tuple(sessions), moment)

    # Sessions and CDRs

    def save_session(self, row: SessionRow) -> None:
        """Begin, checkpoint or end a session.

        Raises:
            Conflict: it is billed and would change.
        """
        tables.save_sessions(self._store, (row,))

    def session(self, session_id: str) -> SessionRow | None:
        """One session, `None` if there never was one."""
        return tables.session(self._store, session_id)

    def open_sessions(self) -> tuple[SessionRow, ...]:
        """Those without a CDR, oldest first: running, or ended and never billed."""
        return tables.open_sessions(self._store)

    def close_session_with_cdr(self, row: SessionRow, cdr: CdrRecord) -> None:
        """Settle an ended session and add its CDR, both or neither; repeating is harmless.

        Raises:
            Conflict: it has not ended, or is already billed otherwise.
        """
        tables.close_with_cdr(self._store, row, cdr)

    def add_cdr(self, cdr: CdrRecord) -> None:
        """Add a CDR to a session already written down; the identical one again changes nothing.

        Raises:
            Conflict: the id or the session has another CDR, or the session is unknown.
        """
        tables.add_cdr(self._store, cdr)

    def cdrs(self, *, unacknowledged_only: bool = False) -> tuple[CdrRecord, ...]:
        """Every CDR, or those that a platform still waits for, oldest first."""
        return tables.cdrs(self._store, unacknowledged_only=unacknowledged_only)

    # Faults and status

    def raise_fault(self, row: FaultRow) -> None:
        """Note a new fault; the identical one again changes nothing.

        Raises:
            Conflict: another fault has this id.
        """
        tables.raise_fault(self._store, row)

    def update_fault(self, row: FaultRow) -> None:
        """Replace what is known of a fault.

        Raises:
            Conflict: no such fault.
        """
        tables.update_fault(self._store, row)

    def clear_fault(self, fault_id: str, *, at_s: float, at_wall: datetime) -> FaultRow:
        """Note when a fault ended; again keeps the first time. The row as it then is.

        Raises:
            Conflict: no such fault.
        """
        return tables.clear_fault(self._store, fault_id, at_s, at_wall)

    def open_faults(self) -> tuple[FaultRow, ...]:
        """Those not cleared, oldest first."""
        return tables.open_faults(self._store)

    def faults(self, limit: int = 100) -> tuple[FaultRow, ...]:
        """The newest faults, newest first."""
        return tables.faults(self._store, limit)

    def change_status(self, rows: Sequence[IntervalRow]) -> int:
        """End the running intervals and begin these; how many began."""
        return intervals.change_status(self._store, rows)

    def begin_evses(self, configured: Mapping[str, str]) -> None:
        """At a start: an interval runs for each EVSE (uid → connector), others are removed."""
        intervals.begin_evses(self._store, configured)

    def intervals(self, evse_uid: str) -> tuple[IntervalRow, ...]:
        """Every status interval of an EVSE, newest first."""
        return intervals.intervals(self._store, evse_uid)

    # Latches

    def save_latches(self, connector: str, latches: tuple[Latch, ...], now_s: float) -> None:
        """Replace a connector's latches in all copies. `now_s` anchors their reclosure times.

        Raises:
            StorageError: a copy could not be written; the others were.
        """
        self._keeper.save(connector, latches, now_s)

    def load_latches(self) -> tuple[dict[str, tuple[Latch, ...]], bool]:
        """Every connector's latches in this boot's seconds, and whether they are lost.

        Lost means: there once were some and no copy is whole. It stays so until new ones are saved.
        """
        return self._keeper.load()

    def keeps_latches(self, connector: str, latches: tuple[Latch, ...]) -> bool:
        """Whether a disk has these, or stricter ones; may be asked from any thread."""
        return self._keeper.keeps(connector, latches)

    # Commands and acknowledgements

    def add_command(self, row: CommandRow) -> None:
        """Note a command and its outcome."""
        tables.add_command(self._store, row)

    def commands(self, limit: int = 100) -> tuple[CommandRow, ...]:
        """The newest commands, newest first."""
        return tables.commands(self._store, limit)

    # Evidence

    def add_self_test(self, row: SelfTestRow) -> None:
        """Note how a self-test ended."""
        evidence.add_self_test(self._store, row)

    def self_tests(self, limit: int = 100) -> tuple[SelfTestRow, ...]:
        """The newest self-tests, newest first."""
        return evidence.self_tests(self._store, limit)

    def save_contactor(self, row: ContactorRow) -> None:
        """The history of one contactor as it is now."""
        evidence.save_contactor(self._store, row)

    def contactors(self) -> tuple[ContactorRow, ...]:
        """The history of every contactor."""
        return evidence.contactors(self._store)

    @property
    def unclean(self) -> bool:
        """Whether the run before this one did not end in good order; False when there was none."""
        return self._store.unclean

    @property
    def power_lost(self) -> bool:
        """Whether the run before this one ended without a word and another boot began since."""
        return self._store.power_lost

    def save_ack(self, row: AckRow) -> None:
        """Write what a platform has of one object, or was offered."""
        self.audience.save(row)

    def acks(self, party: str = BACKEND) -> tuple[AckRow, ...]:
        """What a platform has of every object that may still change or be sent."""
        return self.audience.acks(party)
