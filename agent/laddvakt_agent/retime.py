"""Published records with their times corrected by what is known of the clock now.

A record says what its times were made with (`TimeBasis`). When the clock of that boot is known
better, all its times move together: a session that began with an unset clock and ended with a
synchronised one is right from its start to its end. Nothing gets out of order by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from laddvakt_agent.ledger.clock_book import BootTime, Exactness
from laddvakt_agent.published import CdrRecord, SessionRecord, Station, TimeBasis, ValueRecord
from laddvakt_agent.wall import CORRECTION_S, Wall, to_ms

INEXACT = "times approximate: the clock had not been set"

_Move = Callable[[datetime], datetime]


@dataclass(slots=True, kw_only=True)
class Retimer:
    """Knows second 0 of this boot, from the wall, and of the ones before, from the ledger."""

    wall: Wall
    known: Callable[[], bool] = lambda: True  # this boot's clock was synchronised, or checked
    boots: Mapping[str, BootTime] = field(default_factory=dict)
    priced: Callable[[SessionRecord], SessionRecord] = lambda record: record  # at other times

    def station(self, station: Station) -> Station:
        """The station with the times of its sessions and CDRs corrected."""
        return replace(
            station,
            sessions=tuple(self.session(record) for record in station.sessions),
            cdrs=tuple(self.cdr(record) for record in station.cdrs),
            zero=self.wall.zero,
        )

    def session(self, record: SessionRecord) -> SessionRecord:
        """The session with corrected times; itself where there is nothing to correct."""
        if not self._moves(record.bases):
            return record
        move = self._moved(record.bases)
        corrected = _InOrder(move)
        moved = replace(
            record,
            started_at=corrected(record.started_at),
            periods=tuple(
                replace(period, started_at=corrected(period.started_at))
                for period in record.periods
            ),
            ended_at=None if record.ended_at is None else corrected(record.ended_at),
            changed_at=corrected(record.changed_at),
            start=_value(record.start, move),
            end=_value(record.end, move),
        )
        return self.priced(moved)

    def cdr(self, record: CdrRecord) -> CdrRecord:
        """The CDR with corrected times; it says so when they are not exact."""
        session = self.session(record.session)
        created_at, cost = record.created_at, record.cost
        if session is not record.session:
            # A later CDR bears a date of its own, made with a clock that was set.
            moved = created_at
            if record.follows is None:
                moved = self._moved(record.session.bases)(created_at)
            created_at = max(moved, session.ended_at or session.started_at)
            cost = None if cost is None else session.cost
        remark = record.remark
        if any(self._inexact(basis.boot_id) for basis in record.session.bases):
            remark = "; ".join(part for part in (remark, INEXACT) if part)
        return replace(record, session=session, created_at=created_at, remark=remark, cost=cost)

    def when(self, boot_id: str, boot_s: float) -> datetime | None:
        """The wall time of a second of any boot, `None` where nothing is known of it."""
        zero = self._zero(boot_id)
        return None if zero is None else to_ms(zero + timedelta(seconds=boot_s))

    def _inexact(self, boot_id: str) -> bool:
        if boot_id == self.wall.boot_id:
            return not self.known()
        boot = self.boots.get(boot_id)
        return boot is not None and boot.exactness is Exactness.BOUNDED

    def _zero(self, boot_id: str) -> datetime | None:
        if boot_id == self.wall.boot_id:
            return self.wall.zero
        boot = self.boots.get(boot_id)
        return None if boot is None else boot.zero

    def _moves(self, bases: Iterable[TimeBasis]) -> bool:
        return any(self._step(basis) for basis in bases)

    def _step(self, basis: TimeBasis) -> timedelta:
        """By how much the times of this basis are to be moved; jitter is none."""
        zero = self._zero(basis.boot_id)
        step = timedelta() if zero is None else zero - basis.zero
        return step if abs(step.total_seconds()) > CORRECTION_S else timedelta()

    def _moved(self, bases: tuple[TimeBasis, ...]) -> _Move:
        def move(moment: datetime) -> datetime:
            basis = next(b for b in bases if b.until is None or moment <= b.until)
            return to_ms(moment + self._step(basis))

        return move if bases and bases[-1].until is None else lambda moment: moment


def _value(value: ValueRecord | None, move: _Move) -> ValueRecord | None:
    return None if value is None else replace(value, taken_at=move(value.taken_at))


@dataclass(slots=True)
class _InOrder:
    """Corrects one time after the other; none gets before the one before it."""

    move: _Move
    last: datetime | None = None

    def __call__(self, moment: datetime) -> datetime:
        moved = self.move(moment)
        self.last = moved if self.last is None else max(moved, self.last)
        return self.last
