"""Looking for SunSpec: the marker, then the chain of models, each with its id and its length.

Source: SunSpec Device Information Model Specification; model 1 is the common block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.codec import decode, parse_type
from laddvakt_hal.errors import Garbled, NoReply, Refused
from laddvakt_hal.frame import Function, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.survey_line import Channel

MARKER = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
_COMMON = 1
_MAKER_AT, _MODEL_AT = 2, 18  # registers after the model's id register, 16 each
_MOST_MODELS = 24  # a chain that does not end is no chain


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSpec:
    """A device that speaks SunSpec."""

    base: int
    models: tuple[tuple[int, int], ...]  # model id, address of its id register
    maker: str = ""
    model: str = ""


async def find_sunspec(line: Channel, unit: int, bases: Sequence[int]) -> SunSpec | None:
    """The device's chain of models, `None` when there is no marker.

    Raises:
        HalError: NoReply or Garbled, each twice, or the line is gone.
    """
    for base in bases:
        if await _words(line, unit, base, 2) == MARKER:
            return await _walk(line, unit, base)
    return None


async def _walk(line: Channel, unit: int, base: int) -> SunSpec:
    models: list[tuple[int, int]] = []
    maker = model = ""
    at = base + len(MARKER)
    while len(models) < _MOST_MODELS:
        head = await _words(line, unit, at, 2)
        if head is None or head[0] == END or at + head[1] > 0xFF00:
            break
        models.append((head[0], at))
        if head[0] == _COMMON:
            maker = await _text(line, unit, at + _MAKER_AT)
            model = await _text(line, unit, at + _MODEL_AT)
        at += 2 + head[1]
    return SunSpec(base=base, models=tuple(models), maker=maker, model=model)


async def _text(line: Channel, unit: int, address: int) -> str:
    words = await _words(line, unit, address, 16)
    return "" if words is None else str(decode(words, parse_type("str16"), "big") or "")


async def _words(line: Channel, unit: int, address: int, count: int) -> tuple[int, ...] | None:
    """The registers, `None` where the device refuses; one repetition."""
    request = Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)
    try:
        try:
            return (await line.transact(request)).words
        except (NoReply, Garbled):
            return (await line.transact(request)).words
    except Refused:
        return None
