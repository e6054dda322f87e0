"""Faults that would hide another one by what they do, or show where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.settings import Supply


def _charging(**settings: object) -> World:
    return World(settings=replace(ONE, **settings)).charge().run(10.0)  # type: ignore[arg-type]  # by name


def test_an_offer_withdrawn_for_over_voltage_does_not_hide_the_lost_neutral() -> None:
    """Without a load the phases come together again: the neutral must be seen before."""
    world = _charging()
    world.voltage_v = (180.0, 300.0, 260.0)
    world.run(1.75)
    assert world.faults == {}
    world.run(0.5)
    assert set(world.faults) == {"neutral_lost"}


@pytest.mark.parametrize(
    ("settings", "voltage_v"),
    [
        ({}, (230.0, 300.0, 260.0)),
        ({"supply": Supply.IT_3X230}, (180.0, 300.0, 260.0)),
    ],
    ids=["none is low", "no neutral to lose"],
)
def test_over_voltage_alone_is_told_after_a_second(
    settings: dict[str, object], voltage_v: tuple[float, float, float]
) -> None:
    world = _charging(**settings)
    world.voltage_v = voltage_v
    world.run(1.75)
    assert "over_voltage" in world.faults


def test_a_reversed_meter_is_not_called_frozen() -> None:
    """What it counts as export leaves its import register where it is."""
    world = _charging()
    world.count_energy = False
    world.gear = {"power_w": -10_000.0}
    world.run(100.0, period_s=1.0)
    assert "meter_reversed" in world.faults
    assert "meter_frozen" not in world.faults


@pytest.mark.parametrize(("said", "stuck"), [(3, False), (1, True)], ids=["obeys", "stuck"])
def test_poles_that_do_not_obey_show_before_anything_closes(said: int, stuck: bool) -> None:
    """Nothing is offered until the poles stand as told: a fault must say why."""
    world = World(
        settings=replace(ONE, has_phase_switch=True, fitted=frozenset({"phases_closed"})),
        gear={"phases_closed": said},
    )
    world.run(0.5)
    assert world.faults == {}  # nobody has told them anything yet
    world.pilot, world.authorised = Pilot.B, True
    world.run(15.0)
    assert ("phase_switch_failed" in world.faults) is stuck


def test_a_silent_pole_contact_says_nothing() -> None:
    world = World(
        settings=replace(ONE, has_phase_switch=True, fitted=frozenset({"phases_closed"})),
        gear={"phases_closed": 3},
    )
    world.pilot, world.authorised = Pilot.B, True
    world.run(15.0)
    world.silent.add("phases_closed")
    world.run(15.0)
    assert "phase_switch_failed" not in world.faults
