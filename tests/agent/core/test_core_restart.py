"""What survives a restart of the agent, and what the first readings after it must bring."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, START_S, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import Act, Recovery, rule_for, with_overrides
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, Sample, SelfTest
from laddvakt_agent.core.model import (
    ContactorCommanded,
    FaultRaised,
    Latch,
    LatchesChanged,
    SessionEnded,
    State,
)
from laddvakt_agent.core.selftest import Outcome, Tests

DEMO = with_overrides(
    {
        "residual_current_dc": {"reclose": "us", "clear_s": 5, "backoff_s": 5},
        "meter_lost": {"confirm_s": 3, "ramp_after_s": 2},
    }
)


def reset(world: World, kind: Reset) -> None:
    world.resets = frozenset({kind})
    world.step(0.25)


def residual(world: World, seconds: float = 1.0) -> None:
    world.residual = True
    world.run(seconds)
    world.residual = False


def restart(world: World, *, session_open: bool = False) -> World:
    """Another run of the agent with what the last one wrote down."""
    changes = [e for _, e in world.effects if isinstance(e, LatchesChanged)]
    latches = changes[-1].latches if changes else ()
    after = World(settings=world.settings, now_s=world.now_s + 60.0, pilot=world.pilot)
    after.authorised = world.authorised
    after.connector = machine.initial(
        after.settings, latches, after.now_s, session_open=session_open
    )
    return after


def test_lockouts_survive() -> None:
    world = World().charge()
    residual(world)
    after = restart(world)
    after.pilot = Pilot.A
    after.run(120.0, 1.0)
    fault = after.faults["residual_current_dc"]
    assert fault.locked_out
    assert fault.evidence == "stood before the restart"
    assert after.since(FaultRaised) == []
    reset(after, Reset.SERVICE)
    assert after.faults == {}


def test_spent_budgets_survive() -> None:
    world = World(settings=replace(ONE, rules=DEMO)).charge()
    world.run(10.0)
    residual(world)
    world.run(8.0)
    after = restart(world).charge()
    after.run(10.0)
    residual(after)
    assert after.faults["residual_current_dc"].retries_used == 1


def test_times_of_a_later_boot_count_as_now() -> None:
    """A budget spent at 99999 s of another boot is as good as spent just now."""
    latch = Latch(
        code="over_current", subject="1", locked_out=False, active=False, spent_s=(99999.0,) * 3
    )
    connector = machine.initial(ONE, (latch,), 50.0)
    assert connector.tracks[0].spent_s == (50.0,) * 3


def test_lost_latches_count_as_used_up() -> None:
    world = World().lose_latches().run(1.0)
    reset(world, Reset.LOCAL)
    world.charge()
    world.voltage_v = (230.0, 3.0, 230.0)
    world.run(8.0)
    assert world.faults["phase_lost"].locked_out


def test_lost_latches_block_until_a_person_is_there() -> None:
    """What was locked out is unknown, a weld perhaps: nothing closes, over restarts too."""
    world = World().lose_latches()
    assert world.faults["latches_lost"].act is Act.TRIP
    world.pilot, world.authorised = Pilot.C, True
    world.run(60.0, 1.0)
    reset(world, Reset.MANUAL)
    assert world.at(State.FAULTED)
    assert world.since(ContactorCommanded) == []
    after = restart(world)
    after.run(60.0, 1.0)
    assert after.at(State.FAULTED)
    reset(after, Reset.LOCAL)
    assert after.faults == {}
    after.run(10.0)
    assert after.at(State.CHARGING)
    assert restart(after).faults == {}


def test_lost_latches_are_written_anew_at_once() -> None:
    """Else a valid copy of another connector's would hide the loss from the next start."""
    world = World().lose_latches()
    world.step(0.25)
    ((_, told),) = world.since(LatchesChanged)
    assert isinstance(told, LatchesChanged)
    assert [latch.code for latch in told.latches if latch.active] == ["latches_lost"]
    assert any(latch.spent_s for latch in told.latches)
    world.run(5.0)
    assert len(world.since(LatchesChanged)) == 1


def test_what_was_kept_is_not_lost_twice() -> None:
    latch = Latch(code="latches_lost", subject="1", locked_out=False, active=True)
    connector = machine.initial(ONE, (latch,), START_S, latches_lost=True)
    keys = [(track.rule.code, track.subject) for track in connector.tracks]
    assert keys.count(("latches_lost", "1")) == 1


@pytest.mark.parametrize(
    ("latch", "weaker", "enough"),
    [
        (Latch(code="from_tomorrow", subject="1", locked_out=True, active=True), 2, 3),
        (Latch(code="meter_lost", subject="old meter", locked_out=True, active=True), 1, 2),
        (Latch(code="meter_frozen", subject="old meter", locked_out=False, active=True), 1, 2),
        (Latch(code="emergency_stop", subject="old station", locked_out=False, active=True), 1, 2),
        (Latch(code="pilot_fault", subject="old name", locked_out=True, active=True), 1, 2),
        (Latch(code="contactor_welded", subject="old name", locked_out=True, active=True), 2, 3),
    ],
    ids=lambda value: value.code if isinstance(value, Latch) else "",
)
def test_a_latch_nobody_watches_is_lifted_by_a_person(
    latch: Latch, weaker: int, enough: int
) -> None:
    """Its device or its code is gone: no reading will ever show it over."""
    world = World()
    world.connector = machine.initial(ONE, (latch,), START_S)
    world.run(600.0, 5.0)
    reset(world, Reset(weaker))
    assert latch.code in world.faults
    reset(world, Reset(enough))
    assert world.faults == {}
    assert restart(world).faults == {}


