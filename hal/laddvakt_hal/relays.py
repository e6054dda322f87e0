"""Relay modules: a contactor held by a timed coil, and single contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Reading, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_model import RelayMap


def relay_contactor(
    device: Device, coil: int, mirror_input: int | None, hold_s: float = 2.0
) -> RelayContactor:
    """The contactor on coil `coil`, its mirror contact on `mirror_input`, both counted from 0.

    Raises:
        ProfileError: the relay has no such coil or input, or no timed coil.
    """
    return RelayContactor(device, coil, mirror_input, hold_s)


def digital_input(device: Device, number: int) -> RelayInput:
    """The contact on input `number`, counted from 0.

    Raises:
        ProfileError: the relay has no such input.
    """
    return RelayInput(device, number)


class RelayContactor:
    """A contactor that falls open by itself unless held again; implements `roles.Contactor`."""

    def __init__(self, device: Device, coil: int, mirror_input: int | None, hold_s: float) -> None:
        relay = _relay_map(device)
        if relay.flash_on_base is None:
            raise ProfileError(f"{device.profile.id} has no timed coil: nothing would open it")
        steps = round(hold_s / relay.flash_step_s)
        if not 1 <= steps <= 0x7FFF:
            raise ProfileError(f"{device.name}: {hold_s} s cannot be held; use 0.5 to 10 s")
        self.device = device
        self.name = f"{device.name}.{coil}"
        self.hold_s: float | None = steps * relay.flash_step_s
        self.has_feedback = mirror_input is not None
        self._mirror = None if mirror_input is None else _row(device, relay.contact, mirror_input)
        self._address = device.profile.rows[_row(device, relay.coil, coil)].addr
        self._flash_address = relay.flash_on_base + coil
        self._steps = steps

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        return {} if self._mirror is None else {self._mirror: ReadClass.SAFETY}

    def feedback_closed(self) -> Reading[bool]:
        """The mirror contact."""
        return missing() if self._mirror is None else _closed(self.device, self._mirror)

    async def hold(self) -> None:
        """Close, or stay closed for another `hold_s`; never repeated by itself.

        A repetition could overtake an `open` that came in between.
        """
        await self._write(self._flash_address, self._steps, repeat=False)

    async def open(self) -> None:
        """Coil off; confirmed by the relay's echo of the command."""
        await self._write(self._address, 0, repeat=True)

    async def _write(self, address: int, value: int, *, repeat: bool) -> None:
        await self.device.command(Function.WRITE_COIL, address, [value], repeat=repeat)


class RelayInput:
    """One contact of a relay module; implements `roles.DigitalInput`."""

    def __init__(self, device: Device, number: int) -> None:
        self.device = device
        self.name = f"{device.name}.in{number}"
        self._quantity = _row(device, _relay_map(device).contact, number)

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        return {self._quantity: ReadClass.SAFETY}

    def closed(self) -> Reading[bool]:
        """True while the contact is closed."""
        return _closed(self.device, self._quantity)


def _closed(device: Device, quantity: str) -> Reading[bool]:
    return derive(device.reading(quantity), bool)


def _relay_map(device: Device) -> RelayMap:
    if device.profile.relay is None:
        raise ProfileError(f"{device.profile.id} has no [relay]; use another profile as relay")
    return device.profile.relay


def _row(device: Device, prefix: str, number: int) -> str:
    """Rows count from 1, wires and configuration from 0."""
    name = f"{prefix}{number + 1}"
    if name not in device.profile.rows:
        raise ProfileError(f"{device.profile.id} has no {name}: number {number} does not exist")
    return name
