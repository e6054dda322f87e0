"""Values that say where and when they come from, and the judge that looks.

Every register word is `unit | address | table | serial`: 2 + 4 + 1 + 9 bits. The serial number is
that of the request on the wire that made the device sample it, so an old, foreign or swapped value
is known. The table is 1 for input registers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from laddvakt_hal.frame import Function, Request
from laddvakt_hal.turns import Reply

ADDRESSES = 12
SERIALS = 1 << 9
WRITES = (Function.WRITE_COIL, Function.WRITE_REGISTER, Function.WRITE_REGISTERS)


def word(unit: int, function: int, address: int, serial: int) -> int:
    table = function == Function.READ_INPUT_REGISTERS
    return (unit & 3) << 14 | address << 10 | table << 9 | serial % SERIALS


@dataclass(slots=True)
class Wire:
    """Every request that left, in order, and what became of each write."""

    sent_s: list[float] = field(default_factory=list)
    done: dict[int, bytes] = field(default_factory=dict)  # serial → write the device carried out

    def next(self, sent_s: float) -> int:
        self.sent_s.append(sent_s)
        return len(self.sent_s) - 1


def body(frame: bytes, serial: int) -> bytes:
    """What a good device answers: unit and PDU, without check sum."""
    unit, function, address, count = struct.unpack(">BBHH", frame[:6])
    if function in WRITES:
        return frame[:6]
    if function in (Function.READ_COILS, Function.READ_INPUTS):
        if count <= 8:  # the bus itself asks, to rule an echo out
            return bytes((unit, function, 1, serial & 1))
        return struct.pack(">BBBH", unit, function, 2, word(unit, function, address, serial))
    words = [word(unit, function, address + i, serial) for i in range(count)]
    return struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)


def judge(request: Request, reply: Reply, wire: Wire, *, varying: bool) -> str | None:
    """What is wrong with an accepted reply, `None` when it is the truth."""
    since_s = reply.sent_at_s - reply.doubt_s - 1e-9
    if request.function in WRITES:
        return _judge_write(request, since_s, wire)
    if request.function in (Function.READ_COILS, Function.READ_INPUTS):
        bits = reply.bits
        low = sum(bit << i for i, bit in enumerate(bits[8:]))
        words: tuple[int, ...] = (sum(bit << i for i, bit in enumerate(bits[:8])) << 8 | low,)
    else:
        words = reply.words
    for index, value in enumerate(words):
        serial = value % SERIALS
        if value - serial != word(request.unit, request.function, request.address + index, 0):
            return f"{value:#06x} came for {request}"
        if varying and wire.sent_s[serial] < since_s:
            age_s = reply.sent_at_s - wire.sent_s[serial]
            return f"a value {age_s:.4f} s older than its request: {request}"
    return None


def _judge_write(request: Request, since_s: float, wire: Wire) -> str | None:
    """A confirmed write was carried out after it was asked for."""
    wanted = struct.pack(">BBH", request.unit, request.function, request.address)
    for serial, done in wire.done.items():
        same = done.startswith(wanted) and _values(done) == request.values
        if same and wire.sent_s[serial] >= since_s:
            return None
    return f"confirmed, but never carried out: {request}"


def _values(frame: bytes) -> tuple[int, ...]:
    if frame[1] != Function.WRITE_REGISTERS:
        return (int.from_bytes(frame[4:6], "big"),)
    count = frame[6] // 2
    return struct.unpack(f">{count}H", frame[7 : 7 + 2 * count])
