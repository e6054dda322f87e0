"""What others see of the core: the OCPI status, and the root cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.catalogue import with_overrides
from laddvakt_agent.core.diagnose import causes
from laddvakt_agent.core.inputs import DeviceHealth, Pilot, Reset, Role
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.rules import Act
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


def fault(code: str, subject: str = "1") -> ActiveFault:
    return ActiveFault(
        code=code, subject=subject, since_s=1.0, act=Act.TRIP, locked_out=False, evidence=""
    )


DEVICES = tuple(
    DeviceHealth(name=name, role=role, line=line, heard_s=None)
    for name, role, line in (
        ("evse1", Role.BOARD, "line1"),
        ("meter1", Role.METER, "line1"),
        ("rcm1", Role.RESIDUAL_MONITOR, "line2"),
        ("charx1", Role.BOARD, "tcp1"),
        ("charx1", Role.METER, "tcp1"),
    )
)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], {}),
        ([fault("pilot_fault")], {"pilot_fault": []}),
        (
            [
                fault("device_lost", "evse1"),
                fault("bus_down", "line1"),
                fault("meter_lost", "meter1"),
                fault("device_lost", "rcm1"),
            ],
            {"bus_down": ["evse1", "meter1"], "device_lost": []},
        ),
        ([fault("phase_lost"), fault("power_lost")], {"power_lost": ["1"]}),
        (
            [fault("meter_lost", "charx1"), fault("device_lost", "charx1")],
            {"device_lost": ["charx1"]},
        ),
        (
            [fault("meter_lost", "meter1"), fault("device_lost", "evse1")],
            {"meter_lost": [], "device_lost": []},
        ),
        (
            [
                fault("contactor_did_not_close"),
                fault("phase_lost"),
                fault("power_lost"),
            ],
            {"power_lost": ["1", "1"]},
        ),
        (
            [
                fault("bus_down", "tcp1"),
                fault("device_lost", "charx1"),
                fault("meter_lost", "charx1"),
            ],
            {"bus_down": ["charx1", "charx1"]},
        ),
        (
            [fault("power_lost"), fault("contactor_opened_alone", "2")],
            {"power_lost": [], "contactor_opened_alone": []},
        ),
        (
            [fault("board_error", "2"), fault("limit_not_obeyed", "1")],
            {"board_error": [], "limit_not_obeyed": []},
        ),
        (
            [fault("emergency_stop", "station"), fault("contactor_opened_alone", "2")],
            {"emergency_stop": ["2"]},
        ),
        (
            [fault("power_lost"), fault("meter_lost", "meter1")],
            {"power_lost": [], "meter_lost": []},
        ),
    ],
    ids=["none", "one", "line", "supply", "one device", "two devices", "chain", "both ways",
         "other connector", "other board", "station", "whose meter"],
)  # fmt: skip
def test_causes(faults: list[ActiveFault], expected: dict[str, list[str]]) -> None:
    found = causes(faults, DEVICES)
    assert {c.fault.code: [s.subject for s in c.symptoms] for c in found} == expected
    assert sum(1 + len(c.symptoms) for c in found) == len(faults)


def test_the_only_meter_falls_silent_with_the_supply() -> None:
    found = causes([fault("power_lost"), fault("meter_lost", "meter1")], DEVICES[:3])
    assert [(c.fault.code, len(c.symptoms)) for c in found] == [("power_lost", 1)]