def test_an_unknown_latch_blocks() -> None:
    latch = Latch(code="from_tomorrow", subject="1", locked_out=True, active=True)
    world = World()
    world.connector = machine.initial(ONE, (latch,), START_S)
    world.run(10.0)
    assert world.at(State.FAULTED)
    assert rule_for({}, "from_tomorrow").recovery is Recovery.SERVICE


def test_a_session_goes_on_after_a_restart() -> None:
    world = restart(World().charge(), session_open=True)
    world.run(10.0)
    assert world.at(State.CHARGING)
    names = [type(effect).__name__ for _, effect in world.effects]
    assert "SessionBegun" not in names
    assert "SessionEnded" not in names


def test_a_session_ends_when_the_vehicle_left_during_the_restart() -> None:
    before = World().charge()
    before.pilot = Pilot.A
    world = restart(before, session_open=True)
    world.run(1.0)
    assert [e.reason for _, e in world.effects if isinstance(e, SessionEnded)] == ["unplugged"]


def test_unavailable_until_everything_was_read() -> None:
    world = World(silent={"feedback_closed"}, pilot=Pilot.C, authorised=True).run(2.5)
    assert world.at(State.UNAVAILABLE)
    world.run(1.0)
    assert world.faults["device_lost"].subject == "relay1"
    world.silent = set()
    world.run(12.0)
    assert world.at(State.CHARGING)


def test_guards_without_a_device_have_their_role_as_subject() -> None:
    world = World(override={"devices": ()}, silent={"pilot", "residual_tripped"}).run(4.0)
    subjects = {f.subject for f in machine.active_faults(world.connector)}
    assert subjects == {"board", "residual_monitor"}


def test_a_weld_is_not_over_before_anybody_could_look() -> None:
    """A service reset lifts a weld of before the restart only once the contact was tested open."""
    weld = Latch(code="contactor_welded", subject=ONE.connector, locked_out=True, active=True)
    connector = machine.initial(ONE, (weld,), 0.0)
    service = frozenset({Reset.SERVICE})

    def welded(now_s: float, feedback: Sample[bool] | None) -> bool:
        nonlocal connector
        inputs = Inputs(resets=service, feedback_closed=feedback)
        connector, _ = machine.step(ONE, connector, inputs, now_s)
        return "contactor_welded" in {fault.code for fault in machine.active_faults(connector)}

    assert welded(0.5, Sample(value=False, taken_s=0.4))
    assert welded(2.0, None)
    assert welded(2.1, Sample(value=True, taken_s=2.0))
    assert welded(2.2, Sample(value=False, taken_s=2.15))  # seen, but nobody has tested it
    connector = replace(connector, tests=Tests(last=(Outcome(
        test=SelfTest.OPEN, passed=True, at_s=2.25),)))  # fmt: skip
    assert not welded(2.3, Sample(value=False, taken_s=2.28))


def test_the_random_delay_is_neither_skipped_nor_drawn_again() -> None:
    """The supply came back while the agent was down: its street still does not reclose as one."""
    settings = replace(ONE, spread=0.5)
    world = World(settings=settings, draw_a=(0.5, 0.5, 0.5)).charge()
    world.voltage_v = (0.0, 0.0, 0.0)
    world.run(10.0)
    (track,) = (t for t in world.connector.tracks if t.rule.code == "power_lost")
    after = restart(world)
    (again,) = (t for t in after.connector.tracks if t.rule.code == "power_lost")
    assert again.spread_s == track.spread_s > 1.0
    after.run(29.0, 1.0)
    assert "power_lost" in after.faults
    after.run(track.spread_s + 5.0, 2.0)
    assert "power_lost" not in after.faults


@pytest.mark.parametrize(
    ("code", "act"), [("meter_lost", Act.RAMP), ("under_voltage", Act.RAMP), ("tilted", Act.TRIP)]
)
def test_a_latch_of_an_older_version_demands_the_most(code: str, act: Act) -> None:
    """It says neither which stage its fault had reached nor its delay."""
    latch = Latch(code=code, subject="x", locked_out=False, active=True)
    connector = machine.initial(replace(ONE, spread=0.5), (latch,), 50.0)
    (track,) = connector.tracks
    assert track.act is act
    assert (track.spread_s > 0.0) is (track.rule.spread_s > 0.0)


def test_the_stage_it_had_reached_survives() -> None:
    """No reclosing with a derated current after a restart that met a ramp, nor the other way."""
    for act in (Act.DERATE, Act.RAMP):
        latch = Latch(code="under_voltage", subject="1", locked_out=False, active=True, act=act)
        (track,) = machine.initial(ONE, (latch,), 50.0).tracks
        assert track.act is act
