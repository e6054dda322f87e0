"""Backend, clock, disk, ledger, the control loop: what the controller lacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from agent.core.core_detect import brisk, charging, ever
from agent.core.core_world import ONE, START_S, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import (
    ClockState,
    Pilot,
    Reset,
    Sample,
    StoreHealth,
    UplinkHealth,
)
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.model import FaultRaised, State

SINCE_S = START_S + 6.0
UNSYNCED = {"clock": ClockState.RESTORED}
SYNCED = {"clock": ClockState.SYNCED}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What the shell knows: `bad` shows the fault, `calm` and each of `close` show that it is
    away, each of `unknown` that nobody can say."""

    code: str
    subject: str
    bad: Mapping[str, object]
    calm: Mapping[str, object]
    act: Act
    evidence: str
    close: tuple[Mapping[str, object], ...] = ()
    unknown: tuple[Mapping[str, object], ...] = ()


def _uplink(**changes: float | str) -> Mapping[str, object]:
    return {"uplink": UplinkHealth(**changes)}  # type: ignore[arg-type]  # fields of UplinkHealth


def _store(**changes: object) -> Mapping[str, object]:
    return {"store": StoreHealth(**changes)}  # type: ignore[arg-type]  # fields of StoreHealth


NO_UPLINK: Mapping[str, object] = {"uplink": None}
NO_STORE: Mapping[str, object] = {"store": None}
FACTS = (
    Fact(code="uplink_down", subject="uplink", act=Act.NONE, calm=_uplink(), unknown=(NO_UPLINK,),
         bad=_uplink(unreachable_since_s=SINCE_S, detail="no route"),
         close=(_uplink(refused_since_s=SINCE_S),),
         evidence="the backend cannot be reached: no route"),
    Fact(code="uplink_refused", subject="uplink", act=Act.NONE, calm=_uplink(),
         unknown=(NO_UPLINK,), bad=_uplink(refused_since_s=SINCE_S),
         close=(_uplink(unreachable_since_s=SINCE_S),), evidence="the backend refuses"),
    Fact(code="uplink_certificate", subject="uplink", act=Act.NONE, calm=_uplink(),
         bad={**_uplink(certificate_since_s=SINCE_S, detail="expired"), **SYNCED},
         close=(_uplink(refused_since_s=SINCE_S),),
         unknown=(NO_UPLINK, {**_uplink(certificate_since_s=SINCE_S), **UNSYNCED},
                  _uplink(certificate_since_s=SINCE_S)),
         evidence="its certificate is not accepted: expired"),
    Fact(code="clock_unset", subject="station", act=Act.NONE, calm=SYNCED,
         bad={"clock": ClockState.UNSET}, unknown=({"clock": None},),
         evidence="somebody set it after it was synchronised"),
    Fact(code="clock_unset", subject="station", act=Act.NONE, calm=SYNCED, bad=UNSYNCED,
         unknown=({"clock": None},), evidence="somebody set it after it was synchronised"),
    Fact(code="storage_full", subject="store", act=Act.FINISH, calm=_store(),
         bad=_store(full=True), close=(_store(read_only=True),), unknown=(NO_STORE,),
         evidence="no room"),
    Fact(code="storage_read_only", subject="store", act=Act.FINISH, calm=_store(),
         bad=_store(read_only=True), close=(_store(full=True),), unknown=(NO_STORE,),
         evidence="read-only"),
    Fact(code="storage_worn", subject="store", act=Act.NONE, calm=_store(worn_share=0.1),
         bad=_store(worn_share=0.9), close=(_store(worn_share=0.89),),
         unknown=(NO_STORE, _store(), _store(worn_share=math.nan)), evidence="90% of the flash"),
    Fact(code="ledger_damaged", subject="store", act=Act.FINISH, calm=_store(),
         bad=_store(damaged="page 7: malformed"), close=(_store(full=True),), unknown=(NO_STORE,),
         evidence="page 7: malformed"),
    Fact(code="configuration_invalid", subject="station", act=Act.NONE,
         calm={"configuration_error": ""}, bad={"configuration_error": "line 7: unknown key"},
         evidence="line 7: unknown key"),
)  # fmt: skip
facts = pytest.mark.parametrize("fact", FACTS, ids=lambda fact: f"{fact.code}-{fact.evidence}")


