"""Every reachable state of the core, by parts, and each step of the argument that parts it.

The chain: each track answers its finding within its times (one of each shape of row explored
alone); tracks do not see each other, and the tables see of them no more than their join; the
connector obeys every join (tables explored against every summary); silence of a guard is a finding
with the time of its last reading. The whole machine with real readings then confirms, over every
fault and random days, that it never leaves the states the separate explorations saw. That mistakes
would be noticed is shown in `test_core_mutants`.
"""

from __future__ import annotations

import ast
import copy
import inspect
import os
import typing
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from random import Random

import pytest

import laddvakt_agent.core
from agent.core import core_explore_connector, core_explore_parts, core_explore_tracks
from agent.core.core_explore import Count
from agent.core.core_inject import INJECT, Injection, world_for
from agent.core.core_product import Day, Known, broken, explored, restless, strange
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import FaultRule, Recovery
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life.state import Context
from laddvakt_agent.core.model import FaultRaised
from laddvakt_agent.core.recover.tracks import Summary

STEPS_SHORT = 12_000
STEPS = int(os.environ.get("LADDVAKT_EXPLORE_STEPS", STEPS_SHORT))  # 1000000 for the long form
LONG = STEPS > STEPS_SHORT
ROWS = core_explore_tracks.ROWS
LIMITED = {name: rule for name, rule in ROWS.items() if rule.retries is not None}

