"""What the simulator's trace of the lines says about the agent; times are boot seconds."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from laddvakt_agent.demo.stage import JsonObject, StageError

TAKEN_LATE_S = 0.1  # a busy machine may look at a reply this long after its last character
STALL_NEAR_S = 0.5
TAKEN_EARLY_S = 0.02  # and the simulator may stamp its last character this much too late


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A reading as the agent showed it: whose, when taken, how old, how old it may get."""

    name: str
    quality: str
    line: str
    unit: int
    taken_s: float
    age_s: float
    good_for_s: float


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
    readings: Iterable[Shown], trace: Iterable[JsonObject], stalls: Iterable[tuple[float, float]]
) -> list[Shown]:
    """The readings whose time is not that of the end of any reply of their device.

    A stall of the machine just before lets the agent look that much later.
    """
    ends: dict[tuple[str, int], list[float]] = {}
    for frame in trace:
        if frame.get("dir") == "reply":
            device = (str(frame["line"]), int(str(frame["unit"])))
            ends.setdefault(device, []).append(_frame(frame).last_s)
    for times in ends.values():
        times.sort()
    pauses = list(stalls)
    return [reading for reading in readings if not _replied(reading, ends, pauses)]


def _replied(
    reading: Shown, ends: dict[tuple[str, int], list[float]], stalls: list[tuple[float, float]]
) -> bool:
    times = ends.get((reading.line, reading.unit), [])
    near = (to_s - from_s for from_s, to_s in stalls if abs(to_s - reading.taken_s) < STALL_NEAR_S)
    place = bisect_left(times, reading.taken_s - TAKEN_LATE_S - sum(near))
    return place < len(times) and times[place] <= reading.taken_s + TAKEN_EARLY_S


def float32_step(value: float) -> float:
    """The distance from `value` to the next float32 number."""
    (bits,) = struct.unpack(">I", struct.pack(">f", value))
    (following,) = struct.unpack(">f", struct.pack(">I", bits + 1))
    (rounded,) = struct.unpack(">f", struct.pack(">f", value))
    return float(following - rounded)


def _frame(frame: JsonObject) -> Frame:
    return Frame(first_s=float(str(frame["first_s"])), last_s=float(str(frame["last_s"])))