def _standing(world: World, fact: Fact) -> bool:
    faults = machine.active_faults(world.connector)
    return any((fault.code, fault.subject) == (fact.code, fact.subject) for fault in faults)


def _raised(fact: Fact) -> World:
    world = brisk(World(), 6.0, 0.5)
    world.override = fact.calm
    world.advance(0.25)
    world.override = fact.bad
    due_s = SINCE_S + CATALOGUE[fact.code].confirm_s
    if due_s > world.now_s:
        brisk(world, due_s - 0.25 - world.now_s, 0.5)
        assert not _standing(world, fact)
    world.advance(0.25)
    return world


def test_where_nobody_pays_a_full_disk_stops_no_charging() -> None:
    """It is told all the same, and a disk that cannot be read or written is another matter."""
    world = World(settings=replace(ONE, billed=False))
    brisk(world, 6.0, 0.5)
    world.override = _store(full=True)
    world.advance(0.25)
    assert world.faults["storage_full"].act is Act.NONE
    world.override = _store(read_only=True)
    world.advance(0.25)
    assert world.faults["storage_read_only"].act is Act.FINISH


def _reset(world: World) -> None:
    for doubled in range(12):
        world.resets = frozenset({Reset.SERVICE})
        world.advance(2.0**doubled)


@facts
def test_raised(fact: Fact) -> None:
    """On its time, counted from when it began, with its act; nothing is opened by it."""
    world = _raised(fact)
    assert _standing(world, fact)
    fault = world.faults[fact.code]
    assert fault.act is fact.act
    assert fact.evidence in fault.evidence
    assert world.at(State.AVAILABLE)


@facts
def test_not_by_its_neighbours(fact: Fact) -> None:
    """Nor by what is close to it, nor by nothing being known."""
    for readings in (*fact.close, *fact.unknown):
        world = brisk(World(), 6.0, 0.5)
        world.override = readings
        brisk(world, CATALOGUE[fact.code].confirm_s + 20.0, 5.0)
        assert not ever(world, fact.code), readings


@facts
def test_not_knowing_does_not_end_it(fact: Fact) -> None:
    for readings in fact.unknown:
        world = _raised(fact)
        world.override = readings
        _reset(world)
        assert _standing(world, fact), readings


@facts
def test_cleared(fact: Fact) -> None:
    """It stays while it is there, whoever resets; then it is left."""
    world = _raised(fact)
    _reset(world)
    assert _standing(world, fact)
    world.override = fact.calm
    _reset(world)
    assert not _standing(world, fact)


def test_a_short_outage() -> None:
    """59 s without the backend, twice in a row: nobody needs to know."""
    world = brisk(World(), 6.0)
    for _ in range(2):
        world.override = _uplink(unreachable_since_s=world.now_s)
        brisk(world, 59.0, 1.0)
        world.override = _uplink()
        brisk(world, 1.0)
    assert world.since(FaultRaised) == []


@pytest.mark.parametrize("since_s", [math.nan, math.inf, -math.inf, 1e12])
def test_impossible_times(since_s: float) -> None:
    """A time that is none counts from when it was first told."""
    world = brisk(World(), 6.0)
    world.override = _uplink(unreachable_since_s=since_s)
    brisk(world, 59.0, 1.0)
    assert not ever(world, "uplink_down")
    brisk(world, 3.0, 1.0)
    assert "uplink_down" in world.faults


# Events.


@pytest.mark.parametrize(
    ("step_s", "raised"),
    [(2.1, True), (-2.1, True), (86400.0, True), (2.0, False), (-2.0, False), (math.nan, False)],
)
def test_the_clock_jumped(step_s: float, *, raised: bool) -> None:
    """Told once, over as soon as it is old; no other fault comes of it."""
    world = brisk(World(), 6.0)
    world.override = {"clock_step_s": Sample(value=step_s, taken_s=world.now_s + 0.25)}
    world.step(0.25)
    assert ("clock_jumped" in world.faults) is raised
    assert (
        machine.next_deadline_s(world.settings, world.connector, world.inputs, world.now_s)
        is not None
    )
    brisk(world, 2.0)
    assert world.faults == {}
    assert ever(world, "clock_jumped") is raised


