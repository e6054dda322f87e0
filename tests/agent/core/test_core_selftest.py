"""Self-tests: when they are made, how they end, and that none of them energises anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine, selftest
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample, SelfTest, TestReply
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import ContactorCommanded, SelfTestCommanded, SelfTestEnded
from laddvakt_agent.core.selftest import RETRY_S, TIMEOUT_S, Outcome, Tests

TESTABLE = replace(ONE, has_residual_test=True)
SOCKET = replace(TESTABLE, socket=True, fitted=frozenset({"locked"}))
REPLY_AFTER_S = 30.0


def _reply(world: World, test: SelfTest, passed: bool | None) -> None:
    world.override = {
        **world.override,
        "tests": (TestReply(test=test, passed=passed, taken_s=world.now_s, detail="by itself"),),
    }


def _ended(world: World) -> list[tuple[SelfTest, bool]]:
    return [(e.test, e.passed) for _, e in world.effects if isinstance(e, SelfTestEnded)]


def _running(world: World) -> SelfTest | None:
    return world.connector.tests.running


def _is_closed(world: World) -> bool:
    return world.closed


def test_round_at_start() -> None:
    """Open state, pilot and residual monitor are tested once the idle connector was read."""
    world = World(settings=TESTABLE).run(4.0)
    assert _ended(world) == [(SelfTest.OPEN, True), (SelfTest.PILOT, True)]
    assert [e for _, e in world.since(SelfTestCommanded)] == [
        SelfTestCommanded(test=SelfTest.RESIDUAL)
    ]
    _reply(world, SelfTest.RESIDUAL, None)
    world.run(REPLY_AFTER_S)
    assert len(_ended(world)) == 2
    _reply(world, SelfTest.RESIDUAL, True)
    world.run(1.0)
    assert _ended(world)[2:] == [(SelfTest.RESIDUAL, True)]
    assert world.connector.tests.passed_since(SelfTest.RESIDUAL, 0.0)
    assert world.since(ContactorCommanded) == []


def test_no_reply_is_a_failure() -> None:
    """A monitor that never answers has not passed; it is tried again an hour later."""
    world = World(settings=TESTABLE).run(TIMEOUT_S + 5.0)
    assert _ended(world)[-1] == (SelfTest.RESIDUAL, False)
    outcome = world.connector.tests.outcome(SelfTest.RESIDUAL)
    assert outcome is not None
    assert outcome.detail == "no answer within 60 s"
    assert not world.connector.tests.passed_since(SelfTest.RESIDUAL, 0.0)


def test_nothing_closes_during_the_residual_test() -> None:
    """A vehicle that comes meanwhile waits: a monitor that tests itself guards nobody."""
    world = World(settings=TESTABLE).run(4.0)
    world.pilot, world.authorised = Pilot.C, True
    world.run(20.0)
    assert not _is_closed(world)
    _reply(world, SelfTest.RESIDUAL, True)
    world.run(10.0)
    assert _is_closed(world)


def test_a_vehicle_ends_the_other_tests() -> None:
    """The lock is not tested with a plug in it; no verdict, and again within the hour."""
    world = World(settings=SOCKET).run(4.0)
    _reply(world, SelfTest.RESIDUAL, True)
    world.run(1.0)
    assert _running(world) is SelfTest.LOCK
    world.pilot = Pilot.B
    world.run(1.0)
    assert _running(world) is None
    assert world.connector.tests.outcome(SelfTest.LOCK) is None
    world.pilot = Pilot.A
    world.run(1.0)
    assert _running(world) is None
    world.step(RETRY_S)
    world.run(0.5)
    assert _running(world) is not None


def test_daily_and_on_demand() -> None:
    """A day later all again; in between whatever somebody asks for, once."""
    world = World().run(4.0)
    before = len(_ended(world))
    world.override = {"tests_wanted": frozenset({SelfTest.OPEN, SelfTest.RESIDUAL})}
    world.step(0.25)
    world.override = {}
    world.run(1.0)
    assert _ended(world)[before:] == [(SelfTest.OPEN, True)]  # no residual test is fitted
    world.step(world.settings.self_test_period_s)
    world.run(0.5)
    assert _ended(world)[before + 1 :] == [(SelfTest.OPEN, True), (SelfTest.PILOT, True)]


def test_wanted_while_charging_waits() -> None:
    """A wish during a session is kept until the connector is idle."""
    world = World().charge()
    before = len(_ended(world))
    world.override = {"tests_wanted": frozenset({SelfTest.PILOT})}
    world.step(0.25)
    world.override = {}
    world.run(5.0)
    assert len(_ended(world)) == before
    assert world.connector.tests.queue == (SelfTest.PILOT,)
    world.pilot, world.authorised = Pilot.A, False
    world.run(5.0)
    assert _ended(world)[before:] == [(SelfTest.PILOT, True)]


OPEN_STATES = {
    "open": (Inputs(), (True, "every witness says open")),
    "mirror": (
        Inputs(feedback_closed=Sample(value=True, taken_s=100.0)),
        (False, "mirror contact closed"),
    ),
    "load side": (
        Inputs(voltage_v=Sample(value=(230.0, 1.0, 1.0), taken_s=100.0)),
        (False, "230 V behind the open contactor"),
    ),
    "current": (
        Inputs(current_a=Sample(value=(0.0, 3.2, 0.0), taken_s=100.0)),
        (False, "3.2 A with the contactor open"),
    ),
    "no mirror": (Inputs(feedback_closed=Sample(value=False, taken_s=90.0)), None),
    "no current": (Inputs(current_a=Sample(value=(0.0, 0.0, 0.0), taken_s=90.0)), None),
    "no voltage": (Inputs(voltage_v=Sample(value=(0.0, 0.0, 0.0), taken_s=90.0)), None),
}


@pytest.mark.parametrize(("changed", "verdict"), OPEN_STATES.values(), ids=OPEN_STATES)
def test_open_state(changed: Inputs, verdict: tuple[bool, str] | None) -> None:
    """Each witness alone can tell; one that cannot be heard leaves the verdict open."""
    settings = replace(ONE, voltage_load_side=True)
    dead: Sample[tuple[float | None, float | None, float | None]]
    dead = Sample(value=(0.0, 0.0, 0.0), taken_s=100.0)
    quiet = Inputs(
        pilot=Sample(value=Pilot.A, taken_s=100.0),
        feedback_closed=Sample(value=False, taken_s=100.0),
        voltage_v=dead,
        current_a=dead,
    )
    fields = ("feedback_closed", "voltage_v", "current_a")
    told = {name: getattr(changed, name) for name in fields if getattr(changed, name) is not None}
    inputs = replace(quiet, **told)
    tests = Tests(running=SelfTest.OPEN, since_s=99.0, round_s=99.0)
    after = selftest.advance(settings, tests, Life(), inputs, 100.0)
    outcome = after.outcome(SelfTest.OPEN)
    told_verdict = None if outcome is None else (outcome.passed, outcome.detail)
    assert told_verdict == verdict


def test_pilot_without_its_negative_half() -> None:
    """At idle nothing is plugged in: a missing half is the station's own."""
    inputs = Inputs(
        pilot=Sample(value=Pilot.A, taken_s=100.0), diode_missing=Sample(value=True, taken_s=100.0)
    )
    tests = Tests(running=SelfTest.PILOT, since_s=99.0, round_s=99.0)
    after = selftest.advance(ONE, tests, Life(), inputs, 100.0)
    assert after.last == (
        Outcome(
            test=SelfTest.PILOT, passed=False, at_s=100.0, detail="negative half missing at idle"
        ),
    )


