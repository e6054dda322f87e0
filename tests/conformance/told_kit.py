"""A synchroniser and the simulator's backend on a real socket, in time that is not waited for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer, unused_port

from agent.uplink.accelerated import LoopClock, run_accelerated
from agent.uplink.uplink_kit import TOKEN, MemoryStore, settings, station
from laddvakt_agent.published import EvseState, Station
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage

FAULTS = "selad-faults"
WITHIN_S = 1000.0  # of the loop's time: the longest pause, and what comes after it
BOTH = (Version.V2_2_1, Version.V2_3_0)


@dataclass(slots=True, kw_only=True)
class Receiver:
    """One backend, and the synchroniser that tells it."""

    storage: Storage
    server: Server
    settings: UplinkSettings
    clock: LoopClock
    store: MemoryStore = field(default_factory=MemoryStore)
    sync: Synchroniser = field(init=False)
    task: asyncio.Task[None] | None = None
    seen: int = 0

    async def start(self) -> None:
        """The agent starts: what it knows is in the store."""
        await self.stop()
        self.sync = Synchroniser(self.settings, self.store, self.clock, random.Random(1))
        self.task = asyncio.create_task(self.sync.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def tell(self, *evses: EvseState, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - of `station`
        """Offer a station and wait until it is known; the requests it took."""
        return await self.offer(station(*evses, **more))

    async def offer(self, wanted: Station) -> list[dict[str, Any]]:
        self.sync.offer(wanted)
        assert await self.sync.settle(WITHIN_S), self.sync.waiting()
        return self.news()

    def news(self) -> list[dict[str, Any]]:
        """The requests that came since the last call, with their bodies."""
        found = self.storage.received(self.seen, 1_000_000)
        self.seen = int(str(found[-1]["seq"])) if found else self.seen
        return found


def asked(requests: list[dict[str, Any]]) -> list[str]:
    """Method and the path after the endpoint's party, as far as it goes."""
    shown = []
    for one in requests:
        segments = one["path"].split("/")[4:]
        shown.append(" ".join((one["method"], "/".join([one["module"], *segments]))))
    return shown


@asynccontextmanager
async def receiver(
    directory: Path, version: Version = Version.V2_2_1, **changes: object
) -> AsyncIterator[Receiver]:
    """A backend that takes everything until it is told otherwise."""
    at = ServerSettings(
        base_url=f"http://127.0.0.1:{unused_port()}", token=TOKEN, faults_module=FAULTS
    )
    told = {
        module: at.endpoint(module, version.value)
        for module in ("locations", "sessions", "cdrs", "faults", "tariffs")
    }
    storage = Storage(directory / "backend.sqlite")
    server = Server(storage, at)
    made = settings(Endpoints(**told), version=version)
    made = replace(made, retry_min_s=2.0, retry_max_s=900.0, request_timeout_s=10.0)
    made = replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields
    port = int(at.base_url.rpartition(":")[2])
    async with TestServer(server.application(), port=port):
        one = Receiver(storage=storage, server=server, settings=made, clock=LoopClock())
        await one.start()
        try:
            yield one
        finally:
            await one.stop()
    storage.close()


def told(
    directory: Path,
    case: Callable[[Receiver], Coroutine[object, object, None]],
    version: Version = Version.V2_2_1,
    **changes: object,
) -> None:
    """Run one case with a receiver of its own."""

    async def lived() -> None:
        async with receiver(directory, version, **changes) as one:
            await case(one)

    run_accelerated(lived())
