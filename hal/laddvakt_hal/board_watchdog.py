"""A board's own communication watchdog: arming it, seeing that it is armed, feeding it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive, number, together
from laddvakt_hal.errors import NotObeyed
from laddvakt_hal.profile_model import FedBy, OnExpiry
from laddvakt_hal.reading import Reading, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_model import Profile, Watchdog

MOST_S = 5.0  # one that lets a vehicle charge unwatched for longer is no replacement for a dead man
BEATS = 3  # so often it is fed within its time where the profile does not say: two may be lost
_CLOSE = 1e-4  # registers that are scaled or floats come back a little different


def replaces_dead_man(profile: Profile) -> bool:
    """True when the device's own watchdog makes things safe in time.

    Less current only counts where the agent sets it to 0 A: with any other a vehicle charges on
    unwatched. More current never does.
    """
    watchdog, timeout_s = profile.watchdog, profile.watchdog_s
    if not watchdog.guards or timeout_s is None or timeout_s > MOST_S:
        return False
    return watchdog.on_expiry is OnExpiry.STOP or watchdog.fallback_value == 0


class BoardWatchdog:
    """The watchdog a profile describes, on one device; without one nothing is ever needed."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._guard = _registers(device.profile.watchdog)

    @property
    def guards(self) -> bool:
        """True when it makes things safe in time, armed by `arm` or always there."""
        return replaces_dead_man(self._device.profile)

    @property
    def heartbeat_s(self) -> float | None:
        """How often it must be fed on purpose; `None` where reading feeds it, or there is none."""
        watchdog = self._watchdog
        if watchdog.fed_by in (FedBy.NOTHING, FedBy.ANY_REQUEST):
            return None
        if watchdog.heartbeat_s is not None:
            return watchdog.heartbeat_s
        timeout_s = self._device.profile.watchdog_s
        return None if timeout_s is None else timeout_s / BEATS

    @property
    def wanted(self) -> tuple[str, ...]:
        """The rows that show whether it is armed."""
        return tuple(_seen_at(self._device, quantity) for quantity in self._guard)

    def armed(self) -> Reading[bool]:
        """True while its registers read as `arm` left them; absent without registers."""
        if not self._guard:
            return missing()
        rows = [number(self._device.reading(quantity)) for quantity in self.wanted]
        found = together(rows)
        if found.value is not None and None in found.value:
            return missing()
        wanted = tuple(self._guard.values())
        return derive(
            found,
            lambda values: all(
                value is not None and same(value, want)
                for value, want in zip(values, wanted, strict=True)
            ),
        )

    async def arm(self) -> bool:
        """Set fallback, then timer, each read back.

        Returns:
            True when the board is guarded; False when nothing would make it safe.

        Raises:
            NotObeyed: a register reads back otherwise.
            HalError: the board does not answer.
        """
        for quantity, value in self._guard.items():
            await ensure(self._device, quantity, value)
        return self.guards

    async def beat(self) -> None:
        """Write the heartbeat, where there is one.

        Raises:
            HalError: the board does not confirm.
        """
        watchdog = self._watchdog
        if watchdog.heartbeat_quantity is not None and watchdog.heartbeat_value is not None:
            await self._device.write({watchdog.heartbeat_quantity: watchdog.heartbeat_value})

    @property
    def _watchdog(self) -> Watchdog:
        return self._device.profile.watchdog


async def ensure(device: Device, quantity: str, value: float) -> None:
    """Write unless it is so already, for such registers are often EEPROM; then read it back.

    Raises:
        NotObeyed: it reads back otherwise.
        HalError: the board does not answer.
    """
    seen_at = _seen_at(device, quantity)
    if same(await device.fetch(seen_at), value):
        return
    await device.write({quantity: value})
    found = await device.fetch(seen_at)
    if not same(found, value):
        raise NotObeyed(
            f"{device.name}: {quantity} was set to {value:g} and reads {found}; "
            "allow writing on the board, or do not use it"
        )


def same(found: object, wanted: float) -> bool:
    """True when a register says what it was set to."""
    if not isinstance(found, int | float):
        return False
    return math.isclose(found, wanted, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _registers(watchdog: Watchdog) -> Mapping[str, float]:
    """What its registers must hold, the fallback first; empty where nothing can be set."""
    pairs = (
        (watchdog.fallback_quantity, watchdog.fallback_value),
        (watchdog.timeout_quantity, watchdog.timeout_value),
    )
    return {
        quantity: value for quantity, value in pairs if quantity is not None and value is not None
    }


def _seen_at(device: Device, quantity: str) -> str:
    """The row that reads what is written to another."""
    return device.profile.rows[quantity].readback or quantity
