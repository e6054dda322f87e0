"""Modbus TCP: one listener, any number of masters, a device or a gateway to several behind it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s

if TYPE_CHECKING:
    from laddvakt_sim.trace import Trace
    from laddvakt_sim.wire import Returned, Wire

_HEADER = 7
_LONGEST = 260


class TcpLine:
    """Listens on 127.0.0.1; can vanish and come back on the same port."""

    def __init__(self, wire: Wire, trace: Trace) -> None:
        self.port = 0
        self._wire = wire
        self._trace = trace
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        # Behind a gateway there is one serial line: masters are served one after the other.
        gateway = wire.spec.gateway_s is not None
        self._turn: contextlib.AbstractAsyncContextManager[None] = (
            asyncio.Lock() if gateway else contextlib.nullcontext()
        )

    async def start(self, port: int) -> None:
        """Listen on `port`, 0 for a free one."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, drop every connection."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def set_gone(self, *, gone: bool) -> None:
        """Vanish, or come back on the same port."""
        if gone:
            await self.stop()
        elif self._server is None:
            await self.start(self.port)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                header = await reader.readexactly(_HEADER)
                _, protocol, length = struct.unpack(">3H", header[:6])
                if protocol != 0 or not 2 <= length <= _LONGEST - 6:
                    self._trace.count_error(self._wire.name)
                    return  # not Modbus: there is no way to find the next frame
                pdu = await reader.readexactly(length - 1)
                async with self._turn:
                    await self._serve(header + pdu, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the master has gone
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve(self, raw: bytes, writer: asyncio.StreamWriter) -> None:
        asked_s = now_s()
        served = self._wire.serve(raw, (asked_s, asked_s))
        if served.note:
            self._trace.count_error(self._wire.name)
        self._add("request", raw, asked_s, note=served.note)
        for returned in served.replies:
            await asyncio.sleep(asked_s + returned.delay_s - now_s())
            await self._reply(returned, writer)
            if returned.again_s is not None:
                await asyncio.sleep(returned.again_s)
                again = replace(returned, note="duplicated", shows=())
                await self._reply(again, writer)

    async def _reply(self, returned: Returned, writer: asyncio.StreamWriter) -> None:
        sent_s = now_s()
        writer.write(returned.raw)
        if returned.note:
            self._trace.count_error(self._wire.name)
        self._add("reply", returned.raw, sent_s, shows=returned.shows, note=returned.note)
        await writer.drain()
        if returned.closes:
            raise ConnectionAbortedError("closed by an injected fault")

    def _add(
        self,
        direction: str,
        raw: bytes,
        at_s: float,
        *,
        shows: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        self._trace.add(
            line=self._wire.name,
            direction="request" if direction == "request" else "reply",
            raw=raw,
            unit_at=6,
            times_s=(at_s, at_s),
            shows=shows,
            note=note,
        )
