"""What others see of the core: the OCPI status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.status import EvseStatus, ocpi_status
from laddvakt_agent.published import EvseStatus as PublishedStatus

SHORT = replace(ONE, rules=with_overrides({"meter_lost": {"confirm_s": 3, "ramp_after_s": 2}}))


def _idle() -> World:
    return World().run(6.0)


def _charging(settings: Settings = ONE) -> World:
    return World(settings=settings).charge().run(10.0)


def _turned(seconds: float, **knobs: object) -> Callable[[], World]:
    def make() -> World:
        world = _charging()
        world.__dict__.update(knobs)
        return world.run(seconds)

    return make


def _idle_turned(seconds: float, **knobs: object) -> Callable[[], World]:
    def make() -> World:
        world = _idle()
        world.__dict__.update(knobs)
        return world.run(seconds)

    return make


def _reset(world: World) -> World:
    world.resets = frozenset({Reset.LOCAL})
    return world.run(0.25)


STATUSES: dict[str, tuple[Callable[[], World], str]] = {
    "before the first read": (World, "UNKNOWN"),
    "a device never heard": (lambda: World(silent={"pilot"}).run(4.0), "INOPERATIVE"),
    "idle": (_idle, "AVAILABLE"),
    "plugged, not authorised": (_idle_turned(2.0, pilot=Pilot.B), "AVAILABLE"),
    "closed by command": (_idle_turned(1.0, in_service=False), "INOPERATIVE"),
    "charging": (_charging, "CHARGING"),
    "paused by the vehicle": (_turned(5.0, pilot=Pilot.B), "CHARGING"),
    "finished, still plugged": (_turned(8.0, authorised=False, pilot=Pilot.B), "AVAILABLE"),
    "emergency stop": (_turned(1.0, stop_pressed=True), "INOPERATIVE"),
    "welded": (_turned(5.0, pilot=Pilot.B, mirror=True), "OUTOFORDER"),
    "unplug-class, vehicle there": (_turned(2.0, residual=True), "CHARGING"),
    "unplug-class, vehicle gone": (_turned(2.0, residual=True, pilot=Pilot.A), "INOPERATIVE"),
    "auto, first minute": (_turned(30.0, errors=("bit1",)), "CHARGING"),
    "auto, later": (_turned(61.0, errors=("bit1",)), "INOPERATIVE"),
    "auto, no session": (_idle_turned(1.0, errors=("bit1",)), "INOPERATIVE"),
    "finish, session runs": (_turned(12.0, silent={"energy_wh"}), "CHARGING"),
    "finish, idle": (_idle_turned(12.0, silent={"energy_wh"}), "INOPERATIVE"),
    "service and finish, session runs": (_turned(6.0, guarded=False), "CHARGING"),
    "service and finish, idle": (_idle_turned(6.0, guarded=False), "OUTOFORDER"),
    "derate only": (
        lambda: World(settings=replace(ONE, unattended_current_a=8.0), guarded=False).run(9.0),
        "AVAILABLE",
    ),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status(name: str) -> None:
    make, expected = STATUSES[name]
    world = make()
    assert ocpi_status(world.connector, world.now_s).value == expected


def test_statuses_are_those_published() -> None:
    assert {s.value for s in EvseStatus} == {s.value for s in PublishedStatus}


def test_the_status_changes_at_a_deadline() -> None:
    """CHARGING for 60 s after the fault, and the deadline says when that is over."""
    world = _turned(1.0, errors=("bit1",))()
    raised_s = world.faults["board_error"].since_s
    deadlines = set()
    while world.now_s < raised_s + 59.0:
        world.step(1.0)
        deadline = machine.next_deadline_s(world.settings, world.connector, None, world.now_s)
        deadlines.add(deadline)
    assert raised_s + 60.0 in deadlines
