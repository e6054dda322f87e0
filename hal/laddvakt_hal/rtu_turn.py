"""One request on an RTU line: its times, and what its replies are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.frame import Found, Function, Request
from laddvakt_hal.tap import Frame

if TYPE_CHECKING:
    from laddvakt_hal.stream import CharacterStream

# Both clocks may be off by 2 %: a reply that is sooner than this share of its wire time was
# under way before its request had left.
_SOONEST = 0.95


@dataclass(slots=True, kw_only=True)
class Turn:
    """One request under way on a stream."""

    stream: CharacterStream
    request: Request
    frame: bytes
    sent_at_s: float
    ended_s: float  # our last character has left
    first_by_s: float  # the reply's first characters must be here by then
    echo_seen: bool = False
    began_s: float | None = None  # the first character after our echo

    def note_beginning(self) -> None:
        """Note when the first characters of a reply came, once."""
        if self.began_s is None and (here := len(self.stream.buffer)):
            self.began_s = self.stream.last_character_s - here * self.stream.pace.character_s

    def drop(self, end: int) -> bytes:
        """Take characters that are no reply to this request off the front."""
        dropped = bytes(self.stream.buffer[:end])
        del self.stream.buffer[:end]
        self.stream.late_characters += end
        self.began_s = None
        return dropped

    def strip_echo(self) -> None:
        """Take our own characters off; what stood before them is no reply to them either."""
        at = self.stream.buffer.find(self.frame)
        if at >= 0:
            del self.stream.buffer[: at + len(self.frame)]
            self.echo_seen = True

    def is_too_soon(self, found: Found) -> bool:
        """True for a frame that must have begun before our request had left: not its reply.

        Only where characters take their time; a tunnel or a pty says nothing about that.
        """
        if not self.stream.pace.is_wire:
            return False
        characters = len(self.frame) + found.end - found.start
        soonest_s = self.sent_at_s + _SOONEST * characters * self.stream.pace.character_s
        return self.stream.last_character_s < soonest_s

    def deadline_s(self, missing: int) -> float:
        """When to give up: the device's time for its first characters, then a hole's length."""
        buffer = self.stream.buffer
        in_echo = not self.request.echoes and not self.echo_seen and self.frame.startswith(buffer)
        if not buffer or in_echo:
            return self.first_by_s
        pace = self.stream.pace
        return self.stream.last_character_s + missing * pace.character_s + pace.hole_s

    def as_request(self) -> Frame:
        """What left, for whoever listens."""
        return Frame(
            at_s=self.sent_at_s,
            last_s=self.ended_s,
            direction="request",
            raw=self.frame,
            unit=self.request.unit,
        )

    def as_reply(self, raw: bytes, error: str) -> Frame:
        """What came back, for whoever listens."""
        last_s = self.stream.last_character_s
        return Frame(
            at_s=last_s - len(raw) * self.stream.pace.character_s,
            last_s=last_s,
            direction="reply",
            raw=raw,
            unit=self.request.unit,
            error=error,
        )


def echo_probe(write: Request) -> Request:
    """A read of what a write concerns: its echo can be told from its reply."""
    coil = write.function is Function.WRITE_COIL
    function = Function.READ_COILS if coil else Function.READ_HOLDING
    return Request(unit=write.unit, function=function, address=write.address)
