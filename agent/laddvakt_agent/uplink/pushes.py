"""How each kind of object is told: which requests, and what to do when one is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from laddvakt_agent.uplink.book import Book, Entry, Kind, decode_body, over
from laddvakt_agent.uplink.cdr_pushes import CdrPushes
from laddvakt_agent.uplink.errors import Missing, Rejected, Unreachable, UplinkError
from laddvakt_agent.uplink.objects import session_patch
from laddvakt_agent.uplink.stamped import stamped_location, with_state, with_states
from laddvakt_agent.uplink.telling import Sender, Teller, holds
from laddvakt_agent.uplink.text import from_date_time, next_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.uplink.objects import Content, Json
    from laddvakt_agent.uplink.settings import UplinkSettings


class WallClock(Protocol):
    """Where new objects get their time from."""

    def wall(self) -> datetime:
        """The wall clock, aware."""
        ...


class Pushes:
    """Tells one object with as few requests as it takes; UplinkError says why it did not work."""

    def __init__(
        self, settings: UplinkSettings, book: Book, client: Sender, clock: WallClock
    ) -> None:
        self._settings = settings
        self._book = book
        self._client = client
        self._clock = clock
        self._teller = Teller(settings, book, client)
        self._cdrs = CdrPushes(settings, book, client, self._teller)

    async def push(self, entry: Entry) -> None:
        """Tell the wanted content of one object, and confirm it in the book."""
        before, told = entry.acked, entry.told
        try:
            match entry.kind:
                case Kind.LOCATION:
                    await self._location(entry)
                case Kind.EVSE:
                    await self._evse(entry)
                case Kind.SESSION:
                    await self._session(entry)
                case Kind.FAULT:
                    await self._fault(entry)
                case Kind.CDR:
                    await self._cdrs.push(entry)
                case Kind.TARIFF:
                    await self._tariff(entry)
        except Unreachable:
            self._book.unsent(entry, before, told)
            raise

    async def _location(self, entry: Entry) -> None:
        """PUT the Location with every status; the statuses are confirmed with it."""
        content = entry.content
        evses = {evse.object_id: evse for evse in self._book.entries(Kind.EVSE)}
        statuses = {uid: evse.content for uid, evse in evses.items()}
        body = self._stamped(entry, evses)
        stamp = from_date_time(str(body["last_updated"]))
        stamps = {
            str(evse["uid"]): from_date_time(str(evse["last_updated"]))
            for evse in _objects(body, "evses")
            if evse["uid"] in evses
        }
        for uid, evse_stamp in stamps.items():
            if evses[uid].pending:
                await self._book.sending(evses[uid], statuses[uid], evse_stamp)
        await self._book.sending(entry, body, stamp)
        await self._teller.tell(
            entry, self._teller.url("locations", entry.object_id), body, changes=None
        )
        await self._book.confirm(entry, content, stamp, body=body)
        for uid, evse_stamp in stamps.items():
            await self._book.confirm(evses[uid], statuses[uid], evse_stamp)

    def _stamped(self, entry: Entry, evses: Mapping[str, Entry]) -> Content:
        """The Location with its times; what the receiver has already keeps the times it has."""
        acks = {uid: evse.acked for uid, evse in evses.items() if evse.acked is not None}
        known = [acked.last_updated for acked in acks.values()]
        known += [] if entry.acked is None else [entry.acked.last_updated]
        told = {
            uid: (evse.told, acks[uid].last_updated)
            for uid, evse in evses.items()
            if evse.told is not None and uid in acks
        }
        wanted = {
            uid: (evse.content, self._book.stamp(evse, evse.content, evse.changed_at))
            for uid, evse in evses.items()
        }
        before = entry.sent
        if before is None and entry.acked is not None and entry.acked.acknowledged:
            before = decode_body(entry.acked)
        return stamped_location(
            entry.content,
            before=None if before is None else with_states(before, told),
            states=wanted,
            once=before or (None if entry.acked is None else decode_body(entry.acked)),
            fresh=next_stamp(self._clock.wall(), max(known, default=None)),
        )

    async def _evse(self, entry: Entry) -> None:
        """PATCH the status; what a PATCH cannot take away, and any doubt about it, takes a PUT."""
        content = entry.content
        if entry.told is not None:
            is_patch = _only_adds(entry.told, content)
        else:  # in doubt a PATCH could leave a fault behind where faults are told
            is_patch = not self._settings.faults_inside
        stamp = self._book.stamp(entry, content, entry.changed_at)
        await self._book.sending(entry, content, stamp)
        url = self._teller.url("locations", self._settings.location.id, entry.object_id)
        chain = self._client.new_id()
        body = entry.body(content, stamp) if is_patch else self._whole_evse(entry, content, stamp)
        if body is None:
            await self._within_location(entry, None)
            return
        try:
            method = "PATCH" if is_patch else "PUT"
            await self._teller.send(entry.kind, method, url, body, chain)
        except (Missing, Rejected) as refusal:
            found = await self._teller.shown(url, chain)
            if found is None and self._location_of():
                await self._within_location(entry, refusal)
                return
            if not holds(found, content) or _has_more(found, content):
                await self._teller.go_past(entry, found, stamp)
                stamp = self._book.stamp(entry, content, entry.changed_at)
                await self._book.sending(entry, content, stamp)
                body = self._whole_evse(entry, content, stamp)
                if body is None:
                    raise
                await self._teller.send(entry.kind, "PUT", url, body, chain)
        await self._book.confirm(entry, content, stamp)

    async def _within_location(self, entry: Entry, refusal: UplinkError | None) -> None:
        """PUT the whole Location: it carries this EVSE's state."""
        location = self._location_of()
        if location is None:
            raise refusal or Rejected(f"EVSE {entry.object_id}: its Location is not wanted")
        await self._location(location)

    def _location_of(self) -> Entry | None:
        return self._book.find(Kind.LOCATION, self._settings.location.id)

    def _whole_evse(self, entry: Entry, content: Content, stamp: datetime) -> Content | None:
        """The EVSE as it was told within its Location, as it is now; `None` before that."""
        location = self._location_of()
        told = None if location is None or location.acked is None else decode_body(location.acked)
        for evse in _objects(told or {}, "evses"):
            if evse["uid"] == entry.object_id:
                return with_state(evse, content, stamp)
        return None

    async def _session(self, entry: Entry) -> None:
        """PATCH what is new when the receiver surely has the rest, PUT otherwise."""
        content, told = entry.content, entry.told
        patch = None if told is None else session_patch(told, content)
        stamp = self._book.stamp(entry, content, self._changed_at(entry))
        url = self._teller.url("sessions", entry.object_id)
        if _may_be_over(entry) and over(content) and await self._is_over(url):
            await self._book.confirm(entry, content, stamp)
            return
        await self._book.sending(entry, content, stamp)
        changes = None if patch is None else entry.body(patch, stamp)
        await self._teller.tell(entry, url, entry.body(content, stamp), changes)
        await self._book.confirm(entry, content, stamp)

    async def _is_over(self, url: str) -> bool:
        """Whether the receiver knows the end: mod_sessions, a COMPLETED one cannot be modified."""
        found = await self._teller.looked(url, self._teller.found(url, self._client.new_id()))
        return found is not None and over(found)

    async def _tariff(self, entry: Entry) -> None:
        """PUT, or DELETE what is no longer offered; what is not there need not be taken back."""
        content = entry.content
        stamp = self._book.stamp(entry, content, entry.changed_at)
        await self._book.sending(entry, content, stamp)
        url = self._teller.url("tariffs", entry.object_id)
        if content:
            await self._teller.tell(entry, url, entry.body(content, stamp), changes=None)
        else:
            with suppress(Missing):
                await self._client.send("DELETE", url, correlation_id=self._client.new_id())
        await self._book.confirm(entry, content, stamp)

    async def _fault(self, entry: Entry) -> None:
        content = entry.content
        stamp = self._book.stamp(entry, content, self._changed_at(entry))
        await self._book.sending(entry, content, stamp)
        url = self._teller.url("faults", entry.object_id)
        await self._teller.tell(entry, url, entry.body(content, stamp), changes=None)
        await self._book.confirm(entry, content, stamp)

    def _changed_at(self, entry: Entry) -> datetime:
        """When it changed; in doubt since an earlier run, now: what was sent last is not known."""
        acked = entry.acked
        if entry.sent is None and acked is not None and not acked.acknowledged:
            return max(entry.changed_at, self._clock.wall())
        return entry.changed_at


def _may_be_over(entry: Entry) -> bool:
    """Whether the end of a session may have arrived before, in this run or an earlier one."""
    return entry.in_doubt and (entry.sent is None or over(entry.sent))


def _has_more(found: Content | None, content: Content) -> bool:
    """Whether the receiver's EVSE still has faults of which none stands any more."""
    return found is not None and bool(found.get("faults")) and "faults" not in content


def _only_adds(told: Content, content: Content) -> bool:
    """Whether a PATCH can say how an EVSE is now: it cannot take a fault away."""
    now = _ids(content)
    return all(fault in now for fault in _ids(told))


def _ids(content: Content) -> list[Json]:
    return [fault["id"] for fault in _objects(content, "faults")]


def _objects(content: Content, name: str) -> list[Content]:
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
