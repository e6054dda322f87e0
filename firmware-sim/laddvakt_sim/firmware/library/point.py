"""What stands at an address: points, and the tables they are written down in.

A table has one line per point: `where address type step quantity [rw|w|alone]`. `where` is holding,
input, coil or contact; the address is the wire address in hex; `step` is what one raw count is
worth in the unit the quantity is told in, or `^name` when the point `name` holds its power of
ten; `alone`: only when nothing else is read with it, otherwise the address is part of another
value; `#` starts a comment.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

Value: TypeAlias = bool | int | float | str
Order: TypeAlias = Literal["big", "little"]

WHERE = {"coil": 1, "contact": 2, "holding": 3, "input": 4}
_WHOLE = {
    "u16": (1, False),
    "s16": (1, True),
    "u32": (2, False),
    "s32": (2, True),
    "acc32": (2, False),
    "u64": (4, False),
    "s64": (4, True),
}
_FLOATS = {"f32": (2, ">f"), "f64": (4, ">d")}
_DECADES = {"t5": False, "t6": True}  # name → signed mantissa
_MANTISSA_BITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a device; `fc` reads it, `addr` is the wire address."""

    quantity: str
    fc: int
    addr: int
    kind: str
    step: float = 1.0
    step_from: str = ""  # the point that holds the power of ten
    readable: bool = True
    writable: bool = False
    alone: bool = False

    @property
    def words(self) -> int:
        """Registers it takes; a coil or contact takes one address."""
        return width(self.kind)

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.addr + self.words


def table(text: str) -> tuple[Point, ...]:
    """The points of a table.

    Raises:
        ValueError: a line is not one.
    """
    lines = (line.split("#", 1)[0].split() for line in text.splitlines())
    return tuple(_point(fields) for fields in lines if fields)


def width(kind: str) -> int:
    """Registers a value of that type takes.

    Raises:
        ValueError: there is no such type.
    """
    if kind == "bool":
        return 1
    if kind in _WHOLE:
        return _WHOLE[kind][0]
    if kind in _FLOATS or kind in _DECADES:
        return _FLOATS[kind][0] if kind in _FLOATS else 2
    digits = kind.removeprefix("str").removeprefix("raw").removesuffix("lo")
    if digits == kind or not digits.isdigit():
        raise ValueError(f"type {kind!r} is unknown")
    return int(digits)


def pack(value: Value, kind: str, step: float, order: Order, *, floor: bool = False) -> list[int]:
    """The registers of a value; what does not fit is held at the type's end (assumption).

    `floor` is for counters: they show no energy they have not had.
    """
    if kind.startswith("str"):
        return _text(str(value), kind)
    if kind.startswith("raw"):
        raw = bytes.fromhex(str(value)).ljust(2 * width(kind), b"\0")
        return list(struct.unpack(f">{width(kind)}H", raw))
    raw = _number(float(value), kind, step, floor=floor)
    words = list(struct.unpack(f">{len(raw) // 2}H", raw))
    return words if order == "big" else words[::-1]


def fineness(size: float, kind: str, step: float) -> float:
    """By how much a register of that type can differ from a value of that size."""
    if kind in _FLOATS:
        bits = 23 if kind == "f32" else 52
        return size * 2.0**-bits
    return 10.0 ** _exponent(size, signed=_DECADES[kind]) if kind in _DECADES else step


def unpack(words: list[int], kind: str, step: float, order: Order) -> Value:
    """The value a master wrote into these registers.

    Raises:
        ValueError: the type cannot be written.
    """
    ordered = words if order == "big" or kind.startswith("str") else words[::-1]
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    if kind.startswith("str"):
        return (raw[1::2] if kind.endswith("lo") else raw).split(b"\0", 1)[0].decode("latin-1")
    if kind in _FLOATS:
        return float(struct.unpack(_FLOATS[kind][1], raw)[0]) * step
    if kind not in _WHOLE:
        raise ValueError(f"type {kind!r} cannot be written")
    number = int.from_bytes(raw, "big", signed=_WHOLE[kind][1])
    return number if step == 1 else number * step


def parts(text: str, *registers: int) -> tuple[str, ...]:
    """A text longer than a request, as hex of parts of so many registers, filled with zeros."""
    raw = text.encode("latin-1").ljust(2 * sum(registers), b"\0").hex()
    found = []
    for count in registers:
        found.append(raw[: 4 * count])
        raw = raw[4 * count :]
    return tuple(found)


def _point(fields: list[str]) -> Point:
    where, addr, kind, step, quantity, *access = fields
    if where not in WHERE or access not in ([], ["rw"], ["w"], ["alone"]):
        raise ValueError(f"not a point: {' '.join(fields)}")
    width(kind)
    return Point(
        quantity=quantity,
        fc=WHERE[where],
        addr=int(addr, 16),
        kind=kind,
        step=1.0 if step.startswith("^") else float(step),
        step_from=step.removeprefix("^") if step.startswith("^") else "",
        readable=access != ["w"],
        writable=access in (["rw"], ["w"]),
        alone=access == ["alone"],
    )


def _number(value: float, kind: str, step: float, *, floor: bool) -> bytes:
    counts = value / step
    if kind in _FLOATS:
        return struct.pack(_FLOATS[kind][1], counts)
    if kind in _DECADES:
        return _decade(counts, signed=_DECADES[kind])
    words, signed = _WHOLE[kind]
    whole = math.floor(counts + 1e-9) if floor else round(counts)
    least = -(1 << (16 * words - 1)) if signed else 0
    most = (1 << (16 * words - signed)) - 1
    return min(max(whole, least), most).to_bytes(2 * words, "big", signed=signed)


def _decade(value: float, *, signed: bool) -> bytes:
    """Iskra's format: a power of ten, then a 24-bit mantissa with as many digits as fit."""
    exponent = _exponent(value, signed=signed)
    mantissa = round(value / 10.0**exponent)
    return exponent.to_bytes(1, "big", signed=True) + mantissa.to_bytes(3, "big", signed=signed)


def _exponent(value: float, *, signed: bool) -> int:
    most = (1 << (_MANTISSA_BITS - signed)) - 1
    exponent = -4  # as many decimals as a meter has
    while abs(value) / 10.0**exponent > most:
        exponent += 1
    return exponent


def _text(value: str, kind: str) -> list[int]:
    registers = width(kind)
    raw = value.encode("latin-1")
    if kind.endswith("lo"):
        return list(raw.ljust(registers, b"\0")[:registers])
    raw = raw.ljust(2 * registers, b"\0")[: 2 * registers]
    return list(struct.unpack(f">{registers}H", raw))
