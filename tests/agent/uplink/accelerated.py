"""Real sockets in time that is not waited for: where nobody has anything to do, it has passed.

Client and server must live in the one loop: then nothing is under way while the loop has nothing
to do but to wait for a timer, and that timer is due at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TypeVar

from agent.uplink.uplink_kit import T0

T = TypeVar("T")
_SETTLE_S = 0.0002  # real; what was sent over loopback has arrived by then


class _Leaping(selectors.DefaultSelector):
    now_s = 10_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready or super().select(timeout)
        ready = super().select(_SETTLE_S)
        if not ready:
            self.now_s += timeout
        return ready


class AcceleratedLoop(asyncio.SelectorEventLoop):
    """`time()` leaps to the next timer as soon as no socket has anything to say."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


class LoopClock:
    """The agent's clocks by the loop's time; the wall clock may be pushed about."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._zero_s = self._loop.time()
        self.off = timedelta()

    def now_s(self) -> float:
        return self._loop.time()

    def wall(self) -> datetime:
        return T0 + timedelta(seconds=self.now_s() - self._zero_s) + self.off


def run_accelerated(work: Coroutine[object, object, T]) -> T:
    """Run to the end on a loop of its own, and leave nothing running."""
    loop = AcceleratedLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
