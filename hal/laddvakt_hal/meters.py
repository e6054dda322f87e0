"""The meter role from profile data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive, number, together, total
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.reading import Reading, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.device import Device
    from laddvakt_hal.roles import Phases


def meter(device: Device) -> ProfiledMeter:
    """The device as a meter.

    Raises:
        ProfileError: its profile has no meter.
    """
    return ProfiledMeter(device)


class ProfiledMeter:
    """A meter whose rows the profile names; implements `roles.Meter`."""

    def __init__(self, device: Device) -> None:
        if device.profile.meter is None:
            raise ProfileError(f"{device.profile.id} has no [meter]; use another profile as meter")
        self.device = device
        self._map = device.profile.meter
        self.name = device.name
        self.update_s = self._map.update_s
        self.latency_s = self._map.latency_s
        self.resolution_wh = self._map.resolution_wh
        self.load_side = self._map.load_side
        self.measures_neutral = self._map.measures_neutral
        self.rollover_wh = self._map.rollover_wh
        self.three_wire = self._map.three_wire

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        live = (*self._map.voltage, *self._map.current, *self._map.power)
        wanted = dict.fromkeys(live, self._urgency()) | {self._map.energy: ReadClass.NORMAL}
        if self._map.serial is not None:
            wanted[self._map.serial] = ReadClass.ONCE
        identity = {point.quantity: ReadClass.ONCE for point in self.device.profile.identity}
        return identity | wanted

    def voltage_v(self) -> Reading[Phases]:
        """Phase voltages."""
        return self._phases(self._map.voltage)

    def current_a(self) -> Reading[Phases]:
        """Phase currents."""
        return self._phases(self._map.current)

    def power_w(self) -> Reading[float]:
        """Total active power."""
        return total([number(self.device.reading(name)) for name in self._map.power])

    def energy_wh(self) -> Reading[float]:
        """Total imported energy."""
        # A register in 0.001 kWh must not leave the scaling as 1234.5670000000001 Wh.
        factor = self._map.energy_wh_per_unit
        energy = number(self.device.reading(self._map.energy))
        return derive(energy, lambda value: round(value * factor, 3))

    def serial(self) -> Reading[str]:
        """Serial number, absent when there is none to read."""
        if self._map.serial is None:
            return missing()
        return derive(self.device.reading(self._map.serial), str)

    def _urgency(self) -> ReadClass:
        """Asking four times for what is renewed once a second only keeps the line from others.

        The faster an emergency stop or a trip is seen the better; what a slow meter shows is as old
        as its registers, however often it is read.
        """
        slow = self.update_s >= 2 * Periods().status_s
        return ReadClass.STATUS if slow else ReadClass.SAFETY

    def _phases(self, names: tuple[str, ...]) -> Reading[Phases]:
        readings = together([number(self.device.reading(name)) for name in names])
        return derive(readings, _three)


def _three(values: tuple[float | None, ...]) -> Phases:
    first, second, third = (*values, None, None)[:3]
    return first, second, third
