"""Faults that come and go, evidence that moves, tests that must pass, budgets that are shared."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from agent.core.core_world import ONE, START_S, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act, rule_for
from laddvakt_agent.core.faults.overrides import reclosing
from laddvakt_agent.core.faults.rules import FaultRule, Recovery
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, SelfTest, SharedBudget, TestReply
from laddvakt_agent.core.model import FaultCleared, FaultRaised, FaultUpdated, SelfTestEnded
from laddvakt_agent.core.recover import budgets, recovery
from laddvakt_agent.core.recover.tracks import (
    Finding,
    Phase,
    Summary,
    Surroundings,
    Track,
    as_fault,
    join,
)

SEEN, AWAY, UNSEEN = Finding(present=True), Finding(present=False), Finding(present=None)
HERE = Surroundings(session=True)
RECLOSING = reclosing(CATALOGUE["residual_current_dc"])


def blink(world: World, times: int) -> None:
    """A line that drops out for 4 s, every 10 s."""
    for _ in range(times):
        world.lines_down = {"line1"}
        world.run(4.0)
        world.lines_down = set()
        world.run(6.0)


def test_what_comes_and_goes_becomes_one_fault_that_stays() -> None:
    """The fifth time within ten minutes it stands until it was quiet for ten minutes."""
    world = World().run(6.0)
    blink(world, 4)
    assert len(world.since(FaultRaised)) == len(world.since(FaultCleared)) == 4
    blink(world, 3)
    fault = world.faults["bus_down"]
    assert fault.flapping
    assert "came 5 times, 600 s of quiet end it" in fault.evidence or "came 7" in fault.evidence
    assert fault.retry_at_s == pytest.approx(world.now_s + 600.0, abs=8.0)
    assert len(world.since(FaultRaised)) == 5
    world.run(580.0, 5.0)
    assert "bus_down" in world.faults
    world.run(30.0, 1.0)
    assert "bus_down" not in world.faults
    blink(world, 1)
    assert len(world.since(FaultRaised)) == 6
    assert "bus_down" not in world.faults  # quiet has wiped the slate


def test_returns_are_counted_while_it_flaps() -> None:
    world = World().run(6.0)
    blink(world, 8)
    told = world.faults["bus_down"].evidence
    assert "came 7 times" in told or "came 8 times" in told  # told no oftener than other evidence


def test_a_person_there_ends_the_quiet_time() -> None:
    world = World().run(6.0)
    blink(world, 6)
    world.resets = frozenset({Reset.MANUAL})
    world.step(0.25)
    assert "bus_down" in world.faults
    world.resets = frozenset({Reset.LOCAL})
    world.step(0.25)
    assert "bus_down" not in world.faults


def test_seldom_faults_do_not_flap() -> None:
    world = World().run(6.0)
    for _ in range(6):
        blink(world, 1)
        world.run(150.0, 1.0)
    assert not any(f.flapping for f in world.faults.values())
    assert len(world.since(FaultCleared)) == 6


def test_new_evidence_is_no_new_raise() -> None:
    """Told at first after 5 s, then ever more seldom, but at least every five minutes."""
    world = World().run(6.0)
    world.errors = ("bit1",)
    told = []
    for number in range(1000):
        world.errors = (f"bit{number}",)
        world.step(1.0)
    assert len(world.since(FaultRaised)) == 1
    told = [at for at, _ in world.since(FaultUpdated)]
    gaps = [later - sooner for sooner, later in itertools.pairwise(told)]
    assert 5 < len(told) < 12
    assert gaps == sorted(gaps)
    assert max(gaps) <= recovery.EVIDENCE_MAX_S


def test_the_derated_current_follows() -> None:
    """And the lowest that any fault names is the one that counts."""
    rule = CATALOGUE["temperature_derate"]
    track = Track(rule=rule, subject="station", phase=Phase.PENDING)
    warm, hot = replace(SEEN, limit_a=12.0), replace(SEEN, limit_a=7.0)
    track = recovery.advance(track, warm, HERE, 50.0)
    assert (track.act, track.limit_a) == (Act.DERATE, 12.0)
    track = recovery.advance(track, hot, HERE, 51.0)
    assert track.limit_a == 7.0
    kept = recovery.advance(track, UNSEEN, HERE, 52.0)
    assert kept.limit_a == 7.0
    other = replace(track, limit_a=9.0, subject="2")
    nameless = replace(track, limit_a=None, subject="3")
    summary = join(ONE, (other, track, nameless))
    assert (summary.limit_a, summary.limit_code, summary.derate) == (7.0, rule.code, True)
    assert join(ONE, (other,)).derate is False


def test_the_join_says_who_is_needed() -> None:
    def standing(code: str, act: Act, *, locked: bool = False) -> Track:
        rule = CATALOGUE[code]
        return Track(rule=rule, subject="1", phase=Phase.ACTIVE, act=act, locked=locked)

    auto = standing("phase_lost", Act.RAMP)
    local = standing("emergency_stop", Act.TRIP)
    locked = standing("phase_lost", Act.RAMP, locked=True)
    warned = standing("storage_worn", Act.NONE)
    assert join(ONE, (auto, warned)).needs is Recovery.AUTO
    assert join(ONE, (auto, local)).needs is join(ONE, (local, auto)).needs is Recovery.LOCAL
    assert join(ONE, (auto, locked)).locked
    assert join(ONE, (warned,)) == Summary()


def test_a_weld_waits_for_its_test_and_then_for_the_service_role() -> None:
    """The open state is tested once by itself, as soon as nobody is plugged in."""
    world = World().charge()
    world.pilot, world.mirror = Pilot.B, True
    world.run(5.0)
    world.mirror = False
    world.run(3.0)
    for reset in Reset:
        world.resets = frozenset({reset})
        world.step(0.25)
        assert "contactor_welded" in world.faults
    tests = len(world.since(SelfTestEnded))
    world.pilot = Pilot.A
    world.run(3.0)
    assert len(world.since(SelfTestEnded)) == tests + 1
    for reset in (Reset.MANUAL, Reset.LOCAL):
        world.resets = frozenset({reset})
        world.step(0.25)
        assert "contactor_welded" in world.faults
    world.resets = frozenset({Reset.SERVICE})
    world.step(0.25)
    assert "contactor_welded" not in world.faults


@pytest.mark.parametrize("passed", [True, False])
def test_after_a_residual_trip_the_monitor_is_tested(passed: bool) -> None:
    world = World(settings=replace(ONE, has_residual_test=True))
    reply = TestReply(test=SelfTest.RESIDUAL, passed=True, taken_s=1e9)
    world.override = {"tests": (reply,)}
    world.charge()
    world.run(15.0)
    world.residual = True
    world.run(1.0)
    world.residual = False
    world.override = {"tests": (replace(reply, passed=passed),)}
    world.run(62.0, 1.0)
    assert "residual_current_dc" in world.faults
    world.pilot = Pilot.A
    world.run(5.0)
    assert ("residual_current_dc" in world.faults) is not passed
    assert ("residual_monitor_failed" in world.faults) is not passed
    failed = [e for _, e in world.since(SelfTestEnded) if not getattr(e, "passed", True)]
    assert len(failed) == (0 if passed else 1)  # tried once, then on demand


def test_what_nothing_watches_is_tested_too() -> None:
    """A weld of a renamed connector is lifted by the service role after the test."""
    rule = CATALOGUE["contactor_welded"]
    track = Track(rule=rule, subject="old", phase=Phase.ACTIVE, since_s=5.0, locked=True)
    unwatched = Finding(present=None, watched=False)
    around = Surroundings(resets=frozenset({Reset.SERVICE}), tests=(SelfTest.OPEN,))
    assert recovery.advance(track, unwatched, around, 9.0).standing
    proved = replace(around, passed_s=((SelfTest.OPEN, 6.0),))
    assert not recovery.advance(track, unwatched, proved, 9.0).standing


def standing(rule: FaultRule, **more: object) -> Track:
    made = Track(rule=rule, subject="1", phase=Phase.CLEARING, act=Act.TRIP, acknowledged=True)
    return replace(made, **more)  # type: ignore[arg-type]  # names of fields


def test_a_board_that_recloses_uses_up_the_budget() -> None:
    rule = CATALOGUE["protective_earth_missing"]
    track = standing(rule, raised_s=10.0, since_s=50.0, phase=Phase.ACTIVE)
    for number in range(3):
        around = replace(HERE, reclosed_s=20.0 + number)
        track = recovery.advance(track, SEEN, around, 20.0 + number)
        assert recovery.advance(track, SEEN, around, 20.0 + number) is track
        assert len(track.spent_s) == number + 1
    assert track.locked
    assert as_fault(track).locked_out


@pytest.mark.parametrize(
    ("code", "session", "spent"),
    [("vehicle_keeps_drawing", True, 1), ("vehicle_keeps_drawing", False, 0), ("tilted", True, 0)],
)
def test_where_no_budget_counts_a_reclosure_costs_nothing(
    code: str, session: bool, spent: int
) -> None:
    track = standing(CATALOGUE[code], raised_s=10.0, phase=Phase.ACTIVE)
    around = Surroundings(session=session, reclosed_s=20.0)
    assert len(recovery.advance(track, SEEN, around, 20.0).spent_s) == spent


def test_a_reclosure_without_any_budget_locks_out() -> None:
    rule = replace(CATALOGUE["board_error"], retries=0)
    track = standing(rule, raised_s=10.0, phase=Phase.ACTIVE)
    after = recovery.advance(track, SEEN, replace(HERE, reclosed_s=20.0), 20.0)
    assert after.spent_s == ()
    assert after.locked


def test_two_vehicles_that_trip_call_for_service() -> None:
    """`reclose = "us"`: the budget is the vehicle's; the next one's trip is the station's fault."""
    world = World(settings=replace(ONE, residual_reclose=True))
    for lock in (False, True):
        world.charge()
        world.run(15.0)
        world.residual = True
        world.run(1.0)
        world.residual = False
        assert world.faults["residual_current_dc"].locked_out is lock
        world.pilot = Pilot.A
        world.run(920.0, 2.0)
    assert rule_for({}, "residual_current_dc").lockout is Recovery.SERVICE
    assert "residual_current_dc" in world.faults


