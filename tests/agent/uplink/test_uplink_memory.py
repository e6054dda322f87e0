"""What each end remembers over a lost answer, a crash, a restart: nothing twice, nothing older."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.uplink.backend_process import (
    BackendProcess,
    arrived,
    in_sync,
    lines,
    make,
    running,
)
from agent.uplink.uplink_kit import (
    T0,
    MemoryStore,
    TestClock,
    cdr,
    evse,
    fault,
    session,
    station,
)
from laddvakt_agent.published import EvseStatus

pytestmark = pytest.mark.integration

T1 = T0 + timedelta(seconds=1)


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


def stamps_in(request: dict[str, Any]) -> list[tuple[str, str]]:
    """Every `last_updated` in a request, with what it belongs to."""
    body = request["body"]
    found = [(str(request["object_id"]), str(body["last_updated"]))]
    found += [(f"LOC1/{e['uid']}", str(e["last_updated"])) for e in body.get("evses", ())]
    return found
