"""Concrete time, searched by hypothesis: any order of faults, vehicles, people and restarts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core.core_budget import examples
from agent.core.core_inject import CALM, FULL, INJECT, SOCKET, world_for
from agent.core.core_product import SHORT_RULES, broken, restless
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Pilot, Reset, SharedBudget
from laddvakt_agent.core.model import LatchesChanged
from laddvakt_agent.core.recover.tracks import Track
from laddvakt_agent.core.settings import Settings

QUICK = sorted(  # turned without a step of its own
    code
    for code, injection in INJECT.items()
    if injection.settings is FULL and injection.wait_s <= 90.0 and code != "latches_lost"
)
WAITS_S = st.one_of(st.floats(0.0, 3.0), st.floats(0.0, 1000.0), st.sampled_from([0.25, 6.0, 60.0]))


class Charger(RuleBasedStateMachine):
    """One connector of any kind; what it wrote down is what it knows after a restart."""

    @initialize(
        shape=st.sampled_from([ONE, TWO, FULL, SOCKET]),
        short=st.booleans(),
        spread=st.floats(0.0, 1.0),
    )
    def begin(self, shape: Settings, short: bool, spread: float) -> None:
        rules = SHORT_RULES if short else {}
        self.world = world_for(replace(shape, rules=rules, spread=spread)).run(4.0, 1.0)

    @rule(code=st.sampled_from(QUICK), wait_s=WAITS_S)
    def fault(self, code: str, wait_s: float) -> None:
        INJECT[code].turn(self.world)
        self._step(wait_s)

    @rule(wait_s=WAITS_S)
    def recover(self, wait_s: float) -> None:
        fresh = world_for(self.world.settings)
        keep = {"connector", "now_s", "effects", "inputs", "good", "energy_wh", "authorised"}
        mine = vars(self.world)
        mine.update({n: v for n, v in vars(fresh).items() if n not in {*keep, "pilot"}})
        self._step(wait_s)

    @rule(pilot=st.sampled_from([*Pilot, Pilot.C, Pilot.B, Pilot.A]), wait_s=WAITS_S)
    def vehicle(self, pilot: Pilot, wait_s: float) -> None:
        self.world.pilot = pilot
        self._step(wait_s)

    @rule(authorised=st.booleans(), in_service=st.booleans(), wait_s=WAITS_S)
    def wish(self, authorised: bool, in_service: bool, wait_s: float) -> None:
        self.world.authorised, self.world.in_service = authorised, in_service
        self._step(wait_s)

    @rule(reset=st.sampled_from(Reset), wait_s=WAITS_S)
    def reset(self, reset: Reset, wait_s: float) -> None:
        self.world.resets = frozenset({reset})
        self._step(wait_s)

    @rule(seconds=st.floats(1.0, 30.0))
    def charge(self, seconds: float) -> None:
        self.world.pilot, self.world.authorised = Pilot.C, True
        for _ in range(6):
            self._step(seconds / 6)

    @rule(spent=st.integers(1, 6))
    def neighbour(self, spent: int) -> None:
        """Another connector has reclosed after a fault of the station."""
        at_s = tuple(self.world.now_s - number for number in range(spent))
        told = SharedBudget(code="temperature_stop", subject="station", spent_s=at_s)
        self.world.override = {**self.world.override, "shared": (told,)}
        self._step(0.25)

    @precondition(lambda self: any(isinstance(e, LatchesChanged) for _, e in self.world.effects))
    @rule(wait_s=WAITS_S)
    def restart(self, wait_s: float) -> None:
        """What is locked out, standing behind a person or spent, is so afterwards."""
        world = self.world
        latches = [e.latches for _, e in world.effects if isinstance(e, LatchesChanged)][-1]
        guarded = _guarded(world.connector)
        world.connector = machine.initial(
            world.settings, latches, world.now_s, session_open=world.connector.life.session
        )
        assert _guarded(world.connector) == guarded
        self._step(wait_s)

    @invariant()
    def quiet_until_the_deadline(self) -> None:
        """Between a step and its deadline nothing moves by itself."""
        if not hasattr(self, "world"):
            return
        world = self.world
        inputs, now_s = world.inputs, world.now_s
        deadline_s = machine.next_deadline_s(world.settings, world.connector, inputs, now_s)
        until_s = now_s + 1000.0 if deadline_s is None else deadline_s
        between_s = now_s + (until_s - now_s) * 0.5
        later, effects = machine.step(world.settings, world.connector, inputs, between_s)
        assert effects == ()
        assert later.life == world.connector.life

    def _step(self, wait_s: float) -> None:
        world = self.world
        world.step(wait_s)
        world.inputs = replace(world.inputs, resets=frozenset(), tests_wanted=frozenset())
        after, now_s = world.connector, world.now_s
        found = [*broken(world.settings, world.inputs, after, now_s, math.inf, world.good)]
        assert found == []
        assert list(restless(world.settings, world.inputs, after, now_s)) == []


def _guarded(connector: machine.Connector) -> set[tuple[object, ...]]:
    def kept(track: Track) -> tuple[object, ...]:
        return (track.rule.code, track.subject, track.locked, track.act, track.spread_s)

    return {
        kept(t) for t in connector.tracks if t.standing and (t.locked or t.needs.value != "auto")
    }


def test_a_reset_amid_a_step_of_current_forgets_it_once() -> None:
    """The reset comes with the sample that shows the step: the same again forgets no more."""
    world = World().charge()
    world.resets = frozenset({Reset.SERVICE})
    world.step(2.0)
    assert world.connector.memory.power.steps.ohms == ((), (), ())


def test_calm_is_what_a_full_charger_reads() -> None:
    assert set(CALM) == FULL.fitted


TestCharger = pytest.mark.timeout(120)(Charger.TestCase)
TestCharger.settings = settings(
    max_examples=examples(10),
    stateful_step_count=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
