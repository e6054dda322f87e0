"""How each kind of object is told: which requests, and what to do when one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from laddvakt_agent.uplink.book import Book, Entry, Kind, decode_body
from laddvakt_agent.uplink.client import join_url
from laddvakt_agent.uplink.errors import Missing, Rejected, Unreachable, UplinkError
from laddvakt_agent.uplink.objects import session_patch
from laddvakt_agent.uplink.stamped import stamped_location, with_statuses
from laddvakt_agent.uplink.text import from_date_time, next_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.uplink.client import Answer
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.settings import UplinkSettings

# What must agree for a CDR found at the receiver to be ours: it may write the rest differently.
_CDR_IDENTITY = ("id", "session_id", "total_energy")


class Sender(Protocol):
    """What the pushes need of the client."""

    def new_id(self) -> str:
        """A UUID for one chain of requests."""
        ...

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Answer:
        """One request; UplinkError for any other outcome than success."""
        ...


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
                    await self._cdr(entry)
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
        await self._tell(entry, self._url("locations", entry.object_id), body, changes=None)
        await self._book.confirm(entry, content, stamp, body=body)
        for uid, evse_stamp in stamps.items():
            await self._book.confirm(evses[uid], statuses[uid], evse_stamp)

    def _stamped(self, entry: Entry, evses: Mapping[str, Entry]) -> Content:
        """The Location with its times; what the receiver has already keeps the times it has."""
        acks = {uid: evse.acked for uid, evse in evses.items() if evse.acked is not None}
        known = [acked.last_updated for acked in acks.values()]
        known += [] if entry.acked is None else [entry.acked.last_updated]
        told = {
            uid: (evse.told["status"], acks[uid].last_updated)
            for uid, evse in evses.items()
            if evse.told is not None and uid in acks
        }
        wanted = {
            uid: (evse.content["status"], self._book.stamp(evse, evse.content, evse.changed_at))
            for uid, evse in evses.items()
        }
        before = entry.sent
        if before is None and entry.acked is not None and entry.acked.acknowledged:
            before = decode_body(entry.acked)
        return stamped_location(
            entry.content,
            before=None if before is None else with_statuses(before, told),
            statuses=wanted,
            fresh=next_stamp(self._clock.wall(), max(known, default=None)),
        )

    async def _evse(self, entry: Entry) -> None:
        """PATCH the status; a receiver that does not take it is asked what it has."""
        content = entry.content
        stamp = self._book.stamp(entry, content, entry.changed_at)
        await self._book.sending(entry, content, stamp)
        url = self._url("locations", self._settings.location.id, entry.object_id)
        chain = self._client.new_id()
        try:
            await self._client.send("PATCH", url, entry.body(content, stamp), correlation_id=chain)
        except (Missing, Rejected):
            found = await self._found(url, chain)
            location = self._book.find(Kind.LOCATION, self._settings.location.id)
            if found is None and location is not None:
                await self._location(location)  # it carries this status
                return
            if not _holds(found, content):
                await self._go_past(entry, found, stamp)
                stamp = self._book.stamp(entry, content, entry.changed_at)
                await self._book.sending(entry, content, stamp)
                body = self._whole_evse(entry, entry.body(content, stamp))
                if body is None:
                    raise
                await self._client.send("PUT", url, body, correlation_id=chain)
        await self._book.confirm(entry, content, stamp)

    def _whole_evse(self, entry: Entry, changes: Content) -> Content | None:
        """The EVSE as it was told within its Location, with `changes`; `None` before that."""
        location = self._book.find(Kind.LOCATION, self._settings.location.id)
        told = None if location is None or location.acked is None else decode_body(location.acked)
        for evse in _objects(told or {}, "evses"):
            if evse["uid"] == entry.object_id:
                return {**evse, **changes}
        return None

    async def _session(self, entry: Entry) -> None:
        """PATCH what is new when the receiver surely has the rest, PUT otherwise."""
        content, told = entry.content, entry.told
        patch = None if told is None else session_patch(told, content)
        stamp = self._book.stamp(entry, content, self._changed_at(entry))
        await self._book.sending(entry, content, stamp)
        url = self._url("sessions", entry.object_id)
        changes = None if patch is None else entry.body(patch, stamp)
        await self._tell(entry, url, entry.body(content, stamp), changes)
        await self._book.confirm(entry, content, stamp)

    async def _fault(self, entry: Entry) -> None:
        content = entry.content
        stamp = self._book.stamp(entry, content, self._changed_at(entry))
        await self._book.sending(entry, content, stamp)
        url = self._url("faults", entry.object_id)
        await self._tell(entry, url, entry.body(content, stamp), changes=None)
        await self._book.confirm(entry, content, stamp)

    def _changed_at(self, entry: Entry) -> datetime:
        """When it changed; in doubt since an earlier run, now: what was sent last is not known."""
        acked = entry.acked
        if entry.sent is None and acked is not None and not acked.acknowledged:
            return max(entry.changed_at, self._clock.wall())
        return entry.changed_at

    async def _cdr(self, entry: Entry) -> None:
        """POST until acknowledged, with the same id and body; in doubt look before repeating."""
        before = entry.acked
        content = entry.content if before is None else (decode_body(before) or entry.content)
        stamp = from_date_time(str(content["last_updated"]))
        chain = self._client.new_id()
        location_url = None if before is None else before.location_url
        if location_url is None or not await self._is_there(location_url, content, chain):
            await self._book.sending(entry, content, stamp)
            location_url = await self._post_cdr(entry, content, chain)
        await self._book.confirm(entry, content, stamp, body=content, location_url=location_url)

    async def _post_cdr(self, entry: Entry, content: Content, chain: str) -> str | None:
        """Where the receiver keeps it, as far as it says so."""
        endpoint = self._settings.endpoints.cdrs
        try:
            answer = await self._client.send("POST", endpoint, content, correlation_id=chain)
        except (Missing, Rejected) as refusal:
            # "Already known" looks like any other refusal: only the CDR itself proves it.
            candidates = (refusal.location_url, join_url(endpoint, str(content["id"])))
            for url in filter(None, candidates):
                if await self._is_there(url, content, chain):
                    return url
            raise
        except UplinkError as doubt:
            if doubt.location_url is not None:
                await self._book.locate(entry, doubt.location_url)
            raise
        return answer.location_url

    async def _is_there(self, url: str, cdr: Content, chain: str) -> bool:
        found = await self._found(url, chain)
        identity = {name: cdr[name] for name in _CDR_IDENTITY if name in cdr}
        return found is not None and _holds(found, identity)

    async def _tell(self, entry: Entry, url: str, body: Content, changes: Content | None) -> None:
        """PATCH `changes`, if there are any; where that is refused, or none, PUT `body`.

        A refusal is checked against what the receiver has: the request before may have arrived.
        """
        chain = self._client.new_id()
        if changes is not None:
            try:
                await self._client.send("PATCH", url, changes, correlation_id=chain)
            except (Missing, Rejected):
                if await self._is_told(entry, url, body, chain):
                    return
            else:
                return
        try:
            await self._client.send("PUT", url, body, correlation_id=chain)
        except (Missing, Rejected):
            if not await self._is_told(entry, url, body, chain):
                raise

    async def _is_told(self, entry: Entry, url: str, body: Content, chain: str) -> bool:
        """Whether the receiver has all of `body`, whenever it got it."""
        found = await self._found(url, chain)
        content = {name: value for name, value in body.items() if name != "last_updated"}
        if _holds(found, content):
            return True
        await self._go_past(entry, found, from_date_time(str(body["last_updated"])))
        return False

    async def _go_past(self, entry: Entry, found: Content | None, stamp: datetime) -> None:
        """When the receiver's object is the younger one, the next attempt is younger still."""
        try:
            theirs = from_date_time(str((found or {}).get("last_updated")))
        except ValueError:
            return
        if theirs >= stamp:
            await self._book.outrun(entry, theirs)

    async def _found(self, url: str, chain: str) -> Content | None:
        """What the receiver has there, `None` when it has nothing it would show."""
        try:
            answer = await self._client.send("GET", url, correlation_id=chain)
        except (Missing, Rejected):
            return None
        return answer.data if isinstance(answer.data, dict) else None

    def _url(self, module: str, *ids: str) -> str:
        """A client-owned object's URL: transport_and_format, Client Owned Object Push."""
        endpoints = self._settings.endpoints
        endpoint = {
            "locations": endpoints.locations,
            "sessions": endpoints.sessions,
            "faults": endpoints.faults or "",
        }[module]
        return join_url(endpoint, self._settings.country_code, self._settings.party_id, *ids)


def _holds(found: Content | None, content: Content) -> bool:
    """Whether the receiver's object says all that `content` says."""
    return found is not None and all(found.get(name) == value for name, value in content.items())


def _objects(content: Content, name: str) -> list[Content]:
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
