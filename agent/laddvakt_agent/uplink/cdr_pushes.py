"""How a CDR is told: POST until it is acknowledged, never twice. Source: mod_cdrs, POST method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_agent.uplink.book import Book, Entry, decode_body
from laddvakt_agent.uplink.client import join_url
from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    UplinkError,
)
from laddvakt_agent.uplink.telling import Sender, Teller, holds
from laddvakt_agent.uplink.text import from_date_time

if TYPE_CHECKING:
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.store import Acked

# What must agree for a CDR found at the receiver to be ours: it may write the rest differently.
_CDR_IDENTITY = ("id", "session_id", "total_energy")


class CdrPushes:
    """Tells one CDR."""

    def __init__(
        self, settings: UplinkSettings, book: Book, client: Sender, teller: Teller
    ) -> None:
        self._settings = settings
        self._book = book
        self._client = client
        self._teller = teller

    async def push(self, entry: Entry) -> None:
        """POST until acknowledged, with the same id and body; in doubt look before repeating."""
        before = entry.acked
        content = entry.content if before is None else (decode_body(before) or entry.content)
        stamp = from_date_time(str(content["last_updated"]))
        chain = self._client.new_id()
        location_url = await self._kept_at(before, content, chain)
        if location_url is None:
            await self._book.sending(entry, content, stamp)
            location_url = await self._post_cdr(entry, content, chain)
        await self._book.confirm(entry, content, stamp, body=content, location_url=location_url)

    async def _kept_at(self, before: Acked | None, cdr: Content, chain: str) -> str | None:
        """Where the receiver has a CDR that was sent before; `None`: it has not, or hides it."""
        if before is None or not before.body:
            return None
        look = self._looked_up(cdr, before.location_url, chain)
        return await self._teller.looked(f"cdr {cdr['id']}", look)

    async def _looked_up(self, cdr: Content, named: str | None, chain: str) -> str | None:
        """Where the receiver has it: where it says, else where receivers usually keep one."""
        own = str(cdr["id"])
        party = (self._settings.country_code, self._settings.party_id)
        usual = (join_url(self._cdrs, own), join_url(self._cdrs, *party, own))
        for url in dict.fromkeys(filter(None, (named, *usual))):
            if await self._is_there(url, cdr, chain):
                return url
        return None

    @property
    def _cdrs(self) -> str:
        return self._settings.endpoints.cdrs or ""

    async def _post_cdr(self, entry: Entry, content: Content, chain: str) -> str | None:
        """Where the receiver keeps it, as far as it says so."""
        endpoint = self._cdrs
        try:
            answer = await self._teller.send(entry.kind, "POST", endpoint, content, chain)
        except (Missing, Rejected) as refusal:
            # "Already known" looks like any other refusal: only the CDR itself proves it.
            try:
                found_at = await self._looked_up(content, refusal.location_url, chain)
            except (ServerFailed, Unanswered):
                raise refusal from None  # what a person must hear of
            if found_at is None:
                raise
            return found_at
        except UplinkError as doubt:
            if doubt.location_url is not None:
                await self._book.locate(entry, doubt.location_url)
            raise
        return answer.location_url

    async def _is_there(self, url: str, cdr: Content, chain: str) -> bool:
        found = await self._teller.found(url, chain)
        identity = {name: cdr[name] for name in _CDR_IDENTITY if name in cdr}
        return found is not None and holds(found, identity)
