"""Pilot, diode, ventilation, a vehicle that goes on drawing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core import core_detect
from agent.core.core_detect import Case, Check, brisk, charging, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Pilot, Sample
from laddvakt_agent.core.model import FaultRaised, State


def _pilot(state: Pilot) -> Case:
    return Case(
        id=f"pilot {state.value}",
        code="pilot_fault",
        calm={"pilot": Pilot.B},
        bad={"pilot": state},
        below=({"pilot": Pilot.A}, {"pilot": Pilot.C}, {"pilot": Pilot.D}),
        act=Act.TRIP,
        evidence=f"pilot {state.value}",
    )


CASES = (
    _pilot(Pilot.E),
    _pilot(Pilot.F),
    _pilot(Pilot.INVALID),
    Case(id="diode", code="pilot_diode_missing", calm={"diode_missing": False},
         bad={"diode_missing": True}, act=Act.TRIP, evidence="negative half"),
    Case(id="ventilation", code="ventilation_required", calm={"pilot": Pilot.B},
         bad={"pilot": Pilot.D}, below=({"pilot": Pilot.C}, {"pilot": Pilot.E}),
         act=Act.RAMP, evidence="pilot D"),
)  # fmt: skip


@core_detect.table(CASES)
def test_signals(check: Check, case: Case) -> None:
    check(case)


def test_ventilation_ends_the_session() -> None:
    """Not provided: ramped, and over until the plug is pulled; the pause before is no fault yet."""
    world = charging(World(draw_a=(0.5, 0.5, 0.5)))
    world.pilot = Pilot.D
    world.step(0.25)
    assert world.at(State.SUSPENDED_STATION)
    brisk(world, 1.0)
    assert world.at(State.FAULTED)
    assert not world.connector.life.session
    world.pilot = Pilot.B
    brisk(world, 30.0)
    assert world.at(State.FAULTED)
    world.pilot = Pilot.A
    brisk(world, 6.0)
    assert world.at(State.AVAILABLE)


def test_ventilation_provided() -> None:
    world = charging(World(settings=replace(ONE, state_d_allowed=True)))
    world.pilot = Pilot.D
    brisk(world, 10.0)
    assert world.faults == {}


def test_our_own_f_is_no_fault() -> None:
    """A trip puts F on the pilot for a moment: reading it then says nothing. F for longer does."""
    world = charging(World())
    world.stop_pressed = True
    world.step(0.25)
    assert machine.outputs(world.connector).state_f
    world.pilot = Pilot.F
    while machine.outputs(world.connector).state_f:
        world.step(0.25)
    brisk(world, 1.0)
    assert not ever(world, "pilot_fault")
    brisk(world, 2.0)
    assert "pilot_fault" in world.faults


def test_a_board_that_shows_f_although_opted_out() -> None:
    world = charging(World(settings=replace(ONE, state_f_pulse=False)))
    world.stop_pressed, world.pilot = True, Pilot.F
    brisk(world, 1.0)
    assert "pilot_fault" in world.faults


def test_c_at_once_after_power_returned() -> None:
    """The vehicle kept asking through the outage: plugged and asking in one reading is normal."""
    world = brisk(World(pilot=Pilot.C, authorised=True), 12.0)
    assert world.at(State.CHARGING)
    assert world.since(FaultRaised) == []


@pytest.mark.parametrize(
    ("pilot", "draw_a", "raised"),
    [
        (Pilot.C, 1.1, True),
        (Pilot.D, 15.0, True),
        (Pilot.C, 1.0, False),
        (Pilot.B, 15.0, False),
        (Pilot.E, 15.0, False),
    ],
    ids=["C", "D", "little", "let go", "bad pilot"],
)
def test_keeps_drawing(pilot: Pilot, draw_a: float, *, raised: bool) -> None:
    """6 s after the offer ended, and only with a pilot that still asks and a current."""
    world = charging(World(settings=replace(ONE, state_d_allowed=True)))
    world.authorised = False
    world.step(0.25)
    world.override = {"current_a": None}
    brisk(world, 5.75)
    assert not ever(world, "vehicle_keeps_drawing")
    now_s = world.now_s + 0.25
    world.override = {
        "current_a": Sample(value=(draw_a, 0.2, 0.2), taken_s=now_s),
        "pilot": Sample(value=pilot, taken_s=now_s),
    }
    world.step(0.25)
    assert ever(world, "vehicle_keeps_drawing") is raised
    assert not world.closed


@pytest.mark.parametrize("name", ["current_a", "pilot"])
def test_nobody_is_blamed_blindly(name: str) -> None:
    """Without a fresh current or pilot the ramp ends, and no vehicle is accused."""
    world = charging(World())
    world.authorised = False
    brisk(world, 2.5)
    world.silent.add(name)
    brisk(world, 4.0)
    assert not world.closed
    assert not ever(world, "vehicle_keeps_drawing")


def test_a_slow_meter_blames_nobody() -> None:
    """Renewed each 5 s, it may still show at the end of the ramp what was drawn before."""
    world = charging(World(settings=replace(ONE, meter_update_s=5.0, meter_max_age_s=15.0)))
    world.authorised = False
    brisk(world, 7.0)
    assert not world.closed
    assert not ever(world, "vehicle_keeps_drawing")


def test_a_vehicle_that_taps_out_late() -> None:
    """It goes on for 5 s and lets go: that is what it may do."""
    world = charging(World())
    world.authorised = False
    brisk(world, 5.0)
    world.pilot = Pilot.B
    brisk(world, 20.0)
    assert world.since(FaultRaised) == []
