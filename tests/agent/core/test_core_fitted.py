"""A connector with lock, poles, waking and state F: whole scenes, command by command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from agent.core.core_fitted import FITTED, Fitted
from agent.core.core_world import ONE, World
from laddvakt_agent.core import freshness, machine
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.life import gear
from laddvakt_agent.core.life.phases import Poles
from laddvakt_agent.core.life.state import Hold, Life
from laddvakt_agent.core.life.state_f import Told
from laddvakt_agent.core.life.wake import Wake
from laddvakt_agent.core.model import (
    ContactorCommanded,
    LimitCommanded,
    LockCommanded,
    PhasesCommanded,
    SessionEnded,
    State,
    StateFCommanded,
)

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]

LOCAL = frozenset({Reset.LOCAL})


def kinds(world: World, start_s: float) -> list[str]:
    """The hardware's commands since then, as words."""
    words = []
    for at_s, effect in world.effects:
        match effect:
            case ContactorCommanded(closed=closed) if at_s >= start_s:
                words.append("close" if closed else "open")
            case LimitCommanded(limit_a=limit_a) if at_s >= start_s:
                words.append(f"{limit_a:g} A")
            case LockCommanded(locked=locked) if at_s >= start_s:
                words.append("lock" if locked else "unlock")
            case PhasesCommanded(phases=phases) if at_s >= start_s:
                words.append(f"{phases} phases")
            case StateFCommanded(on=on) if at_s >= start_s:
                words.append("F" if on else "no F")
            case _:
                pass
    return words


def tables_view(world: World) -> freshness.Seen:
    return freshness.see(world.settings, world.connector.life, world.inputs, world.now_s)


# Lock.


def test_a_session_at_a_socket() -> None:
    """Locked before anything closes, let go once it is seen dead."""
    world = Fitted().charged()
    world.authorised = False
    world.run(1.0)
    world.pilot = Pilot.B
    world.run(3.0)
    assert kinds(world, 0.0) == [
        "unlock", "3 phases", "lock", "16 A", "close", "0 A", "open", "unlock",
    ]  # fmt: skip
    assert world.faults == {}
    assert not world.bolt


def test_closing_waits_for_the_lock() -> None:
    world = Fitted(bolt_obeys=False).start()
    world.pilot, world.authorised = Pilot.C, True
    world.run(4.0)
    assert world.at(State.PREPARING)
    assert world.connector.life.limit_a == 16.0
    world.bolt = True
    world.run(0.5)
    assert world.at(State.CHARGING)


def test_a_lock_without_feedback_is_believed_after_its_way() -> None:
    settings = replace(FITTED, fitted=FITTED.fitted - {"locked"})
    world = Fitted(settings=settings).start()
    world.pilot, world.authorised, plugged_s = Pilot.C, True, world.now_s
    world.run(3.0)
    closed = [at for at, e in world.since(ContactorCommanded, plugged_s)]
    assert len(closed) == 1
    assert closed[0] - plugged_s >= 1.0


def test_a_fixed_cable_has_no_lock() -> None:
    world = World().charge()
    assert world.since(LockCommanded) == []


def test_asking_for_the_plug_ends_the_session() -> None:
    world = Fitted().charged()
    world.unlock = True
    world.step(0.25)
    world.unlock = False
    world.run(1.0)
    world.pilot = Pilot.B
    world.run(3.0)
    assert [e.reason for _, e in world.effects if isinstance(e, SessionEnded)] == ["plug asked for"]
    assert world.at(State.FINISHING)
    assert not world.bolt


def test_a_weld_keeps_the_plug_until_it_is_dead() -> None:
    """Nobody gets a live plug, whoever asks; once the supply is off it comes free."""
    world = Fitted().charged()
    world.mirror, world.pilot, world.authorised = True, Pilot.B, False
    world.run(20.0)
    assert "contactor_welded" in world.faults
    world.unlock, world.resets = True, LOCAL
    world.step(0.25)
    world.unlock = False
    world.run(5.0)
    assert world.bolt
    world.mirror = None
    world.run(2.0)
    assert not world.bolt


def test_a_person_answers_where_nobody_can_say() -> None:
    """The witnesses are silent: the plug is held until a person at the charger has looked."""
    world = Fitted().charged()
    world.silent |= {"feedback_closed", "relay1"}
    world.run(10.0)
    world.authorised, world.pilot = False, Pilot.B
    world.run(12.0)
    assert world.bolt
    world.resets = LOCAL
    world.run(1.0)
    assert not world.bolt


