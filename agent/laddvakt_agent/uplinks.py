"""All platforms: told of the station, called by others, watched for what is agreed on with them.

Every platform has its own connection, synchroniser and pace: one's trouble delays no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config, UplinkConfig
from laddvakt_agent.ledger.acks import LedgerAcks, delivered
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import Station
from laddvakt_agent.service import ServiceError
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.connection import Connection
from laddvakt_agent.uplink.parties.folder import Folder
from laddvakt_agent.uplink.parties.platforms import Platform, platforms_of
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.spread import first_after_s
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.wire import Wire
from laddvakt_agent.uplink_link import RESTART_S, UplinkLink, fixed_agreement, settings_from

FOLDER = "uplink"  # in the state folder
NO_TOKEN = (
    "{name}: there is an [uplink] but no token: set uplink.token_file, "
    "or give the service the credential ocpi-token"
)

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Line:
    """One platform."""

    uplink: UplinkConfig
    platform: Platform
    connection: Connection
    log: RequestLog
    link: UplinkLink | None = None
    acks: LedgerAcks | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Uplinks:
    """Every platform of the configuration; in the agent's loop."""

    def __init__(self, config: Config, ledger: Ledger, thread: LedgerThread, clock: Clock) -> None:
        """Nothing is asked or told before `start`.

        Raises:
            ServiceError: a token is there and cannot be used, or one is missing.
        """
        self._config = config
        self._ledger, self._thread, self._clock = ledger, thread, clock
        self._station: Station | None = None
        platforms = platforms_of(config, os.environ)
        folder = Folder(Path(config.agent.state_directory) / FOLDER)
        # One turn for all platforms: it is this charger that must not call with all others.
        self._turn_at_s = clock.now_s() + first_after_s(
            random.Random(int.from_bytes(os.urandom(8))),
            power_lost=ledger.power_lost,
            window_s=config.agent.uplink_spread_s,
        )
        self.book = PartyBook(platforms, folder, self._wall)
        self._lines = {
            uplink.name: self._line(uplink, platform)
            for uplink, platform in zip(config.uplink, platforms, strict=True)
        }
        self.book.watch(lambda name: self._lines[name].changed.set())
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read what was agreed on, then tell every platform that can be told."""
        await self.book.load()
        for line in self._lines.values():
            self._tasks.append(
                asyncio.create_task(self._follow(line), name=f"uplink {line.platform.name}")
            )

    def outwards(self) -> Mapping[str, Outward]:
        """The platforms agreed with now, by name."""
        return {
            name: line.connection
            for name, line in self._lines.items()
            if line.connection.agreement is not None
        }

    def offer(self, station: Station) -> None:
        """The station as it is now; returns at once."""
        self._station = station
        for link in self._links():
            link.offer(station)

    def remember(self, acks: tuple[AckRow, ...]) -> None:
        """The ledger has found its disk and knows more: begin anew with that."""
        for link in self._links():
            link.remember(acks)
        self._tasks.append(asyncio.create_task(self.book.load(), name="agreements"))

    def delivered(self) -> frozenset[str]:
        """The CDRs that every platform has that is told of them."""
        return delivered(
            line.acks
            for line in self._lines.values()
            if line.acks is not None and _tells(line, "cdrs")
        )

    def heard(self, session_id: str) -> bool:
        """Whether every platform that is told of sessions has confirmed the end of this one."""
        return all(
            line.link.heard(session_id)
            for line in self._lines.values()
            if line.link is not None and _tells(line, "sessions")
        )

    def health(self) -> dict[str, object] | None:
        """How they are all doing together, for the faults; `None`: nobody is told."""
        each = [link.health() for link in self._links()]
        return _together(each) if each else None

    def status(self) -> dict[str, object]:
        """The same for people, and each platform by itself."""
        platforms = [
            {
                "name": name,
                "registered": line.connection.agreement is not None,
                "version": line.connection.version.value,
                **({} if line.link is None else line.link.health()),
            }
            for name, line in self._lines.items()
        ]
        return {**(self.health() or {}), "platforms": platforms}

    def synchronisers(self) -> Mapping[str, Synchroniser]:
        """Those that are told something now, by the platform's name."""
        return {name: line.link.sync for name, line in self._lines.items() if line.link is not None}

    def requests(self) -> Mapping[str, RequestLog]:
        """The last requests to each platform of the configuration."""
        return {name: line.log for name, line in self._lines.items()}

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        return self._clock.now_s()

    async def settle(self, timeout_s: float) -> bool:
        """Wait until everybody has everything offered; False when they did not in time."""
        return all(await asyncio.gather(*(link.settle(timeout_s) for link in self._links())))

    async def close(self) -> None:
        """Stop; what is not confirmed stays in the ledger."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for line in self._lines.values():
            if line.link is not None:
                await line.link.close()
            await line.connection.close()
        await self.book.close()

    def _line(self, uplink: UplinkConfig, platform: Platform) -> _Line:
        if platform.token is None and not platform.registers:
            raise ServiceError(NO_TOKEN.format(name=platform.name))
        rng = random.Random(int.from_bytes(os.urandom(8)))
        log = RequestLog(self._clock.now_s, self._wall)
        wire = Wire(rng, request_timeout_s=uplink.request_timeout_s, log=log)
        fixed = fixed_agreement(uplink, platform, self._wall())
        return _Line(
            uplink=uplink,
            platform=platform,
            connection=Connection(platform, self.book, wire, fixed),
            log=log,
        )

    async def _follow(self, line: _Line) -> None:
        """Keep one platform's synchroniser as the agreement is now, for ever."""
        while True:
            line.changed.clear()
            try:
                await self._adapt(line)
            except StorageError as error:
                log.error(
                    "uplink_not_started",
                    platform=line.platform.name,
                    reason=str(error),
                    again_in_s=RESTART_S,
                )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RESTART_S):
                        await line.changed.wait()
                continue
            await line.changed.wait()

    async def _adapt(self, line: _Line) -> None:
        wanted = self._settings(line)
        if line.link is not None and line.link.settings != wanted:
            link, line.link = line.link, None
            await link.close()
        if wanted is None or line.link is not None:
            return
        tells_cdrs = wanted.endpoints.cdrs is not None
        line.acks = await LedgerAcks.open(
            self._ledger, self._thread, line.platform.name, cdrs=tells_cdrs
        )
        line.link = UplinkLink(wanted, line.acks, self._clock, line.log, self._turn_s())
        if self._station is not None:
            line.link.offer(self._station)

    def _settings(self, line: _Line) -> UplinkSettings | None:
        """What its synchroniser is made of; `None`: it is not told."""
        agreement, platform = line.connection.agreement, line.platform
        if agreement is None:
            return None
        token = agreement.shown or platform.token
        if token is None:
            return None
        endpoint = line.connection.endpoint
        return settings_from(
            self._config,
            line.uplink,
            token,
            version=agreement.version,
            endpoints=Endpoints(
                locations=endpoint("locations", Role.RECEIVER),
                sessions=endpoint("sessions", Role.RECEIVER),
                cdrs=endpoint("cdrs", Role.RECEIVER),
                faults=endpoint(platform.faults, Role.RECEIVER),
                tariffs=endpoint("tariffs", Role.RECEIVER),
            ),
        )

    def _turn_s(self) -> float:
        """Seconds until this charger may make its first request; 0 almost always."""
        return max(0.0, self._turn_at_s - self._clock.now_s())

    def _links(self) -> list[UplinkLink]:
        return [line.link for line in self._lines.values() if line.link is not None]

    def _wall(self) -> datetime:
        return self._clock.wall_at(self._clock.now_s())


def _tells(line: _Line, module: str) -> bool:
    return line.connection.endpoint(module, Role.RECEIVER) is not None


def _together(each: list[dict[str, object]]) -> dict[str, object]:
    """The worst of each, and sums; of a single one what it says."""
    if len(each) == 1:
        return each[0]
    successes = [said for one in each if isinstance(said := one["last_success_s"], float)]
    return {
        **each[0],
        "reachable": all(one["reachable"] for one in each),
        "last_success_s": max(successes, default=None),
        **{
            name: any(one[name] for one in each)
            for name in ("refused", "untrusted", "waits_for_clock")
        },
        **{name: sum(_count(one[name]) for one in each) for name in ("pending", "pushed")},
    }


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
