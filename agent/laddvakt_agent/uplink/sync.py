"""The synchroniser: keeps one platform's picture of the station equal to the published one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog

from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.book import Book, Kind
from laddvakt_agent.uplink.client import Client
from laddvakt_agent.uplink.lane import Lane, Link, Outcome
from laddvakt_agent.uplink.peer import PeerTime
from laddvakt_agent.uplink.pushes import Pushes
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.server.pushed import Pushed
from laddvakt_agent.uplink.waiting import WaitingFor, waiting_for
from laddvakt_agent.uplink.wanted import Wanted

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.published import Station
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.outward import Outward
    from laddvakt_agent.uplink.peer import PeerClock
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.store import AckStore

_log = structlog.get_logger(__name__)

_TIMER_SLACK_S = 0.001  # timers may fire early by their own resolution
_LOOK_S = 1.0  # while it waits its turn: somebody may want it at once


class Clock(Protocol):
    """The agent's two clocks."""

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        ...

    def wall(self) -> datetime:
        """The wall time as it is told to others, aware."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealth:
    """How the uplink is doing."""

    reachable: bool  # the last request got a usable answer
    last_success_s: float | None  # CLOCK_BOOTTIME of the last confirmed object
    refused: bool  # the credentials (401, 403) or an object are refused
    untrusted: bool  # the last trouble was its certificate
    pending: int  # objects the backend is not known to have
    pushed: int  # objects confirmed since the start
    waits_for_clock: bool = False  # nothing is told before it is known what time it is


class Synchroniser:
    """Holds the wanted state, tells it, and goes on when told "no", late or nothing."""

    def __init__(
        self,
        settings: UplinkSettings,
        store: AckStore,
        clock: Clock,
        rng: random.Random,
        peer_clock: PeerClock | None = None,
        *,
        first_after_s: float = 0.0,
        requests: RequestLog | None = None,
        via: Outward | None = None,
    ) -> None:
        """`first_after_s`: nothing is sent before that, see `spread`; `requests`: notes them.

        `via`: sends them with the token of then; without it, that of the settings holds.
        """
        self._settings = settings
        self._via = via
        self._clock = clock
        self._rng = rng
        self._book = Book(
            store, rng, retry_min_s=settings.retry_min_s, retry_max_s=settings.retry_max_s
        )
        self._wanted = Wanted(settings, self._book, clock.wall)
        self.told = Pushed(book=self._book, version=settings.version)  # for when it asks
        self.requests = requests or RequestLog(clock.now_s, clock.wall)
        self._not_before_s = clock.now_s() + first_after_s if first_after_s else None
        self._links: dict[tuple[str, str], Link] = {}
        self._peer = None
        if peer_clock is not None:
            self._peer = PeerTime(peer_clock, self._backoff(), self._only_link())
        self._lanes: tuple[Lane, ...] = ()
        self._offered: Station | None = None
        self._tariffs: Mapping[str, Content] = {}
        self._reachable = False
        self._last_success_s: float | None = None
        self._pushed = 0
        self._loaded = False
        self._reported = asyncio.Event()

    @property
    def settings(self) -> UplinkSettings:
        """What it was made of."""
        return self._settings

    def offer(self, station: Station) -> None:
        """Take the newest state; returns at once. Call it from the event loop's thread."""
        if station == self._offered:
            return
        self._offered = station
        if self._loaded:
            self._wanted.take(station)
        self._wake()

    def offer_tariffs(self, tariffs: Mapping[str, Content]) -> None:
        """All tariffs there are now, by id: OCPI Tariffs of this platform's version.

        Each without `last_updated`. One told before that is not among them is taken back.
        """
        self._tariffs = dict(tariffs)
        if self._loaded:
            self._wanted.take_tariffs(self._tariffs)
        self._wake()

    def try_now(self) -> None:
        """Forget every pause: somebody wants to see whether it works now."""
        self._not_before_s = None
        for lane in self._lanes:
            lane.again_now()

    def waiting(self) -> tuple[WaitingFor, ...]:
        """What the platform is not known to have, in the order in which it is told."""
        now_s = self._clock.now_s()
        lanes = {kind: lane for lane in self._lanes for kind in lane.kinds}
        return tuple(
            waiting_for(entry, lanes.get(kind), now_s)
            for kind in Kind
            for entry in self._book.entries(kind)
            if entry.pending
        )

    def health(self) -> UplinkHealth:
        """How it is doing now."""
        entries = [entry for kind in Kind for entry in self._book.entries(kind)]
        unread = self._offered is not None and not self._loaded
        return UplinkHealth(
            reachable=self._reachable,
            last_success_s=self._last_success_s,
            refused=any(link.refused for link in self._links.values())
            or any(entry.refusals.failing for entry in entries)
            or bool(self._wanted.unbuildable),
            untrusted=any(link.untrusted for link in self._links.values()),
            pending=sum(entry.pending for entry in entries)
            + len(self._wanted.unbuildable)
            + unread,
            pushed=self._pushed,
            waits_for_clock=self._held(),
        )

    async def settle(self, timeout_s: float) -> bool:
        """Wait until the backend knows everything offered; False when it takes longer."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.health().pending:
                    self._reported.clear()
                    await self._reported.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Keep the backend up to date until cancelled.

        Raises:
            StorageError: the acknowledgements cannot be read at the start.
        """
        self._book.load()
        self._loaded = True
        self._wanted.take_tariffs(self._tariffs)
        if self._offered is not None:
            self._wanted.take(self._offered)
        self._reported.set()
        await self._spread()
        async with self._client() as client:
            pushes = Pushes(self._settings, self._book, client, self._clock)
            self._lanes = self._make_lanes(pushes)
            try:
                async with asyncio.TaskGroup() as group:
                    for lane in self._lanes:
                        group.create_task(lane.run())
                    if self._peer is not None:
                        group.create_task(self._peer.run(client))
                    await asyncio.Event().wait()  # also where there is no module to tell
            finally:
                self._lanes = ()

    def _client(self) -> Client:
        settings = self._settings
        return Client(settings, self._rng, self._peer, log=self.requests, via=self._via)

    def _make_lanes(self, pushes: Pushes) -> tuple[Lane, ...]:
        """One lane an endpoint, each after the one whose news its own depend on.

        So a status goes before the fault it comes from, and a session before its CDR.
        """
        urls = self._settings.endpoints
        made: dict[str, Lane] = {}

        def add(name: str, url: str | None, *kinds: Kind, after: str | None = None) -> None:
            if url is None:
                return
            made[name] = Lane(
                name,
                kinds,
                book=self._book,
                pushes=pushes,
                link=self._link(url),
                backoff=self._backoff(),
                now_s=self._clock.now_s,
                after=None if after is None else made.get(after),
                report=self._report,
                held=self._held,
            )

        add("locations", urls.locations, Kind.LOCATION, Kind.EVSE)
        add("faults", urls.faults, Kind.FAULT, after="locations")
        add("sessions", urls.sessions, Kind.SESSION, after="locations")
        add("cdrs", urls.cdrs, Kind.CDR, after="sessions" if urls.sessions else "locations")
        add("tariffs", urls.tariffs, Kind.TARIFF)
        return tuple(made.values())

    async def _spread(self) -> None:
        """Wait for this charger's turn after everybody's power came back."""
        if self._not_before_s is None:
            return
        wait_s = max(0.0, self._not_before_s - self._clock.now_s())
        _log.info("uplink_waits_its_turn", platform=self._settings.name, for_s=round(wait_s, 1))
        while self._not_before_s is not None and self._clock.now_s() < self._not_before_s:
            left_s = self._not_before_s - self._clock.now_s()
            await asyncio.sleep(min(_LOOK_S, left_s + _TIMER_SLACK_S))
        self._not_before_s = None

    def _held(self) -> bool:
        """Nothing is told while the clock is wrong, nor what was made before it was set right.

        The times follow within a second; a CDR told in between would be wrong for ever.
        """
        if self._peer is None:
            return False
        zero = None if self._offered is None else self._offered.zero
        return self._peer.held or self._peer.outdated(zero)

    def _link(self, url: str) -> Link:
        parts = urlsplit(url)
        return self._links.setdefault(
            (parts.scheme, parts.netloc), Link(self._backoff(), platform=self._settings.name)
        )

    def _only_link(self) -> Link | None:
        """The way to all endpoints, if there is only one."""
        urls = self._settings.endpoints
        named = (urls.locations, urls.sessions, urls.cdrs, urls.faults, urls.tariffs)
        links = [self._link(url) for url in named if url is not None]
        return links[0] if len(self._links) == 1 else None

    def _backoff(self) -> Backoff:
        settings = self._settings
        return Backoff(self._rng, min_s=settings.retry_min_s, max_s=settings.retry_max_s)

    def _report(self, outcome: Outcome) -> None:
        self._reachable = outcome.answered
        if outcome.confirmed:
            self._last_success_s = self._clock.now_s()
            self._pushed += 1
        self._reported.set()
        self._wake()

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake()
