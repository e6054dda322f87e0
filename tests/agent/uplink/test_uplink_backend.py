"""The uplink against the real backend, each end as it runs in the field, over real sockets."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from agent.uplink.uplink_kit import (
    T0,
    BackendProcess,
    MemoryStore,
    TestClock,
    cdr,
    evse,
    fault,
    finished,
    period,
    session,
    settings,
    station,
)
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink.sync import Synchroniser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

T1 = T0 + timedelta(seconds=1)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[BackendProcess]:
    process = BackendProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()


@asynccontextmanager
async def running(sync: Synchroniser) -> AsyncIterator[Synchroniser]:
    task = asyncio.create_task(sync.run())
    try:
        yield sync
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def in_sync(sync: Synchroniser) -> None:
    async with asyncio.timeout(8):
        while sync.health().pending or not sync.health().pushed:  # noqa: ASYNC110 - as its readers do
            await asyncio.sleep(0.005)


def make(
    backend: BackendProcess, store: MemoryStore, clock: TestClock | None = None
) -> Synchroniser:
    return Synchroniser(
        settings(backend.endpoints()), store, clock or TestClock(), random.Random(1)
    )


def lines(requests: list[dict[str, Any]]) -> list[str]:
    return [f"{r['method']} {r['module']} {r['object_id']} {r['status_code']}" for r in requests]


async def test_every_module_is_told_and_accepted(backend: BackendProcess) -> None:
    """Location, status, session, fault and CDR arrive in causal order and pass validation."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        sync.offer(station(evse(EvseStatus.CHARGING), sessions=(session(),)))
        await in_sync(sync)
        assert lines(await backend.news()) == [
            "PUT locations LOC1 1000",
            "PATCH locations LOC1/evse-1 1000",
            "PUT sessions s-1 1000",
        ]
        tripped = evse(EvseStatus.INOPERATIVE)
        sync.offer(station(tripped, sessions=(finished(),), faults=(fault(),), cdrs=(cdr(),)))
        await in_sync(sync)
    news = lines(await backend.news())
    assert news[0] == "PATCH locations LOC1/evse-1 1000"
    assert set(news[1:]) == {"PUT faults f-1 1000", "PATCH sessions s-1 1000", "POST cdrs c-1 1000"}
    assert news.index("PATCH sessions s-1 1000") < news.index("POST cdrs c-1 1000")
    objects = await backend.read("/objects")
    assert objects["cdrs"][0]["total_energy"] == 1.834
    assert objects["sessions"][0]["status"] == "COMPLETED"


async def test_an_outage_ends_with_one_push_of_the_current_state(backend: BackendProcess) -> None:
    """What came and went while nobody listened is not replayed; the last state is told once."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        await backend.news()
        await backend.stop()
        for status in (EvseStatus.CHARGING, EvseStatus.INOPERATIVE, EvseStatus.CHARGING):
            sync.offer(station(evse(status), sessions=(session(energy_wh=10.0),)))
            await asyncio.sleep(0.05)
        assert not sync.health().reachable
        last = station(evse(EvseStatus.OUTOFORDER), sessions=(session(energy_wh=20.0),))
        sync.offer(last)
        await backend.start()
        await in_sync(sync)
    news = await backend.news()
    assert lines(news) == ["PATCH locations LOC1/evse-1 1000", "PUT sessions s-1 1000"]
    assert [r["body"]["status"] for r in news] == ["OUTOFORDER", "ACTIVE"]


async def test_what_came_back_to_the_same_is_not_told(backend: BackendProcess) -> None:
    """Charging and available again during an outage: the backend already knows AVAILABLE."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        await backend.news()
        await backend.stop()
        sync.offer(station(evse(EvseStatus.CHARGING)))
        await asyncio.sleep(0.1)
        sync.offer(station())
        await backend.start()
        await asyncio.sleep(0.4)
        assert sync.health().pending == 0
    assert await backend.news() == []


