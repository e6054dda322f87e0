"""What can happen to a frame on its way: pure functions over bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.slave import intact, seal

if TYPE_CHECKING:
    import random

_OVERSAMPLING = 16  # a UART looks for the start bit this often per bit
_EXCEPTION = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Adu:
    """A frame taken apart; `tid` is the transaction id, None on a serial line."""

    unit: int
    pdu: bytes
    tid: int | None = None

    def raw(self) -> bytes:
        """The frame with everything the wire adds: CRC, or the TCP header."""
        if self.tid is None:
            return seal(self.unit, self.pdu)
        return struct.pack(">3HB", self.tid, 0, len(self.pdu) + 1, self.unit) + self.pdu


def parse(raw: bytes, *, rtu: bool) -> Adu | None:
    """Take a frame apart; None when a receiver would drop it."""
    if rtu:
        return Adu(unit=raw[0], pdu=raw[1:-2]) if intact(raw) else None
    if len(raw) < 8:
        return None
    tid, protocol, length, unit = struct.unpack(">3HB", raw[:7])
    fits = protocol == 0 and length == len(raw) - 6
    return Adu(unit=unit, pdu=raw[7:], tid=tid) if fits else None


def other_unit(adu: Adu, to: int | None) -> Adu:
    """The same frame under another unit: `to`, or the next one."""
    return replace(adu, unit=adu.unit % 247 + 1 if to is None else to)


def other_function(adu: Adu, to: int | None) -> Adu:
    """The same frame with another function: `to`, or the neighbour (3 and 4, 1 and 2, …)."""
    fc = adu.pdu[0]
    neighbour = (fc & _EXCEPTION) | (((fc & 0x7F) - 1 ^ 1) + 1)
    return replace(adu, pdu=bytes((neighbour if to is None else to,)) + adu.pdu[1:])


def other_count(adu: Adu, by: int, *, request: bool) -> Adu:
    """A frame that is sound in itself but about `by` more (or fewer) registers than it should be.

    Functions without a count, and exceptions, stay as they are.
    """
    fc = adu.pdu[0]
    if fc in (1, 2, 3, 4) and not request:
        step = 2 if fc in (3, 4) else 1
        data = adu.pdu[2:]
        data = data[: max(0, len(data) + by * step)] if by < 0 else data + bytes(by * step)
        data = data[:250]
        return replace(adu, pdu=bytes((fc, len(data))) + data)
    if fc in (1, 2, 3, 4, 15, 16) and len(adu.pdu) >= 5:
        count = struct.unpack(">H", adu.pdu[3:5])[0]
        changed = struct.pack(">H", max(0, count + by) & 0xFFFF)
        return replace(adu, pdu=adu.pdu[:3] + changed + adu.pdu[5:])
    return adu


def cut(raw: bytes, keep: int | None, chance: random.Random) -> bytes:
    """The first `keep` characters; without it a random number of them, at least one is missing."""
    if len(raw) < 2:
        return raw
    return raw[: chance.randrange(1, len(raw)) if keep is None else min(keep, len(raw) - 1)]


def flipped(raw: bytes, bits: int, chance: random.Random) -> bytes:
    """`bits` different bits turned over."""
    hurt = bytearray(raw)
    for index in chance.sample(range(8 * len(raw)), min(bits, 8 * len(raw))):
        hurt[index // 8] ^= 1 << (index % 8)
    return bytes(hurt)


def garbage(characters: int, chance: random.Random) -> bytes:
    """Characters nobody sent on purpose."""
    return chance.randbytes(characters)


def resampled(raw: bytes, sent_baud: int, heard_baud: int, form: str) -> bytes:
    """What a UART at `heard_baud` makes of characters sent at `sent_baud`, format as "8N1"."""
    levels = _levels(raw, form)
    length_s, bit_s = len(levels) / sent_baud, 1 / heard_baud
    parity = form[1] != "N"

    def level(at_s: float) -> int:
        index = int(at_s * sent_baud)
        return levels[index] if 0 <= index < len(levels) else 1

    heard, at_s, step_s = bytearray(), 0.0, bit_s / _OVERSAMPLING
    while at_s < length_s:
        if level(at_s):
            at_s += step_s
            continue
        heard.append(sum(level(at_s + (1.5 + bit) * bit_s) << bit for bit in range(8)))
        at_s += (9.5 + parity) * bit_s
        while at_s < length_s and not level(at_s):  # no stop bit: the line must come to rest first
            at_s += step_s
    return bytes(heard)


def _levels(raw: bytes, form: str) -> list[int]:
    levels: list[int] = []
    for byte in raw:
        bits = [byte >> bit & 1 for bit in range(8)]
        levels += [0, *bits]
        if form[1] != "N":
            levels.append((sum(bits) + (form[1] == "O")) % 2)
        levels += [1] * int(form[2])
    return levels
