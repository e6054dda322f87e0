"""Writes down which status each EVSE has and why: one interval after the other, without a hole.

A change is written at once, but an EVSE is written at most once a second: what changes sooner waits
in memory until then and goes in one commit, every change of it. So a flapping EVSE wears no disk,
and a crash loses at most the last second of its flapping: the interval before goes on until the
last sign of life.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from laddvakt_agent.core.uptime import UP, Account, Around, Worked, account
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.interval_rows import FAILED, OWN, PLANNED, UNKNOWN
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import IntervalRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.wall import Wall

SPACING_S = 1.0  # between two writes about one EVSE
_UP = frozenset(status.value for status in UP)


@dataclass(slots=True, kw_only=True)
class _Evse:
    """What was said last of an EVSE, and since when its connector is treated so."""

    account: Account
    row: IntervalRow
    written_s: float
    in_service: bool
    closed_s: float
    maintenance_s: float | None


@dataclass(slots=True, kw_only=True)
class StatusBook:
    """The status intervals of all EVSEs as they run."""

    ledger: Ledger
    thread: LedgerThread
    wall: Wall
    boot_id: str
    book: FaultBook
    guards: Mapping[str, Guard]
    _evses: dict[str, _Evse] = field(default_factory=dict)
    _waiting: list[IntervalRow] = field(default_factory=list)
    _failed: bool = False
    _doubted: set[str] = field(default_factory=set)  # EVSEs whose maintenance excuses nothing yet

    def begin(self) -> None:
        """At the start: an interval runs for each EVSE; what is not configured is removed.

        Call it before anything else.
        """
        maintained = {guard.evse_uid for guard in self.guards.values() if guard.maintenance}
        self._doubted = {evse_uid for evse_uid in maintained if self._stood(evse_uid)}
        configured = {guard.evse_uid: name for name, guard in self.guards.items()}
        self.thread.post(self.ledger.begin_evses, configured)

    def look(self, now_s: float) -> None:
        """Follow every connector; to be called once a second with the boot time."""
        for guard in self.guards.values():
            self.follow(guard, now_s)

    def follow(self, guard: Guard, now_s: float) -> Account:
        """The status of a connector's EVSE now; written down when it, or its cause, is new."""
        known = self._evses.get(guard.evse_uid)
        around = self._around(guard, known, now_s)
        said = account(guard.connector, around, known.account if known else None, now_s)
        row = self._row(guard, said, now_s)
        if known is not None and _kind(row) == _kind(known.row):
            row = known.row
        elif not self._failed:
            self._waiting.append(row)
        self._evses[guard.evse_uid] = _Evse(
            account=said,
            row=row,
            written_s=known.written_s if known else now_s - SPACING_S,
            in_service=guard.in_service,
            closed_s=around.closed_s,
            maintenance_s=around.maintenance_s,
        )
        self._write_due(now_s)
        return said

    def told(self, evse_uid: str) -> dict[str, str]:
        """Why an EVSE has its status, for people; empty before it was followed."""
        evse = self._evses.get(evse_uid)
        if evse is None:
            return {}
        said = evse.account
        return {
            "cause": said.cause,
            "class": said.blame.value,
            "evidence": said.evidence,
            "would_have_worked": said.would_have_worked.value,
        }

    def flush(self, now_s: float) -> None:
        """Look once more and write what waits: the agent stops."""
        self.look(now_s)
        self._write(self._waiting, now_s)

    def fail(self, now_s: float) -> None:
        """Supervision has failed: from now on nobody knows what the connectors do."""
        self._waiting += [
            replace(
                evse.row,
                status=UNKNOWN,
                cause=FAILED,
                cause_class=OWN,
                fault_id=None,
                mrec=None,
                evidence=None,
                would_have_worked=Worked.UNKNOWN.value,
                begun_s=now_s,
                begun_wall=self.wall.at(now_s),
            )
            for evse in self._evses.values()
        ]
        self._failed = True
        self._write(self._waiting, now_s)

    def write_again(self) -> None:
        """Offer what runs now to a ledger that may have lost it."""
        self.thread.post(
            self.ledger.change_status, tuple(evse.row for evse in self._evses.values())
        )

    def _stood(self, evse_uid: str) -> bool:
        """Whether something was in the way before the restart that no maintenance excused.

        It may go on, and then it began before the maintenance did.
        """
        known = (row for row in self.ledger.intervals(evse_uid) if row.status != UNKNOWN)
        last = next(known, None)
        return last is None or (last.status not in _UP and last.cause_class != PLANNED)

    def _around(self, guard: Guard, known: _Evse | None, now_s: float) -> Around:
        if not guard.maintenance or (known and known.account.status in UP):
            self._doubted.discard(guard.evse_uid)
        maintenance_s = known.maintenance_s if known else None
        if not guard.maintenance or guard.evse_uid in self._doubted:
            maintenance_s = None
        elif maintenance_s is None:
            maintenance_s = now_s
        newly_closed = known is None or known.in_service is not guard.in_service
        return Around(
            in_service=guard.in_service,
            closed_s=now_s if known is None or newly_closed else known.closed_s,
            maintenance_s=maintenance_s,
            durable=guard.durable,
            leaving=guard.shutting_down,
            causes=self.book.causes,
        )

    def _row(self, guard: Guard, said: Account, now_s: float) -> IntervalRow:
        entry = self.book.entries.get(said.fault) if said.fault else None
        return IntervalRow(
            evse_uid=guard.evse_uid,
            status=said.status.value,
            cause=said.cause,
            cause_class=said.blame.value,
            evidence=said.evidence or None,
            fault_id=entry.id if entry else None,
            mrec=said.mrec,
            would_have_worked=said.would_have_worked.value,
            connector=guard.settings.connector,
            begun_boot_id=self.boot_id,
            begun_s=now_s,
            begun_wall=self.wall.at(now_s),
        )

    def _write_due(self, now_s: float) -> None:
        due = {uid for uid, evse in self._evses.items() if now_s >= evse.written_s + SPACING_S}
        self._write([row for row in self._waiting if row.evse_uid in due], now_s)

    def _write(self, rows: list[IntervalRow], now_s: float) -> None:
        if not rows:
            return
        self._waiting = [row for row in self._waiting if row not in rows]
        for row in rows:
            self._evses[row.evse_uid].written_s = now_s
        self.thread.post(self.ledger.change_status, tuple(rows))


def _kind(row: IntervalRow) -> tuple[str | None, ...]:
    """What makes another interval of it, as `ledger.intervals` has it."""
    return row.status, row.cause, row.cause_class, row.fault_id, row.would_have_worked