@pytest.mark.parametrize(
    ("synced_first", "later_s", "raised"),
    [(False, 0.0, False), (True, 9.0, False), (True, 11.0, True)],
    ids=["set, then synchronised", "noted late", "synchronised long before"],
)
def test_the_first_setting_is_no_jump(later_s: float, *, synced_first: bool, raised: bool) -> None:
    """A controller without a clock of its own starts in 1970 each time: that is no news."""
    world = World(override={"clock": ClockState.RESTORED})
    brisk(world, 20.0, 1.0)
    step = Sample(value=1e8, taken_s=world.now_s + 0.25 + later_s)
    if synced_first:
        brisk(world, later_s, 1.0)
        world.override = {"clock": ClockState.SYNCED}
        world.advance(0.0)
        brisk(world, later_s)
        step = Sample(value=1e8, taken_s=world.now_s + 0.25)
    world.override = {**world.override, "clock_step_s": step}
    world.advance(0.25)
    assert ever(world, "clock_jumped") is raised
    world.override = {**world.override, "clock": ClockState.SYNCED}
    world.advance(0.25)
    assert ever(world, "clock_jumped") is raised


def test_a_clock_may_take_a_minute_after_the_start() -> None:
    """Raised then, without a new reading; a clock that was set in time was never a fault."""
    said = {ClockState.UNSET: "nothing to restore", ClockState.RESTORED: "restored from what"}
    for state, evidence in said.items():
        world = World(override={"clock": state})
        world.advance(0.0)
        began_s = world.now_s
        brisk(world, 59.0, 1.0)
        assert not ever(world, "clock_unset")
        due_s = machine.next_deadline_s(
            world.settings, world.connector, world.inputs, world.now_s, renewed=True
        )
        assert due_s == began_s + 60.0
        world.advance(1.0)
        assert evidence in world.faults["clock_unset"].evidence


def test_a_clock_set_by_hand_after_synchronisation_jumped() -> None:
    """It is worth no more than a restored one then, and the jump is told all the same."""
    world = brisk(World(override={"clock": ClockState.SYNCED}), 20.0, 1.0)
    step = Sample(value=3600.0, taken_s=world.now_s + 0.25)
    world.override = {"clock": ClockState.RESTORED, "clock_step_s": step}
    world.advance(0.25)
    assert ever(world, "clock_jumped")
    assert "clock_unset" in world.faults


def test_an_old_jump_is_no_news() -> None:
    world = brisk(World(), 6.0)
    world.override = {"clock_step_s": Sample(value=60.0, taken_s=world.now_s - 2.0)}
    brisk(world, 2.0)
    assert world.since(FaultRaised) == []


def _late(world: World, by_s: float) -> None:
    world.override = {"round_late_s": Sample(value=by_s, taken_s=world.now_s + 0.25)}
    world.step(0.25)


def _lively(world: World, seconds: int) -> None:
    """A meter whose values move, as those of a real one do."""
    for second in range(seconds):
        world.voltage_v = (230.0 + second % 2, 231.0, 229.0)
        world.step(1.0)


def test_late_three_times_in_a_minute() -> None:
    """Derates to 6 A, and is over a minute after there were fewer within the last."""
    world = charging(World(draw_a=(5.5, 5.5, 5.5)))
    _late(world, 1.6)
    brisk(world, 20.0)
    _late(world, 1.6)
    brisk(world, 20.0)
    _late(world, 1.5)
    assert not ever(world, "control_loop_late")
    brisk(world, 19.25)
    _late(world, 1.6)
    assert world.faults == {}  # the first is 60 s ago
    brisk(world, 1.0)
    _late(world, 2.0)
    assert world.faults["control_loop_late"].act is Act.DERATE
    assert world.connector.summary.limit_a == 6.0
    assert world.closed
    _lively(world, 78)  # after 19 s the second is 60 s ago
    assert "control_loop_late" in world.faults
    _lively(world, 2)
    assert world.faults == {}


