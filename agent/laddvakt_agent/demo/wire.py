"""What the simulator's trace of the lines says about the agent; times are boot seconds."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from laddvakt_agent.demo.stage import JsonObject

TAKEN_LATE_S = 0.1  # a busy machine may look at a reply this long after its last character
STALL_NEAR_S = 0.5
TAKEN_EARLY_S = 0.02  # and the simulator may stamp its last character this much too late
CHARX = ("tcp1", 255)
CHARX_RELEASE, CHARX_LIMIT, CHARX_ENERGY = 1300, 1301, 1250  # the energy: s64, Wh
TCP_HEADER = 7  # of Modbus TCP, before the function code


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


def first_showing(
    trace: Iterable[JsonObject], fault: str, *, after_s: float, line: str | None = None
) -> Frame | None:
    """The first reply whose registers show `fault`, on `line` or on any; `None` if none does."""
    for frame in trace:
        shows = frame.get("shows")
        shown = isinstance(shows, list) and fault in shows and line in (None, frame.get("line"))
        if shown and frame.get("dir") == "reply" and _frame(frame).first_s >= after_s:
            return _frame(frame)
    return None


def first_open_command(trace: Iterable[JsonObject], *, after_s: float) -> Frame | None:
    """The first request that switches coil 0 of the relay board (unit 3, line1) off."""
    for frame in trace:
        if frame.get("line") == "line1" and frame.get("dir") == "request":
            off = _raw(frame).hex().startswith("030500000000")
            if off and _frame(frame).first_s >= after_s:
                return _frame(frame)
    return None


def charx_open_command(trace: Iterable[JsonObject], *, after_s: float) -> Frame | None:
    """The first write that takes the release of connector 2 (unit 255, tcp1) away."""
    for frame, written in _charx_writes(trace, after_s):
        if written.get(CHARX_RELEASE) == 0:
            return frame
    return None


def charx_closing_writes(trace: Iterable[JsonObject], *, after_s: float) -> int:
    """How many writes gave connector 2 its release or a current above 0."""
    return sum(
        1
        for _, written in _charx_writes(trace, after_s)
        if written.get(CHARX_RELEASE, 0) or written.get(CHARX_LIMIT, 0)
    )


def charx_register_wh(trace: Iterable[JsonObject], *, before_s: float) -> float | None:
    """The energy register of connector 2 in the last reply before that time."""
    told_wh: float | None = None
    asked: tuple[int, int] | None = None  # first register and how many
    for frame in trace:
        if (frame.get("line"), frame.get("unit")) != CHARX or _frame(frame).last_s > before_s:
            continue
        raw = _raw(frame)[TCP_HEADER:]
        if frame.get("dir") == "request":
            asked = struct.unpack(">2H", raw[1:5]) if raw[:1] == b"\x03" else None
        elif asked is not None and raw[:1] == b"\x03":
            at = 2 + 2 * (CHARX_ENERGY - asked[0])
            if at >= 2 and asked[0] + asked[1] >= CHARX_ENERGY + 4:
                told_wh = float(struct.unpack(">q", raw[at : at + 8])[0])
    return told_wh


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


def _raw(frame: JsonObject) -> bytes:
    return bytes.fromhex(str(frame.get("hex", "")))


def _charx_writes(
    trace: Iterable[JsonObject], after_s: float
) -> Iterator[tuple[Frame, dict[int, int]]]:
    """Each write request to connector 2's board, with the value of each register in it."""
    for frame in trace:
        mine = (frame.get("line"), frame.get("unit")) == CHARX and frame.get("dir") == "request"
        if not mine or _frame(frame).first_s < after_s:
            continue
        raw = _raw(frame)[TCP_HEADER:]
        first, value = struct.unpack(">2H", raw[1:5])
        match raw[0]:
            case 0x06:
                yield _frame(frame), {first: value}
            case 0x10:
                values = struct.unpack(f">{value}H", raw[6 : 6 + 2 * value])
                yield _frame(frame), dict(enumerate(values, first))
            case _:
                pass
