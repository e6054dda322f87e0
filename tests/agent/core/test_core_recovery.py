"""How faults are left: budgets, back-off, lock-outs and resets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.effects import differences
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act, with_overrides
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life.state import Trail
from laddvakt_agent.core.model import (
    ContactorCommanded,
    FaultCleared,
    FaultUpdated,
    LatchesChanged,
    LimitCommanded,
    SessionEnded,
    State,
)
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.draw import drawn
from laddvakt_agent.core.recover.tracks import Finding, Surroundings, Track
from laddvakt_agent.core.settings import Settings

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


def test_residual_waits_for_the_plug() -> None:
    world = World().charge()
    world.run(10.0)
    residual(world)
    world.run(61.0, 1.0)
    assert world.faults["residual_current_dc"].locked_out is False
    world.pilot = Pilot.A
    world.run(1.0)
    assert world.faults == {}
    assert world.at(State.AVAILABLE)


def test_the_plug_may_leave_before_the_clear_time() -> None:
    world = World().charge()
    world.run(10.0)
    residual(world)
    world.pilot = Pilot.A
    world.run(2.0)
    world.pilot, world.authorised = Pilot.B, False
    world.run(60.0)
    assert world.faults == {}


def test_a_second_vehicle_trips_for_service() -> None:
    """The fault followed the station, not the vehicle: a test is due."""
    world = World()
    for lock in (False, True):
        world.charge()
        world.run(10.0)
        residual(world)
        assert world.faults["residual_current_dc"].locked_out is lock
        world.pilot = Pilot.A
        world.run(62.0, 1.0)
    assert "residual_current_dc" in world.faults
    reset(world, Reset.LOCAL)
    assert "residual_current_dc" in world.faults
    reset(world, Reset.SERVICE)
    assert world.faults == {}


def test_an_early_residual_trip_locks_out() -> None:
    world = World(settings=replace(ONE, rules=DEMO)).charge()
    residual(world)
    assert world.faults["residual_current_dc"].locked_out
    assert world.faults["residual_current_dc"].retry_at_s is None


def test_demo_profile_recloses() -> None:
    """`reclose = "us"`: opens, waits 5 s, goes on in the same session."""
    world = World(settings=replace(ONE, rules=DEMO)).charge()
    world.run(10.0)
    tripped_s = world.now_s + 0.25
    residual(world)
    assert world.faults["residual_current_dc"].retry_at_s == pytest.approx(tripped_s + 5.0)
    world.run(8.0)
    assert world.at(State.CHARGING)
    assert world.since(SessionEnded) == []
    (latched_s, latched), *_ = world.since(LatchesChanged, tripped_s + 1.0)
    closed_s, _ = world.since(ContactorCommanded, tripped_s + 1.0)[0]
    assert isinstance(latched, LatchesChanged)
    assert latched_s <= closed_s
    assert len(latched.latches[0].spent_s) == 1


def test_settings_can_ask_for_reclosing() -> None:
    for rules in ({}, DEMO):
        world = World(settings=replace(ONE, residual_reclose=True, rules=rules)).charge()
        world.run(10.0)
        residual(world)
        assert world.faults["residual_current_dc"].retries_allowed == 3


def test_demo_meter() -> None:
    """3 s silent: no new session; 2 s later: ramp; three good replies and 10 s: goes on."""
    world = World(settings=replace(ONE, rules=DEMO), draw_a=(0.5, 0.5, 0.5)).charge()
    silent_s = world.now_s
    world.silent = {"current_a", "energy_wh"}
    world.run(3.0)
    assert world.faults["meter_lost"].act is Act.FINISH
    assert world.at(State.CHARGING)
    world.run(2.0)
    ((updated_s, updated),) = world.since(FaultUpdated)
    assert isinstance(updated, FaultUpdated)
    assert updated.fault.act is Act.RAMP
    assert updated_s == pytest.approx(silent_s + 5.0)
    world.silent = set()
    world.run(0.5)
    assert "meter_lost" in world.faults  # two good replies are not three
    world.run(20.0)
    assert world.at(State.CHARGING)


def test_a_meter_of_nonsense_is_lost() -> None:
    world = World(settings=replace(ONE, rules=DEMO)).charge()
    world.energy_wh, world.count_energy = float("nan"), False
    world.run(3.5)
    assert world.faults["meter_lost"].evidence == "it answers, but not with numbers"


def test_no_new_session_while_the_meter_is_lost() -> None:
    world = World(settings=replace(ONE, rules=DEMO)).run(6.0)
    world.silent = {"current_a", "energy_wh"}
    world.run(3.5)
    world.pilot, world.authorised = Pilot.C, True
    world.run(1.0)
    assert world.at(State.PREPARING)
    assert not world.connector.life.session


def test_the_start_value_is_known_before_the_first_wh() -> None:
    world = World().run(6.0)
    world.silent = {"energy_wh"}
    world.run(3.5)
    world.pilot, world.authorised = Pilot.C, True
    world.run(6.0)
    assert world.connector.life.session
    assert not world.closed
    world.silent = set()
    world.run(1.0)
    assert world.at(State.CHARGING)


@pytest.mark.parametrize("name", ["pilot", "feedback_closed", "emergency_stop", "residual_tripped"])
def test_no_closing_on_a_stale_guard(name: str) -> None:
    world = World().run(6.0)
    world.pilot, world.authorised = Pilot.B, True
    world.run(6.0)
    world.silent = {name}
    world.run(1.5)
    world.pilot = Pilot.C
    world.run(1.25)
    assert not world.closed
    assert world.faults == {}


def test_budget_then_lockout() -> None:
    """Three reclosures in an hour, the fourth raise locks out until a person at the charger."""
    world = World().charge()
    for used in range(4):
        world.follows = False
        world.run(4.0)
        fault = world.faults["contactor_did_not_close" if used else "contactor_opened_alone"]
        assert not fault.locked_out
        world.run(34.0)
    world.run(120.0, 1.0)
    fault = world.faults["contactor_did_not_close"]
    assert fault.locked_out
    assert fault.retries_used == 3
    assert world.since(SessionEnded)
    reset(world, Reset.MANUAL)
    assert "contactor_did_not_close" in world.faults
    reset(world, Reset.LOCAL)
    assert world.faults == {}
    last = world.since(LatchesChanged)[-1][1]
    assert isinstance(last, LatchesChanged)
    assert [latch.code for latch in last.latches] == ["contactor_opened_alone"]


def test_a_spent_pilot_budget_waits_for_the_plug() -> None:
    rules = with_overrides({"pilot_fault": {"retries": 0}})
    world = World(settings=replace(ONE, rules=rules)).charge()
    world.pilot = Pilot.INVALID
    world.run(1.0)
    world.pilot = Pilot.B
    world.run(60.0)
    assert world.faults["pilot_fault"].locked_out is False
    world.pilot = Pilot.A
    world.run(1.0)
    assert world.faults == {}


def test_a_budget_per_session_ends_with_it() -> None:
    world = World().charge()
    world.readback_a, world.authorised = None, True
    world.voltage_v = (0.0, 0.0, 0.0)
    world.run(8.0)
    assert "vehicle_keeps_drawing" in world.faults
    world.voltage_v = (230.0, 230.0, 230.0)
    world.run(50.0)
    spent = {t.rule.code: t.spent_s for t in world.connector.tracks}
    assert len(spent["vehicle_keeps_drawing"]) == 1
    world.pilot = Pilot.A
    world.run(1.0)
    spent = {t.rule.code: t.spent_s for t in world.connector.tracks}
    assert spent["vehicle_keeps_drawing"] == ()


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5, 0.9])
def test_streets_do_not_reclose_together(spread: float) -> None:
    """Each station, and each outage, has a delay of its own; it is drawn when it is raised."""
    world = World(settings=replace(ONE, spread=spread), draw_a=(0.5, 0.5, 0.5)).charge()
    delays_s = []
    for _ in range(2):
        world.voltage_v = (0.0, 0.0, 0.0)
        world.run(10.0)
        delays_s.append(_track(world, "power_lost").spread_s)
        assert 0.0 <= delays_s[-1] <= 600.0
        world.voltage_v = (230.0, 230.0, 230.0)
        back_s = world.now_s + 0.25
        wait_s = 30.0 + delays_s[-1]
        world.run(1.0)
        world.run(wait_s - 3.0, 1.0)
        assert "power_lost" in world.faults
        world.run(4.0)
        cleared_s, _ = world.since(FaultCleared)[-1]
        assert cleared_s == pytest.approx(back_s + wait_s, abs=0.5)
    assert delays_s == [0.0, 0.0] if spread == 0.0 else delays_s[0] != delays_s[1]


def test_draws_are_spread_evenly() -> None:
    """A street of a thousand stations: every tenth of the time has about a tenth of them."""
    found = [drawn(seed / 1000.0, "power_lost", "1", at_s=77.25) for seed in range(1000)]
    tenths = [sum(low <= 10 * x < low + 1 for x in found) for low in range(10)]
    assert sum(tenths) == 1000
    assert min(tenths) > 60
    assert max(tenths) < 140


def _track(world: World, code: str) -> Track:
    return next(t for t in world.connector.tracks if t.rule.code == code)


def test_the_back_off_doubles() -> None:
    world = World(draw_a=(0.5, 0.5, 0.5)).charge()
    waits_s = []
    for _ in range(3):
        world.voltage_v = (230.0, 3.0, 230.0)
        world.run(3.0)
        fault = world.faults["phase_lost"]
        assert fault.retry_at_s is not None
        waits_s.append(fault.retry_at_s - fault.since_s)
        world.voltage_v = (230.0, 231.0, 230.0)
        world.run(waits_s[-1] + 70.0, 1.0)
    assert waits_s == [60.0, 120.0, 240.0]


@pytest.mark.parametrize(("turn", "hold_s"), [("errors", 1800.0), ("voltage_v", 3600.0)])
def test_a_held_session_ends_in_the_end(turn: str, hold_s: float) -> None:
    world = World(draw_a=(0.5, 0.5, 0.5)).charge()
    setattr(world, turn, ("bit1",) if turn == "errors" else (0.0, 0.0, 0.0))
    world.run(hold_s - 10.0, 5.0)
    assert world.connector.life.session
    world.run(20.0, 5.0)
    assert not world.connector.life.session


def test_emergency_stop_needs_a_person_and_restarts_nothing() -> None:
    world = World().charge()
    world.stop_pressed = True
    world.run(2.0)
    reset(world, Reset.LOCAL)  # still pressed: no reset
    world.stop_pressed = False
    world.run(8.0)
    assert "emergency_stop" in world.faults
    reset(world, Reset.MANUAL)
    world.run(6.0)
    assert "emergency_stop" in world.faults
    reset(world, Reset.LOCAL)
    world.run(10.0)
    assert world.faults == {}
    assert world.at(State.FINISHING)


def test_a_reset_counts_during_the_clear_time() -> None:
    world = World().charge()
    world.stop_pressed = True
    world.run(1.0)
    world.stop_pressed = False
    world.run(0.5)
    reset(world, Reset.LOCAL)
    world.run(6.0)
    assert world.faults == {}


def test_unknown_is_not_gone() -> None:
    """The monitor falls silent during the clear time: the fault stays."""
    world = World().charge()
    world.run(10.0)
    residual(world)
    world.pilot = Pilot.A
    world.run(30.0, 1.0)
    world.silent = {"residual_tripped"}
    world.run(100.0, 1.0)
    assert "residual_current_dc" in world.faults


def test_a_fault_outlives_its_subject() -> None:
    """A device that disappears from the inputs has not recovered."""
    world = World().charge()
    world.lines_down = {"line1"}
    world.run(4.0)
    world.lines_down, world.override = set(), {"lines": ()}
    world.run(10.0)
    assert "bus_down" in world.faults
    world.override = {}
    world.run(4.0)
    assert "bus_down" not in world.faults


@pytest.mark.parametrize(
    ("turn", "code", "missing"),
    [
        ({"errors": ("bit4",)}, "board_error", "board_errors"),
        ({"readback_a": 32.0}, "limit_not_obeyed", "limit_readback_a"),
    ],
    ids=["errors", "limit"],
)
def test_a_refused_reading_is_not_gone(turn: dict[str, object], code: str, missing: str) -> None:
    """The board told of it and answers no longer: that is no word of its end."""
    world = World(draw_a=(0.5, 0.5, 0.5)).charge().run(12.0)
    world.__dict__.update(turn)
    world.run(4.0)
    assert code in world.faults
    world.missing = {missing}
    world.run(400.0, 4.0)
    assert code in world.faults
    world.missing, world.errors, world.readback_a = set(), (), None
    world.run(40.0)
    assert code not in world.faults


def test_bounded_even_if_nothing_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should tables ever chase each other, a step still ends, on the last state reached."""
    monkeypatch.setattr(tables, "_MOVES_MAX", 1)
    monkeypatch.setattr(machine, "_PASSES_MAX", 1)
    world = World()
    world.advance(0.25)
    assert world.at(State.AVAILABLE)


