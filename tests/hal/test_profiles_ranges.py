"""Plausible ranges: what can happen in an installation is never called impossible."""

from __future__ import annotations

import pytest

from laddvakt_hal.codec import Value
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Row
from laddvakt_hal.profile_values import plausible

METERS = [name for name in known_profiles() if load_profile(name).meter]
BOARDS = [name for name in known_profiles() if load_profile(name).board]
MOST_V, MOST_A, MOST_KWH = 300.0, 100.0, 5_000_000.0  # 100 A for five years
MEASURED = {"V": MOST_V, "A": MOST_A, "Hz": 65.0}
LEAST_LIMIT_A = {"heidelberg-energy-control": 16.0}  # the box ends there


def takes(row: Row, *values: Value) -> bool:
    return all(plausible(value, row) for value in values)


@pytest.mark.parametrize("name", METERS)
def test_what_a_meter_may_measure(name: str) -> None:
    """Over-voltage, a main fuse, reverse power, years of counting."""
    profile = load_profile(name)
    roles = profile.meter
    assert roles is not None
    for quantity in (*roles.voltage, *roles.current):
        row = profile.rows[quantity]
        assert takes(row, 0.0, MEASURED[row.unit or ""]), quantity
    phases = len(roles.current) if len(roles.power) == 1 else 1
    for quantity in roles.power:
        row = profile.rows[quantity]
        assert takes(row, 0.0, phases * MOST_V * MOST_A), quantity
        if not row.type.is_unsigned:
            assert takes(row, -phases * MOST_V * MOST_A), quantity
    energy = profile.rows[roles.energy]
    assert takes(energy, 0.0, MOST_KWH * 1000 / roles.energy_wh_per_unit)
    frequency = profile.rows.get("frequency")
    assert frequency is None or takes(frequency, 45.0, 65.0)


@pytest.mark.parametrize("name", METERS)
def test_no_meter_is_taken_to_be_behind_its_contactor(name: str) -> None:
    """Where it stands is the installation's matter; a profile that said "load" would hide it."""
    roles = load_profile(name).meter
    assert roles is not None
    assert not roles.load_side


@pytest.mark.parametrize("name", METERS)
def test_who_tells_the_neutral_current(name: str) -> None:
    """Those that have a row for it, and no others."""
    profile = load_profile(name)
    assert profile.meter is not None
    rows = {"neutral_current", "current_n"} & {*profile.rows}
    assert profile.meter.measures_neutral is bool(rows)


@pytest.mark.parametrize("name", BOARDS)
def test_what_a_board_may_be_told(name: str) -> None:
    """0 A, and every current from 6 A on that the box can give."""
    profile = load_profile(name)
    assert profile.board is not None
    row = profile.rows[profile.board.limit]
    assert takes(row, 0.0, 6.0, LEAST_LIMIT_A.get(name, 32.0))
