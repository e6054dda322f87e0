"""RTU frames over a TCP connection: a serial device server that passes characters on as they are.

Every connection hears everything on the line. With a baud rate the characters behind it take their
time, in steps as coarse as the event loop; without one a frame comes and goes whole.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s
from laddvakt_sim.line import obey
from laddvakt_sim.line_core import LineCore
from laddvakt_sim.rtu_side import RtuSide

if TYPE_CHECKING:
    from laddvakt_sim.line_words import LineSpec, Message
    from laddvakt_sim.trace import Trace
    from laddvakt_sim.wire import Wire

_STEP_S = 0.002  # characters are handed over at most this often: servers send packets, not bits


class RtuTcpLine:
    """Listens on 127.0.0.1; can vanish and come back on the same port."""

    def __init__(self, spec: LineSpec, wire: Wire, trace: Trace) -> None:
        self.port = 0
        self._core = LineCore(spec, self._hand_over, self._happened)
        self._side = RtuSide(wire, trace, self.order, self._drop)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, port: int) -> None:
        """Listen on `port`, 0 for a free one."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, drop every connection and what is under way."""
        if self._server is None:
            return
        self._server.close()
        self._drop()
        await self._server.wait_closed()
        self._server = None
        self._core.reset()
        self._core.babble(None, now_s())
        if self._timer is not None:
            self._timer.cancel()

    async def set_gone(self, *, gone: bool) -> None:
        """Vanish, or come back on the same port."""
        if gone:
            await self.stop()
        elif self._server is None:
            await self.start(self.port)

    def order(self, message: Message) -> None:
        """Carry out an order: a reply, a state of the line, noise."""
        obey(self._core, message, now_s())
        self._plan()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(512):
                self._core.hear(data, now_s())
                self._plan()
        except ConnectionError:
            return  # the master has gone
        finally:
            self._writers.discard(writer)
            writer.close()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due_s := self._core.next_s()) is None or self._server is None:
            return
        wait_s = due_s - now_s()
        if not self._core.urgent:
            wait_s = max(wait_s, _STEP_S)
        self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._act)

    def _act(self) -> None:
        self._timer = None
        self._core.act(now_s())
        self._plan()

    def _happened(self, message: Message) -> None:
        self._side.take(message)

    def _hand_over(self, chars: bytes) -> None:
        for writer in self._writers:
            writer.write(chars)

    def _drop(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()
