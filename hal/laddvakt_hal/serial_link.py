"""Modbus RTU over a serial port: silences, frame ends, echoes, late replies.

A frame ends where its length and check sum say so; silence only tells that nothing more comes.
Characters still owed by a device that failed are waited out before the line is used again, so
an old reply can never meet a new request.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import (
    EXCEPTION_LENGTH,
    Found,
    Function,
    Request,
    describe,
    encode_rtu,
    has_reply_shape,
    judge,
    parse_pdu,
    rtu_reply_length,
    rtu_request_length,
    scan,
    trailing_is_glitch,
)
from laddvakt_hal.link import Exchange
from laddvakt_hal.port import Port, open_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import SerialSettings, Timing

# A hole inside a frame: USB adapters deliver in batches of up to 16 ms, busy hosts add theirs.
HOLE_S = 0.05


@dataclass(slots=True, kw_only=True)
class _Turn:
    """One request under way."""

    request: Request
    frame: bytes
    first_by_s: float  # the reply's first characters must be here by then
    sent_at_s: float
    echo_seen: bool = False


class SerialLink:
    """An RTU line on one port."""

    def __init__(
        self, settings: SerialSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._port: Port | None = None
        self._lost: str | None = "not open"
        self._buffer = bytearray()
        self._last_character_s = 0.0  # ours or theirs
        self._waiter: asyncio.Future[None] | None = None
        self._echo: bool | None = None  # does the adapter hear itself? unknown until a read
        self.notes: tuple[str, ...] = ()
        self.late_characters = 0  # came when nobody was owed any

    async def open(self, settle_s: float) -> None:
        """Open the port and wait until the line was silent for `settle_s`."""
        self.close()
        self._port = open_port(self._settings)
        self.notes = self._port.notes
        self._lost = None
        self._echo = None
        asyncio.get_running_loop().add_reader(self._port.fd, self._on_readable)
        self._last_character_s = self._clock()
        await self._drain(settle_s)

    def close(self) -> None:
        """Give the port back."""
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port.fd)
            self._port.close()
            self._port = None
        self._lost = self._lost or "closed"

    def lost(self) -> str | None:
        """Why the port is gone, `None` while it is there."""
        return self._lost

    def duration_s(self, request: Request, timing: Timing) -> float:
        """Characters, silence and the device's usual turnaround."""
        characters = rtu_request_length(request) + rtu_reply_length(request)
        wire_s = characters * self._settings.character_s
        return (
            wire_s + max(timing.turnaround_s, self._settings.silence_s) + self._settings.silence_s
        )

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Send, receive, verify; after a failure wait until nothing can be owed any more."""
        if request.unit == 0:
            return await self._broadcast(request, timing)
        try:
            result = await self._ask(request, timing)
        except NoReply:
            await self._drain(timing.worst_latency_s)
            raise
        except Garbled as error:
            owed = error.kind != "crc" or not has_reply_shape(self._buffer, request)
            await self._drain(timing.worst_latency_s if owed else HOLE_S)
            raise
        if request.echoes and self._echo is None:
            await self._rule_out_echo(request, timing)
        return result

    async def _ask(self, request: Request, timing: Timing) -> Exchange:
        turn = await self._send(request, timing)
        found = await self._receive(turn)
        taken_at_s = self._last_character_s
        rest = self._buffer[found.end :]
        if not trailing_is_glitch(rest):
            raise Garbled("count", f"{len(rest)} characters after the reply to {describe(request)}")
        if request.is_read:
            self._echo = turn.echo_seen
        payload = parse_pdu(found.pdu, request)
        return Exchange(payload=payload, sent_at_s=turn.sent_at_s, taken_at_s=taken_at_s)

    async def _broadcast(self, request: Request, timing: Timing) -> Exchange:
        if request.is_read:
            raise Garbled("unit", "a broadcast cannot be read")
        turn = await self._send(request, timing)
        await self._drain(timing.broadcast_turnaround_s)
        payload = parse_pdu(turn.frame[1:6], request)
        return Exchange(payload=payload, sent_at_s=turn.sent_at_s, taken_at_s=self._clock())

    async def _rule_out_echo(self, request: Request, timing: Timing) -> None:
        """The first write's reply could be our own echo: one read tells.

        Raises:
            Garbled: the adapter hears itself, so the write is not confirmed.
            NoReply: the device does not answer, so the write is not confirmed.
        """
        coil = request.function is Function.WRITE_COIL
        function = Function.READ_COILS if coil else Function.READ_HOLDING
        probe = Request(unit=request.unit, function=function, address=request.address)
        try:
            with contextlib.suppress(Refused):  # an answer all the same
                await self.exchange(probe, timing)
        except HalError:
            if not self._echo:
                raise
        if self._echo:
            raise Garbled("echo", f"only our own echo confirmed {describe(request)}")

    async def _send(self, request: Request, timing: Timing) -> _Turn:
        silent_for_s = self._clock() - self._last_character_s
        if silent_for_s < self._settings.silence_s:
            await asyncio.sleep(self._settings.silence_s - silent_for_s)
        port = self._discard()
        frame = encode_rtu(request)
        port.wake_at(EXCEPTION_LENGTH)
        sent_at_s = self._clock()
        try:
            written = os.write(port.fd, frame)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error
        if written != len(frame):
            raise self._lose("the port takes no more characters")
        self._last_character_s = sent_at_s + len(frame) * self._settings.character_s
        first_by_s = (
            self._last_character_s
            + timing.timeout_s
            + EXCEPTION_LENGTH * self._settings.character_s
        )
        return _Turn(request=request, frame=frame, first_by_s=first_by_s, sent_at_s=sent_at_s)

    async def _receive(self, turn: _Turn) -> Found:
        """The reply's place in the buffer.

        Raises:
            NoReply: nothing came, or only our own echo.
            Garbled: something else came.
        """
        while True:
            self._strip_echo(turn)
            verdict = scan(self._buffer, turn.request)
            if isinstance(verdict, Found):
                return verdict
            if not await self._more(verdict.count, self._deadline_s(turn, verdict.count)):
                break
        if not self._buffer:
            if turn.echo_seen:
                self._echo = True
            raise NoReply(f"{describe(turn.request)}: silent for {self._waited_s(turn):.3f} s")
        raise judge(self._buffer, turn.request)

    def _deadline_s(self, turn: _Turn, missing: int) -> float:
        """When to give up: the device's time for its first characters, then a hole's length."""
        echo_begun = not turn.request.echoes and turn.frame.startswith(self._buffer)
        if not self._buffer or (echo_begun and not turn.echo_seen):
            return turn.first_by_s
        return self._last_character_s + missing * self._settings.character_s + HOLE_S

    def _waited_s(self, turn: _Turn) -> float:
        return self._clock() - turn.sent_at_s

    def _strip_echo(self, turn: _Turn) -> None:
        """Take our own characters off the front, where an echo can be told from a reply."""
        if turn.echo_seen or (turn.request.echoes and not self._echo):
            return
        if self._buffer.startswith(turn.frame):
            del self._buffer[: len(turn.frame)]
            turn.echo_seen = True

    async def _more(self, count: int, deadline_s: float) -> bool:
        """Wait for characters; False when the deadline passed without any."""
        before = len(self._buffer)
        port = self._require()
        port.wake_at(count)
        self._pull()
        while len(self._buffer) == before:
            if not await self._wait(deadline_s):
                self._pull()
                break
        return len(self._buffer) > before

    async def _wait(self, deadline_s: float) -> bool:
        """True when the port became readable; False at the deadline."""
        self._require()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiter = waiter
        timer = loop.call_later(max(0.0, deadline_s - self._clock()), _release, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        self._require()
        return self._clock() < deadline_s

    async def _drain(self, silence_s: float) -> None:
        """Throw characters away until there were none for `silence_s`."""
        self._require().wake_at(1)
        while self._clock() < (until_s := self._last_character_s + silence_s):
            self._discard()
            await self._wait(until_s)
        self._discard()

    def _discard(self) -> Port:
        """Empty buffer and port; count what nobody was waiting for."""
        port = self._require()
        self._pull()
        self.late_characters += len(self._buffer)
        self._buffer.clear()
        return port

    def _on_readable(self) -> None:
        self._pull()
        if self._waiter is not None:
            _release(self._waiter)
        elif self._lost is not None:
            self._wake()

    def _pull(self) -> None:
        """Take what the port has; a port that ends is lost."""
        if self._port is None or self._lost is not None:
            return
        try:
            data = os.read(self._port.fd, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"port lost: {error.strerror}")
            return
        if not data:
            self._lose("port lost: hung up")
            return
        self._buffer += data
        self._last_character_s = self._clock()

    def _lose(self, reason: str) -> BusDown:
        """Note that the port is gone; it stays open until `close`, but is read no more."""
        if self._port is not None and self._lost is None:
            asyncio.get_running_loop().remove_reader(self._port.fd)
        self._lost = self._lost or f"{self._settings.port}: {reason}"
        return BusDown(self._lost)

    def _require(self) -> Port:
        if self._port is None or self._lost is not None:
            raise BusDown(self._lost or "not open")
        return self._port


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
