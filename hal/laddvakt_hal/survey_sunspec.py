"""Whether a device speaks SunSpec, which of the wanted models it has, and who made it.

Source: SunSpec Device Information Model Specification; model 1 is the common block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.codec import decode, parse_type
from laddvakt_hal.discovery import find
from laddvakt_hal.errors import Garbled, NoReply, NotFound, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.survey_line import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.survey_line import Channel

_COMMON = 1
_MAKER_AT, _MODEL_AT = 2, 18  # registers after the model's id register, 16 each


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSpec:
    """What a device says of itself; `model` is the first wanted one."""

    base: int
    model: int
    maker: str = ""
    name: str = ""


async def find_sunspec(
    line: Channel, unit: int, bases: Sequence[int], models: Sequence[int]
) -> SunSpec | None:
    """The first of `models`, `None` when the device has none or no marker.

    Raises:
        HalError: the line is gone.
    """

    async def read(addr: int, count: int) -> tuple[int, ...]:
        return await _words(line, unit, addr, count)

    try:
        found = await find(read, bases, models)
    except (NotFound, NoReply, Garbled, Refused, NotAllowed):
        return None
    common = found.models.get(_COMMON)
    if common is None:
        return SunSpec(base=found.base, model=found.model)
    return SunSpec(
        base=found.base,
        model=found.model,
        maker=await _text(line, unit, common + _MAKER_AT),
        name=await _text(line, unit, common + _MODEL_AT),
    )


async def _text(line: Channel, unit: int, address: int) -> str:
    try:
        words = await _words(line, unit, address, 16)
    except (NoReply, Garbled, Refused, NotAllowed):
        return ""  # only adds to the evidence
    return str(decode(words, parse_type("str16"), "big") or "")


async def _words(line: Channel, unit: int, address: int, count: int) -> tuple[int, ...]:
    """The registers; one repetition."""
    request = Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)
    try:
        return (await line.transact(request)).words
    except (NoReply, Garbled):
        return (await line.transact(request)).words
