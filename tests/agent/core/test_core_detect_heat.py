"""Temperatures of housing and plug, and thermometers that cannot be right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core import core_detect
from agent.core.core_detect import Case, Check, brisk, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core.detect.heat import derated_a
from laddvakt_agent.core.faults.catalogue import CATALOGUE, with_overrides
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import FaultRaised

NEAR = replace(ONE, rules=with_overrides({"cable_temperature_stop": {"clear_c": 75}}))
CASES = (
    Case(id="warm", code="temperature_derate", calm={"enclosure_temp_c": 50.0}, subject="station",
         bad={"enclosure_temp_c": 64.0}, act=Act.DERATE, limit_a=11.0,
         evidence="enclosure 64.0 °C, above 60 °C: 11 A",
         below=({"enclosure_temp_c": 60.0}, {"enclosure_temp_c": 57.0})),
    Case(id="hot", code="temperature_stop", calm={"enclosure_temp_c": 55.0}, subject="station",
         bad={"enclosure_temp_c": 70.1}, act=Act.RAMP, evidence="enclosure 70.1 °C, above 70 °C",
         below=({"enclosure_temp_c": 70.0},)),
    Case(id="warm plug", code="cable_temperature_derate", calm={"plug_temp_c": 65.0},
         bad={"plug_temp_c": 80.0}, act=Act.DERATE, limit_a=11.0, evidence="plug 80.0 °C",
         below=({"plug_temp_c": 75.0},)),
    Case(id="hot plug", code="cable_temperature_stop", calm={"plug_temp_c": 74.0},
         bad={"plug_temp_c": 90.1}, act=Act.RAMP, evidence="plug 90.1 °C",
         below=({"plug_temp_c": 90.0},), settings=NEAR),
    Case(id="too high", code="sensor_implausible", calm={"enclosure_temp_c": 40.0},
         bad={"enclosure_temp_c": 125.5}, act=Act.DERATE, limit_a=8.0, evidence="beyond"),
    Case(id="too low", code="sensor_implausible", calm={"plug_temp_c": -30.0},
         bad={"plug_temp_c": -40.1}, act=Act.DERATE, limit_a=8.0, evidence="plug -40 °C"),
    Case(id="jump", code="sensor_implausible", calm={"plug_temp_c": 30.0},
         bad={"plug_temp_c": 51.0}, act=Act.DERATE, limit_a=8.0,
         evidence="plug jumped from 30.0 to 51.0 °C",
         below=({"plug_temp_c": 50.0}, {"plug_temp_c": 10.0})),
)  # fmt: skip
BOTH = replace(ONE, fitted=frozenset({"enclosure_temp_c", "plug_temp_c"}))


def _world(enclosure_c: float = 30.0, plug_c: float = 30.0) -> World:
    gear = {"enclosure_temp_c": enclosure_c, "plug_temp_c": plug_c}
    return brisk(World(settings=BOTH, gear=gear), 6.0)


def _warm(world: World, name: str, to_c: float, seconds: float) -> None:
    """In a straight line, as heat moves."""
    from_c = world.gear[name]
    assert isinstance(from_c, float)
    for step in range(1, round(seconds) + 1):
        world.gear = {**world.gear, name: from_c + (to_c - from_c) * step / round(seconds)}
        world.step(1.0)


@core_detect.table(CASES)
def test_temperatures(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("temp_c", "limit_a"),
    [(60.0, 32.0), (60.1, 31.0), (64.0, 19.0), (67.9, 6.0), (68.0, 6.0), (90.0, 6.0), (20.0, 32.0)],
)
def test_in_a_straight_line(temp_c: float, limit_a: float) -> None:
    """32 A at 60 °C, 6 A at 68 °C, whole amperes downwards, never less than 6 A."""
    settings = replace(ONE, max_current_a=32.0)
    assert derated_a(settings, CATALOGUE["temperature_derate"].values, temp_c) == limit_a


@pytest.mark.parametrize(
    ("limits", "step_a", "limit_a"),
    [
        ({"derate_c": 60.0, "floor_c": 68.0, "floor_a": 6.0}, 0.0, 11.0),
        ({"derate_c": 66.0, "floor_c": 60.0, "floor_a": 6.0}, 1.0, 6.0),
    ],
    ids=["without steps", "turned round"],
)
def test_strange_settings(limits: dict[str, float], step_a: float, limit_a: float) -> None:
    """No division by zero, no more than the floor."""
    settings = replace(ONE, limit_resolution_a=step_a)
    assert derated_a(settings, limits, 64.0) == limit_a


def test_the_limit_follows_the_heat_and_the_fault_stays_down_to_55() -> None:
    world = _world(enclosure_c=58.0)
    _warm(world, "enclosure_temp_c", 66.0, 20.0)
    brisk(world, 12.0)
    assert world.connector.summary.limit_a == 8.0
    _warm(world, "enclosure_temp_c", 62.0, 20.0)
    assert world.connector.summary.limit_a == 13.0
    _warm(world, "enclosure_temp_c", 55.0, 20.0)
    brisk(world, 600.0, 10.0)
    assert "temperature_derate" in world.faults
    _warm(world, "enclosure_temp_c", 54.9, 1.0)
    brisk(world, 11.0)
    assert world.faults == {}


def test_a_hot_day_is_no_jump() -> None:
    """From freezing to the stop in five minutes, read every ten seconds: heat, not a sensor."""
    world = _world(enclosure_c=-10.0, plug_c=-10.0)
    for temp_c in range(-10, 72, 3):
        world.gear = {"enclosure_temp_c": float(temp_c), "plug_temp_c": float(temp_c)}
        world.step(10.0)
    brisk(world, 6.0)
    assert not ever(world, "sensor_implausible")
    assert "temperature_stop" in world.faults


def test_slow_readings_may_move_far() -> None:
    """Unread for 25 s, 100 °C away: 4 °C/s is no jump."""
    world = _world(plug_c=0.0)
    world.silent.add("plug_temp_c")
    brisk(world, 25.0, 5.0)
    world.silent.clear()
    world.gear = {**world.gear, "plug_temp_c": 100.0}
    brisk(world, 6.0)
    assert not ever(world, "sensor_implausible")
    assert "cable_temperature_stop" in world.faults


def test_doubted_heat_stops_nothing_until_it_is_believed() -> None:
    """A level that was jumped to derates; after 15 s there it is believed, and then it is hot."""
    world = _world()
    world.gear = {**world.gear, "plug_temp_c": 95.0}
    brisk(world, 15.0)
    assert set(world.faults) == {"sensor_implausible"}
    brisk(world, 6.0)
    assert set(world.faults) == {
        "sensor_implausible", "cable_temperature_derate", "cable_temperature_stop",
    }  # fmt: skip
    brisk(world, 30.0)
    assert "sensor_implausible" not in world.faults


def test_a_restless_sensor_is_never_believed() -> None:
    """Each new jump begins the doubt anew, although 24 °C would be nothing special."""
    world = _world()
    for round_ in range(60):
        world.gear = {**world.gear, "plug_temp_c": (90.0, 55.0)[round_ % 2]}
        world.step(1.0)
        plug = world.connector.memory.gear.heat.plug
        assert plug is not None
        assert plug.doubted_since_s == world.now_s
    assert "sensor_implausible" in world.faults
    assert not ever(world, "cable_temperature_derate")


def test_a_single_wild_reading() -> None:
    """One sample beyond everything, then as before: nothing."""
    world = _world()
    for temp_c in (120.0, 30.0, 200.0, 31.0, float("nan"), 30.5):
        world.gear = {**world.gear, "plug_temp_c": temp_c}
        world.step(1.0)
        brisk(world, 2.0)
    assert world.since(FaultRaised) == []


def test_either_of_two_sensors_is_enough() -> None:
    """The other is unread: the doubt stands; both names are told; unread alone is not away."""
    world = _world()
    world.gear = {"enclosure_temp_c": 126.0, "plug_temp_c": -41.0}
    brisk(world, 6.0)
    shown = world.faults["sensor_implausible"].evidence
    assert shown.startswith("enclosure 126 °C")
    assert "plug -41 °C" in shown
    world.gear = {"enclosure_temp_c": 30.0, "plug_temp_c": 30.0}
    world.missing.add("plug_temp_c")
    world.override = {"plug_temp_c": None}
    brisk(world, 60.0, 1.0)
    assert "sensor_implausible" in world.faults
    world.missing.clear()
    world.override = {}
    brisk(world, 32.0, 1.0)
    assert world.faults == {}
