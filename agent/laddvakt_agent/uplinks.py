"""All platforms: told of the station, called by others, watched for what is agreed on with them.

Every platform has its own connection, synchroniser and pace: one's trouble delays no other.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from laddvakt_agent.assemble import Parts
from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config
from laddvakt_agent.ledger.acks import delivered
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import Station
from laddvakt_agent.service import ServiceError
from laddvakt_agent.tariffs import TariffBook
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.credentials import CredentialsModule
from laddvakt_agent.uplink.parties.folder import Folder
from laddvakt_agent.uplink.parties.people import Desk
from laddvakt_agent.uplink.parties.platforms import Platform, platforms_of
from laddvakt_agent.uplink.parties.registrar import Registrar
from laddvakt_agent.uplink.parties.terms import Self
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.server.listening import Place
from laddvakt_agent.uplink.server.view import told_by
from laddvakt_agent.uplink.serving import Module, Party
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.spread import first_after_s
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.wire import Wire
from laddvakt_agent.uplink_line import Shared, UplinkLine
from laddvakt_agent.uplink_link import RESTART_S, UplinkLink, fixed_agreement
from laddvakt_agent.uplink_notes import AgreementNotes
from laddvakt_agent.uplink_parts import Context, Part, parts
from laddvakt_agent.uplink_server import let_in
from laddvakt_agent.uplink_together import together

FOLDER = "uplink"  # in the state folder
NO_TOKEN = (
    "{name}: there is an [uplink] but no token: set uplink.token_file, "
    "or give the service the credential ocpi-token, of several platforms ocpi-token-{name}"
)

log = structlog.get_logger()


class Uplinks:
    """Every platform of the configuration; in the agent's loop."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        thread: LedgerThread,
        clock: Clock,
        place: Place | None = None,
    ) -> None:
        """Nothing is asked or told before `start`, nobody let in before `serve`.

        `place`: where others reach us; `None`: nobody does.

        Raises:
            ServiceError: a token is there and cannot be used, or one is missing.
        """
        platforms = platforms_of(config, os.environ)
        for platform in platforms:
            if platform.token is None and not platform.registers:
                raise ServiceError(NO_TOKEN.format(name=platform.name))
        # One turn for all platforms: it is this charger that must not call with all others.
        self._turn_at_s = clock.now_s() + first_after_s(
            random.Random(int.from_bytes(os.urandom(8))),
            power_lost=ledger.power_lost,
            window_s=config.agent.uplink_spread_s,
        )
        self._clock, self._place = clock, place
        self._tariffs = TariffBook()  # the station's, from `serve` on
        folder = Folder(Path(config.agent.state_directory) / FOLDER)
        fixed = {
            uplink.name: addresses
            for uplink, platform in zip(config.uplink, platforms, strict=True)
            if (addresses := fixed_agreement(uplink, platform, self._wall())) is not None
        }
        self.book = PartyBook(platforms, folder, self._wall, fixed)
        registrar = Registrar(self.book, self._ourselves, self._wire, self._wall)
        self.desk = Desk(self.book, None if place is None else registrar)
        self._shared = Shared(
            config=config,
            ledger=ledger,
            thread=thread,
            clock=clock,
            book=self.book,
            turn_s=self._turn_s,
            tariffs=self._told_tariffs,
            noticed=self.desk.noticed,
        )
        self._lines = {
            uplink.name: UplinkLine(self._shared, uplink, platform)
            for uplink, platform in zip(config.uplink, platforms, strict=True)
        }
        self.book.watch(self._agreement_changed)
        self._credentials = CredentialsModule(self.book, self._ourselves, self._wire, self._wall)
        self._parts: tuple[Part, ...] = ()
        self._modules: tuple[Module, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read what was agreed on, then tell every platform that can be told."""
        await self.book.load()
        self._keep_audience()
        for name, line in self._lines.items():
            self._run(f"uplink {name}", line.run)

    def serve(self, built: Parts) -> None:
        """Start what hangs on the uplink, and let others in where a place was given."""
        self._tariffs = built.publisher.tariffs
        self.book.watch(AgreementNotes(self.book, built.supervisor.notes).look)
        context = Context(
            config=self._shared.config,
            clock=self._clock,
            ledger=self._shared.ledger,
            thread=self._shared.thread,
            supervisor=built.supervisor,
            publisher=built.publisher,
            journal=built.journal,
            outwards=self.outwards,
            turn_s=self._turn_s,
            claims=self.claims,
            told=lambda name: told_by(self.synchronisers().get(name)),
        )
        self._parts = parts(context)
        own = (module for part in self._parts for module in part.modules)
        self._modules = (self._credentials, *own)
        for part in self._parts:
            for task in part.tasks:
                self._run("uplink part", task)
        if self._place is not None:
            durable = built.supervisor.facts.durable
            served = partial(
                let_in, self._place, self.book, lambda: self._modules, self._wall, durable
            )
            self._run("uplink server", served)

    def outwards(self) -> Mapping[str, Outward]:
        """The platforms agreed with now, by name."""
        return {
            name: line.connection
            for name, line in self._lines.items()
            if line.agreement is not None
        }

    def claims(self) -> Mapping[str, frozenset[Party]]:
        """The parties that each platform registered as, by name; may be asked from any thread."""
        agreed = {name: line.agreement for name, line in self._lines.items()}
        return {name: one.parties for name, one in agreed.items() if one is not None}

    def offer(self, station: Station) -> None:
        """The station as it is now; returns at once."""
        for line in self._lines.values():
            line.offer(station)

    def remember(self, acks: tuple[AckRow, ...]) -> None:
        """The ledger has found its disk and knows more: begin anew with that."""
        self.recall(acks)
        self._tasks.append(asyncio.create_task(self.book.load(), name="agreements"))

    def recall(self, acks: tuple[AckRow, ...]) -> None:
        """The ledger knows more of what each has: its synchroniser begins anew with that."""
        for line in self._lines.values():
            line.remember(acks)

    def delivered(self) -> frozenset[str]:
        """The CDRs that every platform has that is told of them."""
        if any(line.lacks_all("cdrs") for line in self._lines.values()):
            return frozenset()
        each = [line.acks("cdrs") for line in self._lines.values()]
        return delivered(acks for acks in each if acks is not None)

    def heard(self, session_id: str) -> bool:
        """Whether every platform that is told of sessions has confirmed the end of this one."""
        lines = self._lines.values()
        if any(line.lacks_all("sessions") for line in lines):
            return False
        return all(
            line.link.heard(session_id)
            for line in lines
            if line.link is not None and line.acks("sessions") is not None
        )

    def health(self) -> dict[str, object] | None:
        """How they are all doing together, for the faults; `None`: nobody is told."""
        each = [link.health() for link in self._links()]
        return together(each) if each else None

    def status(self) -> dict[str, object]:
        """The same for people, and each platform by itself."""
        platforms = [
            {
                "name": name,
                "registered": line.agreement is not None,
                "version": line.connection.version.value,
                **({} if line.link is None else line.link.health()),
            }
            for name, line in self._lines.items()
        ]
        return {**(self.health() or {}), "platforms": platforms}

    def synchronisers(self) -> Mapping[str, Synchroniser]:
        """Those that are told something now, by the platform's name."""
        return {name: line.link.sync for name, line in self._lines.items() if line.link is not None}

    def look_again(self, name: str | None) -> None:
        """Look now for the addresses of one, or all, that are not found yet."""
        for key, line in self._lines.items():
            if name in (None, key):
                line.look_again()

    def requests(self) -> Mapping[str, RequestLog]:
        """The last requests to each platform of the configuration."""
        return {name: line.requests for name, line in self._lines.items()}

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        return self._clock.now_s()

    async def settle(self, timeout_s: float) -> bool:
        """Wait until everybody has everything offered; False when they did not in time."""
        return all(await asyncio.gather(*(link.settle(timeout_s) for link in self._links())))

    async def close(self) -> None:
        """Let nobody in, stop; what is not confirmed stays in the ledger."""
        for task in reversed(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for part in reversed(self._parts):
            if part.close is not None:
                await part.close()
        for line in self._lines.values():
            await line.close()
        await self.book.close()

    def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_kept_up(name, work), name=name))

    def _agreement_changed(self, name: str) -> None:
        self._lines[name].changed()
        self._keep_audience()

    def _keep_audience(self) -> None:
        """Nobody waits for what a platform confirms that is not told any more."""
        told = [key for key, line in self._lines.items() if line.agreement is not None]
        device = [key for key, line in self._lines.items() if not line.platform.registers]
        self._shared.thread.post(self._shared.ledger.audience.keep, tuple({*told, *device}))

    def _ourselves(self) -> Self:
        base = "" if self._place is None else self._place.url.rstrip("/")
        station = self._shared.config.station
        return Self(url=f"{base}/ocpi/versions", name=station.name or station.party_id)

    def _wire(self, platform: Platform) -> Wire:
        return self._lines[platform.name].wire()

    def _turn_s(self) -> float:
        """Seconds until this charger may make its first request; 0 almost always."""
        return max(0.0, self._turn_at_s - self._clock.now_s())

    def _told_tariffs(self, settings: UplinkSettings) -> Mapping[str, Content]:
        return self._tariffs.offered(settings)

    def _links(self) -> list[UplinkLink]:
        return [line.link for line in self._lines.values() if line.link is not None]

    def _wall(self) -> datetime:
        return self._clock.wall_at(self._clock.now_s())


async def _kept_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A defect is told and survived: protection does not depend on the uplink."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("uplink_part_failed", part=name, again_in_s=RESTART_S)
            await asyncio.sleep(RESTART_S)
        else:
            return
