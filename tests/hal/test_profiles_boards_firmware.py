"""Rows that mean something else on another firmware, or that are not there at all."""

from __future__ import annotations

import pytest

from hal.board_profiles import (
    BENDER,
    KEBA,
    PHX_EV,
    VESTEL,
    Words,
    device,
    read,
    utf16,
)
from laddvakt_hal.errors import NotFound
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality

FW_5_21, FW_5_22 = (0x352E, 0x3231), (0x352E, 0x3232)
P40_1_2_0, P40_1_2_1, P30_3_10_27 = (0, 10200), (0, 10201), (0x030A, 0x1B00)

# condition row, its words, row, its words, value (None: absent), text
FIRMWARE = [
    (BENDER, "firmware", FW_5_21, "availability", (0,), 0, "available"),
    (BENDER, "firmware", FW_5_21, "availability", (1,), 1, "unavailable"),
    (BENDER, "firmware", FW_5_22, "availability", (0,), 0, "unavailable"),
    (BENDER, "firmware", FW_5_22, "availability", (1,), 1, "available"),
    (BENDER, "firmware", (0x352E, 0x3900), "availability", (1,), 1, "unavailable"),  # 5.9 < 5.22
    (BENDER, "firmware", (0x3F3F, 0x3F3F), "availability", (1,), None, None),  # ????
    (BENDER, "firmware", FW_5_21, "energy_import_total", (0, 0), None, None),
    (BENDER, "firmware", FW_5_22, "energy_import_total", (0x0012, 0xD687), 1234.567, None),
    (BENDER, "firmware", FW_5_21, "voltage_l1", (0, 0), None, None),
    (BENDER, "firmware", FW_5_22, "voltage_l1", (0, 231), 231, None),
    (BENDER, "firmware", FW_5_22, "power_total", (0xFFFF, 0xFFFF), None, None),
    (KEBA, "firmware", P40_1_2_0, "energy_import_total", (0, 38101), 38.101, None),
    (KEBA, "firmware", P40_1_2_1, "energy_import_total", (0, 38101), 3.8101, None),
    (KEBA, "firmware", P30_3_10_27, "energy_import_total", (0, 38101), 3.8101, None),
    (KEBA, "firmware", P40_1_2_0, "energy_session", (0, 165), 0.165, None),
    (KEBA, "firmware", P40_1_2_1, "energy_session", (0, 165), 0.0165, None),
    (VESTEL, "firmware", utf16("v3.187.0-1"), "phase_switch", (1,), 1, "three phases"),
    (VESTEL, "firmware", utf16("v3.156.0-1"), "phase_switch", (1,), None, "three phases"),
    (PHX_EV, "current_limit_raw", (16,), "current_limit", (16,), 16, None),
    (PHX_EV, "current_limit_raw", (160,), "current_limit", (160,), 16.0, None),
    (PHX_EV, "current_limit_raw", (63,), "current_limit", (63,), None, None),
]


@pytest.mark.parametrize(
    ("profile", "condition", "firmware", "quantity", "words", "value", "text"),
    [pytest.param(*case, id=f"{case[0]}-{case[3]}-{i}") for i, case in enumerate(FIRMWARE)],
)
async def test_meaning_depends_on_the_firmware(
    profile: str,
    condition: str,
    firmware: Words,
    quantity: str,
    words: Words,
    value: float | None,
    text: str | None,
) -> None:
    """The same words mean something else, or nothing, on another firmware."""
    its, _ = device(profile, firmware, words)
    await read(its, condition)
    await read(its, quantity)
    assert its.reading(quantity).value == (None if value is None else pytest.approx(value))
    raw = words[-1]
    assert its.profile.text_of(quantity, raw) == text


DEPENDENT = sorted({(profile, quantity) for profile, _, _, quantity, *_ in FIRMWARE})


@pytest.mark.parametrize(("profile", "quantity"), DEPENDENT)
async def test_unknown_firmware_leaves_no_value(profile: str, quantity: str) -> None:
    """Before the firmware was read such a row is absent, never guessed."""
    count = load_profile(profile).rows[quantity].count
    its, _ = device(profile, (0,) * (count - 1) + (1,))
    assert await read(its, quantity) is Quality.ABSENT
    assert its.reading(quantity).value is None


async def test_availability_of_a_bender_is_not_written_without_its_firmware() -> None:
    """The reversed register is left alone while nobody knows which way round it is."""
    its, wire = device(BENDER, (0x3F3F, 0x3F3F))
    with pytest.raises(NotFound):
        await its.write({"availability": 1})
    assert [asked.address for asked, _ in wire.asked] == [100]


async def test_limit_of_a_phoenix_is_probed_before_it_is_written() -> None:
    """A controller that counts ampere never gets tenths: ten times the current."""
    for standing, written in ((16, 10), (160, 100)):
        its, wire = device(PHX_EV, (standing,))
        await its.write({"current_limit": 10})
        request, _ = wire.asked[-1]
        assert (request.address, request.values) == (528, (written,))
