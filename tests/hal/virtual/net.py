"""A TCP peer in memory: what it sends arrives at virtual times, and it may close when it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Answer = list[tuple[float, bytes]]  # seconds from now, bytes; no bytes close the connection


class MemoryTransport(asyncio.Transport):
    """One connection; `answer` gets whatever the client writes at once."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        answer: Callable[[bytes], Answer],
    ) -> None:
        super().__init__()
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError("a stream protocol was expected")
        self._loop = loop
        self._protocol = protocol
        self._answer = answer
        self._open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        for after_s, reply in self._answer(bytes(data)):
            self._loop.call_later(after_s, self.deliver, reply)

    def deliver(self, data: bytes) -> None:
        """The peer's bytes arrive; none: it closes."""
        if not self._open:
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._open = False
            self._protocol.connection_lost(None)

    def abort(self) -> None:
        if self._open:
            self._open = False
            self._loop.call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return not self._open
