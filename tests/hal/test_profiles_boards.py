"""Charge controllers, relay boards and residual monitors: what their registers say.

Every raw word here was worked out by hand from the vendors' tables, none by the code under test.
"""

from __future__ import annotations

import pytest

from hal.board_profiles import (
    ABB,
    ALFEN,
    BENDER,
    C0135,
    ETREL,
    HEIDELBERG,
    KEBA,
    KMTRONIC,
    PHX_EM,
    PHX_EV,
    PHX_SER,
    R4D3B16,
    RCMS,
    VESTEL,
    Words,
    device,
    read,
    utf16,
)
from laddvakt_hal.reading import Quality

FW_5_22 = (0x352E, 0x3232)

GOLDEN: list[tuple[str, str, Words, object]] = [
    # ABB: 32-bit milliampere and decivolt; the state is byte 2 of 4 without its top bit.
    (ABB, "current_limit_actual", (0, 16000), 16.0),
    (ABB, "current_l1", (0x0001, 0x0000), 65.536),
    (ABB, "voltage_l1", (0, 2314), 231.4),
    (ABB, "power_total", (0, 11040), 11040),
    (ABB, "energy_session", (0, 5250), 5.25),
    (ABB, "iec61851_state", (0, 0x0400), 4),
    (ABB, "iec61851_state", (0, 0x8400), 4),
    (ABB, "iec61851_state", (0x1234, 0x02FF), 2),
    (ABB, "socket_lock", (0, 0x0111), 0x0111),
    (ABB, "comm_timeout", (30,), 30),
    (ABB, "serial", (0x0102, 0x0304, 0xA0B0, 0xC0D0), "01020304a0b0c0d0"),
    # Alfen: floats, f64 Wh, a text of ten characters.
    (ALFEN, "voltage_l1", (0x4366, 0x8000), 230.5),
    (ALFEN, "current_limit", (0x4180, 0x0000), 16.0),
    (ALFEN, "energy_import_total", (0x4132, 0xD687, 0x0000, 0x0000), 1234.567),
    (ALFEN, "meter_age", (0, 0, 0, 250), 250),
    (ALFEN, "iec61851_state", (0x4332, 0, 0, 0, 0), "C2"),
    (ALFEN, "iec61851_state", (0x4100, 0, 0, 0, 0), "A"),
    (ALFEN, "limit_valid_time", (0, 60), 60),
    (ALFEN, "phases", (3,), 3),
    # Bender: ASCII firmware, u32 Wh and mA, error words in both orders.
    (BENDER, "firmware", FW_5_22, "5.22"),
    (BENDER, "iec61851_state", (3,), 3),
    (BENDER, "energy_import_l1", (0x0001, 0x0000), 65.536),
    (BENDER, "current_l1", (0, 15987), 15.987),
    (BENDER, "safe_current", (9,), 9),
    (BENDER, "current_limit_fine", (155,), 15.5),
    (BENDER, "model", (0x4343, 0x3631, 0x3200, 0, 0, 0, 0, 0, 0, 0), "CC612"),
    # RCMS150: 6 mA is 0.006 A.
    (RCMS, "test_pattern", (0x1234, 0x5678), 0x12345678),
    (RCMS, "device_name", (0x5243, 0x4D53, 0x3135, 0x302D, 0x3031, *[0] * 11), "RCMS150-01"),
    (RCMS, "prewarn_dc", (0x4248, 0x0000), 50.0),
    (RCMS, "t_startup", (0x3F00, 0x0000), 0.5),
    # Relays read what they are, not what was written.
    (R4D3B16, "relay_1", (1,), 1),
    (R4D3B16, "relay_16", (0,), 0),
    (C0135, "relay_4", (True,), True),
    (KMTRONIC, "relay_8", (False,), False),
    # Etrel: kilowatt floats.
    (ETREL, "iec61851_state", (4,), 4),
    (ETREL, "power_total", (0x4130, 0x0000), 11000.0),
    (ETREL, "current_target", (0x4120, 0x0000), 10.0),
    # Heidelberg: tenths, a signed temperature, apparent energy high word first.
    (HEIDELBERG, "iec61851_state", (7,), 7),
    (HEIDELBERG, "current_l1", (157,), 15.7),
    (HEIDELBERG, "temperature", (0xFF6F,), -14.5),
    (HEIDELBERG, "energy_import_total", (1, 464), 66.0),
    (HEIDELBERG, "current_limit", (160,), 16.0),
    (HEIDELBERG, "watchdog_timeout", (15000,), 15000),
    # KEBA: every value 32 bits, milliwatt, tenths of a percent.
    (KEBA, "charging_state", (0, 3), 3),
    (KEBA, "power_total", (0x00A8, 0x7500), 11040.0),
    (KEBA, "pf_total", (0, 928), 92.8),
    (KEBA, "current_max", (0, 10000), 10.0),
    (KEBA, "failsafe_timeout", (0, 11), 11),
    (KEBA, "failsafe_current", (0, 6000), 6.0),
    # Phoenix over Ethernet: the low word first, the state a letter, centivolt and milliampere.
    (PHX_EM, "iec61851_state", (0x0043,), 67),
    (PHX_EM, "voltage_l1", (23012, 0), 230.12),
    (PHX_EM, "current_l1", (0x3E80, 0), 16.0),
    (PHX_EM, "current_l2", (0xFFF6, 0xFFFF), -0.01),
    (PHX_EM, "power_total", (1104, 0), 11040),
    (PHX_EM, "energy_import_total", (0x0000, 0x0001), 655.36),
    (PHX_EM, "current_limit", (16,), 16),
    (PHX_EM, "enable", (True,), True),
    (PHX_EV, "voltage_l1", (230, 0), 230),
    (PHX_EV, "charge_time", (0x031E, 0), 798),  # 13 min 18 s, evcc issue 1245
    (PHX_EV, "energy_import_total", (5000, 1), 70.536),
    (PHX_EV, "current_offered", (160,), 16.0),
    # Phoenix serial: two characters in one register.
    (PHX_SER, "iec61851_state", (0x4232,), "B2"),
    (PHX_SER, "iec61851_state", (0x4630,), "F0"),
    (PHX_SER, "pwm_duty", (27,), 27),
    (PHX_SER, "current_limit", (63,), 63),
    # Vestel: UTF-16 texts, milliampere in 16 bits, tenths of a kilowatt hour.
    (VESTEL, "firmware", utf16("v3.187.0-1.0.123"), "v3.187.0-1.0.123"),
    (VESTEL, "brand", utf16("Vestel", 10), "Vestel"),
    (VESTEL, "current_l1", (15980,), 15.98),
    (VESTEL, "power_total", (0, 11040), 11040),
    (VESTEL, "energy_import_total", (0x0001, 0x86A0), 10000.0),
    (VESTEL, "energy_session", (0, 12345), 12.345),
    (VESTEL, "cable_state", (3,), 3),
]


