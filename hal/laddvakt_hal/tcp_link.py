"""Modbus TCP: one connection, transaction ids that are really compared, several units behind it.

A transaction id makes an old reply harmless, so nothing is waited out here. But a gateway carries
out one request after the other: while it still waits for a unit that is dead, the next unit's
reply comes later, and is given that much longer.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Payload, Request, describe, encode_tcp, parse_pdu
from laddvakt_hal.latency import Latency
from laddvakt_hal.link import Exchange, Tally
from laddvakt_hal.tap import Frame
from laddvakt_hal.tcp_peer import TcpPeer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_hal.settings import TcpSettings, Timing
    from laddvakt_hal.uart import UartCounts

_HEADER = struct.Struct(">HHHB")


class TcpLink:
    """A connection to one Modbus TCP peer or gateway."""

    notes: tuple[str, ...] = ()
    copies = 0

    def __init__(
        self, settings: TcpSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self.tally = Tally()
        self.on_frame: Callable[[Frame], None] | None = None
        self.urgent: Callable[[], Iterable[Request]] = tuple
        self.late = 0  # transaction ids nobody waits for
        self.peer = TcpPeer(settings, clock, self._on_bytes, self._on_lost)
        self._clock = clock
        self._wake = wake
        self._buffer = bytearray()
        self._transactions = itertools.cycle(range(1, 0x10000))
        self._pending: tuple[int, asyncio.Future[bytes]] | None = None
        self._taken_at_s = 0.0
        self._latency: dict[int, Latency] = {}
        self._owed: tuple[int, float] = (0, 0.0)  # a unit that was silent, and until when

    async def open(self, settle_s: float) -> None:
        """Connect; `settle_s` has no meaning here, a new connection carries no old replies."""
        del settle_s
        self._buffer.clear()
        self._owed = (0, 0.0)
        await self.peer.open()

    def close(self) -> None:
        """Disconnect."""
        self.peer.close()
        self._fail_pending()

    def lost(self) -> str | None:
        """Why the connection is gone, `None` while it stands."""
        return self.peer.lost

    def duration_s(self, request: Request, timing: Timing) -> float:
        """The device's usual turnaround: the wire itself costs next to nothing."""
        del request
        return timing.turnaround_s

    def turnaround_s(self, unit: int) -> float | None:
        """See `Link.turnaround_s`."""
        latency = self._latency.get(unit)
        return None if latency is None else latency.median_s

    def hold_until_s(self, request: Request, *, urgent: bool) -> float:
        """Never: the transaction id tells."""
        del request, urgent
        return 0.0

    def rest_until_s(self, unit: int) -> float:
        """Never: the transaction id tells."""
        del unit
        return 0.0

    def hurry(self) -> None:
        """Nothing is waited out here."""

    def uart(self) -> UartCounts | None:
        """No UART here."""
        return None

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Send and wait for the reply with this transaction's own id."""
        latency = self._latency.setdefault(request.unit, Latency())
        transaction = next(self._transactions)
        frame = encode_tcp(request, transaction)
        sent_at_s = self._clock()
        wait_s = latency.timeout_s(timing) + self._gateway_busy_s(request.unit, sent_at_s)
        self.tally.clear()
        self.peer.write(frame)
        self.tally.sent = len(frame)
        self._tell(frame, request, sent_at_s, "request")
        raw = b""
        try:
            raw = await self._reply(transaction, wait_s, request)
            payload = _judge(raw, request)
        except Refused:
            self._note_reply(latency, raw, request, sent_at_s, "")
            raise
        except (NoReply, Garbled) as error:
            latency.note_silence()
            if isinstance(error, Garbled):
                self.tally.received = len(raw)
                self._tell(raw, request, self._taken_at_s, "reply", error.kind)
            else:
                self._owed = (request.unit, sent_at_s + timing.worst_latency_s)
            raise
        self._note_reply(latency, raw, request, sent_at_s, "")
        return Exchange(payload=payload, sent_at_s=sent_at_s, taken_at_s=self._taken_at_s)

    async def _reply(self, transaction: int, wait_s: float, request: Request) -> bytes:
        """The whole frame that carries this transaction's id.

        Raises:
            NoReply: it did not come.
            BusDown: the connection ended.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes] = loop.create_future()
        self._pending = (transaction, reply)
        silence = NoReply(f"{describe(request)}: silent for {wait_s:.3f} s")
        timer = loop.call_later(wait_s, _fail, reply, silence)
        try:
            return await reply
        finally:
            timer.cancel()
            self._pending = None

    def _gateway_busy_s(self, unit: int, now_s: float) -> float:
        """How long the gateway may still be waiting for another unit."""
        owing, until_s = self._owed
        return max(0.0, until_s - now_s) if owing != unit else 0.0

    def _note_reply(
        self, latency: Latency, raw: bytes, request: Request, sent_at_s: float, error: str
    ) -> None:
        if self._gateway_busy_s(request.unit, sent_at_s) == 0.0:
            latency.note(self._taken_at_s - sent_at_s)
        self._owed = (0, 0.0)  # replies come in order: it is done with whoever was silent
        self.tally.received = len(raw)
        self._tell(raw, request, self._taken_at_s, "reply", error)

    def _tell(
        self, raw: bytes, request: Request, at_s: float, direction: str, error: str = ""
    ) -> None:
        if self.on_frame is None:
            return
        frame = Frame(
            at_s=at_s,
            last_s=at_s,
            direction="request" if direction == "request" else "reply",
            raw=raw,
            unit=request.unit,
            error=error,
        )
        self.on_frame(frame)

    def _on_bytes(self, data: bytes) -> None:
        """Take whole frames off the stream."""
        self._buffer += data
        while (size := frame_size(self._buffer)) is not None:
            if size < 0:
                self.peer.lose("no Modbus TCP frame came; check that the port is Modbus TCP")
                return
            frame = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._deliver(frame)

    def _deliver(self, frame: bytes) -> None:
        transaction = int.from_bytes(frame[:2], "big")
        if self._pending is None or self._pending[0] != transaction or self._pending[1].done():
            self.late += 1
            return
        self._taken_at_s = self._clock()
        self._pending[1].set_result(frame)

    def _on_lost(self) -> None:
        self._fail_pending()
        self._wake()

    def _fail_pending(self) -> None:
        if self._pending is not None:
            _fail(self._pending[1], BusDown(self.peer.lost or "closed"))


def frame_size(buffer: bytes | bytearray) -> int | None:
    """Bytes of the frame at the front; `None` when more must come, -1 when it is no frame."""
    if len(buffer) < _HEADER.size:
        return None
    _, protocol, length, _ = _HEADER.unpack_from(buffer)
    if protocol != 0 or not 2 <= length <= 254:
        return -1  # the stream cannot be found again
    return 6 + length if len(buffer) >= 6 + length else None


def _judge(frame: bytes, request: Request) -> Payload:
    """What the frame carries.

    Raises:
        Garbled: another unit answered, or the shape is wrong.
        Refused: the device, or a gateway in its place, answered with an exception.
    """
    if frame[6] != request.unit:
        raise Garbled("unit", f"unit {frame[6]} answered {describe(request)}")
    return parse_pdu(frame[_HEADER.size :], request)


def _fail(reply: asyncio.Future[bytes], error: HalError) -> None:
    if not reply.done():
        reply.set_exception(error)
