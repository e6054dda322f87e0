"""Keeps the running agent's ledger usable: a file that breaks is renewed, a disk that returns used.

Looks once a second on the ledger's thread. What only this process still knows is written into a
renewed ledger before anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

import msgspec
import structlog

from laddvakt_agent.faultbook import Entry
from laddvakt_agent.found import last_read_s
from laddvakt_agent.guard import Guard
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.errors import LedgerError, StorageError
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.renewal import Renewed
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread, of_the_whole
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.sessions import Kept
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.station_facts import FactsKeeper

AGAIN_S = 10.0  # after a renewal that failed: each try may copy the whole ledger
APART_S = 3.0  # between two that succeeded
OWN_FILE_S = 10.0  # one of the latches' files refuses: each try wears the others

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a ledger that was not there at the start knows."""

    sessions: Mapping[str, tuple[Kept, ...]] = field(default_factory=dict)
    faults: tuple[Entry, ...] = ()
    out_of_service: frozenset[str] = frozenset()
    in_maintenance: frozenset[str] = frozenset()
    cdrs: tuple[CdrRecord, ...] = ()
    acks: tuple[AckRow, ...] = ()


@dataclass(slots=True, kw_only=True)
class LedgerWatch:
    """One agent's; call `look` once a second."""

    ledger: Ledger
    thread: LedgerThread
    journal: Journal
    guards: Mapping[str, Guard]
    publisher: Publisher
    facts: FactsKeeper
    now_s: Callable[[], float]
    came_home: Callable[[tuple[AckRow, ...]], None] = lambda acks: None  # the uplink wants them
    begin_anew: Callable[[], None] = lambda: None  # ends this run in good order, for another
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _again_s: float = 0.0
    _retried_s: float = 0.0
    _worked: int = 0
    _looking: bool = False

    def __post_init__(self) -> None:
        self.thread.heal = self._heal
        self.thread.note_dropped = self.ledger.retention.note

    def look(self, now_s: float) -> None:
        """Offer the disk what it has refused, and see whether the ledger is still there."""
        refused = self.thread.refused
        if refused is None or of_the_whole(refused) or now_s >= self._retried_s + OWN_FILE_S:
            self._retried_s = now_s
            self.thread.retry()
        if self.thread.worked != self._worked and not self.thread.waiting:
            self.facts.write_worked()
        self._worked = self.thread.worked
        if not self._looking:
            self._looking = True
            self.thread.aside(lambda: self._look(now_s))

    # On the ledger's thread

    def _look(self, now_s: float) -> None:
        try:
            if not self.ledger.renewal.on_disk:
                self._come_home(now_s)
            elif wrong := self.ledger.renewal.wrong():
                self._renew(wrong, damaged=False)
        finally:
            self._looking = False

    def _heal(self, error: StorageError) -> bool:
        return self._renew(str(error), damaged=True)

    def _renew(self, why: str, *, damaged: bool) -> bool:
        if self.now_s() < self._again_s:
            return False
        self._again_s = self.now_s() + APART_S
        try:
            renewed = self.ledger.renewal.renew(why, damaged=damaged)
        except LedgerError as error:
            self._again_s = self.now_s() + AGAIN_S
            self._tell(self._not_renewed, why, error)
            return False
        self.thread.hold()
        self._tell(self._renewed, renewed)
        return True

    def _come_home(self, now_s: float) -> None:
        if now_s < self._again_s:
            return
        try:
            renewed = self.ledger.renewal.come_home()
        except LedgerError:  # that the ledger stands nowhere is told already
            self._again_s = now_s + AGAIN_S
            return
        try:
            found = self._found()
        except (LedgerError, msgspec.DecodeError) as error:
            log.error("ledger_not_understood", error=str(error), effect="what it holds stays there")
            found = _Found()
        self._tell(self._home, renewed, found)

    def _found(self) -> _Found:
        return _Found(
            sessions={name: self.journal.inherited_sessions(name) for name in self.guards},
            faults=self.journal.inherited_faults(),
            out_of_service=self.journal.out_of_service(),
            in_maintenance=self.journal.in_maintenance(),
            cdrs=self.ledger.cdrs(unacknowledged_only=True),
            acks=tuple(chain.from_iterable(self.ledger.audience.everybody().values())),
        )

    def _tell(self, fn: Callable[..., None], *args: object) -> None:
        self._loop.call_soon_threadsafe(fn, *args)

    # In the loop

    def _not_renewed(self, why: str, error: LedgerError) -> None:
        log.error("ledger_not_renewed", reason=why, error=str(error), again_in_s=AGAIN_S)
        self.facts.damage_seen(why, self.now_s())
        self.set_durable()

    def _renewed(self, renewed: Renewed) -> None:
        """Everything this process knows comes first, then what has waited."""
        log.error(
            "ledger_renewed", reason=renewed.why, salvaged=renewed.salvaged,
            remedy="send the damaged file beside the ledger to support",
        )  # fmt: skip
        self.facts.damage_seen(renewed.why, self.now_s())
        self.set_durable()
        with self.thread.ahead():
            self._write_again()
        self._write_latches(renewed)

    def _write_again(self) -> None:
        for guard in self.guards.values():
            for kept in _unbilled(guard):
                self.journal.session(kept)
            for verb in _left_by_hand(guard):
                self.journal.command(
                    who="agent",
                    verb=verb,
                    connector=guard.settings.connector,
                    detail="still so when the ledger was renewed",
                    outcome="done",
                )
        waiting = self.journal.unsaved  # these come with their whole session
        bills = [cdr for cdr in self.publisher.cdrs if cdr.id not in waiting]
        self.journal.standing(self.publisher.book.entries.values(), bills)
        self.publisher.statuses.write_again()

    def _home(self, renewed: Renewed, found: _Found) -> None:
        """What the ledger on the disk knows counts from now on."""
        self._retried_s = 0.0  # the latches' files may be writable too
        log.info("ledger_on_disk", salvaged=renewed.salvaged)
        self._write_latches(renewed)
        if renewed.latches_found:  # so far nobody could charge; the cores learn of them only so
            log.error("latches_found", effect="the agent begins anew, with them")
            self.begin_anew()
        if renewed.why:
            self.facts.damage_seen(renewed.why, self.now_s())
        self._inherit_faults(found.faults)
        for name, guard in self.guards.items():
            guard.in_service = guard.in_service and name not in found.out_of_service
            guard.maintenance = guard.maintenance or name in found.in_maintenance
            self._inherit_sessions(guard, found.sessions.get(name, ()))
        self.came_home(found.acks)
        known = {cdr.id for cdr in self.publisher.cdrs}
        self.publisher.cdrs.extend(cdr for cdr in found.cdrs if cdr.id not in known)
        self.set_durable()

    def _inherit_sessions(self, guard: Guard, found: tuple[Kept, ...]) -> None:
        """Those of this run are not found: the disk has an older state of them, which it gets anew.

        Settled from that state as well, a session would be billed while it goes on.
        """
        own = _unbilled(guard)
        known = {kept.session.id for kept in own} | {told.id for told in guard.keeper.recent}
        for kept in own:
            self.journal.session(kept)
        left = [kept for kept in found if kept.session.id not in known]
        for kept, after in zip(left, (*left[1:], guard.keeper.running), strict=False):
            _inherit_session(guard, kept, after, self.now_s())

    def _write_latches(self, renewed: Renewed) -> None:
        """What the disk did not take of them waits like anything else."""
        if renewed.latches_due:
            self.thread.post(self.ledger.renewal.write_latches)

    def _inherit_faults(self, entries: tuple[Entry, ...]) -> None:
        """What stood before goes on under its id, unless the same has been raised anew since."""
        book = self.publisher.book
        for entry in entries:
            standing = book.entries.get((entry.fault.code, entry.fault.subject))
            if standing is None:
                book.inherit((entry,))
            elif standing.id != entry.id:
                self.journal.fault(replace(entry, cleared_at=standing.started_at))

    def set_durable(self) -> None:
        """Sessions begin only where the ledger stands on a disk."""
        for guard in self.guards.values():
            guard.durable = self.ledger.renewal.on_disk


def _unbilled(guard: Guard) -> tuple[Kept, ...]:
    """The running session, the one found and not yet proved, and those that settle."""
    kept = (guard.keeper.running, guard.found.kept if guard.found is not None else None)
    return (*(one for one in kept if one is not None), *guard.keeper.ending)


def _left_by_hand(guard: Guard) -> tuple[str, ...]:
    """What a person asked for that lasts until it is taken back."""
    lasting = (("out", not guard.in_service), ("maintenance", guard.maintenance))
    return tuple(verb for verb, holds in lasting if holds)


def _inherit_session(guard: Guard, kept: Kept, after: Kept | None, now_s: float) -> None:
    """Of a run before this one: nobody has watched its vehicle since, so it is settled.

    `after`: the session that began after it.
    """
    if after is not None:
        guard.keeper.overtaken(kept, after.session, last_read_s(kept), now_s)
    elif kept.session.ended_s is None:
        why = "the ledger could not be read when the agent started"
        guard.keeper.refuse(kept, why, last_read_s(kept), now_s)
    else:
        guard.keeper.ending.append(kept)
