"""A line in virtual time for the poller: devices that answer, keep silent or garble as told.

Hours pass in seconds, and every request stands in `requests` with when it began and ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from hal.virtual.loop import run_virtual
from laddvakt_hal.bus import Bus, Priority, Reply
from laddvakt_hal.device import Device
from laddvakt_hal.errors import BusDown, Garbled, NoReply
from laddvakt_hal.frame import Request
from laddvakt_hal.plan import Periods, ReadClass, wire_cost
from laddvakt_hal.poll import Poller, Watch
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import LineSettings, SerialSettings, Timing

T = TypeVar("T")
LINE = SerialSettings(name="line1", port="/dev/null", baud=9600)


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    """Run to the end in virtual time."""

    async def run() -> T:
        return await main()

    return run_virtual(lambda _: run())


def now_s() -> float:
    return asyncio.get_running_loop().time()


class ModelBus(Bus):
    """A bus whose line and devices are arithmetic: the cost model with the true turnaround."""

    def __init__(self, settings: LineSettings = LINE) -> None:
        super().__init__(settings, clock=now_s)
        self.requests: list[tuple[float, float, Request]] = []
        self.priorities: dict[tuple[int, int], Priority] = {}  # of unit and address, the latest
        self.turnaround_s: dict[int, float] = {}
        self.silent: set[int] = set()
        self.garbled: set[int] = set()
        self.words: Callable[[Request], Mapping[int, int]] = lambda _: {}  # other than 0
        self.plugged = self.tried = True
        self._rested: dict[int, float] = {}
        self._last: tuple[int, float] | None = None  # the unit asked last, and when that ended
        self._held = asyncio.Lock()

    @property
    def up(self) -> bool:
        return self.plugged

    def ready_at_s(self, unit: int) -> float:
        return self._rested.get(unit, 0.0)

    def measured_turnaround_s(self, unit: int) -> float | None:
        return self.turnaround_s.get(unit)

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.priorities[request.unit, request.address] = priority
        async with self._held:
            timing = self._timing(request.unit)
            changed = self._last is not None and self._last[0] != request.unit
            change_s = self._last[1] + timing.unit_change_s if self._last and changed else 0.0
            await asyncio.sleep(max(0.0, self.ready_at_s(request.unit) - now_s()))
            await asyncio.sleep(max(0.0, change_s - now_s()))
            if not self.plugged:
                raise BusDown("unplugged")
            began_s = now_s()
            try:
                await self._answer(request, timing)
            finally:
                self.requests.append((began_s, now_s(), request))
                self._rested[request.unit] = now_s() + timing.min_delay_s
                self._last = (request.unit, now_s())
            return self._reply(request, began_s)

    async def _answer(self, request: Request, timing: Timing) -> None:
        if request.unit in self.silent:
            await asyncio.sleep(max(timing.timeout_s, timing.worst_latency_s))
            raise NoReply("silent")
        true_s = self.turnaround_s.get(request.unit, timing.turnaround_s)
        await asyncio.sleep(wire_cost(self.settings, timing, turnaround_s=true_s).of(request))
        if request.unit in self.garbled:
            await asyncio.sleep(0.05)
            raise Garbled("crc", "two at once")

    def _reply(self, request: Request, began_s: float) -> Reply:
        said = self.words(request)
        words = tuple(said.get(request.address + n, 0) for n in range(request.count))
        return Reply(words=words, bits=(), sent_at_s=began_s, taken_at_s=now_s())

    def spent_s(self, unit: int, since_s: float = 0.0) -> float:
        """Line seconds a unit took."""
        return sum(b - a for a, b, r in self.requests if r.unit == unit and a >= since_s)

    def reads(self, unit: int, address: int, since_s: float = 0.0) -> list[float]:
        """When a read of an address ended."""
        return [
            ended
            for _, ended, r in self.requests
            if r.unit == unit and r.address == address and ended >= since_s
        ]


class Polled:
    """Devices on a modelled line with their poller."""

    def __init__(
        self,
        parts: Mapping[int, tuple[Profile, Mapping[str, ReadClass]]],
        periods: Periods | None = None,
        settings: LineSettings = LINE,
    ) -> None:
        self.bus = ModelBus(settings)
        self.devices = {
            unit: Device(profile, self.bus, unit, f"d{unit}", clock=now_s)
            for unit, (profile, _) in parts.items()
        }
        watches = [Watch(device=self.devices[u], wanted=w) for u, (_, w) in parts.items()]
        self.poller = Poller(self.bus, watches, lambda _: None, periods, clock=now_s)
        self._task: asyncio.Task[None] | None = None

    async def poll(self, for_s: float) -> None:
        """Let time pass."""
        if self._task is None:
            self._task = asyncio.create_task(self.poller.run())
        await asyncio.sleep(for_s)
        if self._task.done():
            self._task.result()

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
