"""An hour at once: backends in every mode of fault, restarts, a clock that jumps, one that is dead.

In the end every platform that lives has what the charger says, each CDR once, and never got a
status that was older than the one before. `LADDVAKT_CHAOS_HOURS` makes it longer: an hour and a
seed each.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, unused_port

from agent.uplink.accelerated import LoopClock, run_accelerated
from agent.uplink.charger import Charger
from agent.uplink.uplink_kit import TOKEN, MemoryStore, settings
from laddvakt_agent.published import Station
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.modes import Mode
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage

pytestmark = pytest.mark.integration

HOURS = int(os.environ.get("LADDVAKT_CHAOS_HOURS", "1"))
HOUR_S = 3600.0
AT_ONCE_S = 5.0  # a platform in good order knows everything by then, whatever the others do
PEACE_S = 2 * 900.0  # the longest pause, and what may come after it
TOLD = ("locations", "sessions", "cdrs", "faults")


@dataclass
class Told:
    """One platform, and what the agent keeps of it."""

    name: str
    version: Version
    storage: Storage
    port: int = field(default_factory=unused_port)
    store: MemoryStore = field(default_factory=MemoryStore)
    server: Server | None = None
    sync: Synchroniser | None = None
    task: asyncio.Task[None] | None = None
    listening: TestServer | None = None

    @property
    def at(self) -> ServerSettings:
        return ServerSettings(
            base_url=f"http://127.0.0.1:{self.port}", token=TOKEN, faults_module="selad-faults"
        )

    @property
    def settings(self) -> UplinkSettings:
        endpoints = {module: self.at.endpoint(module, self.version.value) for module in TOLD}
        made = settings(Endpoints(**endpoints), name=self.name, version=self.version)
        return replace(made, retry_min_s=2.0, retry_max_s=900.0, request_timeout_s=10.0)

    async def listen(self) -> None:
        self.server = Server(self.storage, self.at)
        self.listening = TestServer(self.server.application(), port=self.port)
        await self.listening.start_server()

    async def fall_silent(self) -> None:
        if self.listening is not None:
            await self.listening.close()
        self.listening = None

    async def begin(self, clock: LoopClock, rng: random.Random, station: Station) -> None:
        """A start of the agent: only the store knows what was before."""
        await self.end()
        self.sync = Synchroniser(self.settings, self.store, clock, rng)
        self.sync.offer(station)
        self.task = asyncio.create_task(self.sync.run())

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[dict[str, Told]]:
    """Two that misbehave, one in good order, and one where nobody answers."""
    versions = {
        "old": Version.V2_2_1,
        "new": Version.V2_3_0,
        "good": Version.V2_3_0,
        "dead": Version.V2_2_1,
    }
    platforms = {
        name: Told(name, version, Storage(directory / f"{name}.sqlite"))
        for name, version in versions.items()
    }
    for name in ("old", "new", "good"):
        await platforms[name].listen()
    try:
        yield platforms
    finally:
        for one in platforms.values():
            await one.end()
            await one.fall_silent()
            one.storage.close()


@dataclass
class Moods:
    """Every mode once in random order, with some peace between, then all of them again."""

    rng: random.Random
    dealt: set[Mode] = field(default_factory=set)
    left: list[Mode] = field(default_factory=list)

    def next(self) -> Mode:
        if not self.left:
            self.left = [*Mode, *[Mode.OK] * 10]
            self.rng.shuffle(self.left)
        mood = self.left.pop()
        self.dealt.add(mood)
        return mood


async def misbehave(told: Told, rng: random.Random, moods: Moods) -> None:
    """Another mood every minute or so; now and then nobody listens at all."""
    while True:
        await asyncio.sleep(rng.uniform(5.0, 120.0))
        if rng.random() < 0.1:
            await told.fall_silent()
            await asyncio.sleep(rng.uniform(5.0, 300.0))
            await told.listen()
        assert told.server is not None
        mood = moods.next()
        wish: dict[str, Any] = {"mode": mood.value}
        if rng.random() < 0.5:
            wish["count"] = rng.randrange(1, 5)
        if rng.random() < 0.3:
            wish["module"] = rng.choice(TOLD)
        if mood in {Mode.HTTP_429, Mode.HTTP_503} and rng.random() < 0.5:
            wish["retry_after_s"] = rng.randrange(1, 60)
        told.server.behave(wish)


async def an_hour(platforms: dict[str, Told], charger: Charger, rng: random.Random) -> None:
    """Changes, misbehaviour, restarts; then peace until all is told."""
    clock = LoopClock()
    for one in platforms.values():
        await one.begin(clock, rng, charger.station())
    moods = Moods(random.Random(rng.random()))
    moody = [
        asyncio.create_task(misbehave(platforms[name], random.Random(rng.random()), moods))
        for name in ("old", "new")
    ]
    ends_s = clock.now_s() + HOUR_S
    while clock.now_s() < ends_s:
        await asyncio.sleep(rng.choice((0.01, 1.0, 20.0, 90.0)))
        await a_change(platforms, charger, clock, rng)
    for mood in moody:
        mood.cancel()
    await asyncio.gather(*moody, return_exceptions=True)
    assert moods.dealt == set(Mode)
    for name in ("old", "new"):
        await peace(platforms[name])


async def a_change(
    platforms: dict[str, Told], charger: Charger, clock: LoopClock, rng: random.Random
) -> None:
    """Something happens to the charger, now and then to the agent or its clock as well."""
    if rng.random() < 0.1:
        clock.off += timedelta(seconds=rng.choice((-1800, -5, 5, 600)))
    charger.wall, charger.true = clock.wall(), clock.wall() - clock.off
    station, restart = charger.live(), rng.random() < 0.05
    for one in platforms.values():
        if restart:
            await one.begin(clock, rng, station)
        assert one.sync is not None
        one.sync.offer(station)
    good = platforms["good"].sync
    assert good is not None
    assert await good.settle(AT_ONCE_S), "another platform's trouble delays this one"


async def peace(told: Told) -> None:
    """It behaves, and gets everything."""
    if told.listening is None:
        await told.listen()
    assert told.server is not None
    assert told.sync is not None
    told.server.behave({"mode": "ok"})
    assert await told.sync.settle(PEACE_S), told.sync.waiting()


@pytest.mark.timeout(60 + 60 * HOURS)
@pytest.mark.parametrize("seed", range(HOURS))
def test_after_an_hour_of_faults_every_backend_is_right(tmp_path: Path, seed: int) -> None:
    """Objects current, each CDR once, no status invented, none older after a newer one."""
    rng = random.Random(seed)
    charger = Charger(rng)

    async def lived() -> None:
        async with world(tmp_path) as platforms:
            await an_hour(platforms, charger, rng)
            for name in ("old", "new", "good"):
                check_end(platforms[name], charger)
                check_way(platforms[name].storage.received(0, 1_000_000), charger)
            dead = platforms["dead"]
            assert dead.sync is not None
            assert dead.sync.health().pending >= len(charger.cdrs)
            assert len(charger.cdrs) > 3, "too little happened to prove anything"

    run_accelerated(lived())


def check_end(told: Told, charger: Charger) -> None:
    """The backend's picture is the charger's."""
    made = told.settings
    wanted = {
        "sessions": {s.id: objects.session(made, s) for s in charger.sessions},
        "cdrs": {c.id: objects.cdr(made, c) for c in charger.cdrs},
        "faults": {f.id: objects.fault(made, f) for f in charger.faults},
    }
    (location,) = told.storage.objects("locations")
    (evse,) = [one for one in location["evses"] if one["uid"] == "evse-1"]  # type: ignore[union-attr,index,call-overload]  # a checked Location
    assert evse["status"] == charger.status.value  # type: ignore[index,call-overload]
    faults = objects.evse_faults(made, "evse-1", charger.faults)
    assert (evse.get("faults") or []) == faults  # type: ignore[union-attr]
    for module, by_id in wanted.items():
        kept = {str(item["id"]): item for item in told.storage.objects(module)}
        assert len(kept) == len(told.storage.objects(module))
        assert kept.keys() == by_id.keys()
        for object_id, content in by_id.items():
            found = {name: kept[object_id].get(name) for name in content}
            if module == "sessions":  # told over once: it is never touched again
                assert found["status"] == content["status"]
            else:
                assert found == content


def check_way(requests: list[dict[str, Any]], charger: Charger) -> None:
    """Nothing was wrong with what was sent; statuses came in order, none after a newer one."""
    for request in requests:
        assert request["status_code"] != 2001 or _excused(request), request
    told = [(body["last_updated"], body["status"]) for body in _evse_bodies(requests)]
    assert [stamp for stamp, _ in told] == sorted(stamp for stamp, _ in told)
    by_stamp: dict[str, set[str]] = {}
    for stamp, status in told:
        by_stamp.setdefault(stamp, set()).add(status)
    assert all(len(statuses) == 1 for statuses in by_stamp.values()), "one time, two statuses"
    remaining = iter(charger.offered)
    once = [status for status, _ in itertools.groupby(status for _, status in told)]
    assert all(status in remaining for status in once), "invented, or out of order"


def _excused(request: dict[str, Any]) -> bool:
    """Misbehaviour, or the repetition of what had arrived unseen."""
    said = str(request["errors"])
    if request["http_status"] == 404 or "as told by /behaviour" in said:
        return True
    if request["method"] == "POST":
        return "already here" in said
    return request["method"] in {"PUT", "PATCH"} and "COMPLETED" in said


def _evse_bodies(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every word about the first EVSE, by itself or within its Location."""
    bodies: list[dict[str, Any]] = []
    for request in requests:
        if request["module"] != "locations" or not isinstance(request["body"], dict):
            continue
        body = request["body"]
        within = [one for one in body.get("evses", ()) if one["uid"] == "evse-1"]
        alone = "/evse-1" in request["path"]
        bodies += [body] if alone else within
    return bodies