def test_very_late_once() -> None:
    """More than 5 s: ramped; exactly 5 s is only late."""
    world = charging(World())
    _late(world, 5.0)
    brisk(world, 3.0)
    assert world.faults == {}
    _late(world, 5.1)
    assert world.faults["control_loop_late"].act is Act.RAMP
    assert "5.1 s old" in world.faults["control_loop_late"].evidence
    brisk(world, 58.0, 1.0)
    assert "control_loop_late" in world.faults
    brisk(world, 4.0, 1.0)
    assert "control_loop_late" not in world.faults


def test_the_same_late_round_counts_once() -> None:
    world = brisk(World(), 6.0)
    world.override = {"round_late_s": Sample(value=2.0, taken_s=world.now_s)}
    brisk(world, 3.0)
    assert world.since(FaultRaised) == []
    assert len(world.connector.memory.gear.service.late_s) == 1


# What is known of the connector.


def test_nobody_authorises() -> None:
    """120 s after the plug; an authorisation or the unplugging ends it."""
    for end in ({"authorised": True}, {"pilot": Pilot.A}):
        world = brisk(World(), 6.0)
        world.pilot = Pilot.B
        brisk(world, 120.0, 1.0)
        assert not ever(world, "authorization_timeout")
        brisk(world, 2.0, 1.0)
        assert world.faults["authorization_timeout"].act is Act.NONE
        assert world.at(State.PREPARING)
        world.__dict__.update(end)
        brisk(world, 2.0)
        assert world.faults == {}


def test_a_vehicle_that_stays_after_its_session() -> None:
    """It was authorised once; that it is not any longer is no fault."""
    world = charging(World())
    world.authorised, world.pilot = False, Pilot.B
    brisk(world, 300.0, 5.0)
    assert world.at(State.FINISHING)
    assert world.since(FaultRaised) == []


def test_a_recovered_session_is_told_for_a_minute() -> None:
    world = World()
    world.connector = machine.initial(world.settings, (), world.now_s, session_open=True)
    world.authorised, world.pilot = True, Pilot.C
    world.step(0.25)
    assert world.faults["session_recovered"].act is Act.NONE
    brisk(world, 59.5, 0.5)
    assert "session_recovered" in world.faults
    brisk(world, 1.0)
    assert world.faults == {}
    assert not ever(charging(World()), "session_recovered")


def test_wear_counts_what_was_commanded() -> None:
    """A pause under no load, a stop under load: two operations, one opening under load."""
    world = charging(World(draw_a=(15.0, 0.0, 0.0)))
    assert world.connector.memory.wear == Wear(operations=1, closed=True, carried_a=15.0)
    world.draw_a = (0.9, 0.0, 0.0)
    brisk(world, 2.0)
    world.pilot = Pilot.B
    brisk(world, 6.0)
    assert world.connector.memory.wear == Wear(operations=1)
    world.pilot = Pilot.C
    world.draw_a = (15.0, 0.0, 0.0)
    brisk(world, 6.0)
    world.stop_pressed = True
    world.step(0.25)
    assert world.connector.memory.wear == Wear(operations=2, load_openings=1)


def test_wear_believes_a_silent_meter() -> None:
    """What flowed when it was last heard flowed at the opening."""
    world = charging(World())
    world.silent.add("current_a")
    brisk(world, 5.0)
    world.stop_pressed = True
    world.step(0.25)
    assert world.connector.memory.wear.load_openings == 1


@pytest.mark.parametrize(
    ("wear", "raised"),
    [
        (Wear(operations=100_000, load_openings=10_000), False),
        (Wear(operations=100_001), True),
        (Wear(load_openings=10_001), True),
    ],
    ids=["at its rating", "operations", "under load"],
)
def test_worn(wear: Wear, *, raised: bool) -> None:
    """It tells, and does nothing; a new contactor and the service end it."""
    world = World()
    world.connector = machine.initial(world.settings, (), world.now_s, wear=wear)
    brisk(world, 6.0)
    assert world.connector.memory.wear == wear
    assert ("contactor_worn" in world.faults) is raised
    assert world.at(State.AVAILABLE)
    if raised:
        _reset(world)
        assert "contactor_worn" in world.faults


def test_latches_lost_waits_for_a_person() -> None:
    world = brisk(World().lose_latches(), 6.0)
    assert "latches_lost" in world.faults
