"""The connector's life with everything fitted: what a person, a vehicle or a backend sees of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from agent.core.core_fitted import FITTED, Fitted, broken, told
from agent.core.core_product import SHORT_RULES
from agent.core.core_world import ONE, World
from laddvakt_agent.core import connector as tables
from laddvakt_agent.core import freshness, gear, machine
from laddvakt_agent.core.inputs import Pilot, Proximity, Reset
from laddvakt_agent.core.life import Hold, Life, Power, Vehicle
from laddvakt_agent.core.model import (
    ContactorCommanded,
    LimitCommanded,
    LockCommanded,
    PhasesCommanded,
    ReservationDropped,
    SessionEnded,
    State,
    StateChanged,
    StateFCommanded,
)
from laddvakt_agent.core.phases import Poles
from laddvakt_agent.core.state_f import Told
from laddvakt_agent.core.tracks import Summary
from laddvakt_agent.core.wake import Wake

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


def tables_view(world: World) -> freshness.Seen:
    return freshness.see(world.settings, world.connector.life, world.inputs, world.now_s)


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


# Reserved, out of service, kept and ended sessions.


def test_reserved() -> None:
    world = Fitted(reserved=True).start()
    assert world.at(State.RESERVED)
    world.in_service = False
    world.run(1.0)
    assert world.at(State.UNAVAILABLE)
    world.in_service = True
    world.run(1.0)
    assert world.at(State.RESERVED)
    world.pilot = Pilot.B
    world.run(1.0)
    assert world.at(State.PREPARING)
    world.pilot = Pilot.A
    world.run(1.0)
    world.reserved = False
    world.run(1.0)
    assert world.at(State.AVAILABLE)
    assert world.since(ReservationDropped) == []


def _stop(world: World) -> None:
    world.stop_pressed = True


def _board(world: World) -> None:
    world.errors = ("bit1",)


def _weld(world: World) -> None:
    world.mirror = True


@pytest.mark.parametrize(
    ("turn", "dropped"),
    [(_weld, 1), (_board, 0), (_stop, 0)],
    ids=["locked out", "recovers by itself", "stopped by a person"],
)
def test_a_reservation_falls_with_what_is_broken(
    turn: Callable[[World], None], dropped: int
) -> None:
    """Told once; what heals by itself or is only stopped keeps the reservation."""
    world = Fitted(reserved=True).start()
    turn(world)
    world.run(10.0)
    assert world.at(State.FAULTED)
    assert len(world.since(ReservationDropped)) == dropped
    world.reserved = False
    world.run(2.0)
    world.reserved = True
    world.run(2.0)
    assert len(world.since(ReservationDropped)) == 2 * dropped


@pytest.mark.parametrize(
    ("knobs", "kept_s"),
    [
        ({"errors": ("bit1",)}, 1800.0),
        ({"voltage_v": (230.0, 3.0, 230.0)}, 3600.0),
        ({"stop_pressed": True}, 0.0),
        ({"residual": True}, 0.0),
    ],
    ids=["own", "grid", "stop", "residual"],
)
def test_how_long_a_session_is_kept(knobs: dict[str, object], kept_s: float) -> None:
    """Half an hour, an hour for the grid, not at all for what a person must look at."""
    world = World().charge()
    world.__dict__.update(knobs)
    world.run(3.0, 0.25)
    faulted_s = world.since(StateChanged)[-1][0]
    assert world.connector.life.session is (kept_s > 0.0)
    if kept_s:
        while world.now_s + 10.0 < faulted_s + kept_s:
            world.step(10.0)
        assert world.connector.life.session
        world.run(12.0, 1.0)
    ((_, ended),) = world.since(SessionEnded)
    assert isinstance(ended, SessionEnded)
    assert ended.reason.startswith("fault: ")


def test_out_of_service_ends_no_session_and_begins_none() -> None:
    world = Fitted().charged()
    world.in_service = False
    world.run(5.0)
    assert world.at(State.CHARGING)
    world.pilot = Pilot.A
    world.run(2.0)
    assert world.at(State.UNAVAILABLE)
    world.pilot = Pilot.C
    world.run(8.0)
    assert not world.connector.life.session


# The vehicle's times.


@pytest.mark.parametrize("period_s", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("waits_s", [0.0, 1.0, 4.5, 5.0, 12.0])
def test_closes_within_3_s_of_c(period_s: float, waits_s: float) -> None:
    """Whenever the vehicle asks after the offer began, and however slow the rounds are."""
    world = Fitted().start()
    world.pilot, world.authorised = Pilot.B, True
    world.run(6.0, period_s)
    assert world.connector.life.limit_a > 0.0
    world.run(waits_s, period_s)
    world.pilot, asked_s = Pilot.C, world.now_s
    world.run(4.0, period_s)
    ((closed_s, _),) = world.since(ContactorCommanded, asked_s)
    assert closed_s - asked_s <= 3.0


def test_what_stays_closed_after_c_to_b_is_seen_at_1_s() -> None:
    """The board's duty is 0.1 s; ours is to look: not before 1 s, and then soon."""
    world = World().charge()
    world.pilot, world.mirror, let_go_s = Pilot.B, True, world.now_s
    world.step(0.25)
    assert not world.closed
    world.run(0.75)
    assert world.faults == {}
    world.run(2.0)
    assert world.connector.life.commanded_since_s - let_go_s <= 0.25
    assert world.faults.keys() & {"contactor_welded", "board_error"}


