"""Watches the wall clock once a second and writes down how it came to be known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from laddvakt_agent.clock import Clock, ClockState, Seen
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.kernel_time import STEP_S
from laddvakt_agent.ledger.clock_book import BootTime, ClockBook, Exactness
from laddvakt_agent.ledger.rows import ClockStepRow
from laddvakt_agent.retime import Retimer
from laddvakt_agent.wall import Wall

STEPS_READ = 1000  # the newest ones, at the start
ROWS_PER_HOUR = 20  # two time sources may fight each second, and the disk must not suffer
HOUR_S = 3600.0

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class ClockKeeper:
    """One row for each jump of the wall clock, and one when it became known."""

    clock: Clock
    times: ClockBook
    retimer: Retimer
    post: Callable[[Callable[[ClockStepRow], None], ClockStepRow], None]  # to the ledger's thread
    book: FaultBook | None = None  # whose faults have times too
    on_step: Callable[[ClockStepRow], None] = lambda row: None  # others want to know too
    _before: Seen | None = None
    _written: list[float] = field(default_factory=list)  # when the last hour's rows were
    _zero: datetime = field(init=False)
    _boots: Mapping[str, BootTime] = field(init=False)

    def __post_init__(self) -> None:
        self._boots = self.retimer.boots = _by_id(self.times)
        self._zero = self.retimer.wall.zero
        self._before = self._left()

    def look(self, now_s: float) -> None:
        """Compare the clock with how it was; to be called once a second with the boot time."""
        seen = self.clock.seen()
        rows = tuple(self._rows(seen, now_s))
        self._written = [at_s for at_s in self._written if now_s - at_s < HOUR_S]
        if rows and len(self._written) >= ROWS_PER_HOUR:
            self._restamp(now_s)  # a row in a while tells all of it, from here on
            return
        self._written += [now_s for _ in rows]
        for row in rows:
            log.info("clock_noted", reason=row.reason, state=row.clock_state,
                     before=row.from_wall.isoformat(), now=row.to_wall.isoformat())  # fmt: skip
            self.post(self._note, row)
            self.on_step(row)
        self._before = seen
        self._restamp(now_s)

    def _left(self) -> Seen | None:
        """The wall clock as an earlier run of this boot last wrote it down.

        It may have been set since: what was synchronised then may be known better now.
        """
        steps = self.times.steps(STEPS_READ)
        mine = (s for s in steps if s.boot_id == self.clock.boot_id and s.reason != "peer")
        last = next(mine, None)
        if last is None:
            return None
        state = ClockState.SYNCED if _is_sync(last) else ClockState.RESTORED
        zero = last.to_wall - timedelta(seconds=last.at_s)
        return replace(self.clock.seen(), state=state, zero=zero)

    def _restamp(self, now_s: float) -> None:
        """The faults' times follow what is known of this boot, and of the ones before."""
        zero, boots = self.retimer.wall.zero, self.retimer.boots
        if self.book is not None and (zero != self._zero or boots is not self._boots):
            at = self.retimer.wall.at(now_s)
            self.book.restamp(zero - self._zero, self.retimer.when, at)
        self._zero, self._boots = zero, boots

    def _rows(self, seen: Seen, now_s: float) -> Iterator[ClockStepRow]:
        before, now = self._before, timedelta(seconds=now_s)
        was_synced = before is not None and before.state is ClockState.SYNCED
        stepped = before is not None and abs((seen.zero - before.zero).total_seconds()) > STEP_S

        def row(reason: str, from_: Seen) -> ClockStepRow:
            told = reason == "peer"
            return ClockStepRow(
                boot_id=self.clock.boot_id,
                at_s=now_s,
                from_wall=(from_.best if told else from_.zero) + now,
                to_wall=(seen.best if told else seen.zero) + now,
                clock_state=seen.state.value,
                reason=reason,
            )

        if before is not None and stepped:
            yield row("step", before)
        elif seen.state is ClockState.SYNCED and not was_synced:
            yield row("sync", before or seen)
        if before is not None and _told(before, seen):
            yield row("peer", before)

    def _note(self, row: ClockStepRow) -> None:
        """On the ledger's thread."""
        self.times.add_step(row)
        self.retimer.boots = _by_id(self.times)


def wall_of(clock: Clock, times: ClockBook) -> Wall:
    """The wall of this boot, with what earlier runs in it knew of its clock."""
    boot = times.boot(clock.boot_id)
    if boot is not None and boot.zero is not None:
        clock.recall(
            synced=boot.zero if boot.exactness is Exactness.SYNCED else None,
            peer=boot.zero if boot.exactness is Exactness.PEER else None,
        )
    return Wall(wall_at=clock.wall_at, take_step_s=clock.take_step_s, boot_id=clock.boot_id)


def _told(before: Seen, seen: Seen) -> bool:
    """Whether the backend told the time, or confirmed it, since the look before."""
    if seen.state is ClockState.SYNCED:
        return False
    return seen.peer != before.peer


def _is_sync(step: ClockStepRow) -> bool:
    return step.clock_state == ClockState.SYNCED.value


def _by_id(times: ClockBook) -> dict[str, BootTime]:
    return {boot.boot_id: boot for boot in times.boots()}
