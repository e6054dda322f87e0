"""The uplink against the real backend, each end as it runs in the field, over real sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta

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
    finished,
    period,
    session,
    station,
)
from laddvakt_agent.published import EvseStatus

pytestmark = pytest.mark.integration


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
