"""Looking for one device's registers while the others are read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_hal.device import Device
    from laddvakt_hal.errors import HalError


class Search:
    """A search under way; create it inside the loop."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._task = asyncio.create_task(device.resolve(), name=f"find {device.name}")

    def done(self) -> bool:
        """True when it ended, well or badly."""
        return self._task.done()

    def outcome(self) -> HalError | None:
        """What went wrong, `None` when the registers were found; only when `done`."""
        return self._task.result()

    async def cancel(self) -> None:
        """Give up."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
