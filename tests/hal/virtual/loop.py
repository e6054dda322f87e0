"""An event loop whose time jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")
Connect = Callable[[asyncio.BaseProtocol], asyncio.BaseTransport]


class _Leap(selectors.SelectSelector):
    """Never waits: what would have been waited has passed."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever wake this loop: somebody waits for ever")
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual; nothing ever sleeps, and connections are made by `connect`."""

    def __init__(self) -> None:
        self._leap = _Leap()
        self.connect: Connect | None = None
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now_s

    async def create_connection(  # type: ignore[override] # all that the HAL asks for
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """In memory: `connect` makes the far end, or raises as a network would."""
        del host, port
        if self.connect is None:
            raise ConnectionRefusedError(111, "Connection refused")
        protocol = protocol_factory()
        transport = self.connect(protocol)
        protocol.connection_made(transport)
        return transport, protocol


def run_virtual(work: Callable[[VirtualLoop], Coroutine[object, object, T]]) -> T:
    """Run to the end in virtual time, on a loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.close()


async def settled(call: Awaitable[T], within_s: float) -> T:
    """The call's outcome; whoever waits longer waits for ever."""
    try:
        async with asyncio.timeout(within_s):
            return await call
    except TimeoutError as error:
        raise AssertionError(f"not settled after {within_s} s of virtual time") from error
