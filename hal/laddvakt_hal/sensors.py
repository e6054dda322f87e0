"""Any single row of any profile as a reading: temperatures, doors, tilt, frequency, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.plan import ReadClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.codec import Value
    from laddvakt_hal.device import Device
    from laddvakt_hal.reading import Reading


def sensor(
    device: Device, quantity: str, *, negated: bool = False, urgent: bool = False
) -> RowSensor:
    """The row `quantity` of the device; `negated` turns a truth value round.

    Raises:
        ProfileError: its profile has no such row.
    """
    return RowSensor(device, quantity, negated=negated, urgent=urgent)


class RowSensor:
    """One row, read at the safety period where it is `urgent`, else with the other values."""

    def __init__(self, device: Device, quantity: str, *, negated: bool, urgent: bool) -> None:
        if quantity not in device.profile.rows:
            raise ProfileError(
                f"{device.profile.id} has no row {quantity}; "
                f"see: laddvakt bus read {device.name} --all"
            )
        self.device = device
        self.quantity = quantity
        self._negated = negated
        self._urgent = urgent

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for it."""
        return {self.quantity: ReadClass.SAFETY if self._urgent else ReadClass.NORMAL}

    def number(self) -> Reading[float]:
        """The value as a number, in the row's unit."""
        return derive(self.device.reading(self.quantity), float)

    def truth(self) -> Reading[bool]:
        """The value as yes or no; anything but 0 is yes, turned round where negated."""
        return derive(self.device.reading(self.quantity), self._true)

    def _true(self, value: Value) -> bool:
        return bool(value) is not self._negated
