"""Explanations: for every state a chain that says what is, since when, and what would change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.explain.chains import _HIGHER, Explanation, Link, explain
from laddvakt_agent.core.inputs import Pilot, Sample, SelfTest
from laddvakt_agent.core.life.limits import ORDER
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import STATUS_GRACE_S
from laddvakt_agent.core.selftest import Tests


def told(world: World) -> Explanation:
    return explain(world.settings, world.connector, world.inputs, world.now_s)


def whats(world: World) -> str:
    return "; ".join(link.what for link in told(world).why)


def currents(world: World) -> str:
    return "; ".join(link.what for link in told(world).current)


def _idle(world: World) -> None:
    world.run(6.0)


def _plugged(world: World) -> None:
    world.run(6.0)
    world.pilot = Pilot.B
    world.run(6.0)


def _authorised(world: World) -> None:
    _plugged(world)
    world.authorised = True
    world.run(6.0)


def _offered_now(world: World) -> None:
    _plugged(world)
    world.authorised = True
    world.run(2.0)


def _unread(world: World) -> None:
    world.silent.add("feedback_closed")
    world.run(1.0)


def _out(world: World) -> None:
    world.in_service = False
    world.run(6.0)


def _reserved(world: World) -> None:
    world.override = {"reserved": True}
    world.run(6.0)


def _over(world: World) -> None:
    world.charge()
    world.authorised = False
    world.pilot = Pilot.B
    world.run(8.0)


def _stopped_by_fault(world: World) -> None:
    world.charge()
    world.pilot = Pilot.INVALID
    world.run(2.0)


def _new_session_refused(world: World) -> None:
    _plugged(world)
    world.silent.update(("current_a", "energy_wh"))
    world.run(15.0)


def _out_meanwhile(world: World) -> None:
    _plugged(world)
    world.in_service = False
    world.inputs = world.read()


def _poles_move(world: World) -> None:
    world.settings = replace(ONE, has_phase_switch=True, phase_switch_apart_s=1.0)
    world.connector = machine.initial(world.settings, (), world.now_s)
    _authorised(world)
    world.override = {"phases_wanted": 1}
    world.step(6.0)


def _closing(world: World) -> None:
    _authorised(world)
    world.pilot = Pilot.C
    world.now_s += 0.25
    world.inputs = world.read()


def _authorised_meanwhile(world: World) -> None:
    _plugged(world)
    world.authorised = True
    world.inputs = world.read()


def _unguarded(world: World) -> None:
    _authorised(world)
    world.pilot, world.guarded = Pilot.C, False
    world.inputs = world.read()


def _unrecorded(world: World) -> None:
    _authorised(world)
    world.pilot, world.override = Pilot.C, {"recorded": False}
    world.inputs = world.read()


def _ventilation(world: World) -> None:
    _authorised(world)
    world.pilot = Pilot.D
    world.step(0.25)


def _just_opened(world: World) -> None:
    world.charge()
    world.pilot = Pilot.B
    world.run(1.0)
    world.pilot = Pilot.C
    world.step(0.25)


def _starved(world: World) -> None:
    _authorised(world)
    world.override = {"profile_limit_a": 4.0}
    world.run(8.0)


def _unconfirmed(world: World) -> None:
    _authorised(world)
    world.pilot = Pilot.C
    world.silent.add("feedback_closed")
    world.now_s += world.settings.sample_max_age_s
    world.inputs = world.read()


def _pilot_bad(world: World) -> None:
    _authorised(world)
    world.pilot = Pilot.INVALID
    world.inputs = world.read()


CASES: dict[str, tuple[Callable[[World], object], State, str]] = {
    "idle": (_idle, State.AVAILABLE, "no vehicle is plugged in"),
    "reserved": (_reserved, State.RESERVED, "the connector is reserved"),
    "unread": (_unread, State.UNAVAILABLE, "nothing fresh from the contactor"),
    "out": (_out, State.UNAVAILABLE, "closed by command or schedule"),
    "not authorised": (_plugged, State.PREPARING, "nobody has authorised it"),
    "refused": (_new_session_refused, State.PREPARING, "a fault allows no new session"),
    "out meanwhile": (_out_meanwhile, State.PREPARING, "closed by command or schedule"),
    "poles": (_poles_move, State.SUSPENDED_STATION, "phases are switched"),
    "closing": (_closing, State.SUSPENDED_VEHICLE, "the contactor closes now"),
    "begins": (_authorised_meanwhile, State.PREPARING, "everything is there"),
    "unguarded": (_unguarded, State.SUSPENDED_VEHICLE, "no watchdog is armed"),
    "unrecorded": (_unrecorded, State.SUSPENDED_VEHICLE, "the disk has not taken"),
    "just offered": (_offered_now, State.SUSPENDED_VEHICLE, "16 A are offered since a moment"),
    "offered": (_authorised, State.SUSPENDED_VEHICLE, "the vehicle does not ask (pilot B)"),
    "ventilation": (_ventilation, State.SUSPENDED_VEHICLE, "asks for ventilation"),
    "charging": (World.charge, State.CHARGING, "it charges"),
    "over": (_over, State.FINISHING, "the session is over"),
    "fault": (_stopped_by_fault, State.FAULTED, "pilot_fault: pilot invalid"),
    "reclose wait": (_just_opened, State.SUSPENDED_STATION, "opened a moment ago"),
    "starved": (_starved, State.SUSPENDED_STATION, "profile allows 4 A, less than the 6 A"),
    "unconfirmed": (_unconfirmed, State.SUSPENDED_VEHICLE, "nothing fresh from the contactor"),
    "bad pilot": (_pilot_bad, State.SUSPENDED_VEHICLE, "the pilot says: bad"),
}


@pytest.mark.parametrize(("live", "state", "expected"), CASES.values(), ids=CASES)
def test_why(live: Callable[[World], object], state: State, expected: str) -> None:
    """The chain names what decides, and says whether it charges."""
    world = World()
    live(world)
    if "PREPARING" not in state.name and "SUSPENDED" not in state.name:
        assert world.at(state), world.connector.life
    assert expected in whats(world)
    assert told(world).charging is world.closed
    assert told(world).connector == "1"
    for link in told(world).why:
        assert link.since_s is None or link.since_s <= world.now_s


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in ("charging", "closing", "begins")]
)
def test_what_would_change_it(name: str) -> None:
    """Somewhere in the chain stands what would end the state."""
    world = World()
    CASES[name][0](world)
    assert any(link.change for link in told(world).why)


def test_a_fault_brings_its_symptoms_and_its_texts() -> None:
    """The root cause first, what it explains below it, each with the fault for its texts."""
    world = World().charge()
    world.lines_down.add("line1")
    world.silent.update(("evse1", "meter1", "relay1", "pilot", "feedback_closed", "emergency_stop"))
    world.silent.update(("current_a", "energy_wh", "voltage_v", "power_w"))
    world.run(STATUS_GRACE_S)
    chain = told(world).why
    assert chain[1].fault is not None
    assert chain[1].fault.code == "bus_down"
    symptoms = {link.fault.code for link in chain[2:] if link.fault is not None}
    assert symptoms == {"device_lost", "meter_lost"}


def test_why_this_current() -> None:
    """Every constraint in its order, the one that decides marked, and what the vehicle takes."""
    world = World().charge()
    assert "16 A are offered" in currents(world)
    assert "hardware: 16 A (built for 16 A), decides" in currents(world)
    world.override = {"profile_limit_a": 10.0}
    world.draw_a = (6.2, 6.0, 6.1)
    world.run(3.0)
    assert "the vehicle takes" not in currents(world)  # it has just been told: it may still rise
    world.run(20.0)
    assert "profile: 10 A (charging profile), decides" in currents(world)
    assert "hardware: 16 A (built for 16 A), would allow more" in currents(world)
    assert "takes 6.2 A of the 10 A" in currents(world)
    since = {link.what: link.since_s for link in told(world).current}
    assert since["profile: 10 A (charging profile), decides"] == pytest.approx(world.now_s - 22.75)
    world.override = {"profile_limit_a": 16.0}
    world.run(6.0)
    assert "hardware: 16 A (built for 16 A), decides" in currents(world)
    assert "profile: 16 A (charging profile), allows no more either" in currents(world)


UNOFFERED = {
    "no session": (_plugged, "nothing is offered: no session asks for it; hardware: 16 A"),
    "fault": (_stopped_by_fault, "nothing is offered: a fault stands; hardware: 16 A"),
    "too little": (_starved, "nothing is offered; hardware: 16 A"),
}


@pytest.mark.parametrize(("live", "expected"), UNOFFERED.values(), ids=UNOFFERED)
def test_why_nothing_is_offered(live: Callable[[World], object], expected: str) -> None:
    """A limit that decides nothing now is not said to decide."""
    world = World()
    live(world)
    assert currents(world).startswith(expected)
    assert ", decides" not in currents(world)
    assert "would decide" in currents(world)


def test_every_limit_says_what_raises_it() -> None:
    """No constraint may come up without a word for it."""
    assert set(ORDER) == set(_HIGHER)


SHELL = {"not authorised": _plugged, "out": _out}


@pytest.mark.parametrize("live", SHELL.values(), ids=SHELL)
def test_what_the_agent_waits_for_stands_in_for_card_and_command(
    live: Callable[[World], object],
) -> None:
    """Neither a card nor a command would help while the agent itself holds back."""
    world = World()
    live(world)
    held = Link(what="the ledger cannot be written", change="a disk")
    chain = explain(world.settings, world.connector, world.inputs, world.now_s, shell=held).why
    assert chain == (held,)


def test_a_fault_that_ends_by_itself_says_not_before_when() -> None:
    """The wait shrinks, then only its condition is in the way."""
    world = World()
    _stopped_by_fault(world)
    faults = machine.active_faults(world.connector)
    (retry_s,) = {fault.retry_at_s for fault in faults if fault.code == "pilot_fault"}
    assert retry_s is not None
    world.now_s = retry_s - 12.0
    assert told(world).why[1].change == (
        "by itself once its condition is gone, not before 12 s from now"
    )
    world.now_s = retry_s
    assert told(world).why[1].change == "by itself once its condition is gone"


def test_a_fault_for_people_says_the_command() -> None:
    """Who stands there can type it."""
    world = World().charge()
    world.stop_pressed = True
    world.run(2.0)
    link = told(world).why[1]
    assert link.change == (
        "once it is gone, standing at the charger: laddvakt connector 1 reset --local"
    )
    assert "no longer seen" not in link.what
    world.stop_pressed = False
    world.run(1.0)
    assert told(world).why[1].what.endswith(", no longer seen")


def test_a_monitor_that_tests_itself_is_named() -> None:
    """A vehicle that waits for the test is told so."""
    world = World()
    _authorised(world)
    testing = Tests(running=SelfTest.RESIDUAL, since_s=world.now_s)
    world.connector = replace(world.connector, tests=testing)
    assert "the residual-current monitor tests itself" in whats(world)


def test_a_lock_that_says_nothing_is_named() -> None:
    """On a socket the contactor waits for the lock."""
    world = World(settings=replace(ONE, socket=True, fitted=frozenset({"locked"})))
    world.override = {"locked": Sample(value=False, taken_s=1e9)}
    _authorised(world)
    world.pilot = Pilot.C
    world.run(3.0)
    assert "the lock does not say that it holds the plug" in whats(world)


def test_a_derating_fault_stands_behind_its_limit() -> None:
    """The constraint that a fault makes is followed by the fault and its evidence."""
    world = World(settings=replace(ONE, fitted=frozenset({"enclosure_temp_c"}))).charge()
    for _ in range(60):
        world.override = {"enclosure_temp_c": Sample(value=64.0, taken_s=world.now_s + 0.25)}
        world.step(0.25)
    (link,) = [link for link in told(world).current if link.fault is not None]
    assert link.fault is not None
    assert link.fault.code == "temperature_derate"
    assert "temperature: 11 A" in currents(world)
