"""Waiting for a call or for a time, whichever comes first, at the price of one timer."""

from __future__ import annotations

import asyncio


class Alarm:
    """`ring` ends the wait under way, or the next one; for one waiting task.

    An `asyncio.Event` within `asyncio.timeout` does the same for twice the turns of the loop:
    every transaction on every line waits here.
    """

    def __init__(self) -> None:
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """End the wait."""
        self._rung = True
        if self._waiter is not None:
            _release(self._waiter)

    def clear(self) -> None:
        """Forget what rang so far."""
        self._rung = False

    async def wait(self, at_most_s: float | None) -> None:
        """Until it rings, or rang since `clear`, or so many seconds have passed."""
        if self._rung:
            return
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = None if at_most_s is None else loop.call_later(at_most_s, _release, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
