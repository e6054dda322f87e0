"""A bus that is up, on a line or behind a gateway in memory, for one test at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from hal.slave import obey
from hal.virtual.line import MemoryLine, pace_of
from hal.virtual.loop import VirtualLoop, run_virtual
from hal.virtual.net import Answer, MemoryTransport
from laddvakt_hal.bus import Bus, Priority, SerialSettings, TcpSettings, Timing
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.link import Link
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.settings import Framing

SETTINGS = SerialSettings(name="memory", port="/memory")
QUICK = Timing(timeout_s=0.2, worst_latency_s=0.2)
Test = Callable[["Rig"], Coroutine[object, object, None]]


class Rig:
    """A bus and its line in memory; `latency_s` of a unit, `None` for a dead one."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.latency_s: dict[int, float | None] = {}
        self.asked: list[
            tuple[float, int, int]
        ] = []  # when its first character left, unit, address
        self.ended_s: list[float] = []
        self.answer: Callable[[bytes], bytes] = obey
        self.bus = Bus(SETTINGS, loop.time, self._link)
        self.line.heard = self._heard

    def _link(self, wake: Callable[[], None]) -> Link:
        pace = pace_of(SETTINGS, is_wire=True, batches=False)
        self.line = MemoryLine(self.loop, wake, pace)
        self.link = SerialLink(self.line, self.loop.time, echo=False)
        return self.link

    def _heard(self, frame: bytes, ended_s: float) -> None:
        character_s = self.line.pace.character_s
        address = int.from_bytes(frame[2:4], "big")
        self.asked.append((ended_s - len(frame) * character_s, frame[0], address))
        latency_s = self.latency_s.get(frame[0], 0.01)
        if latency_s is not None:
            reply = self.answer(frame)
            self.line.talk(ended_s + latency_s, reply)
            self.ended_s.append(ended_s + latency_s + len(reply) * character_s)

    async def outcome(
        self, unit: int, address: int = 0, priority: Priority = Priority.NORMAL, count: int = 2
    ) -> tuple[int, ...] | HalError:
        try:
            return (await self.bus.transact(holding(unit, address, count), priority)).words
        except HalError as error:
            return error


def holding(unit: int, address: int = 0, count: int = 2) -> Request:
    return Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)


def write(unit: int, address: int) -> Request:
    return Request(unit=unit, function=Function.WRITE_REGISTER, address=address, values=(1,))


def on_rig(test: Test, timing: Timing = QUICK) -> None:
    """Run a test on a bus that is up; units 1..3 share the timing."""

    async def work(loop: VirtualLoop) -> None:
        rig = Rig(loop)
        for unit in (1, 2, 3):
            rig.bus.set_timing(unit, timing)
        await rig.bus.start()
        while not rig.bus.up:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.01)
        await test(rig)
        await rig.bus.close()

    run_virtual(work)


def on_gateway(
    answer: Callable[[bytes], Answer],
    test: Callable[[Bus, VirtualLoop], Coroutine[object, object, None]],
    timing: Timing = QUICK,
    framing: Framing = "tcp",
) -> None:
    async def work(loop: VirtualLoop) -> None:
        loop.connect = lambda protocol: MemoryTransport(loop, protocol, answer)
        bus = Bus(
            TcpSettings(name="gw", host="memory", framing=framing),
            loop.time,
        )
        for unit in range(1, 6):
            bus.set_timing(unit, timing)
        await bus.start()
        await asyncio.sleep(0.5)
        await test(bus, loop)
        await bus.close()

    run_virtual(work)
