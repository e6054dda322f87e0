"""Devices in their roles, and what must be read for them: the agent's door into this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from laddvakt_hal.boards import board, board_contactor
from laddvakt_hal.meters import meter
from laddvakt_hal.poll import Watch
from laddvakt_hal.profile_needs import with_needs
from laddvakt_hal.relays import digital_input, relay_contactor, relay_output
from laddvakt_hal.residual import residual_monitor
from laddvakt_hal.sensors import sensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laddvakt_hal.bus import Bus
    from laddvakt_hal.device import Device
    from laddvakt_hal.plan import ReadClass

__all__ = [
    "Adapter",
    "board",
    "board_contactor",
    "digital_input",
    "meter",
    "relay_contactor",
    "relay_output",
    "residual_monitor",
    "sensor",
    "watches",
]


class Adapter(Protocol):
    """What every role here has besides its role: its device and its needs."""

    device: Device

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """Quantities this role needs, and how urgently."""
        ...


def watches(roles: Iterable[Adapter], bus: Bus) -> tuple[Watch, ...]:
    """What a poller of `bus` must read for these roles: one watch per device, most urgent class."""
    wanted: dict[Device, dict[str, ReadClass]] = {}
    for role in roles:
        if role.device.bus is not bus:
            continue
        its = wanted.setdefault(role.device, {})
        for quantity, kind in role.wanted.items():
            its[quantity] = min(kind, its.get(quantity, kind))
    return tuple(
        Watch(device=device, wanted=with_needs(device.profile, its))
        for device, its in wanted.items()
    )