@pytest.mark.parametrize(
    ("settings", "witness", "dead"),
    [
        (FITTED, {}, True),
        (FITTED, {"mirror": True}, False),
        (replace(FITTED, has_feedback=False), {}, True),
        (replace(FITTED, has_feedback=False), {"silent": {"current_a"}}, None),
        (replace(FITTED, has_feedback=False, voltage_load_side=True), {}, True),
        (replace(FITTED, voltage_load_side=True), {"silent": {"feedback_closed"}}, True),
        (replace(FITTED, voltage_load_side=True), {"mirror": True}, False),
        (FITTED, {"silent": {"feedback_closed"}}, None),
    ],
    ids=["mirror", "mirror closed", "current alone", "no witness", "load side", "one is enough",
         "one against", "current is not enough"],
)  # fmt: skip
def test_who_says_that_it_is_dead(
    settings: object, witness: dict[str, object], dead: bool | None
) -> None:
    world = Fitted(settings=settings).charged()  # type: ignore[arg-type]  # a row's first column
    world.authorised, world.pilot = False, Pilot.B
    for name, value in witness.items():
        setattr(world, name, value)
    world.run(6.0)
    seen = tables_view(world)
    assert seen.dead is dead
    assert world.bolt is (dead is not True)


def test_a_lost_supply_lets_go_while_it_can() -> None:
    """Brown-out: open at once, then unlock on the hold-up; all back with the supply."""
    world = Fitted(settings=replace(FITTED, unlock_on_supply_loss=True)).charged()
    world.brown_out = True
    world.step(0.25)
    assert not world.closed
    assert world.at(State.SUSPENDED_STATION)
    assert world.connector.life.reason == Hold.SUPPLY.value
    world.run(1.0)
    assert not world.bolt
    world.brown_out = False
    world.run(75.0, 0.5)
    assert world.at(State.CHARGING)
    assert world.bolt


def test_dead_mains_let_go_too() -> None:
    world = Fitted(settings=replace(FITTED, unlock_on_supply_loss=True)).charged()
    world.voltage_v = (3.0, 2.0, 3.0)
    world.run(2.0)
    assert not world.bolt


def test_without_hold_up_a_lost_supply_keeps_the_plug() -> None:
    world = Fitted().charged()
    world.brown_out = True
    world.run(0.75)
    assert world.bolt


# Phases.


def test_from_three_phases_to_one_and_back() -> None:
    world = Fitted(settings=replace(FITTED, phase_switch_apart_s=60.0)).charged()
    started_s, world.phases_wanted = world.now_s, 1
    world.run(1.0)
    assert world.at(State.CHARGING)  # set at the start: not again for a while
    while world.at(State.CHARGING):
        world.step(1.0)
    assert world.at(State.SUSPENDED_STATION)
    assert world.connector.life.reason == Hold.PHASES.value
    world.pilot = Pilot.B
    world.run(20.0)
    world.pilot = Pilot.C
    world.run(3.0)
    assert kinds(world, started_s) == ["0 A", "open", "1 phases", "16 A", "close"]
    off_s = world.since(LimitCommanded, started_s)[0][0]
    ((switched_s, _),) = world.since(PhasesCommanded, started_s)
    assert switched_s - off_s >= 10.0
    assert world.at(State.CHARGING)
    assert world.faults == {}


def test_a_start_sets_the_poles_before_it_offers() -> None:
    """A session of before the restart goes on, but nobody knows where the poles stand."""
    world = Fitted(poles=1)
    world.connector = machine.initial(FITTED, (), world.now_s, session_open=True)
    world.pilot, world.authorised = Pilot.C, True
    world.run(9.0)
    assert kinds(world, 0.0) == ["lock"]
    world.run(6.0)
    assert kinds(world, 0.0) == ["lock", "3 phases", "16 A", "close"]
    assert not world.since(SessionEnded)


def test_poles_that_do_not_answer_offer_nothing() -> None:
    world = Fitted(poles=1, poles_obey=False)
    world.pilot, world.authorised = Pilot.C, True
    world.run(30.0)
    assert world.connector.life.poles is Poles.SETTLING
    assert world.connector.life.limit_a == 0.0


@pytest.mark.parametrize(("wanted", "phases"), [(1, 1), (3, 3), (None, 3), (2, 3), (0, 3)])
def test_what_is_no_number_of_phases_means_all(wanted: int | None, phases: int) -> None:
    assert Fitted(phases_wanted=wanted).start().poles == phases


