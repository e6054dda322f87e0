"""Taking out of a recording what names a device or a person: serial numbers, cards, vehicles."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_hal.discovery import MARKER
from laddvakt_hal.frame import Function, crc16

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from laddvakt_hal.profile_model import Profile, Row
    from laddvakt_hal.recording import Framing, Recording
    from laddvakt_hal.tap import Frame

COMMON = 1  # SunSpec's model that tells who made the device, and its serial number
_NAMING = frozenset({"serial", "rfid", "evcc", "mac", "card", "token", "uid", "user", "key"})
_HEAD = struct.Struct(">BHH")  # function, address, count
_REGISTERS = (Function.READ_HOLDING, Function.READ_INPUT_REGISTERS)


def naming_registers(profile: Profile, unit: int) -> frozenset[tuple[int, int, int]]:
    """Unit, function and address of every register that names a device or a person."""
    return frozenset(
        (unit, int(row.function), addr)
        for row in profile.rows.values()
        if _NAMING & set(row.quantity.split("_"))
        for start in _starts(profile, row)
        for addr in range(start, start + row.count)
    )


def _starts(profile: Profile, row: Row) -> tuple[int, ...]:
    """Where the row may stand: a SunSpec device's common block is the first behind its marker."""
    wanted = profile.discovery
    if wanted is None:
        return (row.addr,)
    return tuple(base + len(MARKER) + row.addr for base in wanted.bases if row.block == COMMON)


def redact(recording: Recording, registers: Collection[tuple[int, int, int]]) -> Recording:
    """The recording with these registers read as 0; replies that were not believed are emptied."""
    frames: list[Frame] = []
    asked: list[Frame] = []  # a reply that was not believed may be a late one to what came before
    for frame in recording.frames:
        if frame.direction == "request":
            asked = [*asked[-1:], frame]
            frames.append(frame)
        else:
            its = asked if frame.error else asked[-1:]
            for request in its:
                frame = _redacted(frame, request, registers, recording.framing)  # noqa: PLW2901
            frames.append(frame)
    return replace(recording, frames=tuple(frames))


def _redacted(
    reply: Frame, request: Frame, registers: Collection[tuple[int, int, int]], kind: Framing
) -> Frame:
    """A reply without what names anybody; its length stays."""
    at = 1 if kind == "rtu" else 7  # where the function stands
    if len(request.raw) < at + _HEAD.size:
        return reply
    function, first, count = _HEAD.unpack_from(request.raw, at)
    if function not in _REGISTERS:
        return reply
    hit = [i for i in range(count) if (request.unit, function, first + i) in registers]
    if not hit:
        return reply
    if reply.error:  # nobody knows what stands where
        return replace(reply, raw=bytes(len(reply.raw)))
    raw = bytearray(reply.raw)
    if raw[at] != function:
        return reply  # an exception says nothing
    for index in _words(hit):
        raw[at + 2 + index] = 0
    if kind == "rtu":
        raw[-2:] = crc16(raw[:-2]).to_bytes(2, "little")
    return replace(reply, raw=bytes(raw))


def _words(indices: Iterable[int]) -> Iterable[int]:
    """The bytes of these words."""
    return (2 * index + half for index in indices for half in (0, 1))
