"""Modbus RTU over a stream of characters: silences, frame ends, echoes, late replies.

A frame ends where its length and check sum say so; silence only tells that nothing more comes.
Characters still owed by a device that failed are waited out before the line is used again, so
an old reply can never meet a new request. Copies of replies: see `repeats.py`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from laddvakt_hal.echo import Echo
from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import (
    EXCEPTION_LENGTH,
    Found,
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
from laddvakt_hal.latency import Latency
from laddvakt_hal.link import Exchange, Tally
from laddvakt_hal.repeats import Repeats
from laddvakt_hal.rtu_turn import Turn, echo_probe
from laddvakt_hal.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_hal.settings import Timing
    from laddvakt_hal.stream import CharacterStream
    from laddvakt_hal.tap import Frame
    from laddvakt_hal.uart import UartCounts

LONGEST_FRAME = 256  # Modbus over Serial Line V1.02, 2.5.1
# So many replies in a row took their time on the wire: from now on none may be quicker. Devices
# that speak USB themselves know no baud rate and never get there.
TIMELY = 20


class SerialLink:
    """An RTU line on one stream."""

    def __init__(
        self, stream: CharacterStream, clock: Callable[[], float], *, echo: bool | None = None
    ) -> None:
        self.tally = Tally()
        self.on_frame: Callable[[Frame], None] | None = None
        self.urgent: Callable[[], Iterable[Request]] = tuple
        self.stream = stream
        self._clock = clock
        self._echo = Echo(echo)
        self._timely = 0  # replies in a row that took their time
        self._repeats = Repeats()
        self._silence = Silence(stream, clock, self._repeats)
        self._latency: dict[int, Latency] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the port would not do and we can live with."""
        return self.stream.notes

    @property
    def late(self) -> int:
        """Characters that came when none were owed."""
        return self.stream.late_characters

    @property
    def copies(self) -> int:
        """Good frames that came when none were owed."""
        return self._repeats.copies

    async def open(self, settle_s: float) -> None:
        """Open the line and wait until it was silent for `settle_s`."""
        await self.stream.open()
        self._echo.forget()
        self._silence.forget()
        self._timely = 0
        await self.stream.drain(settle_s + self.stream.pace.held_s)
        self._repeats.forget()

    def close(self) -> None:
        """Give the line back."""
        self.stream.close()

    def lost(self) -> str | None:
        """Why the line is gone, `None` while it is there."""
        return self.stream.lost

    def duration_s(self, request: Request, timing: Timing) -> float:
        """Characters, silence and the device's usual turnaround."""
        characters = rtu_request_length(request) + rtu_reply_length(request)
        return self.stream.pace.duration_s(characters, timing.turnaround_s)

    def turnaround_s(self, unit: int) -> float | None:
        """See `Link.turnaround_s`."""
        latency = self._latency.get(unit)
        return None if latency is None else latency.median_s

    def hold_until_s(self, request: Request, *, urgent: bool) -> float:
        """See `Link.hold_until_s`."""
        hold_s = self._repeats.hold_until_s(request, self._clock())
        return max(hold_s, self._silence.hold_until_s(request, urgent=urgent))

    def rest_until_s(self, unit: int) -> float:
        """See `Link.rest_until_s`."""
        return self._repeats.rest_until_s(unit, self._clock())

    def hurry(self) -> None:
        """See `Link.hurry`."""
        self.stream.look()

    def uart(self) -> UartCounts | None:
        """See `Link.uart`."""
        return self.stream.uart()

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Send, receive, verify; after a failure wait until nothing can be owed any more."""
        self.tally.clear()
        return await self._exchange(request, self.stream.pace.stretch(timing))

    async def _exchange(self, request: Request, timing: Timing) -> Exchange:
        if request.unit == 0:
            return await self._broadcast(request, timing)
        try:
            result = await self._ask(request, timing)
        except NoReply:
            await self._silence.keep(request, timing.worst_latency_s, self.urgent)
            raise
        except Garbled as error:
            await self._clear_up(error, request, timing)
            raise
        if request.echoes and self._echo.known is None:
            await self._rule_out_echo(request, timing)
        return result

    async def _clear_up(self, error: Garbled, request: Request, timing: Timing) -> None:
        """Wait until what came last cannot meet the next request."""
        buffer = self.stream.buffer
        # A whole reply with a wrong check sum is in all likelihood all that was owed. The line
        # goes on; only this unit rests until that is certain.
        paid = error.kind == "crc" and has_reply_shape(buffer, request)
        buffer.clear()
        if paid:
            self._repeats.must_rest(request.unit)
            await self.stream.drain(self.stream.pace.held_s)
        else:
            await self._silence.keep(request, timing.worst_latency_s, self.urgent)

    async def _ask(self, request: Request, timing: Timing) -> Exchange:
        latency = self._latency.setdefault(request.unit, Latency())
        turn = await self._send(request, timing)
        try:
            found = await self._receive(turn)
            rest = self.stream.buffer[found.end :]
            if not trailing_is_glitch(rest):
                self._repeats.overheard(rest, self._clock())
                surplus = f"{len(rest)} characters after the reply to {describe(request)}"
                raise Garbled("count", surplus)  # noqa: TRY301 - judged as any other failure
        except (NoReply, Garbled) as error:
            latency.note_silence()
            self._tell_failure(turn, error)
            raise
        if turn.began_s is not None and not found.start:
            latency.note(turn.began_s - turn.ended_s)
        return self._accept(turn, found, timing)

    def _accept(self, turn: Turn, found: Found, timing: Timing) -> Exchange:
        """Believe a good frame, as far as that goes.

        Raises:
            Refused: it is an exception.
        """
        request, buffer = turn.request, self.stream.buffer
        frame = bytes(buffer[found.start : found.end])
        taken_at_s = self.stream.last_character_s
        if found.start:
            self._repeats.overheard(buffer[: found.start], self._clock())
            self._silence.heard()
        self._echo.learn(turn, found)
        self.tally.received += len(buffer)
        buffer.clear()
        if self.on_frame is not None:
            self.on_frame(turn.as_reply(frame, ""))
        copies_until_s = taken_at_s + self.stream.pace.copy_s
        sure = self._repeats.believe(request, frame, turn.sent_at_s, copies_until_s)
        return Exchange(
            payload=parse_pdu(found.pdu, request),
            sent_at_s=turn.sent_at_s,
            taken_at_s=taken_at_s,
            doubt_s=0.0 if sure else timing.worst_latency_s,
        )

    def _tell_failure(self, turn: Turn, error: HalError) -> None:
        buffer = bytes(self.stream.buffer)
        self.tally.received += len(buffer)
        self.tally.garbage = buffer
        if self.on_frame is not None and buffer:
            kind = error.kind if isinstance(error, Garbled) else "silence"
            self.on_frame(turn.as_reply(buffer, kind))

    async def _broadcast(self, request: Request, timing: Timing) -> Exchange:
        """Nobody answers; everybody needs time to carry it out."""
        if request.is_read:
            raise Garbled("unit", "a broadcast cannot be read")
        turn = await self._send(request, timing)
        await self.stream.drain(timing.broadcast_turnaround_s)
        payload = parse_pdu(turn.frame[1:6], request)
        return Exchange(payload=payload, sent_at_s=turn.sent_at_s, taken_at_s=self._clock())

    async def _rule_out_echo(self, request: Request, timing: Timing) -> None:
        """The first write's reply could be our own echo: one read tells.

        Raises:
            Garbled: the adapter hears itself, or may, so the write is not confirmed.
            NoReply: the device does not answer, so the write is not confirmed.
        """
        try:
            with contextlib.suppress(Refused):  # an answer all the same
                await self._exchange(echo_probe(request), timing)
        except HalError:
            if not self._echo.known:
                raise
        if self._echo.known is not False:
            raise Garbled("echo", f"only our own echo confirmed {describe(request)}")

    async def _send(self, request: Request, timing: Timing) -> Turn:
        await self._silence.between_frames()
        self._repeats.asking(request, self._clock())
        frame = encode_rtu(request)
        sent_at_s = await self.stream.write(frame)
        # The device's time begins when our last character has left.
        ended_s = self.stream.last_character_s
        self._repeats.sent(request, ended_s + timing.worst_latency_s)
        timeout_s = self._latency[request.unit].timeout_s(timing) if request.unit else 0.0
        self.tally.sent += len(frame)
        turn = Turn(
            stream=self.stream,
            request=request,
            frame=frame,
            sent_at_s=sent_at_s,
            ended_s=ended_s,
            first_by_s=ended_s + timeout_s + EXCEPTION_LENGTH * self.stream.pace.character_s,
        )
        if self.on_frame is not None:
            self.on_frame(turn.as_request())
        return turn

    async def _receive(self, turn: Turn) -> Found:
        """The reply's place in the buffer.

        Raises:
            NoReply: nothing came, or only our own echo.
            Garbled: something else came.
        """
        buffer = self.stream.buffer
        while True:
            self._echo.strip(turn)
            turn.note_beginning()
            verdict = scan(buffer, turn.request)
            if isinstance(verdict, Found):
                if self._is_timely(turn, verdict):
                    return verdict
                self._repeats.overheard(turn.drop(verdict.end), self._clock())
                continue
            deadline_s = turn.deadline_s(verdict.count)
            chatter = len(buffer) > 2 * LONGEST_FRAME
            if chatter or not await self.stream.more(verdict.count, deadline_s):
                break
        if buffer:
            raise judge(buffer, turn.request)
        self._echo.learn_from_silence(turn)
        waited_s = self._clock() - turn.sent_at_s
        raise NoReply(f"{describe(turn.request)}: silent for {waited_s:.3f} s")

    def _is_timely(self, turn: Turn, found: Found) -> bool:
        too_soon = turn.is_too_soon(found)
        if too_soon and self._timely >= TIMELY:
            return False
        self._timely = 0 if too_soon else self._timely + 1
        return True
