"""Door, tilt, water, emergency stop: reported contacts."""

from __future__ import annotations

from dataclasses import replace

from agent.core import core_detect
from agent.core.core_detect import Case, Check, brisk, charging, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import State

CASES = (
    Case(id="stop", code="emergency_stop", calm={"emergency_stop": False}, subject="station",
         bad={"emergency_stop": True}, act=Act.TRIP, evidence="loop is open"),
    Case(id="door", code="enclosure_open", calm={"enclosure_open": False}, subject="station",
         bad={"enclosure_open": True}, act=Act.TRIP, evidence="door contact"),
    Case(id="tilt", code="tilted", calm={"tilted": False}, subject="station",
         bad={"tilted": True}, act=Act.TRIP, evidence="upright"),
    Case(id="water", code="water_inside", calm={"water_inside": False}, subject="station",
         bad={"water_inside": True}, act=Act.TRIP, evidence="wet"),
)  # fmt: skip
DOOR = replace(ONE, fitted=frozenset({"enclosure_open"}))


@core_detect.table(CASES)
def test_contacts(check: Check, case: Case) -> None:
    check(case)


def test_a_technician_opens_the_door() -> None:
    """In maintenance an open door is none; it is one as soon as that is over."""
    world = World(settings=DOOR, gear={"enclosure_open": True}, override={"maintenance": True})
    brisk(charging(world), 5.0)
    assert world.at(State.CHARGING)
    assert not ever(world, "enclosure_open")
    world.override = {}
    brisk(world, 1.5)
    assert "enclosure_open" in world.faults
    assert not world.closed


def test_maintenance_ends_what_the_door_began() -> None:
    """The technician says so after opening: the fault goes after its clear time."""
    world = brisk(World(settings=DOOR, gear={"enclosure_open": True}), 6.0)
    world.override = {"maintenance": True}
    brisk(world, 9.75)
    assert "enclosure_open" in world.faults
    brisk(world, 0.5)
    assert "enclosure_open" not in world.faults


def test_contacts_that_are_not_fitted() -> None:
    """A reading nobody said is there is not looked at."""
    world = charging(World(gear={"enclosure_open": True, "tilted": True, "water_inside": True}))
    assert world.faults == {}
