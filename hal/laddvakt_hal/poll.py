"""Reading a line's devices in turn: whatever is due, earliest deadline first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from laddvakt_hal.bus import Priority
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, Garbled, NoReply
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll_pace import Punctuality
from laddvakt_hal.poll_plan import LinePlan, PlanRow, Watch
from laddvakt_hal.poll_queue import Queue
from laddvakt_hal.poll_search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from laddvakt_hal.bus import Bus
    from laddvakt_hal.device import Device
    from laddvakt_hal.errors import HalError
    from laddvakt_hal.poll_plan import Item

__all__ = ["PlanRow", "Poller", "Watch"]

REPLAN_S = 60.0  # how often the plan is held against what was measured
_DOWN_LOOK_S = 0.05  # how soon a line that came back is used again
# An identity that changed is read again so often, a second apart: one odd reply is no exchange.
_CONFIRM_READS = 2


class Poller:
    """Carries out the plan of one line until cancelled.

    `on_update` is called right after every reply or failure is stored; it must not block.
    """

    def __init__(
        self,
        bus: Bus,
        watches: Sequence[Watch],
        on_update: Callable[[Device], None],
        periods: Periods | None = None,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self.bus = bus
        self.periods = periods or Periods()
        self.first_round = asyncio.Event()  # every device read once, or known to be silent
        self._on_update = on_update
        self._clock = clock
        self._plan = LinePlan(bus, watches, self.periods)
        self._replan_s = clock() + REPLAN_S
        self._kept = Punctuality()
        self._queue = Queue(bus, self._plan, self.periods)
        self._silent: set[Device] = set()
        self._search: Search | None = None
        self._down_told = False

    @property
    def plan(self) -> tuple[PlanRow, ...]:
        """The plan, most urgent first within each device."""
        return tuple(item.row for item in self._plan.items)

    @property
    def longest_transaction_s(self) -> float:
        """Wire seconds of the longest planned read: how long a command may have to wait."""
        return self._plan.longest_s

    @property
    def utilisation(self) -> float:
        """Share of the line the plan takes, ONCE reads apart; above 1 periods are not kept.

        A device that cannot keep its periods by itself, for the rests it wants, counts as well.
        """
        return self._plan.utilisation

    @property
    def loads(self) -> Mapping[str, float]:
        """The share of each device's time its reads and the rests it wants take, by name."""
        return self._plan.loads

    @property
    def safety_period_s(self) -> float:
        """How old a safety value gets at most on a healthy line: period, load, device delays."""
        timings = [device.profile.timing for device in self._plan.devices]
        delays_s = max((timing.min_delay_s for timing in timings), default=0.0)
        return self.periods.safety_s * max(1.0, self.utilisation) + delays_s

    @property
    def missed(self) -> Mapping[ReadClass, int]:
        """Periods skipped while their device answered, by class; see `Item.put_off`."""
        return self._kept.missed

    @property
    def lateness_s(self) -> Mapping[ReadClass, float]:
        """The longest time from a read being due to its reply, by class."""
        return self._kept.lateness_s

    @property
    def all_silent(self) -> bool:
        """True while every device it reads is silent; False when it reads none.

        The port may stand all the same: a cut cable looks like this. See `Bus.up` for the port.
        """
        items = self._plan.items
        return bool(items) and all(item.device.silent for item in items)

    async def run(self) -> None:
        """Poll for ever; cancel to end."""
        try:
            while True:
                if self.bus.up:
                    self._down_told = False
                    await self._turn(self._clock())
                else:
                    if self.bus.tried:
                        self._tell_down()
                    await asyncio.sleep(_DOWN_LOOK_S)
        finally:
            if self._search is not None:
                await self._search.cancel()

    async def _turn(self, now_s: float) -> None:
        """Read what is due, or wait until something is."""
        self._note_silences()
        self._look_for(now_s)
        self._plan.follow(now_s)
        if now_s >= self._replan_s:
            self._replan_s = now_s + REPLAN_S
            self._plan.refresh()
        item, wait_s = self._queue.pick(now_s)
        if item is None:
            await asyncio.sleep(wait_s)
        else:
            await self._read(item)

    def _look_for(self, now_s: float) -> None:
        """Have one device at a time looked for whose registers are not found yet.

        That takes many requests: they go beside the reads of the others, which the line prefers.
        """
        if self._search is not None:
            if not self._search.done():
                return
            search, self._search = self._search, None
            self._note_search(search.device, search.outcome(), now_s)
        free_s = self._queue.free_s
        lost = [d for d in self._plan.devices if not d.resolved and free_s(d) <= now_s]
        if lost:
            self._search = Search(min(lost, key=free_s))

    def _note_search(self, device: Device, error: HalError | None, now_s: float) -> None:
        if error is not None:
            self._queue.rest(device, now_s + self.periods.normal_s)
            if device.silent:
                self._queue.note_vain_search(device, now_s)
            for item in self._plan.of(device):
                item.tried = True
        self._on_update(device)
        self._note_round()

    async def _read(self, item: Item) -> None:
        device = item.device
        safety = item.row.kind is ReadClass.SAFETY
        before = self._values(item)
        began_s = self._clock()
        error = await device.read_block(
            item.row.block, Priority.SAFETY if safety else Priority.NORMAL
        )
        if isinstance(error, BusDown):
            return  # told for all devices at once, see `_tell_down`
        ended_s = self._clock()
        self._queue.rest(device, ended_s + device.profile.timing.read_interval_s)
        item.tried = True
        if error is None:
            self._note_good(item, before, ended_s)
        else:
            self._note_bad(item, error, ended_s - began_s, ended_s)
        self._note_silences()
        self._on_update(device)
        self._note_round()

    def _note_silences(self) -> None:
        """See who fell silent, and begin again with who was heard again, a command included."""
        for device in self._plan.devices:
            if device.silent:
                self._silent.add(device)
            elif device in self._silent:
                self._silent.discard(device)
                self._begin_again(device)

    def _note_good(self, item: Item, before: Sequence[object], ended_s: float) -> None:
        """Say when a read that succeeded is due next."""
        if item.row.kind is not ReadClass.ONCE:
            late_s = ended_s - item.due_s
            self._kept.note(item, item.put_off(ended_s), late_s)
            item.steady = True
            return
        changed = any(
            old is not None and old != new
            for old, new in zip(before, self._values(item), strict=True)
        )
        item.confirm = _CONFIRM_READS if changed else max(0, item.confirm - 1)
        pause_s = self.periods.normal_s if item.confirm else self.periods.identity_s
        item.due_s = ended_s + pause_s

    def _note_bad(self, item: Item, error: HalError, cost_s: float, ended_s: float) -> None:
        """Say when a read that failed is due next, and when the silent may be asked again."""
        item.steady = False
        if isinstance(error, NoReply) and not item.device.silent:
            item.due_s = ended_s  # excused: ask again at once
            return
        item.put_off(ended_s)
        if isinstance(error, NoReply | Garbled) and item.device.silent:
            self._queue.note_vain(item.device, cost_s, ended_s)

    def _values(self, item: Item) -> list[object]:
        """What an identity read knows so far; nothing is compared in other classes."""
        if item.row.kind is not ReadClass.ONCE:
            return []
        return [item.device.reading(row.quantity).value for row in item.row.block.rows]

    def _begin_again(self, device: Device) -> None:
        """Heard again after a silence: it may have restarted or been exchanged."""
        now_s = self._clock()
        for item in self._plan.of(device):
            item.steady = False
            if item.row.kind is ReadClass.ONCE:
                item.due_s = min(item.due_s, now_s)

    def _tell_down(self) -> None:
        if self._down_told:
            return
        self._down_told = True
        for device in self._plan.devices:
            device.mark_down()
            self._begin_again(device)
            self._on_update(device)
        for item in self._plan.items:
            item.tried = True
        self._note_round()

    def _note_round(self) -> None:
        if all(item.tried or item.device.silent for item in self._plan.items):
            self.first_round.set()
