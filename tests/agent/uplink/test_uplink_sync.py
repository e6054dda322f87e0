"""The synchroniser's own promises: told once, quiet at rest, a full disk does not stop it."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestServer, unused_port
from structlog.testing import capture_logs

from agent.uplink.uplink_kit import (
    TOKEN,
    MemoryStore,
    TestClock,
    cdr,
    evse,
    fault,
    session,
    settings,
    station,
)
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import MODULES, Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

    from laddvakt_agent.uplink.store import Acked

pytestmark = pytest.mark.integration


NOWHERE = "http://127.0.0.1:1/ocpi"


class FullStore(MemoryStore):
    """A disk that takes nothing."""

    async def save(self, kind: str, object_id: str, acked: Acked) -> None:
        raise StorageError(StorageKind.FULL, Path("/var/lib/x/ledger.db"), "disk full")


@asynccontextmanager
async def pair(
    tmp_path: Path, store: MemoryStore, *, faults: bool = True
) -> AsyncIterator[tuple[Synchroniser, Server, Storage]]:
    """Both ends in one process, joined by a socket."""
    storage = Storage(tmp_path / "backend.sqlite")
    port = unused_port()
    at = ServerSettings(
        base_url=f"http://127.0.0.1:{port}", token=TOKEN, faults_module="selad-faults"
    )
    server = Server(storage, at)
    modules = MODULES if faults else MODULES[:3]
    endpoints = Endpoints(**{module: at.endpoint(module) for module in modules})
    sync = Synchroniser(settings(endpoints), store, TestClock(), random.Random(3))
    async with TestServer(server.application(), port=port):
        task = asyncio.create_task(sync.run())
        try:
            yield sync, server, storage
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            storage.close()


async def settled(sync: Synchroniser) -> None:
    async with asyncio.timeout(5):
        while sync.health().pending or not sync.health().pushed:  # noqa: ASYNC110 - as its readers do
            await asyncio.sleep(0.002)


def events(logs: list[MutableMapping[str, object]]) -> list[str]:
    return [str(entry["event"]) for entry in logs]


def remedies(logs: list[MutableMapping[str, object]]) -> dict[str, str]:
    return {str(entry["event"]): str(entry["remedy"]) for entry in logs if "remedy" in entry}


async def test_refused_credentials_are_told_once(tmp_path: Path) -> None:
    """Slow attempts go on, the log does not fill, and the token is nowhere in it."""
    with capture_logs() as logs:
        async with pair(tmp_path, MemoryStore()) as (sync, server, storage):
            server.behave({"mode": "http_401"})
            sync.offer(station(sessions=(session(),), faults=(fault(),)))
            await asyncio.sleep(0.6)
            assert len(storage.received(0)) > 2
            assert sync.health().refused
            server.behave({"mode": "ok"})
            await settled(sync)
            assert not sync.health().refused
    assert events(logs).count("uplink_refused") == 1
    assert remedies(logs)["uplink_refused"].startswith("check the token")
    assert "uplink_restored" in events(logs)
    assert TOKEN not in str(logs)


async def test_an_outage_is_told_once() -> None:
    """However often it is tried, the log has one line."""
    with capture_logs() as logs:
        sync = Synchroniser(
            settings(Endpoints(locations=NOWHERE, sessions=NOWHERE, cdrs=NOWHERE)),
            MemoryStore(),
            TestClock(),
            random.Random(3),
        )
        sync.offer(station(sessions=(session(),), cdrs=(cdr(),)))
        task = asyncio.create_task(sync.run())
        await asyncio.sleep(0.5)
        assert sync.health().pending == 5
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert events(logs) == ["uplink_lost"]
    assert remedies(logs)["uplink_lost"].startswith("check the network")


async def test_a_backend_in_trouble_is_told_with_what_to_do(tmp_path: Path) -> None:
    """HTTP 500: nothing to do; a web page instead of OCPI: the address is wrong."""
    said = {}
    for mode in ("http_500", "html"):
        with capture_logs() as logs:
            (tmp_path / mode).mkdir()
            async with pair(tmp_path / mode, MemoryStore()) as (sync, server, _):
                server.behave({"mode": mode, "count": 1})
                sync.offer(station())
                await settled(sync)
        said[mode] = remedies(logs)["uplink_deferred"]
    assert said["http_500"].startswith("nothing to do here")
    assert said["html"].startswith("check the addresses in [uplink]")


async def test_nothing_is_sent_at_rest(tmp_path: Path) -> None:
    """The same state, offered again and again, costs nothing."""
    async with pair(tmp_path, MemoryStore()) as (sync, _, storage):
        sync.offer(station())
        await settled(sync)
        before = len(storage.received(0))
        for _ in range(20):
            sync.offer(station())
            await asyncio.sleep(0.005)
        assert len(storage.received(0)) == before
        assert sync.health().pushed == 1


async def test_a_stop_can_wait_for_the_last_word(tmp_path: Path) -> None:
    """Within limits: a silent backend must not hold up the end of the agent."""
    async with pair(tmp_path, MemoryStore()) as (sync, server, storage):
        sync.offer(station())
        assert await sync.settle(5.0)
        sync.offer(station(evse(EvseStatus.INOPERATIVE)))
        assert await sync.settle(5.0)
        assert storage.latest(1)[0]["method"] == "PATCH"
        server.behave({"mode": "silent"})
        sync.offer(station(evse(EvseStatus.UNKNOWN)))
        assert not await sync.settle(0.05)


async def test_a_full_disk_does_not_stop_the_uplink(tmp_path: Path) -> None:
    """The backend is told all the same; the log says once what was not kept."""
    with capture_logs() as logs:
        async with pair(tmp_path, FullStore()) as (sync, _, storage):
            sync.offer(station(sessions=(session(),), cdrs=(cdr(),)))
            await settled(sync)
            assert len(storage.objects("cdrs")) == 1
    assert events(logs) == ["acknowledgement_not_kept"]


async def test_without_an_agreement_no_fault_is_sent(tmp_path: Path) -> None:
    """The custom module is only for parties that know it; the status goes to everybody."""
    async with pair(tmp_path, MemoryStore(), faults=False) as (sync, _, storage):
        sync.offer(station(evse(EvseStatus.OUTOFORDER), faults=(fault(),)))
        await settled(sync)
        assert [r["module"] for r in storage.received(0)] == ["locations"]


async def test_one_refused_object_does_not_stop_the_others(tmp_path: Path) -> None:
    """A session the backend refuses is told to people; the next one and its CDR go through."""
    with capture_logs() as logs:
        async with pair(tmp_path, MemoryStore()) as (sync, _, storage):
            wrong = session("s-0", auth_method="NODDED")
            sync.offer(station(sessions=(wrong, session()), cdrs=(cdr(),)))
            async with asyncio.timeout(5):
                while not (storage.objects("cdrs") and storage.objects("sessions")):  # noqa: ASYNC110 - as its readers do
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            health = sync.health()
            assert (health.pending, health.refused, health.reachable) == (1, True, True)
    assert events(logs) == ["object_refused"]
    assert "auth_method" in str(logs[0]["reason"])
    assert remedies(logs)["object_refused"].startswith("correct in the configuration")


async def test_a_cdr_of_an_unknown_connector_is_told_and_kept(tmp_path: Path) -> None:
    """The configuration no longer has the EVSE: nothing is guessed into a bill."""
    with capture_logs() as logs:
        async with pair(tmp_path, MemoryStore()) as (sync, _, storage):
            ended_at = cdr().session.ended_at
            odd = replace(cdr(), session=session(evse_uid="gone", ended_at=ended_at))
            sync.offer(station(cdrs=(odd,)))
            async with asyncio.timeout(5):
                while sync.health().pushed < 1:  # noqa: ASYNC110 - as its readers do
                    await asyncio.sleep(0.005)
            assert (sync.health().pending, sync.health().refused) == (1, True)
            assert storage.objects("cdrs") == []
    assert events(logs) == ["cdr_not_built"]
    assert "put its EVSE and connector back" in remedies(logs)["cdr_not_built"]


@pytest.mark.parametrize("count", [50])
async def test_a_status_arrives_well_within_its_budget(tmp_path: Path, count: int) -> None:
    """Offer to arrival on loopback; the budget from fault to PATCH is one second."""
    async with pair(tmp_path, MemoryStore()) as (sync, _, storage):
        sync.offer(station())
        await settled(sync)
        delays_s = []
        clock = TestClock()
        for number in range(count):
            status = (EvseStatus.CHARGING, EvseStatus.OUTOFORDER)[number % 2]
            offered_s = clock.now_s()
            sync.offer(station(evse(status), faults=(fault(symptoms=(f"n{number}",)),)))
            await settled(sync)
            news = [r for r in storage.latest(2) if r["method"] == "PATCH"]
            delays_s.append(float(str(news[0]["at_s"])) - offered_s)
        assert sorted(delays_s)[count * 98 // 100] < 0.3