# One worker: the exploration is done once and shared, by whichever test comes first.
pytestmark = [pytest.mark.xdist_group("exploration"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def exploration() -> tuple[Known, dict[str, Count]]:
    return explored()


@pytest.mark.timeout(180)
def test_every_reachable_state(
    exploration: tuple[Known, dict[str, Count]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tables against every summary, each track against every finding: no property breaks."""
    (_, tracks), counts = exploration
    with capsys.disabled():
        states = sum(count.states for count in counts.values())
        runs = sum(count.runs for count in counts.values())
        covered = sum(count.covered for count in counts.values())
        shapes = f"{len(counts) - 1} shapes of {len(ROWS)} rows and the connector"
        print(f"\ncore: {states} states, {runs} runs standing for {covered} steps: {shapes}")  # noqa: T201 – the figure CI shows
    assert [v for count in counts.values() for v in count.violations] == []
    assert counts["connector"].states > 50
    assert tracks.keys() == ROWS.keys()


@pytest.mark.parametrize("name", LIMITED)
def test_budget_counter(name: str) -> None:
    """In no order of raising and leaving are there more reclosures in a window than allowed."""
    count = core_explore_tracks.budget_counter(LIMITED[name])
    assert count.violations == []
    assert count.states > 3


# Why one track may stand for all of its shape.

TOLD_BY_SHAPE = {  # what tracks read of a row; the acts by role or asked for are inputs as well
    "act_by_role", "backoff_max_s", "backoff_s", "clear_s", "confirm_s", "early_trip_s",
    "found_acts", "lockout", "per_vehicle", "recovery", "retries", "spread_s", "stages",
    "subject_kind", "tests", "window_s",
}  # fmt: skip
ONLY_DRAWN_FROM = {"code"}  # it seeds the random delay


def test_tracks_read_no_more_of_a_row_than_its_shape_tells() -> None:
    """Rows that differ elsewhere, in thresholds, texts or codes, have tracks that move alike."""
    some = ("contactor_welded", "vehicle_keeps_drawing", "device_lost")
    read = core_explore_parts.fields_read({name: ROWS[name] for name in some})
    assert read == TOLD_BY_SHAPE | ONLY_DRAWN_FROM


@pytest.mark.parametrize("name", sorted(TOLD_BY_SHAPE))
def test_each_of_these_tells_shapes_apart(name: str) -> None:
    """A row that differs in one of them has another shape, or is a row of the same length."""
    shapes = core_explore_tracks.shape
    changed = [
        shapes(replace(rule, **{name: getattr(other, name)})) != shapes(rule)
        for rule in CATALOGUE.values()
        for other in CATALOGUE.values()
        if getattr(other, name) != getattr(rule, name)
    ] or [
        shapes(replace(rule, **{name: getattr(other, name)})) != shapes(rule)
        for rule in ROWS.values()
        for other in ROWS.values()
        if getattr(other, name) != getattr(rule, name)
    ]
    assert any(changed)


@pytest.mark.timeout(600)
def test_rows_of_one_shape_move_alike(exploration: tuple[Known, dict[str, Count]]) -> None:
    """Each row steps beside the explored one of its shape; the long form explores it whole."""
    (_, tracks), _ = exploration
    for first, *others in core_explore_tracks.shapes().values():
        for name in others:
            found = core_explore_parts.unlike(tracks[first], ROWS[name], Random(name), 150)
            assert list(found) == []
            if LONG:
                states, count = core_explore_tracks.explore(ROWS[name])
                assert states.keys() == tracks[first].keys()
                assert count.violations == []


# Why tracks and tables may be explored apart.


def test_all_pairs_of_tracks(exploration: tuple[Known, dict[str, Count]]) -> None:
    """Together they move as alone, and their join says what both demand."""
    (_, tracks), _ = exploration
    found = core_explore_parts.pairs(tracks, Random(2))
    assert list(found) == []


def test_the_tables_are_given_nothing_but_the_summary() -> None:
    """By their types: no track, finding or fault row reaches a guard."""
    told = typing.get_type_hints(Context)
    assert told["faults"] is Summary
    assert {f.name for f in fields(Context)} == {"settings", "life", "view", "faults", "now_s"}
    told = typing.get_type_hints(tables.settle)
    assert told["faults"] is Summary
    names = set(inspect.signature(tables.settle).parameters)
    assert names == {"settings", "life", "view", "faults", "now_s"}


@pytest.mark.parametrize("name", ["connector", "transitions", "state"])
def test_the_tables_know_no_track(name: str) -> None:
    path = Path(laddvakt_agent.core.__file__).parent / "life" / f"{name}.py"
    known = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert not known & {"Track", "Finding", "Phase", "recovery", "detect", "machine", "as_fault"}


def test_no_field_of_the_summary_is_unexplored() -> None:
    """What the exploration does not vary, the tables do not read: asking for it would raise."""
    explored_fields = set(core_explore_connector.DOMAINS) | set(core_explore_connector._FIXED)
    told = {f.name for f in fields(Summary)}
    assert {"act", "derate", "hold_s"} <= told & explored_fields


# The whole machine.


@pytest.mark.parametrize("code", INJECT)
def test_each_injection_raises_its_fault(
    code: str, exploration: tuple[Known, dict[str, Count]]
) -> None:
    """From readings to the fault, safe at each step, in states that the parts have seen."""
    known, _ = exploration
    injection = INJECT[code]
    world = _healthy(injection)
    assert code not in world.faults
    injection.turn(world)
    world.run(min(injection.wait_s, 3.0), injection.period_s)
    found = list(_watched(world, injection, known))
    raised = {e.fault.code for _, e in world.effects if isinstance(e, FaultRaised)}
    assert code in raised | world.faults.keys()
    assert found == []


def _healthy(injection: Injection) -> World:
    world = world_for(injection.settings)
    if injection.idle:
        return world.run(6.0)
    return world.charge().run(12.0)


def _watched(world: World, injection: Injection, known: Known) -> Iterator[str]:
    until_s = world.now_s + injection.wait_s
    while world.now_s < until_s:
        world.advance(injection.period_s)
        yield from broken(
            world.settings, world.inputs, world.connector, world.now_s, 1e9, world.good
        )
        yield from strange(known, world.connector, world.now_s)
    yield from restless(world.settings, world.inputs, world.connector, world.now_s)


def test_all_faults_are_injected() -> None:
    assert INJECT.keys() == CATALOGUE.keys()


WAITS_S = (0.25, 0.5, 1.0, 1.5, 3.0, 3.0, 61.0, 7.0)


@pytest.mark.timeout(3600)
def test_one_fault_into_another(exploration: tuple[Known, dict[str, Count]]) -> None:
    """Every fault meets others while it stands; the long form tries all pairs."""
    known, _ = exploration
    codes = sorted(code for code, i in INJECT.items() if not i.idle and i.wait_s <= 90.0)
    ready = {
        (settings.phases, id(settings)): _healthy(Injection(turn=_nothing, settings=settings))
        for settings in {id(INJECT[c].settings): INJECT[c].settings for c in codes}.values()
    }
    found: list[str] = []
    for number, first in enumerate(codes):
        seconds = codes if LONG else [codes[(number * 7 + 3) % len(codes)]]
        for second in seconds:
            settings = INJECT[first].settings
            world = copy.deepcopy(ready[settings.phases, id(settings)])
            for code in (first, second):
                INJECT[code].turn(world)
                found += _walked(world, known)
            world.__dict__.update(_well(world))
            found += _walked(world, known)
    assert found == []


def _walked(world: World, known: Known) -> Iterator[str]:
    for wait_s in WAITS_S:
        world.advance(wait_s)
        yield from broken(
            world.settings, world.inputs, world.connector, world.now_s, 1e9, world.good
        )
        yield from strange(known, world.connector, world.now_s)


def _well(world: World) -> dict[str, object]:
    fresh = world_for(world.settings)
    keep = {"connector", "now_s", "effects", "inputs", "good", "energy_wh", "authorised"}
    return {name: value for name, value in vars(fresh).items() if name not in keep} | {
        "pilot": Pilot.C
    }


def _nothing(_: World) -> None:
    """Leave it as it is."""


@pytest.mark.timeout(7200)
def test_random_days(
    exploration: tuple[Known, dict[str, Count]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Seeded random readings and waits through the whole machine; the long form is a million."""
    known, _ = exploration
    days = [Day(seed=seed, known=known).run(STEPS // 8) for seed in range(8)]
    closings = sum(day.closings for day in days)
    with capsys.disabled():
        print(f"\ncore: {sum(day.steps for day in days)} random steps, {closings} closings")  # noqa: T201 – the figure CI shows
    assert [v for day in days for v in day.violations] == []
    assert closings > STEPS // 400


def test_never_by_itself() -> None:
    """No automatic way out of a weld, a failed residual monitor or any service row."""
    for code in ("contactor_welded", "residual_monitor_failed", "contactor_disputed"):
        assert CATALOGUE[code].recovery is Recovery.SERVICE
        assert CATALOGUE[code].lockout is Recovery.SERVICE
    for rule in CATALOGUE.values():
        if rule.recovery is Recovery.SERVICE:
            assert rule.lockout is Recovery.SERVICE, rule.code


def test_rules_are_rows() -> None:
    assert all(isinstance(rule, FaultRule) for rule in ROWS.values())
    assert ONE.has_feedback
    assert not TWO.has_feedback  # no witness beside its meter
