"""Reading a line's devices in turn: whatever is due, earliest deadline first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.bus import Priority
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, NoReply
from laddvakt_hal.plan import Block, Periods, ReadClass, plan_device, wire_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from laddvakt_hal.bus import Bus
    from laddvakt_hal.device import Device
    from laddvakt_hal.errors import HalError

_DOWN_LOOK_S = 0.05  # how soon a line that came back is used again
_IDLE_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Which quantities of a device are read, and how urgent each is."""

    device: Device
    wanted: Mapping[str, ReadClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One line of the plan: what is read, how often, and what it costs on the wire."""

    device: str
    kind: ReadClass
    block: Block
    period_s: float
    wire_s: float


@dataclass(slots=True, kw_only=True)
class _Item:
    """A planned read and when it is due."""

    row: PlanRow
    device: Device
    due_s: float
    tried: bool = False
    finished: bool = False  # ONCE and read

    @property
    def deadline_s(self) -> float:
        """When it should have been read again."""
        return self.due_s + self.row.period_s


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
        self._devices = tuple(watch.device for watch in watches)
        self._items = [item for watch in watches for item in self._plan(watch)]
        self._down_told = False

    @property
    def plan(self) -> tuple[PlanRow, ...]:
        """The plan, most urgent first within each device."""
        return tuple(item.row for item in self._items)

    @property
    def longest_transaction_s(self) -> float:
        """Wire seconds of the longest planned read: how long a command may have to wait."""
        return max((item.row.wire_s for item in self._items), default=0.0)

    @property
    def utilisation(self) -> float:
        """Share of the line the plan takes, ONCE reads apart; above 1 periods are not kept."""
        repeated = (row for row in self.plan if row.kind is not ReadClass.ONCE)
        return sum(row.wire_s / row.period_s for row in repeated)

    @property
    def safety_period_s(self) -> float:
        """How old a safety value gets at most on a healthy line: period, load, device delays."""
        delays_s = max((device.profile.timing.min_delay_s for device in self._devices), default=0.0)
        return self.periods.safety_s * max(1.0, self.utilisation) + delays_s

    @property
    def all_silent(self) -> bool:
        """True while every device it reads is silent; False when it reads none.

        The port may stand all the same: a cut cable looks like this. See `Bus.up` for the port.
        """
        return bool(self._items) and all(item.device.silent for item in self._items)

    async def run(self) -> None:
        """Poll for ever; cancel to end."""
        while True:
            if not self.bus.up:
                if self.bus.tried:
                    self._tell_down()
                await asyncio.sleep(_DOWN_LOOK_S)
                continue
            self._down_told = False
            item, wait_s = self._pick(self._clock())
            if item is None:
                await asyncio.sleep(wait_s)
            else:
                await self._read(item)

    def _plan(self, watch: Watch) -> list[_Item]:
        device = watch.device
        cost = wire_cost(self.bus.settings, device.profile.timing)
        device.safety = device.safety or ReadClass.SAFETY in watch.wanted.values()
        return [
            _Item(
                row=PlanRow(
                    device=device.name,
                    kind=kind,
                    block=block,
                    period_s=self.periods.of(kind),
                    wire_s=cost.of(block.request(device.unit)),
                ),
                device=device,
                due_s=0.0,
            )
            for kind, block in plan_device(device.profile, watch.wanted, cost)
        ]

    def _pick(self, now_s: float) -> tuple[_Item | None, float]:
        """The due item with the earliest deadline, or how long nothing will be due."""
        chosen: _Item | None = None
        wait_s = _IDLE_LOOK_S
        for item in self._items:
            if item.finished:
                continue
            ready_s = max(
                item.due_s, item.device.ask_again_s, self.bus.ready_at_s(item.device.unit)
            )
            if ready_s > now_s:
                wait_s = min(wait_s, ready_s - now_s)
            elif chosen is None or item.deadline_s < chosen.deadline_s:
                chosen = item
        return chosen, wait_s

    async def _read(self, item: _Item) -> None:
        device, was_silent = item.device, item.device.silent
        safety = item.row.kind is ReadClass.SAFETY
        error = await device.read_block(
            item.row.block, Priority.SAFETY if safety else Priority.NORMAL
        )
        if isinstance(error, BusDown):
            return  # told for all devices at once, see `_tell_down`
        item.tried = True
        self._put_off(item, error)
        item.finished = error is None and item.row.kind is ReadClass.ONCE
        if was_silent and not device.silent:
            self._ask_all_again(device)
        self._on_update(device)
        self._note_round()

    def _put_off(self, item: _Item, error: HalError | None) -> None:
        """Say when the item is due next."""
        now_s = self._clock()
        if isinstance(error, NoReply) and not item.device.silent:
            item.due_s = now_s  # excused: ask again at once
            return
        item.due_s += item.row.period_s
        if item.due_s <= now_s:  # first read, or late: no catching up
            item.due_s = now_s + item.row.period_s

    def _ask_all_again(self, device: Device) -> None:
        """Back after a silence: it may have restarted or been exchanged."""
        for item in self._items:
            if item.device is device and item.row.kind is ReadClass.ONCE:
                item.finished, item.due_s = False, 0.0

    def _tell_down(self) -> None:
        if self._down_told:
            return
        self._down_told = True
        for device in self._devices:
            device.mark_down()
            self._on_update(device)
        for item in self._items:
            item.tried = True
        self._note_round()

    def _note_round(self) -> None:
        if all(item.tried or item.device.silent for item in self._items):
            self.first_round.set()