def test_reasons_name_their_fault_only_where_it_decided() -> None:
    settings = replace(ONE, unattended_current_a=8.0)
    world = World(settings=settings, guarded=False, draw_a=(7.0, 7.0, 7.0)).charge()
    world.silent = {"energy_wh"}
    world.run(11.0)
    world.pilot = Pilot.B
    world.step(0.25)
    world.guarded = True
    reset(world, Reset.SERVICE)
    world.run(6.0)
    limits = [e.reason for _, e in world.effects if isinstance(e, LimitCommanded)]
    switched = [e.reason for _, e in world.effects if isinstance(e, ContactorCommanded)]
    assert limits == ["offer", "restored"]
    assert switched == ["vehicle asks", "vehicle paused"]
    world.guarded = False
    world.run(6.0)
    limits = [e.reason for _, e in world.effects if isinstance(e, LimitCommanded)]
    assert limits[-1] == "derated"


def test_no_difference_no_effect() -> None:
    connector = World().connector
    same = (connector.life, connector.tracks)
    assert differences(same, same, connector.summary, (Trail(),)) == ()


def test_settings_are_the_default_catalogue() -> None:
    assert Settings(connector="1", max_current_a=16.0).rules == {}


def test_a_budget_that_is_only_remembered_wakes_once() -> None:
    """A clear track is kept for its spent retries until they no longer count, and not longer."""
    track = Track(rule=CATALOGUE["board_error"], subject="1", spent_s=(1.0, 5.0))
    assert list(recovery.deadlines_s(track)) == [3601.0]
    quiet = Finding(present=False)
    later = recovery.advance(track, quiet, Surroundings(), 3601.0)
    assert later.spent_s == (5.0,)
    assert recovery.advance(later, quiet, Surroundings(), 3605.0).forgettable
    session = Track(rule=CATALOGUE["vehicle_keeps_drawing"], subject="1", spent_s=(1.0,))
    assert list(recovery.deadlines_s(session)) == []