def test_one_wired_phase_is_never_three() -> None:
    world = Fitted(settings=replace(FITTED, phases=1), phases_wanted=3).start()
    assert world.poles == 1


# Waking and state F.


def test_a_sleeping_vehicle_is_woken_without_a_pole_moving() -> None:
    world = World().run(6.0)
    world.pilot, world.authorised, offered_s = Pilot.B, True, world.now_s
    world.run(31.0)
    assert world.connector.life.wake is Wake.PULSE
    world.run(120.0)
    assert kinds(world, offered_s) == ["16 A", "0 A", "16 A", "0 A", "16 A"]
    assert world.at(State.PREPARING)
    world.pilot = Pilot.C
    world.run(1.0)
    assert world.at(State.CHARGING)


def test_waking_can_be_left_out() -> None:
    world = World(settings=replace(ONE, wake_after_s=None)).run(6.0)
    world.pilot, world.authorised = Pilot.B, True
    world.run(120.0)
    assert len(world.since(LimitCommanded)) == 1


def test_a_trip_shows_f_and_nobody_blames_the_pilot() -> None:
    """F for a second after the opening; what the pilot then says is ours."""
    world = World().charge()
    world.stop_pressed, tripped_s = True, world.now_s + 0.25
    world.step(0.25)
    assert kinds(world, tripped_s) == ["open", "0 A", "F"]
    assert gear.state_f_explains(world.connector.life, world.now_s + 0.1)
    world.run(2.0)
    assert kinds(world, tripped_s) == ["open", "0 A", "F", "no F"]
    assert not gear.state_f_explains(world.connector.life, world.now_s + 3.0)


@pytest.mark.parametrize(
    ("world", "turn"),
    [
        (World(settings=replace(ONE, state_f_pulse=False)), {"stop_pressed": True}),
        (World(), {"voltage_v": (230.0, 3.0, 230.0)}),
    ],
    ids=["opted out", "ramped"],
)
def test_no_f_where_it_is_not_wanted(world: World, turn: dict[str, object]) -> None:
    world.charge()
    for name, value in turn.items():
        setattr(world, name, value)
    world.run(3.0)
    world.pilot = Pilot.B
    world.run(9.0)
    assert world.at(State.FAULTED)
    assert world.since(StateFCommanded) == []


@pytest.mark.parametrize(
    ("life", "brown_out", "hold"),
    [
        ({}, False, None),
        ({"wake": Wake.PULSE}, False, Hold.WAKING),
        ({"poles": Poles.UNKNOWN, "wake": Wake.PULSE}, False, Hold.PHASES),
        ({"poles": Poles.WAITING}, False, Hold.PHASES),
        ({"poles": Poles.SETTLING}, False, Hold.PHASES),
        ({"told": Told.SHOWN, "poles": Poles.WAITING}, False, Hold.STATE_F),
        ({"told": Told.TOLD, "wake": Wake.AWAKE}, False, None),
        ({"told": Told.SHOWN}, True, Hold.SUPPLY),
    ],
    ids=["none", "waking", "unknown", "waiting", "settling", "F", "told", "supply"],
)
def test_what_holds_the_offer_back(
    life: dict[str, object], brown_out: bool, hold: Hold | None
) -> None:
    """The one bit of each automaton that the tables see; the first that is true."""
    world = Fitted(settings=replace(FITTED, unlock_on_supply_loss=True), brown_out=brown_out)
    world.step(0.0)
    standing = Life(**{"poles": Poles.STANDING, **life})  # type: ignore[arg-type]  # rows of fields
    seen = freshness.see(world.settings, standing, world.inputs, world.now_s)
    assert seen.hold is hold


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("bolt", [False, True])
@pytest.mark.parametrize("age_s", [0.0, 1.0, 2.0])
def test_secured_only_when_told_to_hold(locked: bool, told: bool, bolt: bool, age_s: float) -> None:
    """Closing needs this bit: so nothing closes that the lock was not told to hold."""
    world = Fitted(bolt=bolt)
    world.step(1.0)
    life = Life(locked=locked, lock_told=told, lock_since_s=world.now_s - 1.0)
    seen = freshness.see(world.settings, life, world.inputs, world.now_s + age_s)
    assert seen.secured is (locked and told and bolt and age_s < 1.5)
