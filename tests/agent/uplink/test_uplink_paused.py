"""Pauses: after failures, after a lost supply, and as somebody cuts them short."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.uplink.accelerated import LoopClock, run_accelerated
from agent.uplink.uplink_kit import MemoryStore, evse, session, settings, station
from conformance.told_kit import Receiver, told
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.tariffs_part import TariffPuller
from laddvakt_agent.tokens_part import keep_tokens
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.spread import first_after_s
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.text import Content


def test_pauses_grow_from_two_seconds_to_a_quarter_of_an_hour_with_full_jitter() -> None:
    plain = settings(Endpoints())
    defaults = UplinkSettings(
        country_code="SE",
        party_id="LAD",
        token="t",
        endpoints=Endpoints(),
        location=plain.location,
        currency="SEK",
    )
    highest = [0.0] * 12
    lowest = [1e9] * 12
    for seed in range(400):
        backoff = Backoff(
            random.Random(seed), min_s=defaults.retry_min_s, max_s=defaults.retry_max_s
        )
        for failure in range(12):
            backoff.failed(0.0)
            pause_s = backoff.remaining_s(0.0)
            highest[failure] = max(highest[failure], pause_s)
            lowest[failure] = min(lowest[failure], pause_s)
    ceilings = [min(900.0, 2.0 * 2**failure) for failure in range(12)]
    assert all(high <= top for high, top in zip(highest, ceilings, strict=True))
    assert all(high > 0.9 * top for high, top in zip(highest, ceilings, strict=True))
    assert all(low < 0.1 * top for low, top in zip(lowest, ceilings, strict=True))


def test_those_who_were_turned_away_together_do_not_come_back_together() -> None:
    """All were told the same number of seconds; each adds a pause of its own."""
    waits = []
    for seed in range(400):
        backoff = Backoff(random.Random(seed), min_s=2.0, max_s=900.0)
        for _ in range(4):
            backoff.failed(0.0, at_least_s=120.0)
        waits.append(backoff.remaining_s(0.0))
    assert min(waits) >= 120.0
    in_one_second = max(sum(low <= wait < low + 1.0 for wait in waits) for low in range(120, 137))
    assert in_one_second < 60, "of 400, over 16 s"


@pytest.mark.parametrize(
    ("power_lost", "window_s", "most_s"),
    [
        pytest.param(True, 60.0, 60.0, id="the street's power is back"),
        pytest.param(True, 0.0, 0.0, id="switched off"),
        pytest.param(False, 60.0, 0.0, id="a mere restart"),
    ],
)
def test_only_a_lost_supply_spreads_the_start(
    power_lost: bool, window_s: float, most_s: float
) -> None:
    waits = [
        first_after_s(random.Random(seed), power_lost=power_lost, window_s=window_s)
        for seed in range(200)
    ]
    assert 0.9 * most_s <= max(waits) <= most_s
    assert min(waits) <= 0.1 * most_s


@pytest.mark.parametrize("pulls", ["tokens", "tariffs"])
def test_nothing_is_pulled_before_its_turn(pulls: str) -> None:
    """A street that gets its power back must not ask for its lists in one second, either."""

    async def lived() -> None:
        clock, asked_s = LoopClock(), list[float]()
        begun_s = clock.now_s()

        def outwards() -> dict[str, object]:
            asked_s.append(clock.now_s() - begun_s)
            return {}

        async def call(*_: object) -> int:
            return 0

        book = SimpleNamespace(file=SimpleNamespace(keep_only=None))
        context: Any = SimpleNamespace(
            turn_s=lambda: 40.0,
            outwards=outwards,
            claims=dict,
            clock=clock,
            config=SimpleNamespace(uplink=()),
            thread=SimpleNamespace(call=call),
            supervisor=SimpleNamespace(
                permits=SimpleNamespace(authoriser=SimpleNamespace(book=book))
            ),
            publisher=SimpleNamespace(tariffs=SimpleNamespace(platforms=lambda: ["hub"])),
        )
        work = keep_tokens(context) if pulls == "tokens" else TariffPuller(context=context).run()
        task = asyncio.create_task(work)
        await asyncio.sleep(41.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert 40.0 <= min(asked_s) < 41.0

    run_accelerated(lived())


@pytest.mark.integration
@pytest.mark.parametrize("cut_short", [False, True], ids=["waited for", "somebody wants it now"])
def test_nothing_is_sent_before_its_turn(tmp_path: Path, *, cut_short: bool) -> None:
    async def case(one: Receiver) -> None:
        await one.stop()
        one.sync = Synchroniser(
            one.settings, one.store, one.clock, random.Random(1), first_after_s=40.0
        )
        one.task = asyncio.create_task(one.sync.run())
        begun_s = one.clock.now_s()
        one.sync.offer(station())
        assert not await one.sync.settle(20.0)
        assert one.news() == []
        if cut_short:
            one.sync.try_now()
        assert await one.sync.settle(100.0)
        waited_s = one.clock.now_s() - begun_s
        assert 20.0 <= waited_s < 23.0 if cut_short else 40.0 <= waited_s < 43.0

    told(tmp_path, case)


@pytest.mark.integration
def test_retry_after_is_waited_for_at_that_endpoint_alone(tmp_path: Path) -> None:
    async def case(one: Receiver) -> None:
        await one.tell()
        one.server.behave(
            {"mode": "http_429", "module": "sessions", "retry_after_s": 120, "count": 1}
        )
        begun_s = one.clock.now_s()
        one.sync.offer(station(sessions=(session(),)))
        assert not await one.sync.settle(1.0)
        one.sync.offer(station(evse(EvseStatus.CHARGING), sessions=(session(),)))
        assert not await one.sync.settle(1.0)
        assert [w.kind for w in one.sync.waiting()] == ["session"]
        assert await one.sync.settle(500.0)
        assert 120.0 <= one.clock.now_s() - begun_s < 125.0

    told(tmp_path, case)


@pytest.mark.integration
def test_a_module_that_the_platform_lacks_is_not_told(tmp_path: Path) -> None:
    async def case(one: Receiver) -> None:
        urls = one.settings.endpoints
        await one.stop()
        only = settings(Endpoints(locations=urls.locations))
        one.sync = Synchroniser(only, one.store, one.clock, random.Random(1))
        one.task = asyncio.create_task(one.sync.run())
        requests = await one.tell(sessions=(session(),))
        assert {r["module"] for r in requests} == {"locations"}

    told(tmp_path, case)


@pytest.mark.integration
def test_tariffs_are_put_and_taken_back(tmp_path: Path) -> None:
    """What was told in an earlier run and is not offered any more goes, too."""
    tariff: Content = {
        "country_code": "SE",
        "party_id": "LAD",
        "id": "T1",
        "currency": "SEK",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 2.5, "step_size": 1}]}],
    }

    async def case(one: Receiver) -> None:
        one.sync.offer_tariffs({"T1": tariff, "T2": {**tariff, "id": "T2"}})
        requests = await one.tell()
        tariffs = [r for r in requests if r["module"] == "tariffs"]
        assert [(r["method"], r["http_status"]) for r in tariffs] == [("PUT", 201)] * 2
        await one.start()
        one.sync.offer_tariffs({"T1": tariff})
        (gone,) = [r for r in await one.tell() if r["module"] == "tariffs"]
        assert (gone["method"], gone["path"].rpartition("/")[2]) == ("DELETE", "T2")
        await one.start()
        one.sync.offer_tariffs({"T1": tariff})
        assert [r for r in await one.tell() if r["module"] == "tariffs"] == []

    told(tmp_path, case)


def test_nobody_is_told_where_there_is_no_module() -> None:
    async def lived() -> None:
        clock = LoopClock()
        sync = Synchroniser(settings(Endpoints()), MemoryStore(), clock, random.Random(1))
        task = asyncio.create_task(sync.run())
        sync.offer(station(sessions=(session(),)))
        assert await sync.settle(1.0)
        assert sync.requests.count == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_accelerated(lived())
