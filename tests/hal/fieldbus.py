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
from hal.virtual.line import MemoryLine, pace_of
from laddvakt_hal.adapters import Adapter, watches
from laddvakt_hal.bus import Bus
from laddvakt_hal.device import Device
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.settings import SerialSettings
from laddvakt_sim.firmware.library import BenchDevice, World, make
from laddvakt_sim.firmware.slave import intact, seal

CHARACTERS = 100  # in a burst of a device gone mad


class FieldLine(MemoryLine):
    """A line to simulated devices; take it apart by its attributes."""

    def __init__(self, settings: SerialSettings, wake: Callable[[], None]) -> None:
        pace = pace_of(settings, is_wire=True, batches=False)
        super().__init__(asyncio.get_running_loop(), wake, pace)
        self.heard = self._answer
        self.units: list[BenchDevice] = []
        self.dark: set[str] = set()  # names of devices without power
        self.baud: dict[str, int] = {}  # of a device that is set otherwise than the line
        self._own_baud = settings.baud
        self._world = World({})
        self._noise = random.Random(7)
        self._babble: asyncio.Task[None] | None = None

    def babble(self, *, on: bool) -> None:
        """Let somebody drive the line without end."""
        if self._babble is not None:
            self._babble.cancel()
        self._babble = asyncio.create_task(self._chatter()) if on else None

    def _answer(self, frame: bytes, ended_s: float) -> None:
        """The last character of a request has left: whoever is meant answers."""
        for unit in self.units:
            hears = (
                unit.name not in self.dark
                and self.baud.get(unit.name, self._own_baud) == self._own_baud
            )
            if hears and unit.unit == frame[0] and intact(frame):
                pdu = self._world.request(unit, frame[1:-2], ended_s).pdu
                begins_s = ended_s + max(unit.turnaround_s, self.pace.silence_s)
                self.talk(begins_s, seal(unit.unit, pdu))

    async def _chatter(self) -> None:
        while True:
            if self.lost is None:
                self.talk(now_s(), self._noise.randbytes(CHARACTERS), at_once=True)
            await asyncio.sleep(CHARACTERS * self.pace.character_s)


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
