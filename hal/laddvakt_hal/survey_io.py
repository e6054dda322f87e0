"""Reading and writing single points on purpose: by a profile's row, or as raw registers."""

from __future__ import annotations

import contextlib
import difflib
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from laddvakt_hal.codec import decode, encode, parse_type, to_bytes
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.profile_maps import COIL_ON
from laddvakt_hal.profile_values import words_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laddvakt_hal.bus import Bus
    from laddvakt_hal.codec import Value, WordOrder
    from laddvakt_hal.profile_model import Profile, Row
    from laddvakt_hal.reading import Reading
    from laddvakt_hal.survey_line import Channel

LONGEST_NUMBER = 40  # characters; no register takes more
_ORDERS: tuple[WordOrder, ...] = ("big", "little")
_SPAN = re.compile(r"(0x[0-9a-f]+|\d+)(?:\.\.(0x[0-9a-f]+|\d+))?", re.IGNORECASE)
_YES = {"on": 1, "true": 1, "1": 1, "off": 0, "false": 0, "0": 0}


class WrongTarget(HalError):
    """What is to be read or written does not exist or does not fit; says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A row that was read: its value in words, too."""

    row: Row
    reading: Reading[Value]
    text: str | None = None
    bits: tuple[str, ...] = ()


def addresses(target: str) -> tuple[int, int] | None:
    """First address and count of `ADDR` or `ADDR..ADDR`, `None` when it is a quantity's name.

    Raises:
        WrongTarget: the numbers are no addresses.
    """
    match = _SPAN.fullmatch(target)
    if match is None:
        return None
    first = int(match[1], 0)
    last = first if match[2] is None else int(match[2], 0)
    if not first <= last <= 0xFFFF:
        raise WrongTarget(f"{target}: addresses run from 0 to 65535, the lower one first")
    return first, last - first + 1


def row_named(profile: Profile, quantity: str) -> Row:
    """The profile's row of that name.

    Raises:
        WrongTarget: there is none; names what was probably meant.
    """
    row = profile.rows.get(quantity)
    if row is None:
        raise WrongTarget(f"{profile.id} has no {quantity!r}{meant(quantity, profile.rows)}")
    return row


