"""The party book: what was agreed on with each platform, and whose token a token is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
import structlog

from laddvakt_agent.uplink.parties.agreement import Agreement, Record
from laddvakt_agent.uplink.parties.folder import Folder, NotKept
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.tokens import readings, same
from laddvakt_agent.uplink.serving import Caller, Party
from laddvakt_agent.uplink.version import Version

RETRY_S = 30.0  # while the disk refuses what cannot be taken back
UNKEPT = "the tokens are in memory alone: do not restart before the disk takes them"

log = structlog.get_logger()


class UnderWay(Exception):
    """Another registration of this platform is not over yet."""

    def __init__(self) -> None:
        super().__init__("a registration of this platform is under way; try again in a few seconds")


class PartyBook:
    """An `Authority`. In the agent's loop; the disk is asked on other threads."""

    def __init__(
        self,
        platforms: Iterable[Platform],
        folder: Folder,
        wall: Callable[[], datetime],
        fixed: Mapping[str, Agreement] | None = None,
    ) -> None:
        """`fixed`: where the addresses stand in the configuration, so nothing is agreed on."""
        self._fixed = fixed or {}
        self._platforms = {platform.name: platform for platform in platforms}
        self._folder = folder
        self._wall = wall
        self._records = {name: Record(platform=name) for name in self._platforms}
        self._offered: dict[str, str] = {}  # tokens told in a request that is still open
        self._busy: set[str] = set()
        self._unkept: set[str] = set()  # newer here than on the disk
        self._writing = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._watchers: list[Callable[[str], None]] = []

    @property
    def platforms(self) -> Mapping[str, Platform]:
        """Every platform of the configuration, by name."""
        return self._platforms

    async def load(self) -> None:
        """Read what is kept; what cannot be read is told and counts as not agreed on."""
        for name in self._platforms:
            if name in self._unkept:
                continue
            async with self._writing:
                record = await asyncio.to_thread(self._folder.read, name, self._wall())
                changed = record != self._records[name]
                self._records[name] = record
            if changed:
                self._tell(name)

    def record(self, name: str) -> Record:
        """Everything kept of a platform."""
        return self._records[name]

    def agreement(self, name: str) -> Agreement | None:
        """What stands with a platform, `None`: nothing."""
        return self._fixed.get(name) or self._records[name].agreement

    def watch(self, told: Callable[[str], None]) -> None:
        """Hear the name of every platform whose agreement changes."""
        self._watchers.append(told)

    async def change(self, name: str, changed: Callable[[Record], Record]) -> None:
        """Replace what is kept of a platform; on the disk when it returns.

        Once begun it is carried out, whoever stops waiting: the disk and we say the same.

        Raises:
            NotKept: the disk does not take it; everything stays as it was.
        """
        await asyncio.shield(self._later(self._changed(name, changed)))

    async def _changed(self, name: str, changed: Callable[[Record], Record]) -> None:
        async with self._writing:
            before = self._records[name]
            await asyncio.to_thread(self._folder.write, changed(before))
            self._records[name] = changed(self._records[name])
        if self._records[name].agreement != before.agreement:
            self._tell(name)

    async def force(self, name: str, changed: Callable[[Record], Record]) -> None:
        """The same when it cannot be taken back: they hold it to be so already.

        What the disk does not take is tried again until it does.
        """
        try:
            await self.change(name, changed)
        except NotKept as error:
            log.error("agreement_not_kept", platform=name, reason=str(error), effect=UNKEPT)
            self._records[name] = changed(self._records[name])
            self._unkept.add(name)
            self._tell(name)
            self._later(self._keep_trying(name))

    @contextlib.contextmanager
    def offering(self, name: str, token: str) -> Iterator[None]:
        """A token that they learn from a request of ours: they may show it while that is open."""
        self._offered[name] = token
        try:
            yield
        finally:
            del self._offered[name]

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Around a registration, whoever began it: one at a time per platform.

        Raises:
            UnderWay: there is one already.
        """
        if name in self._busy:
            raise UnderWay
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)

    def caller(self, shown: str, version: Version) -> Caller | None:
        """Who shows this token; `None`: nobody's. Compares in constant time.

        The first use of a new token is the proof that they have it: the one before is then void.
        """
        found: Caller | None = None
        for platform in self._platforms.values():
            if not platform.registers:
                continue
            for token in readings(shown, raw=platform.raw_token):
                caller = self._known(platform, token, version)
                found = found or caller
        return found

    async def close(self) -> None:
        """Finish what is being written."""
        self._closing.set()
        if self._background:
            await asyncio.wait(self._background)

    def _known(self, platform: Platform, token: str, version: Version) -> Caller | None:
        """Every comparison is made, whatever the others said."""
        name = platform.name
        record = self._records[name]
        agreement = record.agreement
        is_offered = same(token, self._offered.get(name))
        is_current = same(token, None if agreement is None else agreement.accepted)
        is_next = same(token, None if agreement is None else agreement.accepted_next)
        is_initial = same(token, platform.token)
        if agreement is not None and (is_current or is_next):
            if is_next and not is_offered:
                self._proven(name)
            return _caller(platform, agreement, version, self._others(name))
        if is_offered or (is_initial and not record.has_spent(token)):
            return _caller(platform, None, version)
        return None

    def _others(self, name: str) -> frozenset[Party]:
        """Those for whom other platforms speak."""
        agreed = (self.agreement(other) for other in self._platforms if other != name)
        return frozenset(party for one in agreed if one is not None for party in one.parties)

    def _proven(self, name: str) -> None:
        """Their newest token has come back: at once here, a little later on the disk."""
        self._records[name] = _confirmed(self._records[name], self._platforms[name].token)
        self._later(self._keep(name))

    def _later(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="agreements")
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _keep(self, name: str) -> None:
        try:
            await self.change(name, lambda record: record)
        except NotKept as error:
            # After a restart the token before is good once more, until the next use of the new.
            log.warning("agreement_not_kept", platform=name, reason=str(error))

    async def _keep_trying(self, name: str) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._closing.wait()
            try:
                await self.change(name, lambda record: record)
            except NotKept:
                continue  # told when it began
            self._unkept.discard(name)
            log.info("agreement_kept", platform=name)
            return

    def _tell(self, name: str) -> None:
        for told in self._watchers:
            told(name)


def _confirmed(record: Record, initial: str | None) -> Record:
    agreement = record.agreement
    if agreement is None or agreement.accepted_next is None:
        return record
    proven = msgspec.structs.replace(
        agreement, accepted=agreement.accepted_next, accepted_next=None
    )
    return record.spend(initial).agreed(proven)


def _caller(
    platform: Platform,
    agreement: Agreement | None,
    version: Version,
    others: frozenset[Party] = frozenset(),
) -> Caller:
    return Caller(
        name=platform.name,
        version=version,
        registered=agreement is not None,
        parties=frozenset() if agreement is None else agreement.parties,
        is_hub=platform.hub and agreement is not None and agreement.hub is not None,
        spoken_for=others,
        sees_faults=platform.sees_faults,
        modules=platform.modules,
        versions=platform.versions,
        own=platform.own,
    )