def test_what_was_left_for_a_vehicle_goes_with_it_and_comes_back_in_time() -> None:
    quiet, gone = AWAY, Surroundings(vehicle_gone=True)
    track = Track(rule=RECLOSING, subject="1", spent_s=(100.0,))
    used = recovery.advance(track, quiet, gone, 200.0)
    assert used.spent_s == (100.0, 200.0, 200.0)
    assert recovery.advance(used, quiet, gone, 300.0) is used
    later = recovery.advance(used, quiet, gone, 100.0 + 86_400.0)
    assert later.spent_s == (200.0, 200.0)  # not filled up again
    assert recovery.advance(later, quiet, gone, 200.0 + 86_400.0).forgettable
    parted = standing(RECLOSING, parted=True)
    left = recovery.advance(parted, quiet, HERE, 2000.0)
    assert left.spent_s == (2000.0,) * 3
    assert left.parted


# One budget for the station.


def test_connectors_share_the_budget_of_what_they_share() -> None:
    """What one has used up, the other has not either; noted twice it counts once."""
    rule = CATALOGUE["temperature_stop"]
    one = Track(rule=rule, subject="station", spent_s=(10.0, 20.0))
    own = Track(rule=CATALOGUE["board_error"], subject="1", spent_s=(5.0,))
    told = tuple(budgets.shared((one, own, Track(rule=rule, subject="other"))))
    assert told == (SharedBudget(code=rule.code, subject="station", spent_s=(10.0, 20.0)),)

    def rule_of(code: str) -> FaultRule:
        return rule_for({}, code)

    (joined,) = budgets.with_shared((), told, rule_of, 30.0)
    assert joined == one
    mine = replace(one, spent_s=(20.0, 25.0))
    other, both = budgets.with_shared((own, mine), told, rule_of, 30.0)
    assert other is own
    assert both.spent_s == (10.0, 20.0, 25.0)
    assert budgets.with_shared((both,), told, rule_of, 30.0) == (both,)
    assert budgets.with_shared((), told, rule_of, 10.0 + 2 * 86_400.0) == ()
    foreign = (SharedBudget(code="board_error", subject="1", spent_s=(1.0,)),)
    assert budgets.with_shared((), foreign, rule_of, 30.0) == ()


def test_a_fault_of_the_station_is_paid_for_once() -> None:
    """Two connectors reclose after the same fault: the second finds it paid."""
    rule = CATALOGUE["temperature_stop"]
    track = standing(rule, raised_s=100.0, since_s=200.0, blocked=True, spent_s=(50.0,))
    assert recovery.advance(track, AWAY, HERE, 900.0).spent_s == (50.0, 900.0)
    paid = replace(track, spent_s=(50.0, 890.0))
    assert recovery.advance(paid, AWAY, HERE, 900.0).spent_s == (50.0, 890.0)


def test_a_shared_budget_reaches_the_core() -> None:
    spent = SharedBudget(code="temperature_stop", subject="station", spent_s=(START_S,) * 6)
    world = World(override={"shared": (spent,)})
    world.step(0.25)
    (track,) = world.connector.tracks
    assert track.spent_s == (START_S,)
    assert machine.step(ONE, world.connector, Inputs(shared=(spent,)), world.now_s)[0] is not None