@pytest.mark.parametrize("mode", ["http_500", "http_401", "html", "empty", "silent"])
async def test_a_backend_out_of_order_is_survived(backend: BackendProcess, mode: str) -> None:
    """Nothing is lost and nothing counts as told while the backend misbehaves."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        await backend.behave(mode)
        sync.offer(station(evse(EvseStatus.CHARGING), sessions=(finished(),), cdrs=(cdr(),)))
        await asyncio.sleep(0.7)
        health = sync.health()
        assert health.pending == 3
        assert health.refused is (mode == "http_401")
        assert health.reachable is (mode == "http_401")
        await backend.behave("ok")
        await in_sync(sync)
        assert not sync.health().refused
    objects = await backend.read("/objects")
    assert [e["status"] for e in objects["locations"][0]["evses"]] == ["CHARGING", "AVAILABLE"]
    assert [c["id"] for c in objects["cdrs"]] == ["c-1"]


@pytest.mark.parametrize("mode", ["lost_reply", "http_500_kept"])
async def test_a_lost_acknowledgement_makes_no_second_cdr(
    backend: BackendProcess, mode: str
) -> None:
    """The receiver kept the CDR, the answer was lost: it is found there, not made twice."""
    sync = make(backend, MemoryStore())
    await backend.behave(mode, module="cdrs", count=2)
    sync.offer(station(cdrs=(cdr(),)))
    async with running(sync):
        await in_sync(sync)
    news = [r for r in await backend.news() if r["module"] == "cdrs"]
    assert len({str(r["body"]) for r in news if r["method"] == "POST"}) == 1
    assert len((await backend.read("/objects"))["cdrs"]) == 1


async def test_a_crash_before_the_acknowledgement_makes_no_second_cdr(
    backend: BackendProcess,
) -> None:
    """Killed between POST and answer; after the restart the same CDR is verified."""
    store = MemoryStore()
    await backend.behave("lost_reply", module="cdrs")
    first = make(backend, store)
    first.offer(station(cdrs=(cdr(),)))
    async with running(first):
        await arrived(backend, "POST")
    before = store.kept["cdr", "c-1"]
    assert (before.acknowledged, before.location_url) == (False, None)
    await backend.behave("ok")
    second = make(backend, store)
    second.offer(station(cdrs=(cdr(),)))
    async with running(second):
        await in_sync(second)
    after = store.kept["cdr", "c-1"]
    assert after.acknowledged
    assert after.body == before.body
    assert after.location_url == f"{backend.info['endpoints']['cdrs']}/SE/LAD/c-1"
    assert len((await backend.read("/objects"))["cdrs"]) == 1


async def test_an_acknowledged_cdr_is_never_sent_again(backend: BackendProcess) -> None:
    """The ledger may go on publishing it until it has noted the acknowledgement."""
    store = MemoryStore()
    for _ in range(2):
        sync = make(backend, store)
        sync.offer(station(cdrs=(cdr(),)))
        async with running(sync):
            await in_sync(sync)
    news = await backend.news()
    assert sum(r["method"] == "POST" for r in news) == 1


async def test_last_updated_grows_over_a_restart_and_a_clock_step(backend: BackendProcess) -> None:
    """The wall clock goes back an hour with the restart; the backend refuses nothing."""
    store = MemoryStore()
    early = T0 - timedelta(hours=1)
    for number, (wall, status) in enumerate(
        ((T0, EvseStatus.CHARGING), (early, EvseStatus.OUTOFORDER), (early, EvseStatus.AVAILABLE))
    ):
        sync = make(backend, store, TestClock(wall))
        sync.offer(station(evse(EvseStatus.UNKNOWN, at=wall), faults=(fault(changed_at=wall),)))
        async with running(sync):
            await in_sync(sync)
            moved = fault(changed_at=wall, symptoms=tuple(["meter_lost"] * number))
            sync.offer(station(evse(status, at=wall), faults=(moved,)))
            await in_sync(sync)
    news = await backend.news()
    assert [r["errors"] for r in news] == [[]] * len(news)
    stamps: dict[str, list[str]] = {}
    for request in news:
        for name, stamp in stamps_in(request):
            stamps.setdefault(name, []).append(stamp)
    for name, values in stamps.items():
        assert values == sorted(values), name
    assert len(set(stamps["LOC1/evse-1"])) == len(stamps["LOC1/evse-1"]) == 6


async def test_a_restart_with_nothing_new_tells_the_location_alone_and_unchanged(
    backend: BackendProcess,
) -> None:
    """The Location is PUT at each start; without a change its times stay as they were."""
    store = MemoryStore()
    state = station(evse(EvseStatus.CHARGING, at=T1), sessions=(session(),), faults=(fault(),))
    kept: list[dict[str, list[dict[str, Any]]]] = []
    for wall in (T0, T0 + timedelta(hours=2)):
        sync = make(backend, store, TestClock(wall))
        sync.offer(state if kept else station())
        async with running(sync):
            await in_sync(sync)
            sync.offer(state)
            await in_sync(sync)
        kept.append(await backend.read("/objects"))
    news = await backend.news()
    assert lines(news)[-1] == "PUT locations LOC1 1000"
    assert len(news) == 5
    assert kept[0] == kept[1]


async def test_a_backend_that_lost_its_memory_gets_the_location_again(
    backend: BackendProcess,
) -> None:
    """PATCH 404, GET 404, PUT: the object is there again with the current status."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        await backend.stop()
        backend.lose_memory()
        await backend.start()
        sync.offer(station(evse(EvseStatus.CHARGING)))
        await in_sync(sync)
    assert [f"{r['method']} {r['http_status']}" for r in await backend.news()] == [
        "PATCH 404",
        "GET 404",
        "PUT 201",
    ]