def meant(name: str, known: Mapping[str, object]) -> str:
    """`; did you mean …?`, or the first of what there is."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    shown = ", ".join(list(known)[:8])
    return f"; there is {shown}{' …' if len(known) > 8 else ''}" if known else ""


async def read_point(line: Channel, unit: int, profile: Profile, quantity: str) -> Point:
    """Read one row now, and what its value depends on.

    Raises:
        WrongTarget: no such row, or it cannot be read.
        HalError: the device or the line failed.
    """
    row = row_named(profile, quantity)
    if not row.readable:
        raise WrongTarget(f"{quantity} can only be written")
    device = Device(profile, cast("Bus", line), unit, f"unit {unit}")
    await device.fetch(quantity)
    row, reading = device.profile.rows[quantity], device.reading(quantity)
    value = reading.value
    if value is None:
        return Point(row=row, reading=reading)
    bits = profile.bit_texts(quantity, value) if row.bits and type(value) is int else ()
    return Point(row=row, reading=reading, text=profile.text_of(quantity, value), bits=bits)


async def read_raw(
    line: Channel, unit: int, function: Function, first: int, count: int
) -> tuple[int, ...]:
    """Registers, or bits as 0 and 1, exactly as the device says them.

    Raises:
        WrongTarget: no request can ask so many.
        HalError: the device or the line failed.
    """
    try:
        request = Request(unit=unit, function=function, address=first, count=count)
    except ValueError as error:
        raise WrongTarget(str(error)) from None
    reply = await line.transact(request)
    return reply.words or tuple(int(bit) for bit in reply.bits)


def interpretations(words: tuple[int, ...]) -> dict[str, Value]:
    """What these registers could mean, by type and word order; nonsense is left out."""
    found: dict[str, Value] = {}
    names = {1: ("u16", "s16"), 2: ("u32", "s32", "f32"), 4: ("u64", "s64", "f64")}
    for name in names.get(len(words), ()):
        for order in _ORDERS if len(words) > 1 else _ORDERS[:1]:
            value = decode(words, parse_type(name), order)
            if value is not None and not _absurd(value):
                found[name if len(words) == 1 else f"{name} {order}"] = value
    text = to_bytes(words, "big").rstrip(b"\0")
    if len(text) >= 2 and all(0x20 <= byte < 0x7F for byte in text):
        found["text"] = text.decode("ascii")
    return found


def as_type(words: tuple[int, ...], name: str, order: WordOrder, scale: float) -> Value | None:
    """The registers as one type.

    Raises:
        WrongTarget: no such type, or it takes another number of registers.
    """
    try:
        return decode(words, parse_type(name), order, scale)
    except ValueError as error:
        raise WrongTarget(str(error)) from None


def clearing_row(rows: Iterable[Row], function: Function, first: int, count: int) -> Row | None:
    """The first row that reading these registers would change, `None` where all may be read.

    Function 3 or 4 is the same here: many devices answer both with the same registers.
    """
    registers = (Function.READ_HOLDING, Function.READ_INPUT_REGISTERS)
    asked = registers if function in registers else (function,)
    touched = (r for r in rows if r.addr < first + count and first < r.end)
    return next((row for row in touched if row.clears and row.function in asked), None)


def write_by_row(profile: Profile, unit: int, quantity: str, text: str) -> Request:
    """The request that writes a row's value, given as a number, `on`/`off` or an enum's text.

    Raises:
        WrongTarget: not writable, or not a value this row takes.
    """
    row = row_named(profile, quantity)
    if row.write_function is None:
        can = [name for name, other in profile.rows.items() if other.write_function is not None]
        raise WrongTarget(
            f"{quantity} cannot be written; writable here: {', '.join(can) or 'nothing'}"
        )
    value = float(_bit(text, quantity)) if row.type.is_bit else _number(profile, row, text)
    try:
        words = words_for(profile, row, value)
    except ValueError as error:
        raise WrongTarget(str(error)) from None
    return Request(
        unit=unit, function=row.write_function, address=row.addr, count=len(words), values=words
    )


def write_raw(
    unit: int, address: int, text: str, *, coil: bool, kind: str, order: WordOrder, scale: float
) -> Request:
    """The request that writes a register or a coil nobody describes.

    Raises:
        WrongTarget: not a value of that type.
    """
    if coil:
        value = COIL_ON if _bit(text, "a coil") else 0
        return Request(unit=unit, function=Function.WRITE_COIL, address=address, values=(value,))
    number = _parsed(text)
    if number is None:
        raise WrongTarget(f"a register takes a number such as 16, 0x10 or -1.5, not {text!r}")
    try:
        words = encode(number, parse_type(kind), order, scale)
        function = Function.WRITE_REGISTER if len(words) == 1 else Function.WRITE_REGISTERS
        return Request(
            unit=unit, function=function, address=address, count=len(words), values=words
        )
    except ValueError as error:
        raise WrongTarget(str(error)) from None


def hex_words(words: tuple[int, ...]) -> str:
    """The registers as four hex digits each."""
    return struct.pack(f">{len(words)}H", *words).hex(" ", 2)


def _bit(text: str, what: str) -> int:
    value = _YES.get(text.lower())
    if value is None:
        raise WrongTarget(f"{what} takes on or off, not {text!r}")
    return value


def _number(profile: Profile, row: Row, text: str) -> float:
    table = profile.enums.get(row.enum, {}) if row.enum else {}
    for code, name in table.items():
        if name == text:
            return float(code)
    value = _parsed(text)
    if value is None:
        names = dict.fromkeys(table.values())
        raise WrongTarget(f"{row.quantity} takes a number, not {text!r}{meant(text, names)}")
    if not math.isfinite(value):
        raise WrongTarget(f"{row.quantity} takes a finite number, not {text}")
    return value


def _parsed(text: str) -> int | float | None:
    """A number as people type it; whole ones stay whole: a float has not 64 bits."""
    if len(text) > LONGEST_NUMBER:
        return None
    for base in (0, 10):  # 0x10; 010
        with contextlib.suppress(ValueError):
            return int(text, base)
    try:
        return float(text)
    except ValueError:
        return None


def _absurd(value: Value) -> bool:
    """True for a float no meter says: not the type, but its bits read as one."""
    return isinstance(value, float) and value != 0 and not 1e-6 < abs(value) < 1e12
