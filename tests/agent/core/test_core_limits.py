"""The named constraints: which there are, which wins, since when, and that none is exceeded."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.core_budget import examples
from agent.core.core_world import ONE, World
from laddvakt_agent.core.inputs import Inputs, Pilot, Proximity
from laddvakt_agent.core.life import limits
from laddvakt_agent.core.life.limits import (
    MIN_OFFER_A,
    ORDER,
    Constraint,
    ceiling_a,
    lowest,
    offer_a,
)
from laddvakt_agent.core.model import LimitCommanded, State
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings

SOCKET = replace(ONE, socket=True, fitted=frozenset({"proximity"}))
MANAGED = replace(ONE, site_limit_a=35.0, safe_current_a=7.0)
ANY_A = st.one_of(st.none(), st.floats(), st.floats(0.0, 80.0))


def names(
    shape: Settings = ONE,
    inputs: Inputs | None = None,
    cable_a: float | None = None,
    faults: Summary | None = None,
    phases: int = 3,
) -> dict[str, float]:
    found = (
        *limits.given(shape, inputs or Inputs(), cable_a, phases, 9.0),
        *limits.of_faults(shape, faults or Summary(), 9.0),
    )
    return {c.name: c.limit_a for c in limits.in_force((), found)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (names(), {"hardware": 16.0}),
        (names(cable_a=13.0), {"cable": 13.0, "hardware": 16.0}),
        (names(SOCKET), {"cable": 0.0, "hardware": 16.0}),
        (names(inputs=Inputs(profile_limit_a=9.0)), {"hardware": 16.0, "profile": 9.0}),
        (names(MANAGED, Inputs(load_limit_a=8.0)), {"hardware": 16.0, "load management": 8.0}),
        (names(MANAGED), {"hardware": 16.0, "safe fallback": 7.0}),
        (names(replace(MANAGED, safe_current_a=None)), {"hardware": 16.0}),
        (
            names(faults=Summary(limit_a=10.0, limit_code="temperature_derate")),
            {"hardware": 16.0, "temperature": 10.0},
        ),
        (
            names(faults=Summary(limit_a=6.0, limit_code="under_voltage")),
            {"hardware": 16.0, "fault derate": 6.0},
        ),
        (names(faults=Summary(derate=True)), {"hardware": 16.0}),
        (
            names(replace(ONE, unattended_current_a=8.0), faults=Summary(derate=True)),
            {"hardware": 16.0, "unattended": 8.0},
        ),
        (names(inputs=Inputs(profile_limit_a=math.nan)), {"hardware": 16.0, "profile": 0.0}),
        (names(inputs=Inputs(load_limit_a=-5.0)), {"hardware": 16.0, "load management": 0.0}),
    ],
    ids=["bare", "cable", "no cable read", "profile", "load", "load unknown", "no fallback",
         "heat", "fault", "no spare current", "unattended", "no number", "negative"],
)  # fmt: skip
def test_constraints(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found == expected
    assert list(found) == sorted(found, key=ORDER.index)


@pytest.mark.parametrize(
    ("said", "phases", "limit_a"),
    [
        (Proximity.CABLE_13_A, 3, 13.0),
        (Proximity.CABLE_20_A, 3, 20.0),
        (Proximity.CABLE_32_A, 1, 32.0),
        (Proximity.CABLE_63_A, 3, 63.0),
        (Proximity.CABLE_63_A, 1, 70.0),
        (Proximity.ABSENT, 3, None),
        (Proximity.INVALID, 3, None),
    ],
    ids=str,
)
def test_cables(said: Proximity, phases: int, limit_a: float | None) -> None:
    assert limits.cable_limit_a(said, phases) == limit_a


def test_since_when() -> None:
    """A constraint keeps its time while its value stands; another value is another time."""
    first = limits.given(ONE, Inputs(profile_limit_a=9.0), None, 3, 10.0)
    second = limits.given(ONE, Inputs(profile_limit_a=9.0), None, 3, 20.0)
    third = limits.given(ONE, Inputs(profile_limit_a=8.0), None, 3, 30.0)
    kept = limits.in_force(limits.in_force((), first), second)
    assert [c.since_s for c in kept] == [10.0, 10.0]
    assert [c.since_s for c in limits.in_force(kept, third)] == [10.0, 30.0]


def test_the_first_of_equal_ones_decides() -> None:
    found = limits.given(ONE, Inputs(profile_limit_a=16.0), 16.0, 3, 10.0)
    deciding = lowest(found)
    assert deciding is not None
    assert deciding.name == "cable"
    assert lowest(()) is None
    assert ceiling_a(()) == math.inf


@settings(max_examples=examples(100), deadline=None)
@given(
    shape=st.builds(
        Settings,
        connector=st.just("1"),
        max_current_a=st.floats(),
        socket=st.booleans(),
        fitted=st.sampled_from([frozenset(), frozenset({"proximity"})]),
        unattended_current_a=ANY_A,
        site_limit_a=ANY_A,
        safe_current_a=ANY_A,
    ),
    inputs=st.builds(Inputs, profile_limit_a=ANY_A, load_limit_a=ANY_A),
    cable_a=ANY_A,
    faults=st.builds(Summary, derate=st.booleans(), limit_a=ANY_A, limit_code=st.just("x")),
)
def test_never_above_any_constraint(
    shape: Settings, inputs: Inputs, cable_a: float | None, faults: Summary
) -> None:
    """Total; what is offered is the least of all, or nothing when that is below 6 A."""
    given_ = limits.given(shape, inputs, cable_a, 3, 1.0)
    every = limits.in_force((), (*given_, *limits.of_faults(shape, faults, 1.0)))
    offered_a = offer_a(shape, ceiling_a(given_), faults)
    least_a = ceiling_a(every)
    assert offered_a == (least_a if least_a >= MIN_OFFER_A else 0.0)
    assert all(c.limit_a >= 0.0 for c in every)
    assert {c.name for c in every} <= set(ORDER)


def _limited(world: World, **wishes: float | None) -> World:
    world.override = {**world.override, **wishes}
    return world


def test_raised_each_5_s_lowered_at_once() -> None:
    world = World(draw_a=(5.0, 5.0, 5.0)).charge().run(6.0)
    world.effects.clear()
    for second in range(30):
        _limited(world, profile_limit_a=8.0 + second / 4.0).run(1.0)
    raised = [at for at, e in world.since(LimitCommanded) if isinstance(e, LimitCommanded)]
    gaps_s = [b - a for a, b in itertools.pairwise(raised)]
    assert len(gaps_s) >= 4
    assert min(gaps_s) >= 5.0
    _limited(world, profile_limit_a=7.0).step(0.25)
    _limited(world, profile_limit_a=6.5).step(0.25)
    assert world.connector.life.limit_a == 6.5
    assert world.closed


def test_below_6_a_the_session_waits() -> None:
    """Paused with a reason, the session kept; charging goes on by itself once there is enough."""
    world = _limited(World().charge(), load_limit_a=5.9).run(1.0)
    assert world.at(State.SUSPENDED_STATION)
    assert world.connector.life.reason == "less than 6 A allowed"
    assert world.connector.life.session
    world.pilot = Pilot.B
    world.run(1.0)
    assert not world.closed
    assert world.connector.life.limit_a == 0.0
    deciding = lowest(world.connector.life.limits)
    assert deciding == Constraint(
        name="load management", limit_a=5.9, since_s=1015.25, detail="shared on 3 phases"
    )
    _limited(world, load_limit_a=6.0).run(6.0)
    assert world.at(State.SUSPENDED_VEHICLE)
    world.pilot = Pilot.C
    world.run(1.0)
    assert world.at(State.CHARGING)
    assert world.connector.life.limit_a == 6.0
    assert world.faults == {}


def test_nothing_allowed_at_plug_in_offers_nothing() -> None:
    world = _limited(World(), profile_limit_a=0.0).run(6.0)
    world.pilot, world.authorised = Pilot.C, True
    world.run(20.0)
    assert world.at(State.PREPARING)
    assert world.connector.life.session
    assert world.since(LimitCommanded) == []
