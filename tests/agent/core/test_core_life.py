"""The connector's life: reserved, kept and ended sessions, its times; ways out; random lives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TypeAlias

import pytest

from agent.core import core_explore_connector
from agent.core.core_budget import examples
from agent.core.core_fitted import FITTED, Fitted, broken, told
from agent.core.core_product import SHORT_RULES
from agent.core.core_world import ONE, World
from laddvakt_agent.core import freshness, machine
from laddvakt_agent.core.inputs import Pilot, Proximity, Reset
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life import gear, transitions
from laddvakt_agent.core.life.state import Context, Hold, Life, Power, Vehicle
from laddvakt_agent.core.life.transitions import LIFE_ROWS, POWER_ROWS
from laddvakt_agent.core.model import (
    ContactorCommanded,
    ReservationDropped,
    SessionEnded,
    State,
    StateChanged,
)
from laddvakt_agent.core.recover.tracks import Summary

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]

LOCAL = frozenset({Reset.LOCAL})


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


@pytest.mark.parametrize("seed", range(2))
def test_random_lives(seed: int) -> None:
    """Whatever is turned: held while live, poles still while closed, and commands tell all."""
    dice, closings, found = Random(seed), 0, set[str]()
    for _ in range(examples(4)):
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
    assert closings >= 3


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
    """`step` of a world says so itself, wherever something happened and now and then."""
    world = Fitted(settings=replace(FITTED, unlock_on_supply_loss=True)).charged()
    dice = Random(5)
    for _ in range(examples(150)):
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


# The proof of the proof: each mistake in the tables must be noticed by their exploration.


def _life_without(name: str, *states: State) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = {s: tuple(r for r in LIFE_ROWS[s] if r[0] != name) for s in states}
        patch.setattr(tables, "LIFE_ROWS", {**LIFE_ROWS, **rows})

    return apply


def _power_without(name: str, power: Power) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = tuple(row for row in POWER_ROWS[power] if row[0] != name)
        patch.setattr(tables, "POWER_ROWS", {**POWER_ROWS, power: rows})

    return apply


def _withheld_never(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions, "_withheld", lambda _: False)


def _plug_never_asked_for(patch: pytest.MonkeyPatch) -> None:
    deaf = tables._end_reason

    def end_reason(c: Context) -> str | None:
        reason = deaf(c)
        return None if reason == "plug asked for" else reason

    patch.setattr(tables, "_end_reason", end_reason)


def _lock_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def asks(c: Context) -> bool:
        return c.life.power is Power.OFFERED and c.view.vehicle is Vehicle.ASKING and c.view.ready

    rows = tuple((n, asks if t is State.CHARGING else g, t) for n, g, t in LIFE_ROWS[PAUSED])
    patch.setattr(tables, "LIFE_ROWS", {**LIFE_ROWS, PAUSED: rows})


PAUSED = State.SUSPENDED_VEHICLE
MUTANTS: dict[str, tuple[Patch, str]] = {
    "charges on while poles are switched": (
        _life_without(Hold.PHASES.value, State.CHARGING),
        "CHARGING if and only if closed with an offer",
    ),
    "offers while held back": (
        _withheld_never,
        "no offer while poles, waking, state F or the supply forbid it",
    ),
    "ramps when the supply goes": (
        _power_without(Hold.SUPPLY.value, Power.RAMPING),
        "a lost supply opens in the same step",
    ),
    "does not hear who wants the plug": (
        _plug_never_asked_for,
        "a session ends with the plug, or with the wish for it",
    ),
    "does not wait for the lock": (_lock_not_waited_for, "closing needs the plug held"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_table_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, expected = MUTANTS[name]
    mutate(monkeypatch)
    _, count = core_explore_connector.explore(until=expected)
    assert expected in {violation.split(":")[0] for violation in count.violations}


def test_what_is_not_fitted_waits_for_nothing() -> None:
    assert list(gear.deadlines_s(replace(ONE, wake_after_s=None), Life())) == []
