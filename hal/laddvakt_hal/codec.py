"""Raw words ↔ values, pure. The only place where scaling happens.

Types: `u16 s16 u32 s32 u64 s64 acc32 f32 f64 bool`, SunSpec's scale factor `sunssf`, `strN` (N
registers, two characters each), `strNlo` (one character per register), `rawN` (hexadecimal digits),
`bitsN` and Iskra's decade formats `t5 t6`, which cannot be written. Characters are Latin-1.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

Value: TypeAlias = bool | int | float | str
WordOrder: TypeAlias = Literal["big", "little"]

_NUMBERS = {
    "u16": (1, ">H"),
    "s16": (1, ">h"),
    "u32": (2, ">I"),
    "s32": (2, ">i"),
    "u64": (4, ">Q"),
    "s64": (4, ">q"),
    "acc32": (2, ">I"),
    "sunssf": (1, ">h"),
    "f32": (2, ">f"),
    "f64": (4, ">d"),
}
_SIZED = re.compile(r"(str|raw|bits)([1-9]\d{0,2})(lo)?")


@dataclass(frozen=True, slots=True)
class Type:
    """A parsed type name; `words` is 0 for single bits (coils, contacts)."""

    name: str
    words: int

    @property
    def is_bit(self) -> bool:
        """True for coils and contacts."""
        return self.name == "bool"

    @property
    def is_text(self) -> bool:
        """True for characters and for opaque registers, shown as hexadecimal digits."""
        return self.name.startswith(("str", "raw"))

    @property
    def is_number(self) -> bool:
        """True for everything that can be scaled."""
        return not (self.is_bit or self.is_text)

    @property
    def is_whole(self) -> bool:
        """True for whole numbers."""
        return self.is_number and self.name[0] not in "ft"

    @property
    def is_unsigned(self) -> bool:
        """True for whole numbers that are never below 0: their bits may stand for themselves."""
        return self.is_number and self.name.startswith(("u", "acc", "bits"))


def parse_type(name: str) -> Type:
    """The type of that name.

    Raises:
        ValueError: there is no such type.
    """
    if name in _NUMBERS:
        return Type(name, _NUMBERS[name][0])
    if name == "bool":
        return Type(name, 0)
    if name in ("t5", "t6"):
        return Type(name, 2)
    match = _SIZED.fullmatch(name)
    if match is None or (match[3] and match[1] != "str"):
        raise ValueError(f"type {name!r} is unknown; known: {', '.join(_NUMBERS)}, bool, strN, …")
    words = (int(match[2]) + 15) // 16 if match[1] == "bits" else int(match[2])
    return Type(name, words)


def decode(
    words: tuple[int, ...],
    kind: Type,
    order: WordOrder,
    scale: float = 1,
    mask: int | None = None,
    shift: int = 0,
) -> Value | None:
    """The value in `words`; `None` when they carry none (NaN, infinite, empty text).

    Raises:
        ValueError: not as many words as the type has.
    """
    if len(words) != kind.words or kind.is_bit:
        raise ValueError(f"{kind.name} needs {kind.words} words, got {len(words)}")
    if kind.is_text:
        return _text(to_bytes(words, "big"), kind)  # bytes in a row: no order of words
    number = _number(to_bytes(words, order), kind)
    if isinstance(number, float):
        return _scaled(number, scale) if math.isfinite(number) else None
    if mask is not None:
        number = (number & mask) >> shift
    return _scaled(number, scale)


def encode(value: float | str, kind: Type, order: WordOrder, scale: float = 1) -> tuple[int, ...]:
    """The words that carry `value`, rounded to the register's own step.

    Raises:
        ValueError: the value does not fit, or the type cannot be written.
    """
    if isinstance(value, str):
        return _encoded_text(value, kind)
    form = _NUMBERS.get(kind.name, (0, ""))[1]
    if kind.name.startswith("bits"):
        form = f"bits{kind.words}"
    if not form:
        raise ValueError(f"{kind.name} cannot be written as a number")
    if not math.isfinite(value):
        raise ValueError(f"{value} does not fit into a register")
    # Whole numbers stay whole: a float has not the digits of a 64-bit register.
    raw = value if scale == 1 else value / scale
    try:
        if form.startswith("bits"):
            data = round(raw).to_bytes(2 * kind.words, "big")
        else:
            data = struct.pack(form, raw if form[1] in "fd" else round(raw))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value} does not fit into {kind.name} with scale {scale}") from error
    words = struct.unpack(f">{kind.words}H", data)
    return words if order == "big" else words[::-1]


def scaled(value: float, exponent: int) -> float:
    """The value × 10 ^ exponent, as exact as a float can be."""
    factor: int = 10 ** abs(exponent)
    return value * factor if exponent >= 0 else value / factor


def raw_number(words: tuple[int, ...], order: WordOrder) -> int:
    """The words as one unsigned number, as patterns for "no value" are given."""
    return int.from_bytes(to_bytes(words, order), "big")


def to_bytes(words: tuple[int, ...], order: WordOrder) -> bytes:
    """The words' bytes, most significant word first."""
    ordered = words if order == "big" else words[::-1]
    return struct.pack(f">{len(ordered)}H", *ordered)


def _scaled(number: float, scale: float) -> int | float | None:
    if scale == 1:
        return number
    steps = round(1 / scale)
    # 15 × 0.1 is 1.5000000000000002, 15 / 10 is 1.5.
    exact = steps > 1 and math.isclose(scale * steps, 1, rel_tol=1e-12)
    found = number / steps if exact else number * scale
    return found if math.isfinite(found) else None


def _number(raw: bytes, kind: Type) -> int | float:
    if kind.name in _NUMBERS:
        number: int | float = struct.unpack(_NUMBERS[kind.name][1], raw)[0]
        return number
    if kind.name.startswith("bits"):
        return int.from_bytes(raw, "big")
    exponent = int.from_bytes(raw[:1], "big", signed=True)
    mantissa = int.from_bytes(raw[1:], "big", signed=kind.name == "t6")
    return scaled(float(mantissa), exponent)


def _text(raw: bytes, kind: Type) -> str | None:
    if kind.name.startswith("raw"):
        return raw.hex()
    characters = raw[1::2] if kind.name.endswith("lo") else raw
    text = characters.split(b"\0", 1)[0].decode("latin-1").strip()
    return text if text and text.isprintable() else None


def _encoded_text(text: str, kind: Type) -> tuple[int, ...]:
    """Characters with zeros behind them, or the registers of hexadecimal digits."""
    if kind.name.startswith("raw"):
        data = bytes.fromhex(text)
        if len(data) != 2 * kind.words:
            raise ValueError(f"{len(data)} bytes do not fit into {kind.name}")
        return struct.unpack(f">{kind.words}H", data)
    if not kind.name.startswith("str"):
        raise ValueError(f"{text!r} cannot be written to {kind.name}")
    low = kind.name.endswith("lo")
    if len(text) > (kind.words if low else 2 * kind.words) or not text.isprintable():
        raise ValueError(f"{text!r} does not fit into {kind.name}")
    data = text.encode("latin-1", "strict")
    if low:
        return (*data, *[0] * (kind.words - len(data)))
    return struct.unpack(f">{kind.words}H", data.ljust(2 * kind.words, b"\0"))
