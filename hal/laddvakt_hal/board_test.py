"""A board's own test of the residual-current monitor that hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from laddvakt_hal.combine import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_maps import SelfTestMap
    from laddvakt_hal.reading import Reading


class Reporting(Protocol):
    """A board that tells its errors."""

    device: Device

    def errors(self) -> Reading[Sequence[str]]:
        """Active error names."""
        ...


class ResidualTest:
    """Started by a bit; over after `seconds`; failed when the board then reports certain errors."""

    def __init__(self, board: Reporting, test: SelfTestMap) -> None:
        self.seconds = test.seconds
        self._board, self._map = board, test

    async def start(self) -> None:
        """Begin; only while nothing charges: the board takes its offer back meanwhile.

        Raises:
            HalError: the board does not confirm.
        """
        await self._board.device.write({self._map.quantity: 1 << self._map.bit})

    def passed(self) -> Reading[bool]:
        """Whether nothing the board reports says that it failed; ask once it is over."""
        return derive(self._board.errors(), self._map.errors.isdisjoint)
