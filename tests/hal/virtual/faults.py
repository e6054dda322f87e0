"""Devices that answer, and everything that can happen to an answer; seeded.

What devices promise here is what `laddvakt_hal.repeats` asks of them: nothing begins later than the
worst latency, and a copy follows its original within `COPY_S` until its unit has been caught.
Damage stays within what CRC-16 always shows: up to two wrong bits, or one burst of 16.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hal.slave import framed
from hal.virtual.line import MemoryLine
from hal.virtual.truth import WRITES, Wire, body
from laddvakt_hal.frame import crc16
from laddvakt_hal.repeats import COPY_S
from laddvakt_hal.settings import Timing

KINDS = (
    "slow",
    "late",
    "request_lost",
    "reply_lost",
    "copied",
    "merged",
    "truncated",
    "wrong_unit",
    "wrong_function",
    "wrong_count",
    "exception",
    "garbage_before",
    "garbage_after",
    "bits",
)


@dataclass(slots=True)
class Devices:
    """Units 1..3 on a line; `heard` hangs on `MemoryLine.heard`."""

    line: MemoryLine
    wire: Wire
    dice: random.Random
    timings: dict[int, Timing]
    rates: dict[str, float]
    is_caught: Callable[[int], bool]
    constant: bool = False
    copy_within_s: float = COPY_S
    last: dict[int, bytes] = field(default_factory=dict)  # the frame each unit sent last

    def hit(self, kind: str) -> bool:
        """Whether this fault strikes now."""
        rate = self.rates.get(kind, 0.0)
        return rate > 0.0 and self.dice.random() < rate

    def heard(self, frame: bytes, ended_s: float) -> None:
        """A request has arrived."""
        serial = self.wire.next(ended_s - len(frame) * self.line.pace.character_s)
        unit = frame[0]
        if unit not in self.timings or self.hit("request_lost"):
            return
        if frame[1] in WRITES:
            self.wire.done[serial] = frame
        reply = self._answer(frame, 0 if self.constant else serial)
        begins_s = ended_s + self._latency_s(self.timings[unit])
        copy = self.hit("copied")
        sent = self._damage(reply)
        if not self.hit("reply_lost"):
            if self.hit("merged") and unit in self.last:
                # An adapter hands out what it kept back together with what has just come.
                self.line.talk(begins_s, self.last[unit] + reply, at_once=True)
            else:
                self.line.talk(begins_s, sent)
        self.last[unit] = reply
        if copy:
            self._copy(unit, reply, begins_s + len(reply) * self.line.pace.character_s, ended_s)

    def _copy(self, unit: int, reply: bytes, end_s: float, asked_s: float) -> None:
        """The same reply again, once or twice."""
        character_s = self.line.pace.character_s
        within_s = self.copy_within_s
        gaps_s = (0.0, character_s, 3.5 * character_s, 0.5 * within_s, within_s)
        for _ in range(self.dice.choice((1, 1, 2))):
            begins_s = end_s + 0.999 * min(within_s, self.dice.choice(gaps_s))
            if self.is_caught(unit) and self.dice.random() < 0.7:
                worst_s = asked_s + self.timings[unit].worst_latency_s
                if worst_s > end_s:
                    begins_s = self.dice.uniform(end_s, worst_s)
            copy = self._damage(reply) if self.hit("bits") else reply
            self.line.talk(begins_s, copy)

    def _latency_s(self, timing: Timing) -> float:
        if self.hit("late"):
            return self.dice.uniform(timing.timeout_s, timing.worst_latency_s)
        if self.hit("slow"):
            return self.dice.uniform(0.5, 1.0) * timing.timeout_s
        return self.dice.choice((0.00015, 0.002, 0.005, 0.02)) + self.dice.random() * 0.002

    def _answer(self, frame: bytes, serial: int) -> bytes:
        """What a device answers, be it another one or to something else."""
        if self.hit("exception"):
            return framed(bytes((frame[0], frame[1] | 0x80, self.dice.choice((1, 2, 3, 4, 6)))))
        unit, function = frame[0], frame[1]
        if self.hit("wrong_unit"):
            unit = self.dice.choice([other for other in (0, 1, 2, 3) if other != unit])
        wrong_function = self.hit("wrong_function")
        if wrong_function and function in (3, 4):
            function = 7 - function
        data = bytearray(body(bytes((unit, function)) + frame[2:], serial))
        if wrong_function and function not in (3, 4):
            data[1] = self.dice.choice([f for f in (1, 3, 5, 6, 16) if f != function])
        if self.hit("wrong_count"):
            extra = self.dice.choice((-2, -1, 1, 2, 4))
            data = data[:extra] if extra < 0 else data + self.dice.randbytes(extra)
            # A frame shorter than it says, and zeros after it, have the check sum of a whole one.
            if function not in WRITES and len(data) > 2 and (extra < 0 or self.dice.random() < 0.7):
                data[2] = len(data) - 3
        return framed(bytes(data))

    def _damage(self, reply: bytes) -> bytes:
        """What the wire does to it."""
        if self.hit("truncated"):
            reply = reply[: self.dice.randrange(1, len(reply))]
        if self.hit("bits"):
            reply = self._flip(reply)
        if self.hit("garbage_before"):
            reply = self._garbage() + reply
        if self.hit("garbage_after"):
            reply += self._garbage()
        return reply

    def _flip(self, reply: bytes) -> bytes:
        bits = 8 * len(reply)
        value = int.from_bytes(reply, "little")
        if self.dice.random() < 0.5:
            for place in self.dice.sample(range(bits), self.dice.choice((1, 2))):
                value ^= 1 << place
        else:
            burst = self.dice.getrandbits(16) | 1
            value ^= burst << self.dice.randrange(bits - 15) if bits > 16 else burst % (1 << bits)
        return value.to_bytes(len(reply), "little")

    def _garbage(self) -> bytes:
        size = self.dice.choice((1, 2, 3, 5, 9))
        kind = self.dice.randrange(3)
        if kind == 0:
            return self.dice.choice((b"\x00", b"\xff")) * size
        if kind == 1:  # looks like a beginning
            return bytes((self.dice.choice((1, 2, 3)), self.dice.choice((1, 3, 4)), 2))[:size]
        data = self.dice.randbytes(size)
        # Noise that happens to carry a right check sum is beyond what RTU can tell.
        return data if crc16(data) or size < 4 else b"\x55" * size