# Every life, reachable or not, has a way out.


def _every_life() -> list[Life]:
    booleans = itertools.product((False, True), repeat=6)
    lives = itertools.product(State, Power, booleans)
    return [
        Life(
            state=state,
            power=power,
            read_once=flags[0],
            plugged=flags[1],
            session=flags[2],
            metered=flags[3],
            over=flags[4],
            rearmed=flags[5],
            limit_a=16.0 if power in (Power.OFFERED, Power.CLOSED) else 0.0,
        )
        for state, power, flags in lives
    ]


def _healthy(vehicle: Vehicle, *, authorised: bool) -> freshness.Seen:
    return freshness.Seen(
        vehicle=vehicle,
        complete=True,
        ready=True,
        metered=True,
        unloaded=True,
        authorised=authorised,
        in_service=True,
        ceiling_a=16.0,
    )


@pytest.mark.parametrize(
    ("sights", "state"),
    [
        ([_healthy(Vehicle.ABSENT, authorised=False)], State.AVAILABLE),
        (
            [
                _healthy(Vehicle.CONNECTED, authorised=False),
                _healthy(Vehicle.ASKING, authorised=True),
            ],
            State.CHARGING,
        ),
    ],
    ids=["to available", "to charging"],
)
def test_no_state_without_a_way_out(sights: list[freshness.Seen], state: State) -> None:
    """Healthy readings and due timers lead from anywhere to a free or a charging connector."""
    lives = _every_life()
    assert len(lives) == 2304
    for life in lives:
        after, now_s = life, 1e6
        for sight in sights:
            for _ in range(4):
                now_s += 10.0
                after, _ = tables.advance(ONE, after, sight, Summary(), now_s)
        assert after.state is state, (life, after)


# Random lives with everything fitted.


