"""Optional readings, lock and phase switch: from the configuration to the core's inputs."""

from __future__ import annotations

from dataclasses import fields

import pytest

from agent.test_config import RELAY, TEXT, good, problems
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.inputs import Proximity, Reset, SelfTest, SharedBudget
from laddvakt_agent.core.scene import OPTIONAL_INPUTS
from laddvakt_agent.core.settings import Supply
from laddvakt_agent.fixed import settings_of
from laddvakt_agent.hardware import build
from laddvakt_agent.inputs import SENSORS, Wishes, assemble
from laddvakt_agent.shown import readings
from laddvakt_hal.device import Device
from laddvakt_hal.reading import Quality, Reading

READINGS = """readings = { enclosure_open = "not relay1.input_3", \
frequency_hz = "meter1.frequency", proximity = "evse1.cable_limit", board_boots = "relay1.input_4" }
lock = { device = "relay1", coil = 2, mirror_input = 4 }
phase_switch = { device = "relay1", coil = 3 }
phase_map = "L2L3L1"
neutral_rating_a = 32
"""
FITTED = TEXT.replace(RELAY, f"{RELAY}\n{READINGS}").replace(
    "[station]", '[station]\nsupply = "it-tt-3x230"\nsite_meter = "meter1"\nsite_limit_a = 35', 1
)


def test_every_sensor_is_an_input_the_core_may_lack() -> None:
    """Names of the configuration are those of the core."""
    assert SENSORS < OPTIONAL_INPUTS


def test_what_is_fitted_reaches_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, contacts and the site's meter become readings; the settings name them."""
    config = good(FITTED)
    hardware = build(config, lambda: 5.0, lambda _: None)
    roles = hardware.roles["1"]
    settings = settings_of(config, config.connector[0], roles, CATALOGUE)
    assert settings.fitted == {
        "enclosure_open", "frequency_hz", "proximity", "board_boots",
        "locked", "phases_closed", "site_voltage_v", "site_current_a",
    }  # fmt: skip
    assert settings.supply is Supply.IT_3X230
    assert (settings.phase_map, settings.socket, settings.has_phase_switch) == (
        (2, 3, 1),
        True,
        True,
    )
    assert (settings.neutral_rating_a, settings.site_limit_a) == (32.0, 35.0)
    told: dict[str, float | bool] = {
        "input_3": True, "frequency": 50.02, "cable_limit": 20, "input_4": True,
        "input_5": True, "relay_4": True,
    }  # fmt: skip
    monkeypatch.setattr(Device, "reading", lambda _, row: _reading(told.get(row)))
    inputs = assemble(roles, Wishes(), guarded=True, devices=(), lines=())
    assert inputs.enclosure_open is not None
    assert inputs.enclosure_open.value is False
    assert inputs.frequency_hz is not None
    assert inputs.frequency_hz.value == pytest.approx(50.02)
    assert inputs.proximity is not None
    assert inputs.proximity.value is Proximity.CABLE_20_A
    assert inputs.locked is not None
    assert inputs.locked.value is True
    assert inputs.phases_closed is not None
    assert inputs.phases_closed.value == 1
    assert inputs.board_boots is not None
    assert inputs.site_current_a is None  # nothing was told of it
    shown = readings(roles, settings)
    assert shown["enclosure_open"].reading.value is False
    assert shown["frequency_hz"].reading.value == pytest.approx(50.02)
    assert shown["locked"].reading.value is True
    assert shown["single_phase"].reading.value is True
    assert shown["site_current_a"].good_for_s == settings.site_max_age_s
    ages = {shown[name].good_for_s for name in ("enclosure_open", "frequency_hz")}
    assert ages == {settings.sample_max_age_s, settings.slow_max_age_s}


def test_every_wish_reaches_the_core() -> None:
    """None of them at its default."""
    wishes = Wishes(
        authorised=True, session_unproved=True, session_found="the meter counts on",
        in_service=False, recorded=False, reserved=True, maintenance=True, phases_wanted=1,
        profile_limit_a=10.0, load_limit_a=9.0, unlock=True,
        tests_wanted=frozenset({SelfTest.LOCK}), resets=frozenset({Reset.LOCAL}),
    )  # fmt: skip
    roles = build(good(), lambda: 5.0, lambda _: None).roles["1"]
    budget = SharedBudget(code="site_overload", subject="station", spent_s=(3.0,))
    told = assemble(roles, wishes, guarded=True, devices=(), lines=(), shared=(budget,))
    assert told.shared == (budget,)
    default = Wishes()
    for part in fields(Wishes):
        given = getattr(wishes, part.name)
        assert given != getattr(default, part.name)
        assert getattr(told, part.name) == given


@pytest.mark.parametrize("closed", [True, False])
def test_an_open_loop_is_a_pressed_emergency_stop(
    closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a cut wire stops it."""
    roles = build(good(), lambda: 5.0, lambda _: None).roles["1"]
    monkeypatch.setattr(
        Device, "reading", lambda _, row: _reading(closed if row == "input_2" else None)
    )
    told = assemble(roles, Wishes(), guarded=True, devices=(), lines=()).emergency_stop
    assert told is not None
    assert told.value is not closed


def test_a_cable_in_no_band_is_no_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rating that no resistor stands for is not rounded to one."""
    config = good(FITTED)
    hardware = build(config, lambda: 5.0, lambda _: None)
    monkeypatch.setattr(
        Device, "reading", lambda _, row: _reading(17 if row == "cable_limit" else None)
    )
    inputs = assemble(hardware.roles["1"], Wishes(), guarded=True, devices=(), lines=())
    assert inputs.proximity is not None
    assert inputs.proximity.value is Proximity.INVALID


MISTAKES = {
    "no such device": ("relay1.input_3", "relay9.input_3", "no device is called 'relay9'"),
    "no such row": ("meter1.frequency", "meter1.frequenzy", "did you mean meter1.frequency?"),
    "no such input": ("enclosure_open =", "enclosure_opn =", "did you mean enclosure_open?"),
    "no place": ('"meter1.frequency"', '"frequency"', 'a row of a device, like "meter1.frequency"'),
    "lock on a meter": (
        'lock = { device = "relay1"',
        'lock = { device = "meter1"',
        "has no outputs",
    ),
    "no such coil": ("coil = 3 }", "coil = 30 }", "phase_switch.coil = 30 does not exist"),
    "a board as site meter": ('site_meter = "meter1"', 'site_meter = "evse1"', "is no meter here"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(old: str, new: str, expected: str) -> None:
    """Where, what, and what was probably meant."""
    assert old in FITTED
    (problem,) = problems(FITTED.replace(old, new, 1))
    assert expected in problem


def _reading(value: float | bool | None) -> Reading[bool | int | float | str]:
    if value is None:
        return Reading(value=None, quality=Quality.ABSENT, taken_at_s=None)
    return Reading(value=value, quality=Quality.GOOD, taken_at_s=4.5)
