"""The simulator's devices behind a real bus in virtual time: a line that can be taken apart.

Characters take their time; the link that reads them is the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hal.polled import now_s
from laddvakt_hal.adapters import Adapter, watches
from laddvakt_hal.bus import Bus
from laddvakt_hal.device import Device
from laddvakt_hal.errors import BusDown
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.stream import CharacterStream, Pace
from laddvakt_sim.firmware.library import BenchDevice, World, make
from laddvakt_sim.firmware.slave import intact, seal

_BABBLE_S = 0.08  # between two bursts of a device gone mad


class FieldLine(CharacterStream):
    """The characters between us and simulated devices; take it apart by its attributes."""

    def __init__(self, settings: SerialSettings, wake: Callable[[], None]) -> None:
        pace = Pace(
            character_s=settings.character_s,
            silence_s=settings.silence_s,
            hole_s=0.05,
            is_wire=True,
        )
        super().__init__(pace, now_s, wake)
        self.units: list[BenchDevice] = []
        self.there = True  # the adapter
        self.dark: set[str] = set()  # names of devices without power
        self.baud: dict[str, int] = {}  # of a device that is set otherwise than the line
        self._own_baud = settings.baud
        self._world = World({})
        self._noise = random.Random(7)
        self._babble: asyncio.Task[None] | None = None

    def pull(self) -> None:
        """Unplug the adapter: the kernel tells at once."""
        self.there = False
        self._lose("port lost: no such device")

    def babble(self, *, on: bool) -> None:
        """Let somebody drive the line without end."""
        if self._babble is not None:
            self._babble.cancel()
        self._babble = asyncio.create_task(self._chatter()) if on else None

    async def open(self) -> None:
        if not self.there:
            raise BusDown("no such port")
        self.lost = None

    def close(self) -> None:
        self.lost = self.lost or "closed"

    async def write(self, frame: bytes) -> float:
        self._require()
        took_s = len(frame) * self.pace.character_s
        asyncio.get_running_loop().call_later(took_s, self._deliver, bytes(frame))
        self.last_character_s = now_s() + took_s
        return now_s()

    def _deliver(self, frame: bytes) -> None:
        """The last character of a request has left: whoever is meant answers."""
        if not intact(frame):
            return
        answers = []
        for unit in self.units:
            baud = self.baud.get(unit.name, self._own_baud)
            if unit.unit == frame[0] and unit.name not in self.dark and baud == self._own_baud:
                pdu = self._world.request(unit, frame[1:-2], now_s()).pdu
                answers.append((unit.turnaround_s, seal(unit.unit, pdu)))
        if not answers:
            return
        begin_s, data = answers[0]
        for _, other in answers[1:]:  # the bus levels of two drivers, a character apart
            both = zip(data[1:], other, strict=False)
            data = data[:1] + bytes(a & b for a, b in both)
        if self._babble is not None:
            data = self._noise.randbytes(len(data))
        loop = asyncio.get_running_loop()
        first_s = max(begin_s, self.pace.silence_s) + self.pace.character_s
        loop.call_later(first_s, self._come, data[:1])
        rest_s = (len(data) - 1) * self.pace.character_s
        loop.call_later(first_s + rest_s, self._come, data[1:])

    def _come(self, data: bytes) -> None:
        if self.lost is None:
            self._take(data)
            self._tell()

    async def _chatter(self) -> None:
        while True:
            self._come(self._noise.randbytes(8))
            await asyncio.sleep(_BABBLE_S)

    def _pull(self) -> None:
        """Characters come by themselves."""

    def _wake_at(self, count: int) -> None:
        """Every character wakes."""

    def _lose(self, reason: str) -> BusDown:
        self.lost = self.lost or reason
        self._tell()
        return BusDown(reason)


class Field:
    """Simulated devices, a bus and a poller; `line` is taken apart, `roles` are looked at."""

    def __init__(self) -> None:
        self.settings = SerialSettings(name="line1", port="/dev/null")
        self.bus = Bus(self.settings, clock=now_s, link=self._link)
        self.up: list[tuple[float, bool]] = []
        self.bus.on_change = lambda bus: self.up.append((now_s(), bus.up))

    def _link(self, wake: Callable[[], None]) -> SerialLink:
        self.line = FieldLine(self.settings, wake)
        return SerialLink(self.line, now_s)

    def fit(self, model: str, unit: int, name: str) -> Device:
        """A simulated device on the line, and ours for it."""
        self.line.units.append(make(model, name=name, unit=unit, now_s=now_s()))
        return Device(load_profile(model), self.bus, unit, name, clock=now_s)

    def exchange(self, name: str, model: str) -> BenchDevice:
        """Put another device in the place of one."""
        index = next(i for i, unit in enumerate(self.line.units) if unit.name == name)
        unit = self.line.units[index].unit
        self.line.units[index] = make(model, name=name, unit=unit, now_s=now_s())
        return self.line.units[index]

    @asynccontextmanager
    async def polled(
        self, roles: list[Adapter], periods: Periods | None = None
    ) -> AsyncIterator[Poller]:
        poller = Poller(self.bus, watches(roles, self.bus), lambda _: None, periods, clock=now_s)
        await self.bus.start()
        task = asyncio.create_task(poller.run())
        try:
            async with asyncio.timeout(10):
                await poller.first_round.wait()
            yield poller
            if task.done():
                task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.line.babble(on=False)
            await self.bus.close()


async def until(condition: Callable[[], bool], most_s: float) -> float:
    """Virtual seconds until the condition holds.

    Raises:
        AssertionError: it does not within `most_s`.
    """
    began_s = now_s()
    while not condition():
        assert now_s() - began_s < most_s, f"not within {most_s} s"
        await asyncio.sleep(0.01)
    return now_s() - began_s
