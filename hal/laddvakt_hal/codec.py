"""Raw words ↔ values, pure. The only place where scaling happens.

Types: `u16 s16 u32 s32 u64 s64 acc32 f32 f64 bool`, `strN` (N registers, two characters each),
`strNlo` (one character per register), `rawN`, `bitsN` and Iskra's decade formats `t5 t6`.
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


def decode(words: tuple[int, ...], kind: Type, order: WordOrder, scale: float = 1) -> Value | None:
    """The value in `words`; `None` when they carry none (NaN, infinite, empty text).

    Raises:
        ValueError: not as many words as the type has.
    """
    if len(words) != kind.words or kind.is_bit:
        raise ValueError(f"{kind.name} needs {kind.words} words, got {len(words)}")
    raw = to_bytes(words, "big" if kind.name.startswith("str") else order)
    if kind.name.startswith("str"):
        return _text(raw[1::2] if kind.name.endswith("lo") else raw)
    if kind.name.startswith("raw"):
        return raw.hex()
    number = _number(raw, kind)
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number if scale == 1 else number * scale


def encode(value: float, kind: Type, order: WordOrder, scale: float = 1) -> tuple[int, ...]:
    """The words that carry `value`, rounded to the register's own step.

    Raises:
        ValueError: the value does not fit, or the type cannot be written.
    """
    if kind.name not in _NUMBERS:
        raise ValueError(f"{kind.name} cannot be written")
    raw = value / scale
    form = _NUMBERS[kind.name][1]
    try:
        data = struct.pack(form, raw if kind.name in ("f32", "f64") else round(raw))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value} does not fit into {kind.name} with scale {scale}") from error
    words = struct.unpack(f">{kind.words}H", data)
    return words if order == "big" else words[::-1]


def to_bytes(words: tuple[int, ...], order: WordOrder) -> bytes:
    """The words' bytes, most significant word first."""
    ordered = words if order == "big" else words[::-1]
    return struct.pack(f">{len(ordered)}H", *ordered)


def _number(raw: bytes, kind: Type) -> int | float:
    if kind.name in _NUMBERS:
        number: int | float = struct.unpack(_NUMBERS[kind.name][1], raw)[0]
        return number
    if kind.name.startswith("bits"):
        return int.from_bytes(raw, "big")
    exponent = int.from_bytes(raw[:1], "big", signed=True)
    mantissa = int.from_bytes(raw[1:], "big", signed=kind.name == "t6")
    return float(mantissa * 10.0**exponent)


def _text(raw: bytes) -> str | None:
    text = raw.split(b"\0", 1)[0].decode("latin-1").strip()
    return text if text and text.isprintable() else None