def _turn(world: Fitted, dice: Random) -> None:
    knobs: list[tuple[str, tuple[object, ...]]] = [
        ("pilot", (Pilot.A, Pilot.B, Pilot.C, Pilot.C, Pilot.C)),
        ("authorised", (True, True, False)),
        ("phases_wanted", (None, 1, 3)),
        ("profile_limit_a", (None, None, 5.0, 8.0)),
        ("mirror", (None, None, None, None, None, True)),
        ("pilot", (Pilot.B, Pilot.C, Pilot.C)),
        ("bolt_obeys", (True, True, False)),
        ("poles_obey", (True, True, False)),
        ("brown_out", (False, False, True)),
        ("stop_pressed", (False, False, False, True)),
        ("reserved", (False, True)),
        ("cable", (Proximity.CABLE_13_A, Proximity.CABLE_32_A)),
        ("silent", (set(), set(), {"locked"}, {"feedback_closed"}, {"phases_closed"})),
        ("resets", (LOCAL, frozenset({Reset.SERVICE}))),
        ("unlock", (True,)),
    ]
    name, values = dice.choice(knobs)
    setattr(world, name, dice.choice(values))


@pytest.mark.parametrize("seed", range(3))
def test_random_lives(seed: int) -> None:
    """Whatever is turned: held while live, poles still while closed, and commands tell all."""
    dice, closings, found = Random(seed), 0, set[str]()
    for _ in range(8):
        world = _random_world(dice)
        outputs = machine.outputs(world.connector)
        for _ in range(150):
            if dice.random() < 0.12:
                _turn(world, dice)
            if dice.random() < 0.04:
                world.__dict__.update(WELL)
            elif world.pilot is Pilot.A and dice.random() < 0.3:
                world.pilot, world.authorised = Pilot.C, True
            before = world.life
            effects = world.advance(dice.choice((0.25, 0.25, 0.5, 1.0, 3.0)))
            world.resets, world.unlock = frozenset(), False
            outputs = told(outputs, effects)
            found |= set(broken(world, before, effects))
            if outputs != machine.outputs(world.connector):
                found.add("commands tell all")
            closings += world.closed and not before.closed
    assert found == set()
    assert closings >= 5


WELL: dict[str, object] = {
    "mirror": None,
    "pilot": Pilot.A,
    "authorised": False,
    "stop_pressed": False,
    "brown_out": False,
    "silent": set(),
    "resets": frozenset({Reset.SERVICE}),
    "profile_limit_a": None,
    "bolt_obeys": True,
    "poles_obey": True,
}


def _random_world(dice: Random) -> Fitted:
    settings = replace(
        FITTED,
        phase_switch_apart_s=20.0,
        wake_after_s=8.0,
        rules=SHORT_RULES,
        unlock_on_supply_loss=dice.random() < 0.5,
        voltage_load_side=dice.random() < 0.5,
    )
    return Fitted(settings=settings).charged()


def test_equal_inputs_again_change_nothing_when_fitted() -> None:
    """`step` of a world says so itself, at each of these steps."""
    world = Fitted(settings=replace(FITTED, unlock_on_supply_loss=True)).charged()
    dice = Random(5)
    for _ in range(300):
        if dice.random() < 0.2:
            _turn(world, dice)
        world.step(dice.choice((0.25, 0.5, 2.0)))
        world.unlock = False


def test_between_deadlines_nothing_moves() -> None:
    """The shell may sleep until the deadline: lock, poles, waking and F wait for no other time."""
    world = Fitted(settings=replace(FITTED, phase_switch_apart_s=20.0, wake_after_s=8.0)).start()
    world.pilot, world.authorised, dice = Pilot.B, True, Random(11)
    for _ in range(60):
        if dice.random() < 0.2:
            _turn(world, dice)
        world.advance(dice.choice((0.25, 1.0, 4.0)))
        world.resets, world.unlock = frozenset(), False
        quiet = replace(world.inputs, resets=frozenset(), unlock=False)
        after, _ = machine.step(world.settings, world.connector, quiet, world.now_s)
        due_s = machine.next_deadline_s(world.settings, after, quiet, world.now_s)
        until_s = world.now_s + 100.0 if due_s is None else due_s
        between_s = world.now_s + (until_s - world.now_s) * 0.9
        later, effects = machine.step(world.settings, after, quiet, between_s)
        assert effects == ()
        assert later.life == after.life
