"""Values to register words, and blocks of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from laddvakt_sim.firmware.slave import ExceptionCode, Refusal

Words = Mapping[int, int]


def f32(value: float) -> tuple[int, ...]:
    """IEEE 754 single, most significant word first."""
    return struct.unpack(">2H", struct.pack(">f", value))


def u32(value: int) -> tuple[int, ...]:
    """Unsigned 32 bit, most significant word first."""
    return struct.unpack(">2H", struct.pack(">I", value & 0xFFFFFFFF))


def s32(value: float) -> tuple[int, ...]:
    """Signed 32 bit, rounded, most significant word first."""
    return struct.unpack(">2H", struct.pack(">i", round(value)))


def s64(value: float) -> tuple[int, ...]:
    """Signed 64 bit, rounded, most significant word first."""
    return struct.unpack(">4H", struct.pack(">q", round(value)))


def text(value: str, registers: int) -> tuple[int, ...]:
    """Two characters per register, zero-filled."""
    raw = value.encode("ascii").ljust(2 * registers, b"\0")[: 2 * registers]
    return struct.unpack(f">{registers}H", raw)


def text_low(value: str, registers: int) -> tuple[int, ...]:
    """One character per register, in the low byte."""
    return tuple(value.encode("ascii").ljust(registers, b"\0")[:registers])


def place(rows: Iterable[tuple[int, tuple[int, ...]]]) -> dict[int, int]:
    """Words of many values by address."""
    return {addr + offset: word for addr, words in rows for offset, word in enumerate(words)}


def block(words: Words, spans: Iterable[range], addr: int, count: int) -> list[int]:
    """`count` words from `addr`, zero where a readable span has a gap.

    Raises:
        Refusal: no single span holds the whole block.
    """
    for span in spans:
        if addr in span and addr + count - 1 in span:
            return [words.get(addr + offset, 0) for offset in range(count)]
    raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)


def touches(first: int, addr: int, count: int, length: int = 1) -> bool:
    """True when the block shows a value of `length` words at `first` in full."""
    return addr <= first and first + length <= addr + count
