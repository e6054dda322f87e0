"""The days that are cut: each a list of what happens to plant, backend, clock and people.

Times are seconds after the start of the day. Each seed draws vehicles and times anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crash.world import Act, Event, World, ask, fault, mended, plug, unplug
from laddvakt_sim.plant.words import VehicleSpec

Events = list[tuple[float, Act]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One day: `connectors` that there are, what happens, and how the clock begins."""

    name: str
    connectors: int
    events: tuple[Event, ...]
    clock_unset: bool = False


def tell(name: str, seed: int, start_s: float) -> Story:
    """The story of this name as the seed has it.

    Raises:
        KeyError: there is no such story.
    """
    connectors, unset, write = _STORIES[name]
    drawn = write(random.Random(f"{name} {seed}"))
    events = tuple(Event(at_s=start_s + at_s, act=act) for at_s, act in drawn)
    return Story(name=name, connectors=connectors, events=events, clock_unset=unset)


def names() -> tuple[str, ...]:
    """Every story there is."""
    return tuple(_STORIES)


def _vehicle(dice: random.Random, **words: object) -> VehicleSpec:
    spec: dict[str, object] = {
        "max_current_a": dice.choice((10.0, 13.0, 16.0)),
        "phases": dice.choice((1, 3)),
    }
    return VehicleSpec(**{**spec, **words})  # type: ignore[arg-type]


def _visit(dice: random.Random, name: str, at_s: float, for_s: float, **words: object) -> Events:
    """A vehicle comes, charges and goes."""
    return [
        (at_s, plug(name, _vehicle(dice, **words))),
        (at_s + dice.uniform(2.0, 5.0), ask(name, "start")),
        (at_s + for_s, ask(name, "stop", within_s=12.0)),
        (at_s + for_s + 14.0, unplug(name)),
    ]


def _normal(dice: random.Random) -> Events:
    return _visit(dice, "1", 4.0, dice.uniform(330.0, 350.0))  # over a checkpoint


def _brief(dice: random.Random) -> Events:
    """Two sessions soon after each other."""
    first, second = dice.uniform(25.0, 35.0), dice.uniform(70.0, 75.0)
    return _visit(dice, "1", 4.0, first) + _visit(dice, "1", second, 30.0)


def _pauses(dice: random.Random) -> Events:
    every_s, pause_s = dice.uniform(15.0, 20.0), dice.uniform(8.0, 12.0)
    asks = dice.random() < 0.5
    return _visit(dice, "1", 4.0, 80.0, pause_every_s=every_s, pause_s=pause_s, pause_asks=asks)


def _trip(dice: random.Random) -> Events:
    """A residual current trips it; it recovers by itself and uses up a retry."""
    at_s = dice.uniform(20.0, 25.0)
    leak: dict[str, object] = {"name": "residual_current_dc", "connector": "1", "ma": 12}
    return [
        *_visit(dice, "1", 4.0, 75.0),
        (at_s, fault(leak)),
        (at_s + 4.0, mended("residual_current_dc")),
    ]


def _lock_out(dice: random.Random) -> Events:
    """Tripped until no retry is left; only a person brings it back."""
    leak: dict[str, object] = {"name": "residual_current_dc", "connector": "1", "ma": 12}
    events: Events = [*_visit(dice, "1", 4.0, 190.0)]
    for number in range(5):
        at_s = 18.0 + 28.0 * number + dice.uniform(0.0, 3.0)
        events += [(at_s, fault(leak)), (at_s + 3.0, mended("residual_current_dc"))]
    return [*events, (215.0, ask("1", "reset", within_s=90.0, by="service"))]


def _meter_lost(dice: random.Random) -> Events:
    at_s = dice.uniform(20.0, 25.0)
    return [
        *_visit(dice, "1", 4.0, 70.0),
        (at_s, fault({"name": "meter_lost", "connector": "1"})),
        (at_s + dice.uniform(2.0, 20.0), mended("meter_lost")),
    ]


def _backend_away(dice: random.Random) -> Events:
    def away(now: bool) -> Act:
        return lambda world: world.backend_away(now)

    def lossy(share: float) -> Act:
        return lambda world: world.backend_lossy(share)

    return [
        *_visit(dice, "1", 4.0, 40.0),
        (dice.uniform(8.0, 12.0), away(True)),
        (dice.uniform(60.0, 70.0), away(False)),
        (dice.uniform(60.0, 70.0), lossy(0.4)),
        (dice.uniform(95.0, 100.0), lossy(0.0)),
    ]


def _two(dice: random.Random) -> Events:
    return [
        *_visit(dice, "1", 4.0, dice.uniform(35.0, 45.0)),
        *_visit(dice, "2", dice.uniform(6.0, 20.0), dice.uniform(35.0, 45.0)),
    ]


def _clock(dice: random.Random) -> Events:
    """The wall clock begins in 1970 and is set while a vehicle charges, or after it."""
    return [
        *_visit(dice, "1", 4.0, 45.0),
        (dice.choice((15.0, 40.0, 70.0)), World.sync_clock),
    ]


def _by_hand(dice: random.Random) -> Events:
    """Stopped by hand, taken out of service, put back, used again."""
    at_s = dice.uniform(22.0, 26.0)
    return [
        (4.0, plug("1", _vehicle(dice))),
        (7.0, ask("1", "start")),
        (at_s, ask("1", "stop", within_s=12.0)),
        (at_s + 8.0, ask("1", "out")),
        (at_s + 16.0, unplug("1")),
        (at_s + 20.0, ask("1", "in")),
        *_visit(dice, "1", at_s + 30.0, 25.0),
    ]


def _other_vehicle(dice: random.Random) -> Events:
    """At a cable without a lock one goes and another comes: nobody pays for the next one."""
    gone_s = dice.uniform(25.0, 30.0)
    return [
        (4.0, plug("2", _vehicle(dice))),
        (7.0, ask("2", "start")),
        (gone_s, unplug("2")),
        (gone_s + dice.uniform(31.0, 36.0), plug("2", _vehicle(dice))),
        (gone_s + 70.0, unplug("2")),
    ]


_STORIES: Mapping[str, tuple[int, bool, Callable[[random.Random], Events]]] = {
    "normal": (1, False, _normal),
    "brief": (1, False, _brief),
    "pauses": (1, False, _pauses),
    "trip": (1, False, _trip),
    "lock_out": (1, False, _lock_out),
    "meter_lost": (1, False, _meter_lost),
    "backend_away": (1, False, _backend_away),
    "two": (2, False, _two),
    "clock": (1, True, _clock),
    "by_hand": (1, False, _by_hand),
    "other_vehicle": (2, False, _other_vehicle),
}
