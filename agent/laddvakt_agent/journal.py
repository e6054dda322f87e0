"""Writes down what must survive and reads it back at the start; never makes protection wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from laddvakt_agent.core import session as core
from laddvakt_agent.core.faults.catalogue import Act, FaultRule, rule_for
from laddvakt_agent.core.model import ActiveFault, Latch
from laddvakt_agent.faultbook import Entry, restamped
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import CommandRow, FaultRow, SessionRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.moved import from_text, moved_on, shift_s, to_text
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.session_rows import read_session, to_row
from laddvakt_agent.sessions import PATIENCE_S, Kept
from laddvakt_agent.wall import Wall

MOST_COMMANDS = 10_000  # searched at the start for who is out of service, or in maintenance
FLUSH_TIMEOUT_S = 1.0  # a slow disk delays a closing by this much, never an opening

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Journal:
    """The shell's way into the ledger."""

    ledger: Ledger
    thread: LedgerThread
    wall: Wall
    boot_id: str
    now_s: Callable[[], float]
    rules: Mapping[str, FaultRule]
    publish_cdr: Callable[[CdrRecord], None]
    unsaved: dict[str, tuple[SessionRow, CdrRecord]] = field(default_factory=dict)
    unsaved_rows: dict[str, SessionRow] = field(default_factory=dict)
    _rows: threading.Lock = field(default_factory=threading.Lock)  # guards `unsaved_rows`
    _known_faults: dict[str, FaultRow] = field(default_factory=dict)  # as last written
    _late_faults: dict[str, FaultRow] = field(default_factory=dict)  # of new evidence alone

    async def flushed(self) -> None:
        """Wait until everything noted so far is on the disk, but not for a disk that hangs."""
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self.thread.call(_done)
        except TimeoutError:
            log.error("ledger_slow", backlog=self.thread.backlog, waited_s=FLUSH_TIMEOUT_S)

    def session(self, kept: Kept) -> None:
        """Begin, checkpoint or end of a session: kept in memory until the disk has it."""
        self._offer(self._session_row(kept))

    def session_closed(self, kept: Kept, cdr: CdrRecord) -> None:
        """A settled session and its CDR: kept in memory too until the disk has them."""
        row = self._session_row(kept)
        with self._rows:
            self.unsaved_rows.pop(row.id, None)
        self.unsaved[cdr.id] = (row, cdr)
        self.publish_cdr(cdr)
        self.retry_unsaved()

    def retry_unsaved(self) -> None:
        """Offer the ledger again what it has not taken yet."""
        for row in tuple(self.unsaved_rows.values()):
            self.thread.post(self._save, row)
        for row, cdr in tuple(self.unsaved.values()):
            self.thread.post(self._close, row, cdr)

    def heartbeat(self, kept: list[Kept]) -> None:
        """A sign of life with the open sessions' meter values: one commit for all."""
        rows = tuple(self._session_row(part) for part in kept)
        for row in rows:
            if row.id in self.unsaved_rows:  # else the older one would be written after this
                self._offer(row)
        for fault in self._late_faults.values():
            self.thread.post(self.ledger.update_fault, fault)
        self._late_faults.clear()
        now_s = self.now_s()
        self.thread.once(self.ledger.heartbeat, now_s, self.wall.at(now_s), rows)

    def fault(self, entry: Entry) -> None:
        """A fault was raised, changed or cleared.

        Evidence may change with each reading: alone it waits for the next sign of life.
        """
        row, known = self._fault_row(entry), self._known_faults.get(entry.id)
        if known is not None and _same_but_evidence(row, known):
            self._late_faults[row.id] = row
            return
        self._late_faults.pop(row.id, None)
        if entry.cleared_at is not None:
            self._known_faults.pop(row.id, None)
            self.thread.post(self.ledger.update_fault, row)
        elif known is not None:
            self._known_faults[row.id] = row
            self.thread.post(self.ledger.update_fault, row)
        else:
            self._known_faults[row.id] = row
            self.thread.post(self.ledger.raise_fault, row)

    def standing(self, entries: Iterable[Entry], bills: Iterable[CdrRecord]) -> None:
        """The faults that stand and the unconfirmed bills, whatever the ledger has of them."""
        rows = tuple(self._fault_row(entry) for entry in entries)
        self._known_faults.update((row.id, row) for row in rows)
        self.thread.post(self.ledger.renewal.restore, rows, tuple(bills))

    def latches(self, connector: str, latches: tuple[Latch, ...]) -> None:
        """Lock-outs and used-up retries: on disk before the next closing."""
        self.thread.post(self.ledger.save_latches, connector, latches, self.now_s())

    def command(self, *, who: str, verb: str, connector: str, detail: str, outcome: str) -> None:
        """What somebody asked for, and what came of it."""
        now_s = self.now_s()
        row = CommandRow(
            source="local",
            who=who,
            verb=verb,
            connector=connector,
            detail=detail,
            outcome=outcome,
            at_s=now_s,
            at_wall=self.wall.at(now_s),
        )
        self.thread.post(self.ledger.add_command, row)

    def out_of_service(self) -> frozenset[str]:
        """The connectors somebody took out of service and nobody put back."""
        return self._left("out", "in")

    def in_maintenance(self) -> frozenset[str]:
        """The connectors whose maintenance somebody began and nobody ended."""
        return self._left("maintenance", "normal")

    def inherited_faults(self) -> tuple[Entry, ...]:
        """The faults that stood when the agent last stopped."""
        rows = self.ledger.open_faults()
        self._known_faults.update((row.id, row) for row in rows)
        return tuple(self._entry(row) for row in rows)

    def cleared_faults(self, limit: int) -> tuple[Entry, ...]:
        """The newest faults that are over, oldest first."""
        rows = [row for row in self.ledger.faults(limit) if row.cleared_wall is not None]
        return tuple(self._entry(row) for row in reversed(rows))

    def inherited_sessions(self, connector: str) -> tuple[Kept, ...]:
        """The sessions this connector had open, in this boot's seconds, oldest first.

        By the register: a renewed ledger may have got an older row later, and clocks may err.
        """
        rows = [row for row in self.ledger.open_sessions() if row.connector == connector]
        rows.sort(key=lambda row: row.start_wh or 0.0)
        return tuple(self._kept(row) for row in rows)

    def unbilled_sessions(self, session_ids: Iterable[str]) -> tuple[Kept, ...]:
        """Those of these sessions for which there is never a bill."""
        rows = [self.ledger.session(session_id) for session_id in session_ids]
        return tuple(self._kept(row) for row in rows if row is not None and row.unbilled)

    def _left(self, begun: str, over: str) -> frozenset[str]:
        """The connectors of which the last word of these two was the first."""
        last: dict[str, str] = {}
        for row in self.ledger.commands(MOST_COMMANDS):  # newest first
            if row.verb in (begun, over) and row.outcome == "done" and row.connector:
                last.setdefault(row.connector, row.verb)
        return frozenset(connector for connector, verb in last.items() if verb == begun)

    def _offer(self, row: SessionRow) -> None:
        with self._rows:
            self.unsaved_rows[row.id] = row
        self.thread.post(self._save, row)

    def _save(self, row: SessionRow) -> None:
        if self.unsaved_rows.get(row.id) is not row:
            return  # a newer one is on its way
        self.ledger.save_session(row)
        with self._rows:  # while the disk was busy a newer one may have taken its place
            if self.unsaved_rows.get(row.id) is row:
                del self.unsaved_rows[row.id]

    def _close(self, row: SessionRow, cdr: CdrRecord) -> None:
        self.ledger.close_session_with_cdr(row, cdr)
        self.unsaved.pop(cdr.id, None)

    def _session_row(self, kept: Kept) -> SessionRow:
        row = to_row(
            kept.session,
            evse_uid=kept.evse_uid,
            token=kept.token,
            auth_method=kept.auth_method,
            meter_id=kept.meter_id,
            boot_id=self.boot_id,
            wall_at=self.wall.at,
            authorization_reference=kept.authorization_reference,
            tariff=kept.tariff,
        )
        return replace(row, moved=to_text(kept.moved, self.boot_id))

    def _kept(self, row: SessionRow) -> Kept:
        """A session from the ledger; of another boot, moved by what is known of the clocks."""
        now_s, session = self.now_s(), read_session(row)
        moved = from_text(row.moved, row.boot_id)
        if row.boot_id == self.boot_id:
            session = core.inherited(session, now_s)
        else:
            session = core.inherited(session, None)
            by_s = shift_s(self.ledger.times, self.wall, row.boot_id, row.begun_s, row.begun_wall)
            moved = moved_on(moved, row.boot_id, by_s)
            session = core.not_after(core.shift(session, by_s), now_s)
        return Kept(
            session=session,
            evse_uid=row.evse_uid,
            token=row.token,
            auth_method=row.auth_method,
            meter_id=row.meter_id,
            awaited_s=now_s,
            grace_s=PATIENCE_S,
            checkpoint_s=now_s,
            moved=moved,
            authorization_reference=row.authorization_reference,
            tariff=row.tariff,
        )

    def _fault_row(self, entry: Entry) -> FaultRow:
        rule, fault = rule_for(self.rules, entry.fault.code), entry.fault
        boot_id, since_s = entry.origin or (self.boot_id, fault.since_s)
        return FaultRow(
            id=entry.id,
            code=fault.code,
            subject=fault.subject,
            severity=rule.severity.value,
            connector=",".join(sorted(entry.connectors)) or None,
            act=fault.act.name.lower(),
            evidence=fault.evidence,
            cause=entry.cause,
            symptoms=entry.symptoms,
            locked_out=fault.locked_out,
            mrec=rule.mrec,
            ocpp16=rule.ocpp16,
            boot_id=boot_id,
            since_s=since_s,
            since_wall=entry.started_at,
            cleared_s=None if entry.cleared_at is None else self.now_s(),
            cleared_wall=entry.cleared_at,
            changed_wall=entry.changed_at,
        )

    def _entry(self, row: FaultRow) -> Entry:
        fault = ActiveFault(
            code=row.code,
            subject=row.subject,
            since_s=row.since_s if row.boot_id == self.boot_id else self.now_s(),
            act=Act[row.act.upper()],
            locked_out=row.locked_out,
            evidence=row.evidence,
        )
        here = row.boot_id == self.boot_id
        times = (row.since_wall, row.changed_wall, row.cleared_wall)
        entry = Entry(
            id=row.id,
            fault=fault,
            connectors=frozenset(),
            started_at=row.since_wall,
            changed_at=row.changed_wall,
            cause=row.cause,
            symptoms=row.symptoms,
            cleared_at=row.cleared_wall,
            origin=(row.boot_id, row.since_s),
            kept=times,
        )
        entry = restamped(entry, timedelta(), self._when, row.changed_wall)
        return replace(entry, origin=None, kept=()) if here else entry

    def _when(self, boot_id: str, boot_s: float) -> datetime | None:
        if boot_id == self.boot_id:
            return self.wall.at(boot_s)
        boot = self.ledger.times.boot(boot_id)
        return None if boot is None else boot.at(boot_s)


def _done() -> None:
    """Everything posted before this has been carried out."""


def _same_but_evidence(one: FaultRow, other: FaultRow) -> bool:
    """Whether nothing has changed but what was measured."""
    return replace(one, evidence=other.evidence, changed_wall=other.changed_wall) == other
