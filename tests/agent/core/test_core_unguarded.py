"""A board that nothing opens if the agent dies: no closing, or less current."""

from __future__ import annotations

from dataclasses import replace

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.model import State

SERVICE = frozenset({Reset.SERVICE})


def test_no_closing_while_nobody_guards() -> None:
    """Also in the seconds before the fault is confirmed; a session already closed goes on."""
    world = World(pilot=Pilot.B, authorised=True).run(8.0)
    world.guarded, world.pilot = False, Pilot.C
    world.run(4.0)
    assert world.faults == {}
    assert not world.closed
    world.guarded = True
    world.run(1.0)
    assert world.at(State.CHARGING)


def test_unattended_current_closes_unguarded() -> None:
    settings = replace(ONE, unattended_current_a=8.0)
    world = World(settings=settings, guarded=False, draw_a=(7.0, 7.0, 7.0)).charge()
    world.run(3.0)
    assert machine.outputs(world.connector).limit_a == 8.0


def test_derated_offer() -> None:
    world = World(settings=replace(ONE, unattended_current_a=8.0)).charge()
    world.guarded, world.draw_a = False, (7.5, 7.5, 7.5)
    world.run(6.0)
    assert machine.outputs(world.connector).limit_a == 8.0
    world.guarded, world.resets = True, SERVICE
    world.step(0.25)
    world.run(6.0)
    assert machine.outputs(world.connector).limit_a == 16.0


def test_a_lower_offer_is_followed_before_it_is_judged() -> None:
    """L is the highest offer of the last 5 s and the meter's latency."""
    world = World(settings=replace(ONE, unattended_current_a=8.0)).charge()
    world.guarded = False
    while "unguarded_board" not in world.faults:
        world.step(0.25)
    world.run(5.5)
    assert world.connector.memory.power.current.gross.count == 0
    world.run(3.0)
    assert "over_current_gross" in world.faults
