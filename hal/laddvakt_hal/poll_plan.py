"""The planned reads of one line: made from what its devices need, and again when that changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_hal.plan import (
    Block,
    Periods,
    ReadClass,
    longest_allowed_s,
    per_second,
    plan_device,
    wire_cost,
)
from laddvakt_hal.plan_block import may_last_s
from laddvakt_hal.profile_needs import with_needs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from laddvakt_hal.bus import Bus
    from laddvakt_hal.device import Device
    from laddvakt_hal.plan import WireCost

# A plan stands until another saves this share or one of its reads is too long by as much: a
# turnaround that wavers around a break-even point must not change the plan each minute.
WORTH_IT = 1.05
_SAME_S = 0.0005  # a turnaround that moved less changes nothing: no plan is worked out for it


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
    held_s: float  # `wire_s` and the idle line a change of unit wants
    busy_s: float  # until the device may be asked again


@dataclass(slots=True, kw_only=True)
class Item:
    """A planned read and when it is due."""

    row: PlanRow
    device: Device
    due_s: float = 0.0
    tried: bool = False
    steady: bool = False  # the last try succeeded, nothing has come between since
    confirm: int = 0  # reads still wanted to confirm what changed

    def put_off(self, now_s: float) -> int:
        """Due one period on, its beat kept; how many periods are skipped.

        Up to half a period of delay is caught up: the next read follows so much sooner.
        """
        period_s = self.row.period_s
        if not self.due_s:  # the first read
            self.due_s = now_s + period_s
            return 0
        passed = max(1, round((now_s - self.due_s) / period_s))
        self.due_s += passed * period_s
        return passed - 1


class LinePlan:
    """What is read of a line's devices; `items` in the order of the watches."""

    def __init__(self, bus: Bus, watches: Sequence[Watch], periods: Periods) -> None:
        self.devices = tuple(watch.device for watch in watches)
        self._bus = bus
        self._watches = tuple(
            replace(watch, wanted=with_needs(watch.device.profile, watch.wanted))
            for watch in watches
        )
        self._periods = periods
        kinds = {kind for watch in self._watches for kind in watch.wanted.values()}
        self._cap_s = longest_allowed_s(kinds, periods)
        self._items: dict[Device, list[Item]] = {}
        self._layouts: dict[Device, int] = {}
        self._rests_on_s: dict[Device, float] = {}  # the turnaround the costs are made with
        for watch in self._watches:
            safety = ReadClass.SAFETY in watch.wanted.values()
            watch.device.safety = watch.device.safety or safety
            self._adopt(watch, self._best(watch))
            self._layouts[watch.device] = watch.device.layout_version
            self._rests_on_s[watch.device] = self._cost(watch.device).turnaround_s

    @property
    def items(self) -> tuple[Item, ...]:
        """Every planned read, most urgent first within each device."""
        return tuple(item for items in self._items.values() for item in items)

    @property
    def longest_s(self) -> float:
        """Wire seconds of the longest planned read, 0 without any."""
        return max((item.row.wire_s for item in self.items), default=0.0)

    @property
    def loads(self) -> dict[str, float]:
        """The share of each device's time its reads take, the rests it wants included."""
        return {
            device.name: sum(row.busy_s / row.period_s for row in _repeated(items))
            for device, items in self._items.items()
        }

    @property
    def utilisation(self) -> float:
        """Share of the line the repeated reads take, or of a device that is overloaded itself."""
        line = sum(row.held_s / row.period_s for row in _repeated(self.items))
        return max(line, *(load for load in self.loads.values() if load > 1), 0.0)

    def of(self, device: Device) -> list[Item]:
        """The reads of one device."""
        return self._items[device]

    def follow(self, now_s: float) -> None:
        """Plan again what is read of devices whose rows moved; all of it is due now."""
        for watch in self._watches:
            device = watch.device
            if self._layouts[device] != device.layout_version:
                self._layouts[device] = device.layout_version
                self._items[device] = []
                self._adopt(watch, self._best(watch))
                for item in self._items[device]:
                    item.due_s = now_s

    def refresh(self) -> None:
        """Take in what was measured: the costs, and another plan where it is worth it."""
        for watch in self._watches:
            cost = self._cost(watch.device)
            if abs(cost.turnaround_s - self._rests_on_s[watch.device]) < _SAME_S:
                continue
            self._rests_on_s[watch.device] = cost.turnaround_s
            now = [(item.row.kind, item.row.block) for item in self._items[watch.device]]
            best = self._best(watch)
            if best != now and self._worth_it(now, best, cost):
                self._adopt(watch, best)
            else:
                for item in self._items[watch.device]:
                    item.row = self._row(watch.device, item.row.kind, item.row.block)

    def _best(self, watch: Watch) -> list[tuple[ReadClass, Block]]:
        profile = watch.device.profile
        cost = self._cost(watch.device)
        return list(plan_device(profile, watch.wanted, cost, self._periods, self._cap_s))

    def _worth_it(
        self,
        now: Sequence[tuple[ReadClass, Block]],
        best: Sequence[tuple[ReadClass, Block]],
        cost: WireCost,
    ) -> bool:
        too_long = any(
            cost.of(block.request(1)) > WORTH_IT * may_last_s(block.rows, cost, self._cap_s)
            for _, block in now
        )
        saved = WORTH_IT * per_second(best, cost, self._periods)
        return too_long or per_second(now, cost, self._periods) > saved

    def _adopt(self, watch: Watch, planned: Sequence[tuple[ReadClass, Block]]) -> None:
        """Make these the device's reads; what was due stays due."""
        old = self._items.get(watch.device, [])
        self._items[watch.device] = [
            _continued(Item(row=self._row(watch.device, kind, block), device=watch.device), old)
            for kind, block in planned
        ]

    def _row(self, device: Device, kind: ReadClass, block: Block) -> PlanRow:
        cost, request = self._cost(device), block.request(device.unit)
        return PlanRow(
            device=device.name,
            kind=kind,
            block=block,
            period_s=self._periods.of(kind),
            wire_s=cost.of(request),
            held_s=cost.held_s(request),
            busy_s=cost.price_s(request),
        )

    def _cost(self, device: Device) -> WireCost:
        return wire_cost(
            self._bus.settings,
            device.profile.timing,
            turnaround_s=self._bus.measured_turnaround_s(device.unit),
            shared=len(self._watches) > 1,
        )


def _repeated(items: Iterable[Item]) -> list[PlanRow]:
    return [item.row for item in items if item.row.kind is not ReadClass.ONCE]


def _continued(item: Item, old: Iterable[Item]) -> Item:
    """The item, due when the first of its rows was due in the plan before."""
    mine = {row.quantity for row in item.row.block.rows}
    before = [o for o in old if mine & {row.quantity for row in o.row.block.rows}]
    if not before:
        return item
    return replace(item, due_s=min(o.due_s for o in before), tried=True)
