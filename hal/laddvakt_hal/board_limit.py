"""A board's current limit: its step, its register, its turn and its rewriting."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from laddvakt_hal.combine import whole
from laddvakt_hal.errors import NotObeyed, Overtaken

if TYPE_CHECKING:
    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_maps import BoardMap
    from laddvakt_hal.profile_model import Row


class BoardLimit:
    """Writes the limit a board offers; never more than was asked for, and 0 without delay."""

    def __init__(self, device: Device, board: BoardMap) -> None:
        self._device = device
        self._map = board
        self._asked = 0  # every call counts: a newer one overtakes those that wait
        self._under_way = 0
        self._next_s = 0.0
        self._last: float | None = None  # what was last written, in the row's unit

    @property
    def row(self) -> Row:
        """The limit's row, as this device's firmware has it."""
        return self._device.profile.rows[self._map.limit]

    @property
    def read_quantity(self) -> str | None:
        """The row that tells the limit in force; `None` where the board does not tell."""
        row = self.row
        return row.quantity if row.readable else row.readback

    def step_a(self) -> float | None:
        """The smallest change of the limit, `None` while unknown."""
        fine = self._is_fine()
        if fine is None:
            return None
        if fine and self._map.fine_limit is not None:
            return self._map.fine_limit.scale
        row = self.row
        return max(self._map.resolution_a, abs(row.scale) if row.type.is_whole else 0.0)

    def unit_a(self) -> float | None:
        """Amperes per unit of the limit's row, 1 except for fine limits; `None` while unknown."""
        fine = self._is_fine()
        if fine is None:
            return None
        scale = self._map.fine_limit.scale if fine and self._map.fine_limit is not None else None
        return 1.0 if scale is None else scale / self.row.scale

    async def learn_step(self) -> float:
        """Read what the step depends on.

        Raises:
            HalError: the board does not say.
        """
        fine = self._map.fine_limit
        if fine is not None:
            await fetch_whole(self._device, fine.firmware)
            await fetch_whole(self._device, fine.config)
        return self.step_a() or self._map.resolution_a

    async def write(self, current_a: float) -> None:
        """Offer a current, rounded down to what the board can; above 0 it waits for its turn.

        Raises:
            Overtaken: a newer limit came while this one waited.
            HalError: the board does not confirm.
        """
        self._asked += 1
        number = self._asked
        await self._device.learn(self._map.limit)
        if self.step_a() is None:
            await self.learn_step()
        step, unit = self.step_a() or self._map.resolution_a, self.unit_a() or 1.0
        value = self._offered(math.floor(current_a / step + 1e-6) * step / unit)
        if value > 0:
            await self._turn(number)
        # At 0 A the release stays as it is: a board told to open must not be released again.
        # For the same reason a write with the release in it is never repeated down here: an
        # `open` may have gone out since.
        before = dict(self._map.limit_with) if value > 0 else {}
        self._last = value
        await self._send({**before, self._map.limit: value}, repeat=not before)

    async def rewrite(self) -> None:
        """Write the last limit once more, for a watchdog that is fed so; nothing before the first.

        It is never repeated, gives way to a limit that is being written, for that feeds too, and
        never releases a contactor.

        Raises:
            HalError: the board does not confirm.
        """
        if self._last is None or self._under_way or self._device.clock() < self._next_s:
            return
        await self._send({self._map.limit: self._last}, repeat=False)

    async def _send(self, values: dict[str, float], *, repeat: bool) -> None:
        self._under_way += 1
        self._next_s = self._device.clock() + self._device.profile.timing.write_interval_s
        try:
            await self._device.write(values, repeat=repeat)
        finally:
            self._under_way -= 1

    async def _turn(self, number: int) -> None:
        wait_s = self._next_s - self._device.clock()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if number != self._asked:
            raise Overtaken(f"{self._device.name}: a newer limit came, this one was not written")

    def _offered(self, value: float) -> float:
        """The nearest the board can offer that is not more: its most, or 0 below its least."""
        low, high = self.row.minimum, self.row.maximum
        if low is not None and value < low:
            return 0.0
        return round(value if high is None else min(value, high), 6)

    def _is_fine(self) -> bool | None:
        fine = self._map.fine_limit
        if fine is None:
            return False
        config, firmware = (
            whole(self._device.reading(name)).value for name in (fine.config, fine.firmware)
        )
        if config is None or firmware is None:
            return None
        return firmware >= fine.min_firmware and bool(config >> fine.bit & 1)


async def fetch_whole(device: Device, quantity: str) -> int:
    """Read a whole number now.

    Raises:
        NotObeyed: the row says something else.
        HalError: the board does not answer.
    """
    value = await device.fetch(quantity)
    if not isinstance(value, int):
        raise NotObeyed(f"{device.name}: {quantity} reads {value!r}; is this the right board?")
    return value
