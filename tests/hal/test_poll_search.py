"""Devices whose registers must be found first, polled in virtual time beside others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from hal.fieldbus import Field, until
from hal.polled import now_s, virtually
from laddvakt_hal.adapters import meter, relay_contactor
from laddvakt_hal.poll import Poller
from laddvakt_hal.reading import Quality
from laddvakt_hal.tap import Frame
from laddvakt_sim.firmware.library import make

SUNSPEC, RELAY = "sunspec-meter-20x", "waveshare-modbus-rtu-relay"


class Station(Field):
    """A SunSpec meter and a relay board on one line; `asked` has every request's time and unit."""

    def __init__(self) -> None:
        super().__init__()
        self.meter = meter(self.fit(SUNSPEC, 1, "meter"))
        self.relay = relay_contactor(self.fit(RELAY, 3, "relay"), 0, 0)
        self.asked: list[tuple[float, int]] = []
        self.bus.on_frame = self._note

    def good(self) -> bool:
        both = (self.meter.current_a(), self.relay.feedback_closed())
        return all(reading.quality is Quality.GOOD for reading in both)

    def _note(self, frame: Frame) -> None:
        if frame.direction == "request":
            self.asked.append((frame.at_s, frame.unit))

    def gaps(self, unit: int, since_s: float) -> list[float]:
        times = [at_s for at_s, asked in self.asked if asked == unit and at_s >= since_s]
        return [b - a for a, b in itertools.pairwise(times)]


def in_station(case: Callable[[Station, Poller], Awaitable[None]]) -> None:
    async def run() -> None:
        station = Station()
        async with station.polled([station.meter, station.relay]) as poller:
            await case(station, poller)

    virtually(run)


def test_registers_are_found_while_others_are_read() -> None:
    """Values after a few seconds, planned where they were found, nobody's period the longer."""

    async def case(station: Station, poller: Poller) -> None:
        since_s = now_s()
        await until(station.good, 5.0)
        assert station.meter.device.resolved
        addresses = {row.block.addr for row in poller.plan if row.device == "meter"}
        assert min(addresses) >= 40_000
        await asyncio.sleep(20.0)
        assert max(station.gaps(3, since_s)) < 0.5
        assert not any(poller.missed.values())

    in_station(case)


def test_registers_that_moved_are_found_again_after_a_silence() -> None:
    """Another unit with its map elsewhere: found and read, the plan follows."""

    async def case(station: Station, poller: Poller) -> None:
        await until(station.good, 5.0)
        station.line.dark = {"meter"}
        await asyncio.sleep(10.0)
        assert not station.meter.device.resolved
        moved = make(SUNSPEC, name="meter", unit=1, now_s=now_s(), firmware="50000")
        station.line.units[0] = moved
        station.line.dark = set()
        await until(station.good, 10.0)
        addresses = {row.block.addr for row in poller.plan if row.device == "meter"}
        assert min(addresses) >= 50_000
        await until(lambda: station.meter.device.identity_matches() is True, 3.0)

    in_station(case)


def test_device_without_the_wanted_registers_is_told_and_looked_at_now_and_then() -> None:
    """It answers, so it is not silent; it has no values, and costs the others next to nothing."""

    async def case(station: Station, poller: Poller) -> None:
        await until(station.good, 5.0)
        station.line.dark = {"meter"}
        await asyncio.sleep(5.0)
        station.line.units[0] = make("eastron-sdm630", name="meter", unit=1, now_s=now_s())
        station.line.dark = set()
        await asyncio.sleep(10.0)
        since_s = now_s()
        await asyncio.sleep(60.0)
        assert not station.meter.device.resolved
        assert station.meter.current_a().quality is not Quality.GOOD
        assert 3 <= len(station.gaps(1, since_s)) <= 30
        assert max(station.gaps(3, since_s)) < 0.6
        station.exchange("meter", SUNSPEC)
        await until(station.good, 15.0)

    in_station(case)


@pytest.mark.parametrize("dead", [True, False], ids=["silent", "answers"])
def test_first_round_ends_without_the_registers(dead: bool) -> None:
    """A start does not wait for ever for a device that cannot be found."""

    async def run() -> None:
        station = Station()
        if dead:
            station.line.dark = {"meter"}
        else:
            station.line.units[0] = make("eastron-sdm630", name="meter", unit=1, now_s=now_s())
        async with station.polled([station.meter, station.relay]) as poller:
            assert poller.first_round.is_set()
            await asyncio.sleep(5.0)
            since_s = now_s()
            await asyncio.sleep(300.0)
            gaps = station.gaps(3, since_s)
            assert sum(gaps) / len(gaps) < 1.1 * 0.25

    virtually(run)
