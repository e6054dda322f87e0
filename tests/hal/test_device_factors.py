"""Values with a factor in a row of its own: without a good factor there is no value."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.test_device import Wire
from hal.test_device_facts import HEAD, made, read
from laddvakt_hal.adapters import meter, watches
from laddvakt_hal.device import Device
from laddvakt_hal.errors import NoReply
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality

FACTORS = (
    HEAD
    + """
[limits]
max_read = 20
[not_available]
s16 = [0x8000]
sunssf = [0x8000]
u32 = [0xFFFFFFFF]
[rows]
current = { fc = 3, addr = 0, type = "s16", scale_from = "current_sf", min = -100, max = 100 }
current_sf = { fc = 3, addr = 1, type = "sunssf" }
energy = { fc = 3, addr = 2, type = "u32", scale_from = "energy_exp" }
energy_exp = { fc = 3, addr = 4, type = "s16" }
"""
)


@pytest.mark.parametrize(
    ("raw", "factor", "value"),
    [
        pytest.param(1534, 0xFFFE, 15.34, id="hundredths"),
        pytest.param(0xFFF1, 0, -15, id="negative"),
        pytest.param(1, 2, 100, id="hundreds"),
        pytest.param(1, 3, Quality.IMPLAUSIBLE, id="beyond-its-range"),
        pytest.param(1534, 0x8000, Quality.ABSENT, id="no-factor"),
        pytest.param(0x8000, 0xFFFE, Quality.ABSENT, id="no-value"),
        pytest.param(1534, 11, Quality.IMPLAUSIBLE, id="no-sunspec-factor"),
    ],
)
async def test_value_is_scaled_by_its_factor(
    tmp_path: Path, raw: int, factor: int, value: float | Quality
) -> None:
    its, _ = made(tmp_path, FACTORS, {0: raw, 1: factor})
    await read(its, "current", "current_sf")
    reading = its.reading("current")
    assert (reading.quality if isinstance(value, Quality) else reading.value) == value


@pytest.mark.parametrize(
    ("exponent", "value"), [(0xFFFF, 700.1), (1, 70010), (25, None), (0x8000, None)]
)
async def test_counters_have_decades_of_their_own(
    tmp_path: Path, exponent: int, value: float | None
) -> None:
    its, _ = made(tmp_path, FACTORS, {2: 0, 3: 7001, 4: exponent})
    await read(its, "energy", "energy_exp")
    assert its.reading("energy").value == value


async def test_value_without_a_factor_is_absent_and_with_an_old_one_stale(tmp_path: Path) -> None:
    its, box = made(tmp_path, FACTORS, {0: 1500, 1: 0xFFFE})
    await read(its, "current")
    assert its.reading("current").quality is Quality.ABSENT
    await read(its, "current", "current_sf")
    assert its.reading("current").value == 15
    box.fails, box.now_s = [NoReply("x")], 101.0
    await read(its, "current_sf")
    box.registers[0] = 1600
    await read(its, "current")
    reading = its.reading("current")
    assert (reading.value, reading.quality, reading.taken_at_s) == (15, Quality.STALE, 100.0)


async def test_value_is_as_old_as_its_factor(tmp_path: Path) -> None:
    its, box = made(tmp_path, FACTORS, {0: 1500, 1: 0xFFFE})
    await read(its, "current_sf")
    box.now_s = 103.0
    await read(its, "current")
    assert its.reading("current").taken_at_s == 100.0


async def test_fetch_brings_the_factor_too(tmp_path: Path) -> None:
    its, box = made(tmp_path, FACTORS, {0: 1500, 1: 0xFFFE})
    assert await its.fetch("current") == 15
    assert len(box.asked) == 2


def test_who_wants_a_value_reads_its_factor_as_often() -> None:
    wire = Wire()
    its = Device(load_profile("sunspec-meter-20x"), wire, 1, "m")
    [watch] = watches([meter(its)], wire)
    rows = its.profile.rows
    scaled = {q: kind for q, kind in watch.wanted.items() if rows[q].scale_from is not None}
    assert {"voltage_l1", "current_l1", "power_total", "energy_import_total"} <= scaled.keys()
    for quantity, kind in scaled.items():
        assert watch.wanted[str(rows[quantity].scale_from)] <= kind
