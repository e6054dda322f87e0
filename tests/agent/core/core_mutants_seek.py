"""Who looks for a seeded defect: each check yields what it finds broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from agent.core import core_explore_connector, core_explore_tracks
from agent.core.core_inject import FULL, world_for
from agent.core.core_product import Day, broken
from agent.core.core_world import World
from laddvakt_agent.core.faults.catalogue import CATALOGUE

Check: TypeAlias = Callable[[], Iterator[str]]


def by_track(*names: str) -> Check:
    """One row's track, explored until something is broken."""

    def check() -> Iterator[str]:
        for name in names:
            rule = core_explore_tracks.ROWS[name]
            yield from core_explore_tracks.explore(rule, first_only=True)[1].violations

    return check


def by_counter(*names: str) -> Check:
    """One row's budget, counted."""

    def check() -> Iterator[str]:
        for name in names:
            yield from core_explore_tracks.budget_counter(CATALOGUE[name]).violations

    return check


def by_tables(expected: str) -> Check:
    """The connector's tables, explored until this is broken."""

    def check() -> Iterator[str]:
        yield from core_explore_connector.explore(until=expected)[1].violations

    return check


# Days on which each defect looked for so shows within the first life; any others find it later.
_TELLING = (4, 6, 8, 9)


def by_days(steps: int, limit: int = 1) -> Check:
    """Random days, until one finds something."""

    def check() -> Iterator[str]:
        for seed in _TELLING:
            yield from Day(seed=seed, known=None).run(steps, limit=limit).violations

    return check


def by_hot_day() -> Iterator[str]:
    """A charger that grows hot and warm, and must never offer more than either allows."""
    world = world_for(FULL).charge()
    world.draw_a = (5.0, 5.0, 5.0)
    for name, to_c in (("plug_temp_c", 84.0), ("enclosure_temp_c", 66.0)):
        for at_c in range(30, int(to_c) + 1, 6):
            world.gear = {**world.gear, name: float(at_c)}
            yield from _cared_for(world, 1.0)
        yield from _cared_for(world, 30.0)


def _cared_for(world: World, seconds: float) -> Iterator[str]:
    until_s = world.now_s + seconds
    while world.now_s < until_s:
        world.advance(0.5)
        now_s, after = world.now_s, world.connector
        yield from broken(world.settings, world.inputs, after, now_s, 1e9, world.good)
