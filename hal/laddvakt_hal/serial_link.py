"""Modbus RTU over a serial port: silences, frame ends, echoes, late replies.

A frame ends where its length and check sum say so; silence only tells that nothing more comes.
Characters still owed by a device that failed are waited out before the line is used again, so
an old reply can never meet a new request.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused
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
from laddvakt_hal.serial_stream import SerialStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import SerialSettings, Timing

# A hole inside a frame: USB adapters deliver in batches of up to 16 ms, busy hosts add theirs.
HOLE_S = 0.05
LONGEST_FRAME = 256  # Modbus over Serial Line V1.02, 2.5.1


@dataclass(slots=True, kw_only=True)
class _Turn:
    """One request under way."""

    request: Request
    frame: bytes
    sent_at_s: float
    first_by_s: float  # the reply's first characters must be here by then
    echo_seen: bool = False


class SerialLink:
    """An RTU line on one port."""

    def __init__(
        self, settings: SerialSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._stream = SerialStream(settings, clock, wake)
        self._echo: bool | None = None  # does the adapter hear itself? unknown until a read

    @property
    def notes(self) -> tuple[str, ...]:
        """What the port would not do and we can live with."""
        return self._stream.notes

    @property
    def late(self) -> int:
        """Characters that came when none were owed."""
        return self._stream.late_characters

    async def open(self, settle_s: float) -> None:
        """Open the port and wait until the line was silent for `settle_s`."""
        self._stream.open()
        self._echo = None
        await self._stream.drain(settle_s)

    def close(self) -> None:
        """Give the port back."""
        self._stream.close()

    def lost(self) -> str | None:
        """Why the port is gone, `None` while it is there."""
        return self._stream.lost

    def duration_s(self, request: Request, timing: Timing) -> float:
        """Characters, silence and the device's usual turnaround."""
        characters = rtu_request_length(request) + rtu_reply_length(request)
        wire_s = characters * self._settings.character_s
        silence_s = self._settings.silence_s
        return wire_s + max(timing.turnaround_s, silence_s) + silence_s

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Send, receive, verify; after a failure wait until nothing can be owed any more."""
        if request.unit == 0:
            return await self._broadcast(request, timing)
        try:
            result = await self._ask(request, timing)
        except NoReply:
            await self._stream.drain(timing.worst_latency_s)
            raise
        except Garbled as error:
            paid = error.kind == "crc" and has_reply_shape(self._stream.buffer, request)
            self._stream.buffer.clear()
            await self._stream.drain(HOLE_S if paid else timing.worst_latency_s)
            raise
        if request.echoes and self._echo is None:
            await self._rule_out_echo(request, timing)
        return result

    async def _ask(self, request: Request, timing: Timing) -> Exchange:
        turn = await self._send(request, timing)
        found = await self._receive(turn)
        rest = self._stream.buffer[found.end :]
        if not trailing_is_glitch(rest):
            raise Garbled("count", f"{len(rest)} characters after the reply to {describe(request)}")
        if request.is_read:
            self._echo = turn.echo_seen
        taken_at_s = self._stream.last_character_s
        self._stream.buffer.clear()
        payload = parse_pdu(found.pdu, request)
        return Exchange(payload=payload, sent_at_s=turn.sent_at_s, taken_at_s=taken_at_s)

    async def _broadcast(self, request: Request, timing: Timing) -> Exchange:
        """Nobody answers; everybody needs time to carry it out."""
        if request.is_read:
            raise Garbled("unit", "a broadcast cannot be read")
        turn = await self._send(request, timing)
        await self._stream.drain(timing.broadcast_turnaround_s)
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
        silent_for_s = self._clock() - self._stream.last_character_s
        if silent_for_s < self._settings.silence_s:
            await asyncio.sleep(self._settings.silence_s - silent_for_s)
        self._stream.discard()
        frame = encode_rtu(request)
        sent_at_s = self._stream.write(frame)
        # The device's time begins when our last character has left.
        first_s = timing.timeout_s + EXCEPTION_LENGTH * self._settings.character_s
        first_by_s = self._stream.last_character_s + first_s
        return _Turn(request=request, frame=frame, sent_at_s=sent_at_s, first_by_s=first_by_s)

    async def _receive(self, turn: _Turn) -> Found:
        """The reply's place in the buffer.

        Raises:
            NoReply: nothing came, or only our own echo.
            Garbled: something else came.
        """
        buffer = self._stream.buffer
        while True:
            self._strip_echo(turn)
            verdict = scan(buffer, turn.request)
            if isinstance(verdict, Found):
                return verdict
            deadline_s = self._deadline_s(turn, verdict.count)
            chatter = len(buffer) > 2 * LONGEST_FRAME
            if chatter or not await self._stream.more(verdict.count, deadline_s):
                break
        if buffer:
            raise judge(buffer, turn.request)
        if turn.echo_seen:
            self._echo = True
        waited_s = self._clock() - turn.sent_at_s
        raise NoReply(f"{describe(turn.request)}: silent for {waited_s:.3f} s")

    def _deadline_s(self, turn: _Turn, missing: int) -> float:
        """When to give up: the device's time for its first characters, then a hole's length."""
        buffer = self._stream.buffer
        in_echo = not turn.request.echoes and not turn.echo_seen and turn.frame.startswith(buffer)
        if not buffer or in_echo:
            return turn.first_by_s
        return self._stream.last_character_s + missing * self._settings.character_s + HOLE_S

    def _strip_echo(self, turn: _Turn) -> None:
        """Take our own characters off the front, where an echo can be told from a reply."""
        if turn.echo_seen or (turn.request.echoes and not self._echo):
            return
        buffer = self._stream.buffer
        if buffer.startswith(turn.frame):
            del buffer[: len(turn.frame)]
            turn.echo_seen = True
