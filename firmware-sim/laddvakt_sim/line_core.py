"""A half-duplex line where characters take their time: no clock, no port, the caller brings both.

A request occupies the line for its characters from the moment the first one arrives; a reply is
handed over character by character. Who talks while another one does destroys both.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.slave import intact, request_length
from laddvakt_sim.line_words import Babble, LineSpec, Message, Noise, Sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GARBLE = 0x55
_ON_TIME_S = 0.0005  # a reply begun this late still ends when it should: the wake-up was coarse


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    ident: int
    raw: bytes
    first_s: float
    note: str


@dataclass(order=True, slots=True)
class _Event:
    at_s: float
    order: int
    what: _Request | Sending = field(compare=False)


class LineCore:
    """The state of one line; `write` hands characters to the master, `tell` says what happened."""

    def __init__(
        self,
        spec: LineSpec,
        write: Callable[[bytes], None],
        tell: Callable[[Message], None],
        echo: Callable[[bytes], None] | None = None,
    ) -> None:
        self.spec = spec
        self.unplugged = False  # nothing gets through in either direction
        self._char_s, self._silence_s = spec.char_s, spec.silence_s
        self._write = write
        self._tell = tell
        self._hand_back = echo or write
        self._buffer = bytearray()
        self._frame_first_s = 0.0
        self._gap_s = 0.0  # silence before the frame in the buffer
        self._heard_s = -1e9  # end of the last character, either direction
        self._sent_s = -1e9  # end of the last reply
        self._sending: Sending | None = None
        self._waiting: deque[Sending] = deque()
        self._echo: deque[tuple[float, int]] = deque()
        self._events: list[_Event] = []
        self._noises: list[tuple[Noise, random.Random]] = []
        self._babble: Babble | None = None
        self._order = 0

    def next_s(self) -> float | None:
        """When `act` wants to be called; None while nothing is pending."""
        times = [self._events[0].at_s] if self._events else []
        if (sending := self._sending) is not None:
            times.append(sending.first_s + (sending.sent + 1) * self._char_s)
        elif self._waiting:
            times.append(self._sent_s + self._silence_s)
        elif self._babble is not None:
            times.append(self._babble.next_s)
        if self._buffer:
            times.append(self._heard_s + self._silence_s)
        if self._echo:
            times.append(self._echo[0][0])
        return min(times, default=None)

    @property
    def urgent(self) -> bool:
        """True when the next moment ends or begins something: it should not be missed by much."""
        sending = self._sending
        return sending is None or sending.sent + 1 >= len(sending.raw)

    def hear(self, data: bytes, at_s: float, *, own: bytes | None = None) -> None:
        """Take characters the master begins to send at `at_s`.

        `own` is what it sent in its own understanding, where its rate is not the line's.
        """
        start_s = max(at_s, self._heard_s)  # a burst still takes its characters' time
        if self.spec.echo:
            self._echo_back(data if own is None else own, start_s)
        if not data:
            return
        if self._sending is not None:
            self._sending.hurt = True  # both drivers fight: neither side gets anything sensible
            self._bad(data, (at_s, at_s), "collision")
            return
        end_s = start_s + len(data) * self._char_s
        if self.unplugged:
            self._bad(data, (start_s, end_s), "unplugged")
            self._heard_s = end_s
            return
        if not self._buffer:
            self._frame_first_s, self._gap_s = start_s, start_s - self._heard_s
        self._buffer += data
        self._heard_s = end_s
        raw = bytes(self._buffer)
        if request_length(raw) == len(raw) and intact(raw):
            short = self._char_s > 0 and self._gap_s < self._silence_s
            self._accept(f"silence {self._gap_s * 1000:.2f} ms, too short" if short else "")

    def reply(self, sending: Sending, at_s: float) -> None:
        """Let a device answer from `at_s` on."""
        self._schedule(at_s, sending)

    def noise(self, noise: Noise) -> None:
        """Disturb the characters of a stretch of time."""
        self._noises = [(n, r) for n, r in self._noises if n.to_s > self._heard_s - 1.0]
        self._noises.append((noise, random.Random(noise.seed)))

    def babble(self, order: Mapping[str, object] | None, at_s: float) -> None:
        """Let a device talk by itself from `at_s` on, or be quiet again."""
        if order is None:
            self._babble = None
        elif self._babble is None or self._babble.order != order:
            self._babble = Babble(order)
            self._babble.next_s = at_s

    def forget(self) -> None:
        """Drop a frame begun: the master has closed its port."""
        self._buffer.clear()

    def reset(self) -> None:
        """Drop everything under way: the adapter has gone."""
        self._buffer.clear()
        self._events.clear()
        self._waiting.clear()
        self._echo.clear()
        self._sending = None

    def act(self, at_s: float) -> None:
        """Let everything happen that is due at `at_s`."""
        while self._echo and self._echo[0][0] <= at_s:
            self._hand_back(bytes((self._echo.popleft()[1],)))
        if self._buffer and at_s >= self._heard_s + self._silence_s:
            self._end_by_silence()
        while self._events and self._events[0].at_s <= at_s:
            event = heapq.heappop(self._events)
            if isinstance(event.what, Sending):
                self._speak(event.what, event.at_s, at_s)
            else:
                self._pass_on(event.what, event.at_s)
        if self._sending is not None:
            self._send(self._sending, at_s)
        self._begin_waiting(at_s)

    def _accept(self, note: str) -> None:
        self._order += 1
        raw = bytes(self._buffer)
        self._buffer.clear()
        request = _Request(ident=self._order, raw=raw, first_s=self._frame_first_s, note=note)
        self._schedule(self._heard_s, request)

    def _end_by_silence(self) -> None:
        raw = bytes(self._buffer)
        if intact(raw):
            self._accept("")  # a function whose length is not known beforehand
            return
        self._buffer.clear()
        self._bad(raw, (self._frame_first_s, self._heard_s), "no valid frame")

    def _pass_on(self, request: _Request, last_s: float) -> None:
        times_s = (request.first_s, last_s)
        heard = bytes(
            self._disturbed(byte, request.first_s + (index + 1) * self._char_s)
            for index, byte in enumerate(request.raw)
        )
        if heard != request.raw:
            self._bad(request.raw, times_s, "noise")
            return
        said = {"k": "rq", "id": request.ident, "x": request.raw.hex(), "n": request.note}
        self._tell({**said, "f": times_s[0], "l": last_s})

    def _speak(self, sending: Sending, due_s: float, at_s: float) -> None:
        current = self._sending
        queues = sending.patient or self._waiting or (current is not None and current.patient)
        if queues:
            self._waiting.append(sending)
        elif current is not None:
            self._crash(current, sending, at_s)
        else:
            self._begin(sending, due_s if at_s - due_s < _ON_TIME_S else at_s, at_s)

    def _begin_waiting(self, at_s: float) -> None:
        if self._waiting and self._sending is None and at_s >= self._sent_s + self._silence_s:
            self._begin(self._waiting.popleft(), at_s, at_s)
        if (babble := self._babble) is None or at_s < babble.next_s:
            return
        if self._sending is None:
            self._begin(babble.burst(at_s, self._char_s), at_s, at_s)
        elif not self._sending.babble:
            babble.burst(at_s, self._char_s)
            self._sending.hurt = True

    def _begin(self, sending: Sending, first_s: float, at_s: float) -> None:
        self._sending = sending
        sending.first_s = first_s
        if at_s < self._heard_s:  # the master is still talking: both are lost
            sending.hurt = True
            self._buffer.clear()
            self._lose_requests()

    def _lose_requests(self) -> None:
        for event in self._events:
            if isinstance(event.what, _Request):
                self._bad(event.what.raw, (event.what.first_s, event.at_s), "collision")
        self._events = [event for event in self._events if isinstance(event.what, Sending)]
        heapq.heapify(self._events)

    def _crash(self, current: Sending, other: Sending, at_s: float) -> None:
        """Two devices talk at once: garbage, as long as the longer one."""
        current.hurt = True
        beyond = len(other.raw) - (len(current.raw) - current.sent)
        if beyond > 0:
            current.raw += other.raw[-beyond:]
        self._report(other, (at_s, at_s + len(other.raw) * self._char_s), "collision")

    def _send(self, sending: Sending, at_s: float) -> None:
        length, due = len(sending.raw), len(sending.raw)
        if self._char_s:
            due = min(length, int((at_s - sending.first_s) / self._char_s + 1e-6))
        if due > sending.sent:
            chars = self._on_the_wire(sending, due)
            if not self.unplugged:
                self._write(chars)
            sending.sent = due
        if due < length:
            return
        self._sending = None
        end_s = max(at_s, sending.first_s + length * self._char_s)  # handed over late: ends late
        self._heard_s = max(self._heard_s, end_s)
        self._sent_s = end_s
        self._report(sending, (sending.first_s, end_s), "collision" if sending.hurt else "")
        if sending.again_s is not None:
            copy = Sending(ident=sending.ident, raw=sending.raw, note="duplicated")
            self._schedule(end_s + sending.again_s, copy)

    def _on_the_wire(self, sending: Sending, due: int) -> bytes:
        chars = sending.raw[sending.sent : due]
        if sending.hurt:
            chars = bytearray(byte ^ GARBLE for byte in chars)
        if not self._noises:
            return bytes(chars)
        first_s, sent = sending.first_s, sending.sent
        heard = bytes(
            self._disturbed(byte, first_s + (sent + index + 1) * self._char_s)
            for index, byte in enumerate(chars)
        )
        if heard != chars and "noise" not in sending.note:
            sending.note = ", ".join(filter(None, (sending.note, "noise")))
        return heard

    def _disturbed(self, byte: int, end_s: float) -> int:
        for noise, chance in self._noises:
            touched = noise.from_s < end_s and end_s - self._char_s < noise.to_s
            if touched and chance.random() < noise.rate:
                byte ^= 1 << chance.randrange(8)
        return byte

    def _echo_back(self, data: bytes, start_s: float) -> None:
        garble = GARBLE if self._sending is not None else 0
        for index, byte in enumerate(data):
            self._echo.append((start_s + (index + 1) * self._char_s, byte ^ garble))

    def _report(self, sending: Sending, times_s: tuple[float, float], trouble: str) -> None:
        note = ", ".join(filter(None, (sending.note, trouble)))
        said = {"k": "tx", "id": sending.ident, "x": bytes(sending.raw).hex(), "n": note}
        self._tell({**said, "f": times_s[0], "l": times_s[1]})

    def _bad(self, raw: bytes, times_s: tuple[float, float], note: str) -> None:
        self._tell({"k": "bad", "x": raw.hex(), "n": note, "f": times_s[0], "l": times_s[1]})

    def _schedule(self, at_s: float, what: _Request | Sending) -> None:
        self._order += 1
        heapq.heappush(self._events, _Event(at_s, self._order, what))
