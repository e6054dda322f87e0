"""One platform as the rest of the uplink calls it: where it listens now, with the token of now."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog

from laddvakt_agent.uplink.client import routing
from laddvakt_agent.uplink.errors import Unauthorised, Unreachable
from laddvakt_agent.uplink.parties.agreement import Agreement, Record
from laddvakt_agent.uplink.parties.folder import NotKept
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.wire import Wire, authorization

if TYPE_CHECKING:
    from laddvakt_agent.uplink.answers import Answer
    from laddvakt_agent.uplink.parties.book import PartyBook
    from laddvakt_agent.uplink.parties.platforms import Platform
    from laddvakt_agent.uplink.serving import Party
    from laddvakt_agent.uplink.version import Version

REGISTER = "register it: laddvakt uplink register --name {name}"

log = structlog.get_logger()


class Connection:
    """An `Outward`; follows the agreement, so it may be kept while that changes."""

    def __init__(
        self,
        platform: Platform,
        book: PartyBook,
        wire: Wire,
    ) -> None:
        self._platform = platform
        self._book = book
        self._wire = wire
        self._background: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Of the platform in our configuration."""
        return self._platform.name

    @property
    def agreement(self) -> Agreement | None:
        """What stands now; `None`: nothing."""
        return self._book.agreement(self.name)

    @property
    def version(self) -> Version:
        """The one agreed on, else the newest that may be."""
        agreement = self.agreement
        return self._platform.versions[-1] if agreement is None else agreement.version

    @property
    def own(self) -> Party:
        """The party that we are for it."""
        return self._platform.own

    def endpoint(self, identifier: str, role: Role) -> str | None:
        """The URL of one of its modules; `None`: it has none, or it is not used with us."""
        agreement = self.agreement
        if agreement is None or not self._platform.uses(identifier):
            return None
        return agreement.endpoint(identifier, role)

    def new_id(self) -> str:
        """A UUID for one chain of requests that belong together (X-Correlation-ID)."""
        return self._wire.new_id()

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        """One request with our token and the headers of a functional module.

        While they may not have taken a new token yet, the one before is tried, too.

        Raises:
            UplinkError: any other outcome than success; the subclass says what to do.
        """
        agreement = self.agreement
        token = None if agreement is None else agreement.shown or self._platform.token
        if agreement is None or token is None:
            raise Unreachable(
                f"{method} {url}: not sent, nothing is agreed on with {self.name}",
                remedy=REGISTER.format(name=self.name),
            )
        raw = self._platform.raw_token
        ask = partial(
            self._wire.send,
            method,
            url,
            body,
            headers=routing(self.own, to or self._receiver(agreement, method, url)),
            correlation_id=correlation_id,
        )
        before = agreement.shown_before
        try:
            answer = await ask(authorization=authorization(token, raw=raw))
        except Unauthorised:
            if before is None:
                raise
            return await ask(authorization=authorization(before, raw=raw))
        if before is not None:
            self._forget(before)
        return answer

    async def close(self) -> None:
        """End its connections, finish what is being written."""
        if self._background:
            await asyncio.wait(self._background)
        await self._wire.close()

    def _receiver(self, agreement: Agreement, method: str, url: str) -> Party | None:
        """For whom a request is; `None`: left to them, an open routing request.

        Source: transport_and_format, Message Routing. What is broadcast is for the hub itself;
        sessions and CDRs concern one party, and nothing is got by broadcast.
        """
        hub, to = agreement.hub, self._platform.to
        if to is not None and to != hub:
            return to
        if hub is None:
            return next(iter(agreement.parties)) if len(agreement.parties) == 1 else None
        role = Role.SENDER if method == "GET" else Role.RECEIVER  # GET All, or Broadcast Push
        names = ("tokens", "tariffs") if method == "GET" else ("locations", "tariffs")
        bases = (agreement.endpoint(name, role) for name in names)
        return hub if any(base is not None and url.startswith(base) for base in bases) else None

    def _forget(self, before: str) -> None:
        """They have taken the new token; a little later that is on the disk."""
        task = asyncio.create_task(self._forgotten(before), name=f"token {self.name}")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _forgotten(self, before: str) -> None:
        def without(record: Record) -> Record:
            agreement = record.agreement
            if agreement is None or agreement.shown_before != before:
                return record
            return record.agreed(msgspec.structs.replace(agreement, shown_before=None))

        try:
            await self._book.change(self.name, without)
        except NotKept as error:
            log.warning("agreement_not_kept", platform=self.name, reason=str(error))