def test_replies_of_another_test_or_time_do_not_count() -> None:
    """Only what was said since the command, about this test."""
    tests = Tests(running=SelfTest.RESIDUAL, since_s=50.0, round_s=50.0)
    inputs = Inputs(
        pilot=Sample(value=Pilot.A, taken_s=60.0),
        tests=(
            TestReply(test=SelfTest.LOCK, passed=True, taken_s=60.0),
            TestReply(test=SelfTest.RESIDUAL, passed=True, taken_s=49.0),
        ),
    )
    assert selftest.advance(TESTABLE, tests, Life(), inputs, 60.0) is tests


def test_deadlines() -> None:
    """The machine wakes for a reply that is overdue and for the next round."""
    world = World(settings=TESTABLE).run(4.0)
    since_s = world.connector.tests.since_s
    deadlines = list(selftest.deadlines_s(world.settings, world.connector.tests))
    assert since_s + TIMEOUT_S in deadlines
    assert machine.next_deadline_s(world.settings, world.connector, None, world.now_s) is not None
    assert list(selftest.deadlines_s(ONE, Tests())) == []
    assert list(selftest.deadlines_s(ONE, Tests(round_s=5.0))) == [86_405.0, 3_605.0]


def test_renewed_readings_are_no_deadline() -> None:
    """Where readings are renewed in time only the core's own times count."""
    world = World().run(10.0)
    settings, connector, now_s = world.settings, world.connector, world.now_s
    by_age_s = machine.next_deadline_s(settings, connector, world.inputs, now_s)
    by_itself_s = machine.next_deadline_s(settings, connector, world.inputs, now_s, renewed=True)
    assert by_age_s is not None
    assert by_age_s <= now_s + settings.sample_max_age_s
    assert by_itself_s is not None
    assert by_itself_s > by_age_s
