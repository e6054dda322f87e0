"""The synchroniser: keeps the backend's picture of the station equal to the published one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog

from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.book import Book, Kind
from laddvakt_agent.uplink.client import Client
from laddvakt_agent.uplink.lane import Lane, Link, Outcome
from laddvakt_agent.uplink.peer import PeerTime
from laddvakt_agent.uplink.pushes import Pushes
from laddvakt_agent.uplink.text import identifier

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable
    from datetime import datetime

    from laddvakt_agent.published import CdrRecord, Station
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.peer import PeerClock
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.store import AckStore

_log = structlog.get_logger(__name__)


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
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._book = Book(
            store, rng, retry_min_s=settings.retry_min_s, retry_max_s=settings.retry_max_s
        )
        self._links: dict[tuple[str, str], Link] = {}
        self._peer = None
        if peer_clock is not None:
            self._peer = PeerTime(peer_clock, self._backoff(), self._only_link())
        self._lanes: tuple[Lane, ...] = ()
        self._unbuildable: set[str] = set()
        self._offered: Station | None = None
        self._reachable = False
        self._last_success_s: float | None = None
        self._pushed = 0
        self._loaded = False
        self._reported = asyncio.Event()

    def offer(self, station: Station) -> None:
        """Take the newest state; returns at once. Call it from the event loop's thread."""
        if station == self._offered:
            return
        self._offered = station
        if self._loaded:
            self._want(station)
        for lane in self._lanes:
            lane.wake()

    def health(self) -> UplinkHealth:
        """How it is doing now."""
        entries = [entry for kind in Kind for entry in self._book.entries(kind)]
        unread = self._offered is not None and not self._loaded
        return UplinkHealth(
            reachable=self._reachable,
            last_success_s=self._last_success_s,
            refused=any(link.refused for link in self._links.values())
            or any(entry.refusals.failing for entry in entries)
            or bool(self._unbuildable),
            untrusted=any(link.untrusted for link in self._links.values()),
            pending=sum(entry.pending for entry in entries) + len(self._unbuildable) + unread,
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
        if self._offered is not None:
            self._want(self._offered)
        async with Client(self._settings, self._rng, self._peer) as client:
            pushes = Pushes(self._settings, self._book, client, self._clock)
            self._lanes = self._make_lanes(pushes)
            try:
                async with asyncio.TaskGroup() as group:
                    for lane in self._lanes:
                        group.create_task(lane.run())
                    if self._peer is not None:
                        group.create_task(self._peer.run(client))
            finally:
                self._lanes = ()

    def _make_lanes(self, pushes: Pushes) -> tuple[Lane, ...]:
        """One lane an endpoint, each after the one whose news its own depend on.

        So a status goes before the fault it comes from, and a session before its CDR.
        """
        urls = self._settings.endpoints

        def lane(name: str, url: str, *kinds: Kind, after: Lane | None = None) -> Lane:
            return Lane(
                name,
                kinds,
                book=self._book,
                pushes=pushes,
                link=self._link(url),
                backoff=self._backoff(),
                now_s=self._clock.now_s,
                after=after,
                report=self._report,
                held=self._held,
            )

        locations = lane("locations", urls.locations, Kind.LOCATION, Kind.EVSE)
        sessions = lane("sessions", urls.sessions, Kind.SESSION, after=locations)
        cdrs = lane("cdrs", urls.cdrs, Kind.CDR, after=sessions)
        if urls.faults is None:
            return (locations, sessions, cdrs)
        return (
            locations,
            lane("faults", urls.faults, Kind.FAULT, after=locations),
            sessions,
            cdrs,
        )

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
        return self._links.setdefault((parts.scheme, parts.netloc), Link(self._backoff()))

    def _only_link(self) -> Link | None:
        """The way to all endpoints, if there is only one."""
        urls = self._settings.endpoints
        named = (urls.locations, urls.sessions, urls.cdrs, urls.faults)
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
        for lane in self._lanes:
            lane.wake()

    def _want(self, station: Station) -> None:
        """Turn the station into wanted objects; what did not change is not built again."""
        place = self._settings.location
        if self._book.find(Kind.LOCATION, place.id) is None:
            fixed = objects.location(self._settings, {})
            now = self._clock.wall()
            self._book.want(Kind.LOCATION, place.id, fixed, changed_at=now, source=place)
        for state in station.evses:
            content: Content = {"status": state.status.value}
            self._book.want(
                Kind.EVSE, state.uid, content, changed_at=state.changed_at, source=state
            )
        self._want_sessions(station)
        self._want_faults(station)
        self._want_cdrs(station.cdrs)

    def _want_sessions(self, station: Station) -> None:
        for record in station.sessions:
            if not self._known(Kind.SESSION, record.id, record):
                content = objects.session(self._settings, record)
                object_id = str(content["id"])
                self._book.want(
                    Kind.SESSION,
                    object_id,
                    content,
                    changed_at=record.changed_at,
                    source=record,
                )
        self._retain(Kind.SESSION, (record.id for record in station.sessions))

    def _want_faults(self, station: Station) -> None:
        if self._settings.endpoints.faults is None:
            return
        for report in station.faults:
            if not self._known(Kind.FAULT, report.id, report):
                content = objects.fault(self._settings, report)
                self._book.want(
                    Kind.FAULT,
                    str(content["id"]),
                    content,
                    changed_at=report.changed_at,
                    source=report,
                )
        self._retain(Kind.FAULT, (report.id for report in station.faults))

    def _want_cdrs(self, records: Iterable[CdrRecord]) -> None:
        ids = []
        self._unbuildable.intersection_update(record.id for record in records)
        for record in records:
            ids.append(record.id)
            if self._known(Kind.CDR, record.id, record) or record.id in self._unbuildable:
                continue
            try:
                content = objects.cdr(self._settings, record)
            except ValueError as error:
                _log.error(
                    "cdr_not_built",
                    cdr=record.id,
                    reason=str(error),
                    remedy="put its EVSE and connector back into the configuration and restart: "
                    "the CDR is kept until then",
                )
                self._unbuildable.add(record.id)
                continue
            self._book.want(
                Kind.CDR,
                str(content["id"]),
                content,
                changed_at=record.created_at,
                source=record,
            )
        self._retain(Kind.CDR, ids)

    def _known(self, kind: Kind, record_id: str, record: object) -> bool:
        entry = self._book.find(kind, identifier(record_id, 36))
        return entry is not None and entry.source == record

    def _retain(self, kind: Kind, record_ids: Iterable[str]) -> None:
        self._book.retain(kind, (identifier(record_id, 36) for record_id in record_ids))
