"""The contactor's history: movements, their times and trend, wear against the rating."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.health import BASELINE, SLOWER, Motion, Pace, health
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.memory.wear import Wear


def _cycle(world: World, slow_s: float = 0.0) -> None:
    """The vehicle pauses and comes back; the mirror contact follows `slow_s` late."""
    for asks in (False, True):
        world.pilot = Pilot.C if asks else Pilot.B
        world.mirror = not asks
        world.run(6.0)
        if slow_s and asks:
            world.mirror = False
        world.mirror = asks
        world.run(1.0)
    world.mirror = None


def test_times_of_movements() -> None:
    """From the command to the first reading that shows it; openings without load do not wear."""
    world = World().charge()
    assert world.connector.memory.motion.closing.count == 1
    assert world.connector.memory.motion.closing.last_s == pytest.approx(0.25)
    world.pilot = Pilot.B
    world.run(3.0)
    motion = world.connector.memory.motion
    assert motion.opening.count == 1
    assert motion.awaited_s is None
    told = health(world.settings, world.connector.memory.wear, motion)
    assert (told.operations, told.load_openings) == (1, 0)
    assert told.close_trend is None
    assert not told.slower


def test_nothing_is_learned_when_nobody_looked() -> None:
    """A mirror contact read late says when it was read, not when it moved."""
    world = World().charge()
    world.silent.add("feedback_closed")
    world.pilot = Pilot.B
    world.run(3.0)
    world.silent.clear()
    world.run(3.0)
    motion = world.connector.memory.motion
    assert motion.opening.count == 0
    assert motion.awaited_s is None


def test_the_start_is_no_movement() -> None:
    """An open contactor at the start was not opened by us; history is taken over."""
    old = Motion(opening=Pace(count=4, last_s=0.1, baseline_s=0.1, recent_s=0.1), awaited_s=5.0)
    world = World()
    world.connector = machine.initial(ONE, (), world.now_s, wear=Wear(operations=7), motion=old)
    world.run(3.0)
    assert world.connector.memory.motion.opening == old.opening
    assert world.connector.memory.wear.operations == 7


def test_without_mirror_contact_no_times() -> None:
    """Where none is fitted there is nothing to time."""
    assert World(settings=TWO).charge().connector.memory.motion == Motion(seen_s=World().now_s)


TRENDS = {
    "too few": (Pace(count=BASELINE - 1, baseline_s=0.1, recent_s=0.3), None, False),
    "steady": (Pace(count=99, baseline_s=0.1, recent_s=0.11), 1.1, False),
    "slower": (Pace(count=99, baseline_s=0.1, recent_s=0.1 * SLOWER), SLOWER, True),
    "no time": (Pace(count=99, baseline_s=0.0, recent_s=0.1), None, False),
    "none yet": (Pace(count=99, baseline_s=0.1), None, False),
}


@pytest.mark.parametrize(("pace", "trend", "slower"), TRENDS.values(), ids=TRENDS)
def test_trend(pace: Pace, trend: float | None, slower: bool) -> None:
    """The recent mean against that of the first movements."""
    told = health(ONE, Wear(), Motion(closing=pace))
    assert told.close_trend == (None if trend is None else pytest.approx(trend))
    assert told.slower is slower


def test_a_contactor_that_gets_slower_shows() -> None:
    """Movements far beyond the baseline pull the recent mean, the baseline stands."""
    pace = Pace()
    motion = Motion(closing=pace)
    world = World().charge()
    motion = world.connector.memory.motion
    for _ in range(BASELINE):
        world.pilot = Pilot.B
        world.run(4.0)
        world.pilot = Pilot.C
        world.run(4.0)
    fast = world.connector.memory.motion.closing
    assert fast.count > BASELINE
    assert fast.trend == pytest.approx(1.0)
    slow = replace(fast, recent_s=0.6)
    assert health(ONE, Wear(), replace(motion, closing=slow)).slower


def test_wear_adds_up() -> None:
    """Operations and openings under load each take their share of the rating."""
    told = health(ONE, Wear(operations=50_000, load_openings=5_000), Motion())
    assert told.wear_share == pytest.approx(1.0)
