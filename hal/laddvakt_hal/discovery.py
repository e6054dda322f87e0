"""Finding a SunSpec device's models: marker, then (id, length) headers up to the end.

Source: SunSpec Device Information Model Specification 1.1, "Device Modbus map".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from laddvakt_hal.errors import BusDown, HalError, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKER = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
MOST_MODELS = 64  # a map that goes on longer is garbage; each header costs a request


class ReadWords(Protocol):
    """Reads registers of the device that is looked at."""

    async def __call__(self, addr: int, count: int) -> tuple[int, ...]:
        """`count` words from `addr` on.

        Raises:
            HalError: they cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where things are: `address` is the ID register of the model that was looked for."""

    base: int
    address: int
    model: int
    length: int  # registers after the header
    models: Mapping[int, int]  # those up to it: id → ID register; the common model, 1, is first


async def find(read: ReadWords, bases: Sequence[int], models: Sequence[int]) -> Found:
    """The first of `models` behind the first marker at one of `bases`.

    Raises:
        NotFound: the device answers, but has none of them.
        HalError: no base could be read at all.
    """
    silence: HalError | None = None
    seen: dict[int, int] = {}
    for base in bases:
        try:
            found = await _at(read, base, models, seen)
        except (BusDown, NotFound):
            raise
        except Refused:
            continue  # nothing there: look at the next base
        except HalError as error:
            silence = error  # some devices do not answer outside their map
            continue
        if found is not None:
            return found
    if silence is not None and not seen:
        raise silence
    raise NotFound(_nothing(bases, models, seen))


async def _at(
    read: ReadWords, base: int, models: Sequence[int], seen: dict[int, int]
) -> Found | None:
    marked = await _words(read, base, len(MARKER)) == MARKER
    return await _walk(read, base, models, seen) if marked else None


async def _walk(
    read: ReadWords, base: int, models: Sequence[int], seen: dict[int, int]
) -> Found | None:
    """Follow the headers behind a marker; `None` when the map ends without a wanted model."""
    addr = base + len(MARKER)
    for _ in range(MOST_MODELS):
        if addr > 0xFFFE:
            raise NotFound(f"the map at {base} has no end: {_ids(seen)}; is it a SunSpec device?")
        model, length = await _words(read, addr, 2)
        if model == END:
            return None
        if model == 0 or addr + 2 + length > 0x10000:
            raise NotFound(f"the header at {addr} says model {model}, length {length}: garbage")
        seen.setdefault(model, addr)
        if model in models:  # the rest is not needed, and every header costs a request
            return Found(base=base, address=addr, model=model, length=length, models=seen)
        addr += 2 + length
    raise NotFound(f"more than {MOST_MODELS} models at {base}: garbage")


async def _words(read: ReadWords, addr: int, count: int) -> tuple[int, ...]:
    words = await read(addr, count)
    if len(words) != count:
        raise NotFound(f"{count} registers were asked for at {addr}, {len(words)} came")
    return words


def _nothing(bases: Sequence[int], models: Sequence[int], seen: Mapping[int, int]) -> str:
    wanted = ", ".join(str(model) for model in models)
    if not seen:
        places = ", ".join(str(base) for base in bases)
        return f"no SunSpec marker at {places}: this is another device, choose its profile"
    return f"no model {wanted}, only {_ids(seen)}: choose the profile for one of these"


def _ids(seen: Mapping[int, int]) -> str:
    return ", ".join(str(model) for model in seen) or "no model"
