"""The reservations that stand and those that ended lately; each is a session others can see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import uuid4

import msgspec
import structlog

from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.reservations import ReservationBook, ReservationRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import SessionRecord
from laddvakt_agent.reserved import Held
from laddvakt_agent.sessions import RECENT
from laddvakt_agent.unused import bill_unused
from laddvakt_agent.uplink.receivers.orders import Reserve

EXPIRED = "expired"
CANCELLED = "cancelled by the platform"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reservation as it stands; `ended_at` None: the connector is kept."""

    held: Held
    changed_at: datetime
    ended_at: datetime | None = None
    passed_on: bool = False  # its session is the guard's own
    reason: str = ""  # why it ended


@dataclass(slots=True, kw_only=True)
class Reservations:
    """All of them. A `Reserver` of the guards."""

    guards: Mapping[str, Guard]
    book: ReservationBook
    thread: LedgerThread
    known: Callable[[str], object | None]  # a session in the ledger, by its id
    now_s: Callable[[], float]
    wall: Callable[[], datetime]
    lost: Callable[[Held], None] = lambda held: None  # to be told at its response_url
    changed: Callable[[], None] = lambda: None
    _entries: dict[str, Entry] = field(default_factory=dict)  # by the id of its session
    _unpromised: tuple[Held, ...] = ()  # those still being written

    async def restore(self) -> None:
        """At the start: what stood goes on, unless its time is over.

        Raises:
            StorageError: the disk does not give it.
        """
        for row in await self.thread.call(self.book.all):
            try:
                entry = msgspec.json.decode(row.body, type=Entry)
            except msgspec.DecodeError as error:
                log.error("reservation_not_readable", reservation=row.id, error=str(error))
                continue
            if not entry.passed_on:
                self._entries[entry.held.session_id] = entry
        for name, guard in self.guards.items():
            guard.reserver = self
            guard.keeper.kept_for = partial(self._records, name)
        for entry in tuple(self._entries.values()):
            if entry.ended_at is None:
                known = await self.thread.call(self.known, entry.held.session_id)
                self._go_on(entry.held, redeemed=known is not None)

    def find(self, platform: str, reservation_id: str) -> Held | None:
        """One that stands, by the platform's own id."""
        wanted = (platform, reservation_id.casefold())
        for entry in self._entries.values():
            named = (entry.held.party, entry.held.id.casefold())
            if entry.ended_at is None and named == wanted:
                return entry.held
        return None

    async def keep(self, order: Reserve, guard: Guard) -> bool:
        """Keep a connector from now on; False: the disk does not take it, so it is not kept.

        One of the same name is replaced, and its session goes on.
        """
        now, before = self.wall(), self.find(order.by.platform, order.id)
        stood = None if before is None else self._entries[before.session_id]
        held = Held(
            party=order.by.platform,
            id=order.id,
            connector=guard.settings.connector,
            evse_uid=guard.evse_uid,
            token=order.token,
            group_id=order.group_id,
            since_at=now if before is None else before.since_at,
            expires_at=order.expires_at,
            session_id=str(uuid4()) if before is None else before.session_id,
            response_url=order.response_url,
            authorization_reference=order.reference,
        )
        if before is not None:
            self._release(before)
        guard.reservation = held  # at once: nobody else gets it while the disk is written
        entry = Entry(held=held, changed_at=now)
        self._entries[held.session_id] = entry
        self._unpromised = (*self._unpromised, held)
        try:
            await self.thread.persist(self.book.save, _row(entry))
        except StorageError as error:
            log.error("reservation_not_written", reservation=held.name, error=str(error))
            self._put_back(entry, stood)
            return False
        except asyncio.CancelledError:  # nobody waits any longer, so it was never promised
            self._put_back(entry, stood)
            raise
        finally:
            self._unpromised = tuple(one for one in self._unpromised if one is not held)
        log.info("reserved", connector=held.connector, reservation=held.name)
        self.changed()
        return guard.reservation is held

    def end(self, held: Held, reason: str) -> None:
        """Keep the connector no longer: cancelled, expired or not possible.

        What an unused one costs is billed; one that we could not keep costs nothing.
        """
        guard = self.guards.get(held.connector)
        billed = False
        if guard is not None and reason in (EXPIRED, CANCELLED):
            billed = bill_unused(guard.keeper, held, self.now_s(), expired=reason == EXPIRED)
        self._end(held, reason, passed_on=billed)
        self.changed()

    def redeemed(self, held: Held) -> None:
        """The customer has come: the guard's session goes on under the reservation's id."""
        self._end(held, "redeemed", passed_on=True)

    def dropped(self, held: Held, reason: str) -> None:
        """The connector cannot keep it: the platform hears so, unless nothing was promised yet."""
        self.end(held, reason)
        if all(one is not held for one in self._unpromised):
            self.lost(held)

    def look(self) -> None:
        """Once a second: whose time is over, and whose connector was taken out of service."""
        now = self.wall()
        for entry in tuple(self._entries.values()):
            held = entry.held
            if entry.ended_at is not None:
                continue
            if held.over(now):
                if not self._comes(held):
                    self.end(held, EXPIRED)
            elif not self.guards[held.connector].in_service:
                self.dropped(held, "taken out of service")

    def _comes(self, held: Held) -> bool:
        """The customer was let in in time, and is about to plug in; the guard soon forgets them."""
        guard = self.guards[held.connector]
        return guard.token is not None and held.redeems(guard.token, guard.group_id)

    def _put_back(self, entry: Entry, stood: Entry | None) -> None:
        """It was not promised; one that it should replace was, and stands as long as it can."""
        if stood is None:
            self.end(entry.held, "could not be written")
        if stood is None or self._entries.get(stood.held.session_id) is not entry:
            return
        self._release(entry.held)
        self._entries[stood.held.session_id] = stood
        self.thread.post(self.book.save, _row(stood))
        guard = self.guards[stood.held.connector]
        if guard.reservation is None and guard.keeper.running is None and guard.token is None:
            guard.reservation = stood.held
        else:
            self.dropped(stood.held, "somebody else came meanwhile")
        self.changed()

    def _go_on(self, held: Held, *, redeemed: bool) -> None:
        guard = self.guards.get(held.connector)
        if redeemed:
            self.redeemed(held)
        elif guard is None or held.over(self.wall()):
            self.end(held, EXPIRED if guard is not None else "the connector is gone")
        else:
            guard.reservation = held

    def _end(self, held: Held, reason: str, *, passed_on: bool = False) -> None:
        self._release(held)
        known = self._entries.get(held.session_id)
        if known is None or known.held is not held or known.ended_at is not None:
            return
        now = self.wall()
        entry = replace(known, changed_at=now, ended_at=now, passed_on=passed_on, reason=reason)
        self._entries[held.session_id] = entry
        self.thread.post(self.book.save, _row(entry))
        self._forget(held.connector)
        log.info("reservation_ended", reservation=held.name, reason=reason)

    def _release(self, held: Held) -> None:
        guard = self.guards.get(held.connector)
        if guard is not None and guard.reservation is held:
            guard.reservation = None

    def _forget(self, connector: str) -> None:
        """Those whose session goes on elsewhere, and old ones of which every platform knows."""
        ended = [entry for entry in self._of(connector) if entry.ended_at is not None]
        newest = [entry for entry in ended if not entry.passed_on][-RECENT:]
        guard = self.guards.get(connector)
        for entry in ended:
            heard = guard is None or guard.keeper.heard(entry.held.session_id)
            if entry.passed_on or (entry not in newest and heard):
                del self._entries[entry.held.session_id]

    def _records(self, connector: str) -> tuple[SessionRecord, ...]:
        """Their sessions: those that wait, and the newest that nobody came for."""
        told = (entry for entry in self._of(connector) if not entry.passed_on)
        return tuple(entry.held.record(entry.changed_at, entry.ended_at) for entry in told)

    def _of(self, connector: str) -> list[Entry]:
        """Oldest change first."""
        mine = (entry for entry in self._entries.values() if entry.held.connector == connector)
        return sorted(mine, key=lambda entry: entry.changed_at)


def _row(entry: Entry) -> ReservationRow:
    held = entry.held
    return ReservationRow(
        party=held.party,
        id=held.id.casefold(),
        connector=held.connector,
        body=msgspec.json.encode(entry).decode(),
        expires_wall=held.expires_at,
        ended=entry.ended_at,
    )
