"""A station's line taken apart and put together again, in virtual time and without a restart.

The times are those the agent confirms faults with: a bus that is down and a board that is lost
must be seen well within their 3 seconds, a meter within 10, and what came back as quickly.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hal.fieldbus import Field, until
from hal.polled import now_s, virtually
from laddvakt_hal.adapters import Adapter, board, meter, relay_contactor
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll import Poller
from laddvakt_hal.reading import Quality
from laddvakt_hal.stats import DeviceStats

METER, BOARD, RELAY = "eastron-sdm630", "simpleevse-wb-din", "waveshare-modbus-rtu-relay"
SEEN_S = 1.0  # a loss; the agent then waits for its own confirmation time
WINDOW_MIN = 4  # raise it to look further: an hour takes a quarter of a minute
BACK_S = 3.5  # a return, once power or adapter are there again: the others come first


class Station(Field):
    """A meter, a board and a relay board on one line."""

    def __init__(self) -> None:
        super().__init__()
        self.meter = meter(self.fit(METER, 1, "meter"))
        self.board = board(self.fit(BOARD, 2, "board"))
        self.relay = relay_contactor(self.fit(RELAY, 3, "relay"), 0, 0)

    def qualities(self) -> tuple[Quality, ...]:
        """Of one safety reading per device: meter, board, relay."""
        readings = (self.meter.current_a(), self.board.pilot(), self.relay.feedback_closed())
        return tuple(reading.quality for reading in readings)

    def good(self) -> bool:
        return set(self.qualities()) == {Quality.GOOD}


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Station, Poller]]:
    station = Station()
    async with station.polled([station.meter, station.board, station.relay]) as poller:
        await until(station.good, 5.0)
        yield station, poller


def in_station(case: Callable[[Station, Poller], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running() as (station, poller):
            await case(station, poller)

    virtually(run)


@pytest.mark.parametrize("away_s", [0.5, 3600.0])
def test_adapter_unplugged_and_returned(away_s: float) -> None:
    """Down is told once and at once; everything is stale, then read again, identity included."""

    async def case(station: Station, poller: Poller) -> None:
        await asyncio.sleep(5.0)
        station.up.clear()
        station.line.unplug()
        assert await until(lambda: not station.bus.up, SEEN_S) < 0.1
        await until(lambda: set(station.qualities()) == {Quality.STALE}, SEEN_S)
        taken_s = station.meter.current_a().taken_at_s
        await asyncio.sleep(away_s)
        assert station.meter.current_a().taken_at_s == taken_s, "no old value became new"
        station.line.plug()
        back_s = await until(station.good, 3.0)
        assert back_s < BACK_S, "the port is tried each second"
        assert [up for _, up in station.up] == [False, True]
        await until(lambda: station.meter.device.identity_matches() is True, 3.0)
        await until(lambda: station.meter.serial().quality is Quality.GOOD, 3.0)
        assert not any(poller.missed.values())

    in_station(case)


@pytest.mark.parametrize(
    ("name", "place"),
    [("meter", 0), ("board", 1), ("relay", 2)],
)
def test_device_without_power_for_a_minute(name: str, place: int) -> None:
    """The line stands, the others are read on, the one is lost and found again."""

    async def case(station: Station, poller: Poller) -> None:
        station.line.dark = {name}
        await until(lambda: station.qualities()[place] is Quality.STALE, SEEN_S)
        await asyncio.sleep(60.0)
        others = [q for index, q in enumerate(station.qualities()) if index != place]
        assert set(others) == {Quality.GOOD}
        assert station.bus.up
        assert not poller.all_silent
        station.line.dark = set()
        assert await until(station.good, 5.0) < BACK_S
        _kept(poller, 60.0)

    in_station(case)


def test_everything_without_power_looks_like_a_cut_cable() -> None:
    """All silent, the port stands: one fault, not three; back as soon as power is."""

    async def case(station: Station, poller: Poller) -> None:
        station.line.dark = {"meter", "board", "relay"}
        assert await until(lambda: poller.all_silent, 3.0) < 3.0
        assert station.bus.up
        await asyncio.sleep(600.0)
        station.line.dark = set()
        assert await until(station.good, 5.0) < BACK_S

    in_station(case)


@pytest.mark.parametrize("dark_s", [0.0, 20.0], ids=["unnoticed", "after-a-silence"])
def test_other_unit_of_the_same_model(dark_s: float) -> None:
    """The serial number tells; three readings of it are there seconds after the first."""

    async def case(station: Station, poller: Poller) -> None:
        await until(lambda: station.meter.serial().quality is Quality.GOOD, 3.0)
        before = station.meter.serial().value
        if dark_s:
            station.line.dark = {"meter"}
            await asyncio.sleep(dark_s)
        station.exchange("meter", METER).set("serial", 987654)
        station.line.dark = set()
        most_s = 3.0 if dark_s else poller.periods.identity_s + 1.0
        await until(lambda: station.meter.serial().value == "987654", most_s)
        seen = {station.meter.serial().taken_at_s}
        for _ in range(60):
            await asyncio.sleep(0.05)
            seen.add(station.meter.serial().taken_at_s)
        assert len(seen) >= 3
        change = station.meter.device.changed_identity
        assert change is not None
        assert (str(change.before), str(change.now)) == (before, "987654")
        assert station.meter.device.identity_matches() is True

    in_station(case)


def test_other_model_is_told_and_its_values_are_not_believed() -> None:
    """A register of another meter means something else: absent, not wrong; the right one heals."""

    async def case(station: Station, poller: Poller) -> None:
        station.line.dark = {"meter"}
        await asyncio.sleep(10.0)
        station.exchange("meter", "eastron-sdm72d-m-v2")
        station.line.dark = set()
        await until(lambda: station.meter.device.identity_matches() is False, 3.0)
        await asyncio.sleep(30.0)
        assert station.meter.current_a().quality is not Quality.GOOD
        assert station.qualities()[1:] == (Quality.GOOD, Quality.GOOD)
        station.line.dark = {"meter"}
        await asyncio.sleep(10.0)
        station.exchange("meter", METER)
        station.line.dark = set()
        await until(station.good, 5.0)
        assert station.meter.device.identity_matches() is True

    in_station(case)


def test_second_device_on_an_address() -> None:
    """Only that unit is garbled: suspected for it alone, the others keep their periods."""

    async def case(station: Station, poller: Poller) -> None:
        await asyncio.sleep(10.0)
        station.fit(METER, 1, "twin")
        for unit in station.bus.stats:
            station.bus.stats[unit] = DeviceStats()  # as after a restart
        await until(lambda: station.qualities()[0] is Quality.STALE, SEEN_S)
        await asyncio.sleep(60.0)
        stats = station.bus.stats
        assert stats[1].crc + stats[1].short == stats[1].requests > 15
        assert "two devices share one address" in stats[1].suspects()[0]
        assert stats[2].suspects() == stats[3].suspects() == ()
        assert station.qualities()[1:] == (Quality.GOOD, Quality.GOOD)
        _kept(poller, 60.0)
        station.line.units.pop()
        assert await until(station.good, 5.0) < BACK_S

    in_station(case)


def test_babbling_device_takes_the_line_down_and_gives_it_back() -> None:
    """Nobody can be heard: the line is down with the reason, not three devices lost."""

    async def case(station: Station, poller: Poller) -> None:
        station.line.babble(on=True)
        await until(lambda: not station.bus.up, 5.0)
        assert "never falls silent" in station.bus.down_reason
        await asyncio.sleep(120.0)
        assert set(station.qualities()) == {Quality.STALE}
        station.line.babble(on=False)
        assert await until(station.good, 6.0) < 5.0

    in_station(case)


def test_baud_rate_changed_on_one_side_and_back() -> None:
    """A meter set to another speed is silent for as long, and nobody else."""

    async def case(station: Station, poller: Poller) -> None:
        station.line.baud = {"meter": 19200}
        await until(lambda: station.meter.device.silent, SEEN_S)
        await asyncio.sleep(300.0)
        assert station.qualities()[1:] == (Quality.GOOD, Quality.GOOD)
        station.line.baud = {}
        assert await until(station.good, 5.0) < BACK_S

    in_station(case)


def test_hours_of_trouble_leave_nothing_behind() -> None:
    """A loss each minute: the last window needs no more memory than the one before."""

    async def run() -> None:
        station = Station()
        station.bus.on_change = None  # this test's own list would grow
        slow = Periods(safety_s=5.0, status_s=10.0, normal_s=10.0)
        roles: list[Adapter] = [station.meter, station.board, station.relay]
        async with station.polled(roles, slow):
            await _trouble(station, WINDOW_MIN)
            sizes = []
            for _ in range(2):
                await _trouble(station, WINDOW_MIN)
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            assert sizes[1] - sizes[0] < 12_288, sizes  # latencies kept for percentiles
            await until(station.good, 20.0)

    tracemalloc.start()
    try:
        virtually(run)
    finally:
        tracemalloc.stop()


def _kept(poller: Poller, for_s: float) -> None:
    """At most a tenth of the periods of the two that still answered, and while it was noticed."""
    for kind in (ReadClass.SAFETY, ReadClass.STATUS, ReadClass.NORMAL):
        assert poller.missed[kind] <= 6 + 0.1 * 2 * for_s / poller.periods.of(kind), poller.missed


async def _trouble(station: Station, minutes: int) -> None:
    """Each minute something else fails for half of it."""
    kinds = itertools.cycle(("adapter", "meter", "board", "babble"))
    ended_s = now_s() + 60 * minutes
    for kind in kinds:
        if now_s() >= ended_s:
            return
        match kind:
            case "adapter":
                station.line.unplug()
            case "babble":
                station.line.babble(on=True)
            case _:
                station.line.dark = {kind}
        await asyncio.sleep(30)
        station.line.plug()
        station.line.dark = set()
        station.line.babble(on=False)
        await asyncio.sleep(30)