@pytest.mark.parametrize(
    ("profile", "quantity", "words", "value"),
    [pytest.param(*case, id=f"{case[0]}-{case[1]}-{i}") for i, case in enumerate(GOLDEN)],
)
async def test_raw_words_mean_this(
    profile: str, quantity: str, words: Words, value: object
) -> None:
    """Scale, sign, word order, mask and text of a row, in the row's unit."""
    its, _ = device(profile, words)
    assert await read(its, quantity) is Quality.GOOD
    found = its.reading(quantity).value
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


ABSENT = [
    (ALFEN, "voltage_l1", (0xFFFF, 0xFFFF), Quality.ABSENT),
    (ALFEN, "voltage_l1", (0x7FC0, 0x0000), Quality.ABSENT),
    (ALFEN, "energy_import_total", (0xFFFF,) * 4, Quality.ABSENT),
    (ALFEN, "limit_valid_time", (0xFFFF, 0xFFFF), Quality.ABSENT),
    (ALFEN, "phases", (0xFFFF,), Quality.ABSENT),
    (ALFEN, "iec61851_state", (0, 0, 0, 0, 0), Quality.ABSENT),
    (ALFEN, "current_l1", (0x447A, 0x0000), Quality.IMPLAUSIBLE),  # 1000 A
    (BENDER, "power_l1", (0xFFFF, 0xFFFF), Quality.ABSENT),
    (BENDER, "energy_import_l2", (0xFFFF, 0xFFFF), Quality.ABSENT),
    (KEBA, "voltage_l1", (0, 2300), Quality.IMPLAUSIBLE),
    (KEBA, "firmware", (0, 0), Quality.IMPLAUSIBLE),
    (VESTEL, "serial", (0,) * 25, Quality.ABSENT),
    (PHX_EM, "current_limit", (160,), Quality.IMPLAUSIBLE),  # tenths: not this controller
    (PHX_SER, "current_limit", (80,), Quality.IMPLAUSIBLE),
    (ABB, "voltage_l1", (0xFFFF, 0xFFFF), Quality.IMPLAUSIBLE),
]


@pytest.mark.parametrize(("profile", "quantity", "words", "quality"), ABSENT)
async def test_no_value_is_not_a_number(
    profile: str, quantity: str, words: Words, quality: Quality
) -> None:
    """Patterns for "not available" and impossible values never become numbers."""
    its, _ = device(profile, words)
    assert await read(its, quantity) is quality
    assert its.reading(quantity).value is None
