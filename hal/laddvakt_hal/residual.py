"""The residual-monitor role from profile data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive, number, whole
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Quality, Reading, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.device import Device


def residual_monitor(device: Device) -> ProfiledResidualMonitor:
    """The device as a residual-current monitor.

    Raises:
        ProfileError: its profile has no residual monitor.
    """
    return ProfiledResidualMonitor(device)


class ProfiledResidualMonitor:
    """A monitor whose rows the profile names; implements `roles.ResidualMonitor`."""

    def __init__(self, device: Device) -> None:
        if device.profile.residual is None:
            raise ProfileError(f"{device.profile.id} has no [residual_monitor]; use another one")
        self.device = device
        self.name = device.name
        self._map = device.profile.residual

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        wanted = {point.quantity: ReadClass.ONCE for point in self.device.profile.identity}
        if self._map.ac is not None:  # beside the direct current: it costs two registers
            wanted[self._map.ac] = ReadClass.SAFETY
        return wanted | dict.fromkeys((self._map.dc, self._map.status), ReadClass.SAFETY)

    def dc_a(self) -> Reading[float]:
        """Residual direct current, its size; absent while the monitor reports its own failure."""
        if self._failed():
            return missing()
        return derive(number(self.device.reading(self._map.dc)), abs)

    def ac_a(self) -> Reading[float]:
        """Residual alternating current, its size; absent where it is not measured."""
        if self._map.ac is None or self._failed():
            return missing()
        return derive(number(self.device.reading(self._map.ac)), abs)

    def alarms(self) -> Reading[tuple[str, ...]]:
        """The names of everything the monitor reports."""
        quantity, profile = self._map.status, self.device.profile
        status = whole(self.device.reading(quantity))
        return derive(status, lambda bits: profile.bit_texts(quantity, bits))

    def tripped(self) -> Reading[bool]:
        """The monitor's own DC alarm, also while it reports a failure."""
        status = whole(self.device.reading(self._map.status))
        return derive(status, lambda bits: _any(bits, self._map.trip_bits))

    def _failed(self) -> bool:
        status = whole(self.device.reading(self._map.status))
        good = status.quality is Quality.GOOD and status.value is not None
        return good and _any(status.value or 0, self._map.failure_bits)


def _any(bits: int, wanted: tuple[int, ...]) -> bool:
    return any(bits >> bit & 1 for bit in wanted)
