"""An overloaded site, and a site meter that load management cannot rely on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.core.core_detect import brisk, charging, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import FaultRaised

SITE = replace(ONE, site_limit_a=50.0, fitted=frozenset({"site_current_a"}))


def _site(world: World, *phases: float | None) -> None:
    world.gear = {"site_current_a": phases}


def _at_minimum(settings: object = SITE) -> World:
    assert isinstance(settings, type(ONE))
    world = World(settings=settings, draw_a=(5.9, 5.9, 5.9), override={"load_limit_a": 6.0})
    _site(world, 40.0, 40.0, 40.0)
    brisk(charging(world), 6.0)
    assert world.connector.life.limit_a == 6.0
    assert world.faults == {}
    return world


def test_site_overload() -> None:
    """10 s over its limit with nothing left to lower: ramped; over with room for 6 A again."""
    world = _at_minimum()
    _site(world, 40.0, 50.1, 40.0)
    brisk(world, 10.0)
    assert world.faults == {}
    world.step(0.25)
    fault = world.faults["site_overload"]
    assert fault.act is Act.RAMP
    assert fault.evidence == "site phase 50.1 A, limit 50 A, own offer 6 A"
    brisk(world, 7.0)
    assert not world.closed
    _site(world, 34.0, 44.1, 34.0)
    brisk(world, 1800.0, 60.0)
    assert "site_overload" in world.faults
    _site(world, 34.0, 44.0, 34.0)
    brisk(world, 840.0, 60.0)
    assert "site_overload" not in world.faults


@pytest.mark.parametrize(
    ("phases", "load_limit_a"),
    [((50.0, 50.0, 50.0), 6.0), ((60.0, 60.0, 60.0), 10.0), ((60.0, None, 60.0), 6.0)],
    ids=["at its limit", "more could be lowered", "a phase unread"],
)
def test_no_site_overload(phases: tuple[float | None, ...], load_limit_a: float) -> None:
    world = _at_minimum()
    world.override = {"load_limit_a": load_limit_a}
    brisk(world, 6.0)
    _site(world, *phases)
    brisk(world, 30.0, 1.0)
    assert not ever(world, "site_overload")


def test_an_idle_connector_is_not_to_blame() -> None:
    """It gives nothing that it could take back."""
    world = World(settings=SITE)
    _site(world, 60.0, 60.0, 60.0)
    brisk(world, 30.0, 1.0)
    assert world.since(FaultRaised) == []


def test_only_phases_that_it_loads() -> None:
    """One phase, wired to the site's third: the others are not its doing."""
    settings = replace(SITE, phases=1, phase_map=(3, 1, 2))
    world = _at_minimum(settings)
    _site(world, 90.0, 90.0, 49.0)
    brisk(world, 30.0, 1.0)
    assert not ever(world, "site_overload")
    _site(world, 10.0, None, 51.0)
    brisk(world, 12.0, 1.0)
    assert "site_overload" in world.faults


def test_one_after_the_other() -> None:
    """The third in the order waits 30 s longer, and stays if the others were enough."""
    world = _at_minimum(replace(SITE, shed_order=2))
    _site(world, 51.0, 40.0, 40.0)
    brisk(world, 39.0, 1.0)
    _site(world, 49.0, 40.0, 40.0)
    world.step(1.0)
    _site(world, 51.0, 40.0, 40.0)
    brisk(world, 40.0, 1.0)
    assert world.faults == {}
    brisk(world, 2.0, 1.0)
    assert "site_overload" in world.faults


@pytest.mark.parametrize(("safe_a", "limit_a"), [(None, 6.0), (8.0, 8.0)])
def test_load_limit_unknown(safe_a: float | None, limit_a: float) -> None:
    """10 s after the last good value: the configured current, or the least."""
    world = _at_minimum(replace(SITE, safe_current_a=safe_a))
    world.silent.add("site_current_a")
    brisk(world, 9.75)
    assert world.faults == {}
    world.step(0.25)
    assert world.faults["load_limit_unknown"].act is Act.DERATE
    assert world.connector.summary.limit_a == limit_a
    world.silent.clear()
    brisk(world, 1.0)
    assert world.faults == {}


@pytest.mark.parametrize("value", [None, (10.0, math.nan, 10.0)], ids=["refused", "no number"])
def test_load_limit_never_known(value: object) -> None:
    world = World(settings=SITE)
    if value is not None:
        world.gear = {"site_current_a": value}
    brisk(world, 10.0)
    assert world.faults == {}
    brisk(world, 0.5)
    assert "load_limit_unknown" in world.faults


def test_a_short_silence_of_the_site_meter() -> None:
    world = _at_minimum()
    for _ in range(3):
        world.silent.add("site_current_a")
        brisk(world, 9.0)
        world.silent.clear()
        world.step(0.25)
    assert world.since(FaultRaised) == []


def test_no_load_management_no_site_faults() -> None:
    """A site meter that is only looked at limits nothing."""
    world = charging(World(settings=replace(SITE, site_limit_a=None)))
    _site(world, 500.0, 500.0, 500.0)
    brisk(world, 30.0, 1.0)
    assert world.since(FaultRaised) == []
