"""Finding SunSpec models: right maps are found, garbage ends the search, nothing loops."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_hal.discovery import END, MARKER, MOST_MODELS, Found, find
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, NotFound, Refused

BASES = (40000, 50000, 0)


class Map:
    """Registers to read from; everything else is refused, or fails as the test wants."""

    def __init__(self, registers: Mapping[int, int], elsewhere: HalError | None = None) -> None:
        self.registers = registers
        self.elsewhere = elsewhere or Refused(2, "not there")
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, addr: int, count: int) -> tuple[int, ...]:
        self.asked.append((addr, count))
        try:
            return tuple(self.registers[addr + index] for index in range(count))
        except KeyError:
            raise self.elsewhere from None


def device(base: int, *models: tuple[int, int], end: bool = True) -> dict[int, int]:
    """A map with these models, zeros inside them."""
    registers = {base: MARKER[0], base + 1: MARKER[1]}
    addr = base + 2
    for model, length in models:
        registers |= {addr: model, addr + 1: length}
        registers |= dict.fromkeys(range(addr + 2, addr + 2 + length), 0)
        addr += 2 + length
    return registers | ({addr: END, addr + 1: 0} if end else {})


METER = ((1, 66), (203, 105))


@pytest.mark.parametrize("base", BASES)
async def test_the_model_is_found_behind_any_base(base: int) -> None:
    found = await find(Map(device(base, *METER)), BASES, (201, 203))
    assert found == Found(
        base=base,
        address=base + 70,
        model=203,
        length=105,
        models={1: base + 2, 203: base + 70},
    )


async def test_the_first_wanted_model_counts() -> None:
    models = ((1, 65), (120, 26), (204, 105), (203, 105))
    found = await find(Map(device(0, *models)), (0,), (203, 204))
    assert (found.model, found.address) == (204, 2 + 67 + 28)


@pytest.mark.parametrize("silence", [NoReply("x"), Garbled("crc", "x")], ids=str)
async def test_silence_at_one_base_does_not_hide_another(silence: HalError) -> None:
    found = await find(Map(device(0, *METER), silence), BASES, (203,))
    assert found.address == 70


async def test_silence_everywhere_is_silence() -> None:
    with pytest.raises(NoReply):
        await find(Map({}, NoReply("x")), BASES, (203,))


async def test_line_that_went_down_ends_the_search_at_once() -> None:
    registers = Map({}, BusDown("x"))
    with pytest.raises(BusDown):
        await find(registers, BASES, (203,))
    assert len(registers.asked) == 1


@pytest.mark.parametrize(
    ("registers", "message"),
    [
        pytest.param({}, "no SunSpec marker at 40000, 50000, 0", id="nothing"),
        pytest.param({0: 0x5375, 1: 0}, "no SunSpec marker", id="half-a-marker"),
        pytest.param(device(0, (1, 66), (103, 50)), "no model 203, only 1, 103", id="inverter"),
        pytest.param(device(0), "no SunSpec marker|no model 203", id="empty"),
        pytest.param(device(0, (0, 4)), "model 0, length 4: garbage", id="model-0"),
        pytest.param({**device(0), 2: 7, 3: 0xFFFF}, "length 65535: garbage", id="too-long"),
        pytest.param(
            device(0, *[(m, 0) for m in range(300, 300 + MOST_MODELS)]),
            "more than 64",
            id="endless",
        ),
    ],
)
async def test_what_is_no_such_device_is_told(registers: dict[int, int], message: str) -> None:
    with pytest.raises(NotFound, match=message):
        await find(Map(registers), BASES, (203,))


async def test_map_that_breaks_off_is_not_taken_for_the_device() -> None:
    with pytest.raises(NotFound, match="only 1"):
        await find(Map(device(0, (1, 66), end=False)), (0,), (203,))


async def test_map_without_an_end_stops_at_the_last_address() -> None:
    registers = {0xFFF0: MARKER[0], 0xFFF1: MARKER[1], 0xFFF2: 7, 0xFFF3: 12}
    with pytest.raises(NotFound, match="has no end"):
        await find(Map(registers), (0xFFF0,), (203,))


@given(words=st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=200), short=st.booleans())
@settings(deadline=None)
async def test_garbage_never_loops_and_never_raises_anything_else(
    words: list[int], short: bool
) -> None:
    """Whatever a device says ends in few requests, found or refused."""

    async def read(addr: int, count: int) -> tuple[int, ...]:
        asked.append(addr)
        if addr < 2:
            return MARKER
        got = tuple(words[(addr + index) % len(words)] for index in range(count))
        return got[:-1] if short else got

    asked: list[int] = []
    with contextlib.suppress(NotFound):
        found = await find(read, (0,), (203,))
        assert found.address + 2 + found.length <= 0x10000
    assert len(asked) <= MOST_MODELS + 1
