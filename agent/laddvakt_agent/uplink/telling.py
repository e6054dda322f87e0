"""One object at a receiver: PATCH or PUT it, and look what is there when that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from laddvakt_agent.uplink import objects, structs
from laddvakt_agent.uplink.book import Book, Entry, Kind, over
from laddvakt_agent.uplink.client import join_url
from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
)
from laddvakt_agent.uplink.text import from_date_time

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from laddvakt_agent.uplink.client import Answer
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.settings import UplinkSettings


T = TypeVar("T")
# Looks for what may have arrived that failed, after which it is sent again unseen. Some fail, or
# show a page, instead of saying that they do not have it; silence may be the network's.
_FAILED_LOOKS = 3
_SILENT_LOOKS = 10
MEND_IT = (
    "correct in the configuration what the reason names; where it names nothing from there, "
    "report it with: laddvakt uplink status --json"
)
_NAMES = {
    Kind.LOCATION: "Location",
    Kind.EVSE: "EVSE",
    Kind.FAULT: "Fault",
    Kind.SESSION: "Session",
    Kind.CDR: "CDR",
    Kind.TARIFF: "Tariff",
}


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


class Teller:
    """What every kind of push needs."""

    def __init__(self, settings: UplinkSettings, book: Book, client: Sender) -> None:
        self._settings = settings
        self._book = book
        self._client = client
        self._failed_looks: dict[str, int] = {}

    async def send(self, kind: Kind, method: str, url: str, body: Content, chain: str) -> Answer:
        """One object on its way, checked against the tables of the platform's version.

        Raises:
            UplinkError: any other outcome than success; `Rejected` where it must not be sent.
        """
        try:
            told = objects.leaving(self._settings, _NAMES[kind], body, patch=method == "PATCH")
        except structs.Invalid as error:
            raise Rejected(f"not sent to {url}: {error}", remedy=MEND_IT) from error
        return await self._client.send(method, url, told, correlation_id=chain)

    async def tell(self, entry: Entry, url: str, body: Content, changes: Content | None) -> None:
        """PATCH `changes`, if there are any; where that is refused, or none, PUT `body`.

        A refusal is checked against what the receiver has: the request before may have arrived.
        """
        chain = self._client.new_id()
        if changes is not None:
            try:
                await self.send(entry.kind, "PATCH", url, changes, chain)
            except (Missing, Rejected):
                if await self._is_told(entry, url, body, chain):
                    return
            else:
                return
        try:
            await self.send(entry.kind, "PUT", url, body, chain)
        except (Missing, Rejected):
            if not await self._is_told(entry, url, body, chain):
                raise

    async def _is_told(self, entry: Entry, url: str, body: Content, chain: str) -> bool:
        """Whether the receiver has all of `body`, whenever it got it."""
        found = await self.shown(url, chain)
        content = {name: value for name, value in body.items() if name != "last_updated"}
        if holds(found, content):
            return True
        if entry.kind is Kind.SESSION and found is not None and over(found) and over(content):
            return True  # it takes no correction any more: the CDR says how it really was
        await self.go_past(entry, found, from_date_time(str(body["last_updated"])))
        return False

    async def go_past(self, entry: Entry, found: Content | None, stamp: datetime) -> None:
        """When the receiver's object is the younger one, the next attempt is younger still."""
        try:
            theirs = from_date_time(str((found or {}).get("last_updated")))
        except ValueError:
            return
        if theirs >= stamp:
            await self._book.outrun(entry, theirs)

    async def found(self, url: str, chain: str) -> Content | None:
        """What the receiver has there, `None` when it has nothing it would show us."""
        try:
            answer = await self._client.send("GET", url, correlation_id=chain)
        except (Missing, Rejected, Unauthorised):
            return None
        data = answer.data
        if isinstance(data, list) and len(data) == 1:  # some wrap a single object
            (data,) = data
        return data if isinstance(data, dict) else None

    async def shown(self, url: str, chain: str) -> Content | None:
        """The same, where a PUT follows that may be repeated: who fails at GET shows nothing."""
        try:
            return await self.found(url, chain)
        except (ServerFailed, Unanswered):
            return None

    async def looked(self, what: str, look: Awaitable[T]) -> T | None:
        """The outcome of a look before something is sent again that must not be sent twice.

        A receiver that keeps failing when it is looked at hides what it has: `None` in the end.

        Raises:
            UplinkError: it failed, and may not the next time.
        """
        try:
            found = await look
        except (ServerFailed, Unanswered) as error:
            looks = self._failed_looks[what] = self._failed_looks.get(what, 0) + 1
            if looks < (_SILENT_LOOKS if isinstance(error, Unanswered) else _FAILED_LOOKS):
                raise
            found = None
        self._failed_looks.pop(what, None)
        return found

    def url(self, module: str, *ids: str) -> str:
        """A client-owned object's URL: transport_and_format, Client Owned Object Push."""
        endpoints = self._settings.endpoints
        endpoint = {
            "locations": endpoints.locations,
            "sessions": endpoints.sessions,
            "faults": endpoints.faults,
            "tariffs": endpoints.tariffs,
        }[module]
        return join_url(endpoint or "", self._settings.country_code, self._settings.party_id, *ids)


def holds(found: Content | None, content: Content) -> bool:
    """Whether the receiver's object says all that `content` says."""
    return found is not None and all(found.get(name) == value for name, value in content.items())