async def test_a_slow_cdr_does_not_hold_up_a_status(backend: BackendProcess) -> None:
    """The CDR endpoint is silent; a status still arrives at once."""
    sync = make(backend, MemoryStore())
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
        await backend.behave("silent", module="cdrs")
        sync.offer(station(cdrs=(cdr(),)))
        await asyncio.sleep(0.1)
        offered_s = TestClock().now_s()
        sync.offer(station(evse(EvseStatus.OUTOFORDER), cdrs=(cdr(),)))
        patch = await arrived(backend, "PATCH")
        assert float(str(patch["at_s"])) - offered_s < 0.3
        await backend.behave("ok")
        await in_sync(sync)


async def test_a_running_session_tells_only_complete_and_new_periods(
    backend: BackendProcess,
) -> None:
    """PATCH adds periods; a correction of one already told needs a PUT."""
    sync = make(backend, MemoryStore())
    first, second, third = period(0, 500.0), period(10, 0.0, charging=False), period(20, 700.0)
    corrected = period(0, 510.0)
    steps = (
        ((first,), 500.0),
        ((first, second), 500.0),
        ((first, second, third), 1200.0),
        ((corrected, second, third), 1210.0),
    )
    async with running(sync):
        for minute, (periods, energy_wh) in enumerate(steps):
            changed_at = T0 + timedelta(minutes=10 * minute)
            record = session(periods=periods, energy_wh=energy_wh, changed_at=changed_at)
            sync.offer(station(sessions=(record,)))
            await in_sync(sync)
    news = [r for r in await backend.news() if r["module"] == "sessions"]
    told = [
        (r["method"], len(r["body"].get("charging_periods", ())), r["status_code"]) for r in news
    ]
    assert told == [("PUT", 0, 1000), ("PATCH", 1, 1000), ("PATCH", 1, 1000), ("PUT", 2, 1000)]


async def test_retry_after_is_honoured(backend: BackendProcess) -> None:
    """The receiver asks for a second of peace and gets it."""
    sync = make(backend, MemoryStore())
    await backend.behave("http_500", count=1, retry_after_s=1)
    sync.offer(station())
    async with running(sync):
        await in_sync(sync)
    first, second = (float(str(r["at_s"])) for r in (await backend.news())[:2])
    assert 1.0 <= second - first < 1.6


def stamps_in(request: dict[str, Any]) -> list[tuple[str, str]]:
    """Every `last_updated` in a request, with what it belongs to."""
    body = request["body"]
    found = [(str(request["object_id"]), str(body["last_updated"]))]
    found += [(f"LOC1/{e['uid']}", str(e["last_updated"])) for e in body.get("evses", ())]
    return found


async def arrived(backend: BackendProcess, method: str) -> dict[str, Any]:
    """The next request of this method."""
    async with asyncio.timeout(5):
        while True:
            for request in await backend.news():
                if request["method"] == method:
                    return request
            await asyncio.sleep(0.01)
