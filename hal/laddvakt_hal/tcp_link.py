"""Modbus TCP: one connection, transaction ids that are really compared."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown, Garbled, NoReply
from laddvakt_hal.frame import Request, describe, encode_tcp, parse_pdu
from laddvakt_hal.link import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import TcpSettings, Timing

CONNECT_TIMEOUT_S = 1.0
# Without an acknowledgement for this long the peer has lost power: reconnect rather than wait
# for the kernel's many minutes.
UNACKNOWLEDGED_MS = 2000
_HEADER = struct.Struct(">HHHB")


class TcpLink(asyncio.Protocol):
    """A connection to one Modbus TCP peer."""

    def __init__(
        self, settings: TcpSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._transport: asyncio.Transport | None = None
        self._lost: str | None = "not open"
        self._buffer = bytearray()
        self._transactions = itertools.cycle(range(1, 0x10000))
        self._pending: tuple[int, asyncio.Future[tuple[int, bytes]]] | None = None
        self._taken_at_s = 0.0
        self.late = 0  # transaction ids nobody waits for

    async def open(self, settle_s: float) -> None:
        """Connect; `settle_s` has no meaning here, a new connection carries no old replies."""
        del settle_s
        self.close()
        loop = asyncio.get_running_loop()
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(lambda: self, self._settings.host, self._settings.port)
        except TimeoutError as error:
            raise BusDown(f"{where}: no answer; check cable and address") from error
        except OSError as error:
            raise BusDown(f"{where}: {error.strerror or error}; check host and port") from error

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._lost = self._lost or "closed"
        self._fail_pending()

    def lost(self) -> str | None:
        """Why the connection is gone, `None` while it stands."""
        return self._lost

    def duration_s(self, request: Request, timing: Timing) -> float:
        """The device's usual turnaround: the wire itself costs next to nothing."""
        del request
        return timing.turnaround_s

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Send and wait for the reply with this transaction's own id."""
        if self._transport is None or self._lost is not None:
            raise BusDown(self._lost or "not open")
        transaction = next(self._transactions)
        reply: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._pending = (transaction, reply)
        sent_at_s = self._clock()
        self._transport.write(encode_tcp(request, transaction))
        try:
            async with asyncio.timeout(timing.timeout_s):
                unit, pdu = await reply
        except TimeoutError as error:
            raise NoReply(f"{describe(request)}: silent for {timing.timeout_s:.3f} s") from error
        finally:
            self._pending = None
        if unit != request.unit:
            raise Garbled("unit", f"unit {unit} answered {describe(request)}")
        payload = parse_pdu(pdu, request)
        return Exchange(payload=payload, sent_at_s=sent_at_s, taken_at_s=self._taken_at_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer accepted."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport was asked for")
        self._transport = transport
        self._lost = None
        self._buffer.clear()
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer, or the network, ended it: whoever waits is told at once."""
        if self._lost is None:
            self._lose(str(exc) if exc else "closed by the peer")

    def data_received(self, data: bytes) -> None:
        """Take whole frames off the stream."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= 254:
                self._lose("no Modbus TCP frame came")  # the stream cannot be found again
                return
            end = 6 + length
            if len(self._buffer) < end:
                return
            pdu = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            self._deliver(transaction, unit, pdu)

    def _deliver(self, transaction: int, unit: int, pdu: bytes) -> None:
        if self._pending is None or self._pending[0] != transaction or self._pending[1].done():
            self.late += 1
            return
        self._taken_at_s = self._clock()
        self._pending[1].set_result((unit, pdu))

    def _lose(self, reason: str) -> None:
        self._lost = f"{self._settings.host}:{self._settings.port}: {reason}"
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._fail_pending()
        self._wake()

    def _fail_pending(self) -> None:
        if self._pending is not None and not self._pending[1].done():
            self._pending[1].set_exception(BusDown(self._lost or "closed"))
