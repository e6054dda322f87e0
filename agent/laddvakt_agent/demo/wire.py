"""What the simulator's trace of the lines says about the agent; times are boot seconds."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from laddvakt_agent.demo.stage import JsonObject, StageError

TAKEN_LATE_S = 0.05  # a busy machine may look at a reply this long after its last character
TAKEN_EARLY_S = 0.005  # and the simulator may stamp its last character this much too late


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlan:
    """What the agent has planned for a line."""

    period_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame on a line, from its first to its last character."""

    first_s: float
    last_s: float

    @property
    def wire_s(self) -> float:
        """How long its characters took."""
        return self.last_s - self.first_s


def first_showing(trace: Iterable[JsonObject], fault: str, *, after_s: float) -> Frame:
    """The first reply whose registers show `fault`.

    Raises:
        StageError: there is none.
    """
    for frame in trace:
        shows = frame.get("shows")
        shown = isinstance(shows, list) and fault in shows
        if shown and frame.get("dir") == "reply" and _frame(frame).first_s >= after_s:
            return _frame(frame)
    raise StageError(f"no reply on any line showed {fault}")


def first_open_command(trace: Iterable[JsonObject], *, after_s: float) -> Frame:
    """The first request that switches coil 0 of the relay board (unit 3, line1) off.

    Raises:
        StageError: there is none.
    """
    for frame in trace:
        if frame.get("line") == "line1" and frame.get("dir") == "request":
            off = str(frame.get("hex", "")).replace(" ", "").lower().startswith("030500000000")
            if off and _frame(frame).first_s >= after_s:
                return _frame(frame)
    raise StageError("no open command was seen on line1")


def without_reply(
    readings: Iterable[tuple[str, float, float, float]], trace: Iterable[JsonObject]
) -> list[str]:
    """The readings whose time is not that of the end of any reply on any line."""
    ends = sorted(_frame(f).last_s for f in trace if f.get("dir") == "reply")
    foreign: list[str] = []
    for name, taken_s, _age_s, _limit_s in readings:
        place = bisect_left(ends, taken_s - TAKEN_LATE_S)
        if place == len(ends) or ends[place] > taken_s + TAKEN_EARLY_S:
            foreign.append(name)
    return foreign


def float32_step(value: float) -> float:
    """The distance from `value` to the next float32 number."""
    (bits,) = struct.unpack(">I", struct.pack(">f", value))
    (following,) = struct.unpack(">f", struct.pack(">I", bits + 1))
    (rounded,) = struct.unpack(">f", struct.pack(">f", value))
    return float(following - rounded)


def _frame(frame: JsonObject) -> Frame:
    return Frame(first_s=float(str(frame["first_s"])), last_s=float(str(frame["last_s"])))
