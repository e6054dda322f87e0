"""One platform: how it is called, and its synchroniser, made anew as the agreement changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config, UplinkConfig
from laddvakt_agent.ledger.acks import LedgerAcks
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import Station
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.parties.agreement import Agreement, Record
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.connection import Connection
from laddvakt_agent.uplink.parties.discovery import NotAgreed, Visitor, discover
from laddvakt_agent.uplink.parties.folder import NotKept
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.peer import PeerTime
from laddvakt_agent.uplink.reach import names_inward
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.wire import Wire
from laddvakt_agent.uplink_link import RESTART_S, UplinkLink, settings_from

DISCOVER_S = 86_400.0  # in device mode their addresses are looked up so often

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all platforms have in common."""

    config: Config
    ledger: Ledger
    thread: LedgerThread
    clock: Clock
    book: PartyBook
    turn_s: Callable[[], float]  # seconds until this charger may make its first request
    tariffs: Callable[[UplinkSettings], Mapping[str, Content]] = lambda settings: {}  # to push
    # Of which platform, why its addresses are not found ("": they are), and what to do.
    noticed: Callable[[str, str, str], None] = lambda name, reason, remedy: None

    def wall(self) -> datetime:
        """The time as others are told it."""
        return self.clock.wall_at(self.clock.now_s())


