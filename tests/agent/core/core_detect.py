"""One table row per fault: readings that show it, readings that are close to it and do not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Pilot, Reset, Sample
from laddvakt_agent.core.model import FaultRaised, State
from laddvakt_agent.core.scene import OPTIONAL_INPUTS
from laddvakt_agent.core.settings import Settings

Readings = Mapping[str, object]
PERIOD_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault that readings show. `bad` replaces those of `calm` that it names."""

    id: str
    code: str
    calm: Readings
    bad: Readings
    act: Act
    evidence: str
    below: tuple[Readings, ...] = ()  # close, and no fault
    limit_a: float | None = None
    subject: str = "1"
    settings: Settings = ONE
    knobs: Readings = field(default_factory=dict)  # of the world, from the start

    @property
    def fitted(self) -> Settings:
        """The settings with what the case reads."""
        names = self.settings.fitted | OPTIONAL_INPUTS.intersection(self.calm)
        return replace(self.settings, fitted=names)

    @property
    def confirm_s(self) -> float:
        return rule_for(self.settings.rules, self.code).confirm_s

    def world(self) -> World:
        """Calm and idle."""
        world = World(settings=self.fitted, gear=dict(self.calm), **self.knobs)  # type: ignore[arg-type]  # names of knobs
        return brisk(world, 6.0, 0.5)

    def turned(self, world: World, readings: Readings) -> None:
        """From the next step on."""
        world.gear = {**self.calm, **readings}

    def standing(self, world: World) -> bool:
        return any(
            (fault.code, fault.subject) == (self.code, self.subject)
            for fault in machine.active_faults(world.connector)
        )


def brisk(world: World, seconds: float, period_s: float = PERIOD_S) -> World:
    """As `World.run`, each step taken once: that another changes nothing is proved elsewhere."""
    until_s = world.now_s + seconds
    while world.now_s + period_s <= until_s + 1e-9:
        world.advance(period_s)
        world.resets = frozenset()
    return world


def charging(world: World) -> World:
    """As `World.charge`, in fewer steps."""
    brisk(world, 6.0, 0.5)
    world.pilot, world.authorised = Pilot.B, True
    brisk(world, 6.0, 0.5)
    world.pilot = Pilot.C
    brisk(world, 3.0)
    assert world.at(State.CHARGING), (world.connector.life, world.faults)
    return world


def raised_on_time(case: Case) -> World:
    """Not just before its time, then at once, with its act and evidence."""
    world = case.world()
    assert not case.standing(world)
    case.turned(world, case.bad)
    world.advance(PERIOD_S)
    first_s = world.now_s
    while world.now_s + 2.0 < first_s + case.confirm_s:
        assert not case.standing(world)
        world.advance(1.0)
    while world.now_s + PERIOD_S < first_s + case.confirm_s:
        assert not case.standing(world)
        world.advance(PERIOD_S)
    if case.confirm_s > 0.0:
        assert not case.standing(world)
        world.advance(PERIOD_S)
    fault = next(f for f in machine.active_faults(world.connector) if f.code == case.code)
    assert fault.subject == case.subject
    assert fault.act is case.act
    assert case.evidence in fault.evidence, fault.evidence
    track = next(t for t in world.connector.tracks if t.rule.code == case.code)
    assert track.limit_a == case.limit_a
    return world


def not_close_to_it(case: Case) -> None:
    """Close to it for long: nothing."""
    for readings in case.below:
        world = case.world()
        case.turned(world, readings)
        brisk(world, case.confirm_s + 10.0, 1.0)
        assert not ever(world, case.code), readings


def not_for_a_moment(case: Case) -> None:
    """Shorter than the confirm time, again and again: nothing."""
    world = case.world()
    for _ in range(3):
        case.turned(world, case.bad)
        world.advance(PERIOD_S)
        held_s = min(case.confirm_s - PERIOD_S, 10.0) - PERIOD_S
        brisk(world, held_s, PERIOD_S if held_s < 2.0 else 0.75)
        case.turned(world, {})
        world.advance(PERIOD_S)
    assert not ever(world, case.code)


def not_on_stale_readings(case: Case) -> None:
    """As bad as can be, and too old: nothing is raised by it."""
    world = case.world()
    age_s = max(case.settings.slow_max_age_s, case.settings.meter_max_age_s) + 1.0
    world.override = {
        name: Sample(value=value, taken_s=world.now_s - age_s) for name, value in case.bad.items()
    }
    brisk(world, case.confirm_s + 5.0, 1.0)
    assert not ever(world, case.code)


def stands_when_nothing_is_read(case: Case) -> None:
    """Silent, refused, from the future: what cannot be judged is not away. Nor does a person
    lift it then."""
    raised = raised_on_time(case)
    for blind in (_silent, _missing, _ahead):
        world = copy.copy(raised)
        world.silent, world.missing, world.effects = set(), set(), []
        blind(world, case)
        brisk(world, 3.0, 1.0)
        for _ in range(4):
            world.resets = frozenset({Reset.SERVICE})
            world.advance(1000.0)
        assert case.standing(world), blind.__name__


def cleared_by_its_readings(case: Case) -> None:
    """Calm again, it is left: by itself, or by whom it needs."""
    world = raised_on_time(case)
    case.turned(world, {} if "pilot" in case.calm else {"pilot": Pilot.A})
    world.authorised = False
    for doubled in range(13):
        world.resets = frozenset({Reset.SERVICE})
        world.advance(2.0**doubled)
        if not case.standing(world):
            return
    raise AssertionError(world.faults)


def ever(world: World, code: str) -> bool:
    """Whether it was raised at any time."""
    return any(isinstance(e, FaultRaised) and e.fault.code == code for _, e in world.effects)


Check = Callable[[Case], object]
CHECKS: tuple[Check, ...] = (
    raised_on_time,
    not_for_a_moment,
    not_close_to_it,
    not_on_stale_readings,
    stands_when_nothing_is_read,
    cleared_by_its_readings,
)


def table(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Every case with every check that means something for it."""
    rows = [
        pytest.param(check, case, id=f"{case.id}-{check.__name__}")
        for case in cases
        for check in CHECKS
        if (case.below or check is not not_close_to_it)
        and (case.confirm_s > PERIOD_S or check is not not_for_a_moment)
    ]
    return pytest.mark.parametrize(("check", "case"), rows)


def _silent(world: World, case: Case) -> None:
    world.silent.update(case.bad)


def _missing(world: World, case: Case) -> None:
    world.gear = {**world.gear, **case.calm}
    world.override = dict.fromkeys(case.bad)


def _ahead(world: World, case: Case) -> None:
    values: dict[str, Any] = {**case.calm}
    world.override = {
        name: Sample(value=values[name], taken_s=world.now_s + 1e6) for name in case.bad
    }
