"""Every frame that went over a line, kept in memory.

A frame is written as JSON once, when it passes: asking for thousands of them must not hold up the
process that also has to answer on the lines.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

CAPACITY = 40_000  # two lines polled four times a second fill this in about half an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    seq: int
    line: str
    text: str


class Trace:
    """A ring of frames and counters per line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._frames: deque[_Kept] = deque(maxlen=CAPACITY)
        self._next = 1
        self.counts = {line: {"frames": 0, "errors": 0} for line in lines}

    def add(
        self,
        *,
        line: str,
        direction: Literal["request", "reply"],
        raw: bytes,
        unit_at: int,
        times_s: tuple[float, float],
        shows: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        """Keep a frame; the unit stands at `unit_at` (RTU 0, TCP 6), the function after it.

        `times_s` are CLOCK_BOOTTIME of its first and last character.
        """
        content = {
            "seq": self._next,
            "line": line,
            "dir": direction,
            "unit": raw[unit_at] if len(raw) > unit_at else 0,
            "fc": raw[unit_at + 1] if len(raw) > unit_at + 1 else 0,
            "hex": raw.hex(),
            "first_s": times_s[0],
            "last_s": times_s[1],
            "shows": shows,
            "note": note,
        }
        self._frames.append(_Kept(seq=self._next, line=line, text=json.dumps(content)))
        self._next += 1
        self.counts[line]["frames"] += 1

    def count_error(self, line: str) -> None:
        """Count something that went wrong on a line."""
        self.counts[line]["errors"] += 1

    def since(self, seq: int, *, line: str | None, limit: int) -> tuple[list[str], int]:
        """At most `limit` frames from `seq` on as JSON, and the number to ask for next."""
        skipped = max(0, seq - self._frames[0].seq) if self._frames else 0
        found: list[str] = []
        for frame in islice(self._frames, skipped, None):
            if line not in (None, frame.line):
                continue
            if len(found) == limit:
                return found, frame.seq
            found.append(frame.text)
        return found, self._next