class UplinkLine:
    """One platform of the configuration; in the agent's loop."""

    def __init__(self, shared: Shared, uplink: UplinkConfig, platform: Platform) -> None:
        self._shared, self._uplink = shared, uplink
        self._rng = random.Random(int.from_bytes(os.urandom(8)))
        server = shared.config.server
        ours = None if server is None else server.url
        # In device mode the operator alone names the platform.
        self._inward = uplink.mode == "device" or names_inward((uplink.versions_url, ours))
        self.platform = platform
        self.requests = RequestLog(shared.clock.now_s, shared.wall)
        self.connection = Connection(platform, shared.book, self.wire())
        self.link: UplinkLink | None = None
        self._acks: LedgerAcks | None = None
        self._station: Station | None = None
        self._changed = asyncio.Event()
        self._look_now = asyncio.Event()

    @property
    def agreement(self) -> Agreement | None:
        """What stands with it."""
        return self.connection.agreement

    def wire(self) -> Wire:
        """A new way to it; its answers tell the time where that is needed."""
        clock, uplink = self._shared.clock, self._uplink
        backoff = Backoff(self._rng, min_s=uplink.retry_min_s, max_s=uplink.retry_max_s)
        return Wire(
            self._rng,
            request_timeout_s=uplink.request_timeout_s,
            peer=PeerTime(clock, backoff),
            log=self.requests,
            inward=self._inward,
        )

    def changed(self) -> None:
        """Something else is agreed on."""
        self._changed.set()

    def offer(self, station: Station) -> None:
        """The station as it is now; returns at once."""
        self._station = station
        if self.link is not None:
            self.link.offer(station)
            self.link.offer_tariffs(self._shared.tariffs(self.link.settings))

    def look_again(self) -> None:
        """Somebody wants to see whether its addresses are found now."""
        if self.agreement is None:
            self._look_now.set()

    def remember(self, acks: tuple[AckRow, ...]) -> None:
        """The ledger has found its disk and knows more."""
        if self.link is not None:
            self.link.remember(acks)

    def acks(self, module: str) -> LedgerAcks | None:
        """What it has, if it is told of this module; `None`: it is not."""
        tells = self.connection.endpoint(module, Role.RECEIVER) is not None
        return self._acks if tells else None

    def lacks_all(self, module: str) -> bool:
        """Whether it is to be told of a module and nothing is known of what it has yet."""
        told = self.connection.endpoint(module, Role.RECEIVER) is not None
        return told and (self._acks is None or self.link is None)

    async def run(self) -> None:
        """Keep its synchroniser as the agreement is now, for ever."""
        if self._uplink.mode == "device":
            # It is told whatever happens, from when its addresses are known.
            self._shared.thread.post(self._join)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            if self._uplink.mode == "device" and self._uplink.versions_url is not None:
                group.create_task(self._look_up(self._uplink.versions_url))

    async def close(self) -> None:
        """Stop; what is not confirmed stays in the ledger."""
        if self.link is not None:
            await self.link.close()
        await self.connection.close()

    def _join(self) -> None:
        self._shared.ledger.audience.join(self.platform.name, cdrs=True)

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._adapt()
            except StorageError as error:
                log.error(
                    "uplink_not_started",
                    platform=self.platform.name,
                    reason=str(error),
                    again_in_s=RESTART_S,
                )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RESTART_S):
                        await self._changed.wait()
                continue
            await self._changed.wait()

    async def _adapt(self) -> None:
        wanted = self._settings()
        if self.link is not None and self.link.settings != wanted:
            link, self.link = self.link, None
            await link.close()
        if wanted is None or self.link is not None:
            return
        shared, tells_cdrs = self._shared, wanted.endpoints.cdrs is not None
        self._acks = await LedgerAcks.open(
            shared.ledger, shared.thread, self.platform.name, cdrs=tells_cdrs
        )
        self.link = UplinkLink(
            wanted,
            self._acks,
            shared.clock,
            self.requests,
            shared.turn_s(),
            shared.tariffs(wanted),
            self.connection,
        )
        if self._station is not None:
            self.link.offer(self._station)

    def _settings(self) -> UplinkSettings | None:
        """What its synchroniser is made of; `None`: it is not told."""
        agreement, platform = self.agreement, self.platform
        if agreement is None or (agreement.shown or platform.token) is None:
            return None
        endpoint = self.connection.endpoint
        return settings_from(
            self._shared.config,
            self._uplink,
            "",  # the connection knows the token of then: a rotation interrupts nothing
            version=agreement.version,
            endpoints=Endpoints(
                locations=endpoint("locations", Role.RECEIVER),
                sessions=endpoint("sessions", Role.RECEIVER),
                cdrs=endpoint("cdrs", Role.RECEIVER),
                faults=endpoint(platform.faults, Role.RECEIVER),
                tariffs=endpoint("tariffs", Role.RECEIVER),
            ),
        )

    async def _look_up(self, versions_url: str) -> None:
        """Find their addresses once a day; those found last hold until then."""
        uplink, clock = self._uplink, self._shared.clock
        backoff = Backoff(self._rng, min_s=uplink.retry_min_s, max_s=uplink.retry_max_s)
        wire = self.wire()
        visitor = Visitor(wire, self.platform.token or "", self.platform.raw_token)
        await asyncio.sleep(self._shared.turn_s())
        try:
            while True:
                try:
                    await self._found(visitor, versions_url)
                except (NotAgreed, NotKept) as error:
                    self._not_found(error, again=backoff.failing)
                    backoff.failed(clock.now_s())
                    await self._pause(backoff.remaining_s(clock.now_s()))
                    continue
                backoff.succeeded()
                self._shared.noticed(self.platform.name, "", "")
                await self._pause(DISCOVER_S * self._rng.uniform(0.9, 1.1))
        finally:
            await wire.close()

    def _not_found(self, error: NotAgreed | NotKept, *, again: bool) -> None:
        """Show people why; log it once."""
        name, reason = self.platform.name, str(error).replace("your ", "its ", 1)
        remedy = error.remedy if isinstance(error, NotAgreed) else ""
        self._shared.noticed(name, reason, remedy)
        if not again:
            log.warning("addresses_not_found", platform=name, reason=reason, remedy=remedy)

    async def _pause(self, pause_s: float) -> None:
        self._look_now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._look_now.wait()

    async def _found(self, visitor: Visitor, versions_url: str) -> None:
        offer = await discover(visitor, self.platform, versions_url, self.platform.versions)
        before, now = self.agreement, self._shared.wall()
        same = before is not None and (before.version, before.endpoints) == (
            offer.version,
            offer.endpoints,
        )
        if same:
            return
        found = Agreement(
            version=offer.version,
            versions_url=versions_url,
            endpoints=offer.endpoints,
            since=now if before is None else before.since,
            renewed=now,
        )

        def changed(record: Record) -> Record:
            return record.agreed(found)

        await self._shared.book.change(self.platform.name, changed)
