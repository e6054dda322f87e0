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
    from laddvakt_hal.profile_maps import RelayMap


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


def relay_output(device: Device, number: int) -> RelayOutput:
    """Output `number`, counted from 0, for anything but a main contactor.

    Raises:
        ProfileError: the relay has no such output.
    """
    return RelayOutput(device, number)


class RelayContactor:
    """A contactor that falls open by itself unless held again; implements `roles.Contactor`."""

    def __init__(self, device: Device, coil: int, mirror_input: int | None, hold_s: float) -> None:
        relay = _relay_map(device)
        if not relay.falls_open:
            raise ProfileError(f"{device.profile.id} has no timed output: nothing would open it")
        steps = round(hold_s / relay.flash_step_s)
        most = 0x7FFF if relay.flash_on_base is not None else relay.timed_most
        if not 1 <= steps <= most:
            raise ProfileError(f"{device.name}: {hold_s} s cannot be held; use 0.5 to 10 s")
        self.device = device
        self.name = f"{device.name}.{coil}"
        self.hold_s: float | None = steps * relay.flash_step_s
        self.has_feedback = mirror_input is not None
        self._mirror = None if mirror_input is None else _contact(device, mirror_input)
        self._output = RelayOutput(device, coil)
        self._coil, self._steps = coil, steps

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
        relay = _relay_map(self.device)
        if relay.flash_on_base is not None:
            address = relay.flash_on_base + self._coil
            await self.device.command(Function.WRITE_COIL, address, [self._steps], repeat=False)
        elif relay.timed_base is not None:
            await self._output.write(relay.timed_base + self._steps, repeat=False)

    async def open(self) -> None:
        """Output off; confirmed by the relay's echo of the command."""
        await self._output.open()


class RelayOutput:
    """One output of a relay module that stays as it is told: never for a main contactor."""

    def __init__(self, device: Device, number: int) -> None:
        self._map = _relay_map(device)
        self._quantity = _row(device, self._map.coil, number)
        self.device = device
        self.name = f"{device.name}.{number}"

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        return {self._quantity: ReadClass.STATUS}

    def closed(self) -> Reading[bool]:
        """True while the module says the output is closed."""
        reading, closed = self.device.reading(self._quantity), self._map.closed_value
        return derive(reading, lambda value: int(value) == closed)

    async def close(self) -> None:
        """Output on; not repeated: it could overtake an `open`.

        Raises:
            HalError: the module does not confirm.
        """
        await self.write(self._map.on_value, repeat=False)

    async def open(self) -> None:
        """Output off.

        Raises:
            HalError: the module does not confirm, after one repetition.
        """
        await self.write(self._map.off_value, repeat=True)

    async def write(self, value: int, *, repeat: bool) -> None:
        """Write a raw value to the output: some modules have their own for on and off.

        Raises:
            HalError: the module does not confirm.
        """
        row = self.device.profile.rows[self._quantity]
        function = row.write_function or Function.WRITE_COIL
        await self.device.command(function, row.addr, [value], repeat=repeat)


class RelayInput:
    """One contact of a relay module; implements `roles.DigitalInput`."""

    def __init__(self, device: Device, number: int) -> None:
        self.device = device
        self.name = f"{device.name}.in{number}"
        self._quantity = _contact(device, number)

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        return {self._quantity: ReadClass.SAFETY}

    def closed(self) -> Reading[bool]:
        """True while the contact is closed."""
        return _closed(self.device, self._quantity)


def _closed(device: Device, quantity: str) -> Reading[bool]:
    return derive(device.reading(quantity), bool)


def _contact(device: Device, number: int) -> str:
    contact = _relay_map(device).contact
    if contact is None:
        raise ProfileError(f"{device.profile.id} has no inputs; use another relay for contacts")
    return _row(device, contact, number)


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
