"""What a line reads next: earliest deadline first, among those that may be asked now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll_pace import Probes

if TYPE_CHECKING:
    from laddvakt_hal.bus import Bus
    from laddvakt_hal.device import Device
    from laddvakt_hal.poll_plan import Item, LinePlan

_IDLE_LOOK_S = 0.5


class Queue:
    """Who may be asked when, and who is next."""

    def __init__(self, bus: Bus, plan: LinePlan, periods: Periods) -> None:
        self._bus = bus
        self._plan = plan
        self._periods = periods
        self._probes = Probes()
        self._rested_s: dict[Device, float] = {}

    def pick(self, now_s: float) -> tuple[Item | None, float]:
        """The due item with the earliest deadline, or how long nothing will be due."""
        chosen: Item | None = None
        first_s = 0.0
        wait_s = _IDLE_LOOK_S
        for item in self._plan.items:
            if not item.device.resolved:
                continue
            ready_s = max(item.due_s, self.free_s(item.device))
            deadline_s = self._deadline_s(item)
            if ready_s > now_s:
                wait_s = min(wait_s, ready_s - now_s)
            elif chosen is None or deadline_s < first_s:
                chosen, first_s = item, deadline_s
        return chosen, wait_s

    def free_s(self, device: Device) -> float:
        """When the device may be asked: its delays, its quarantine, others it would hold up."""
        return max(
            device.ask_again_s,
            self._bus.ready_at_s(device.unit),
            self._rested_s.get(device, 0.0),
            self._probes.next_s if device.silent else 0.0,
        )

    def rest(self, device: Device, until_s: float) -> None:
        """Leave the device alone until then."""
        self._rested_s[device] = until_s

    def note_vain(self, device: Device, took_s: float, ended_s: float) -> None:
        """The device did not answer for `took_s` and is in quarantine."""
        # Commands may have gone first: that is not the silent device's cost.
        longest_s = max((item.row.held_s for item in self._plan.of(device)), default=0.0)
        self._note_cost(min(took_s, longest_s + _silence_s(device)), ended_s)

    def note_vain_search(self, device: Device, ended_s: float) -> None:
        """The device did not answer while its registers were looked for at every base."""
        wanted = device.profile.discovery
        self._note_cost(len(wanted.bases) * _silence_s(device) if wanted else 0.0, ended_s)

    def _note_cost(self, cost_s: float, ended_s: float) -> None:
        living = [item for item in self._plan.items if not item.device.silent]
        self._probes.note(cost_s, ended_s, living)

    def _deadline_s(self, item: Item) -> float:
        """When the item should have been read.

        What waited through a silence is not more urgent than what others are owed now. Identity is
        as urgent as safety: until it is known, nothing else is believed; it is rarely read.
        """
        once = item.row.kind is ReadClass.ONCE
        period_s = self._periods.safety_s if once else item.row.period_s
        return period_s + max(item.due_s, item.device.ask_again_s)


def _silence_s(device: Device) -> float:
    """How long the line is taken by waiting for the device in vain."""
    timing = device.profile.timing
    return max(timing.timeout_s, timing.worst_latency_s)
