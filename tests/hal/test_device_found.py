"""Devices whose registers must be found first: nothing is read or written before."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.test_device_facts import HEAD, block, made, read
from hal.test_discovery import METER, device
from laddvakt_hal.bus import Priority
from laddvakt_hal.errors import HalError, LayoutUnknown, NoReply, NotFound, Refused
from laddvakt_hal.reading import Quality

FOUND = (
    HEAD
    + """
[discovery]
method = "sunspec"
bases = [40000, 0]
models = [203]
[limits]
max_read = 125
spans = [{ fc = 3, first = 0, last = 106 }]
[rows]
model_id = { fc = 3, addr = 0, type = "u16" }
power = { fc = 3, addr = 18, type = "s16" }
serial = { fc = 3, addr = 50, type = "str16", model = 1 }
options = { fc = 3, addr = 4, type = "u16", model = 9 }
"""
)


def sunspec(base: int, power: int = 230, serial: str = "AB12") -> dict[int, int]:
    registers = device(base, *METER)
    text = serial.encode().ljust(32, b"\0")
    words = {base + 52 + n: text[2 * n] << 8 | text[2 * n + 1] for n in range(16)}
    return registers | words | {base + 70 + 18: power}


async def test_registers_are_found_before_anything_is_read(tmp_path: Path) -> None:
    its, box = made(tmp_path, FOUND, sunspec(0))
    assert not its.resolved
    assert isinstance(await read(its, "power"), LayoutUnknown)
    assert box.asked == []
    assert await its.resolve() is None
    assert (its.resolved, its.layout_version) == (True, 1)
    await read(its, "power")
    assert its.reading("power").value == 230
    assert box.asked[-1][0].address == 70 + 18
    await read(its, "serial")
    assert its.reading("serial").value == "AB12"
    assert its.profile.rows["options"].absent  # it has no model 9


async def test_commands_find_the_registers_by_themselves(tmp_path: Path) -> None:
    its, _ = made(tmp_path, FOUND, sunspec(40000))
    assert await its.fetch("power") == 230


async def test_everything_of_one_model_comes_in_one_request(tmp_path: Path) -> None:
    its, box = made(tmp_path, FOUND, sunspec(0))
    await its.resolve()
    await read(its, "model_id", "power")
    assert (box.asked[-1][0].address, box.asked[-1][0].count) == (70, 19)


async def test_after_a_silence_it_is_looked_for_again(tmp_path: Path) -> None:
    """The same place changes nothing, another one makes all plans worthless."""
    its, box = made(tmp_path, FOUND, sunspec(0))
    await its.resolve()
    await read(its, "power")
    for base, version in ((0, 1), (40000, 2)):
        planned = block(its, "power")
        box.fails = [NoReply("x")]
        await its.read_block(planned, Priority.SAFETY)
        assert not its.resolved
        assert its.reading("power").quality is Quality.STALE
        box.registers = sunspec(base, power=77)
        assert await its.resolve() is None
        assert its.layout_version == version
        old = await its.read_block(planned, Priority.SAFETY)
        assert isinstance(old, LayoutUnknown) is (version == 2)
    await read(its, "power")
    assert its.reading("power").value == 77


@pytest.mark.parametrize(
    ("registers", "kind"),
    [
        pytest.param(device(0, (1, 66), (103, 50)), NotFound, id="inverter"),
        pytest.param(device(0, (1, 66), (203, 10)), NotFound, id="too-short"),
    ],
)
async def test_device_without_the_model_is_left_alone(
    tmp_path: Path, registers: dict[int, int], kind: type[HalError]
) -> None:
    its, box = made(tmp_path, FOUND, registers)
    assert isinstance(await its.resolve(), kind)
    assert not its.resolved
    assert not its.silent
    assert its.ask_again_s > box.now_s + 5
    with pytest.raises(kind):
        await its.fetch("power")


async def test_silent_device_is_not_found_and_rests(tmp_path: Path) -> None:
    its, box = made(tmp_path, FOUND, {})
    box.fails = [NoReply("x")] * 2
    assert isinstance(await its.resolve(), NoReply)
    assert its.silent
    assert its.ask_again_s > box.now_s


async def test_gateway_that_speaks_for_it_is_silence(tmp_path: Path) -> None:
    its, box = made(tmp_path, FOUND, {})
    box.fails = [Refused(11, "x")] * 2
    assert isinstance(await its.resolve(), NoReply)
    assert its.silent
