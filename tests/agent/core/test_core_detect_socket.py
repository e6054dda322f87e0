"""Proximity, plug, lock, latch and cable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core import core_detect
from agent.core.core_detect import Case, Check, brisk, charging, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.detect.socket import lock_failed
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Inputs, Pilot, Proximity, Sample
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.model import FaultRaised, State
from laddvakt_agent.core.scene import Scene

CASES = (
    Case(id="proximity", code="proximity_fault", calm={"proximity": Proximity.CABLE_32_A},
         bad={"proximity": Proximity.INVALID}, act=Act.TRIP, evidence="every band",
         below=({"proximity": Proximity.ABSENT}, {"proximity": Proximity.CABLE_13_A})),
    Case(id="partly", code="plug_partly_inserted", calm={"plug_partly_inserted": False},
         bad={"plug_partly_inserted": True}, act=Act.TRIP, evidence="all the way"),
    Case(id="latch", code="latch_broken", calm={"latch_broken": False},
         bad={"latch_broken": True}, act=Act.TRIP, evidence="latch"),
    Case(id="cable", code="cable_cut", calm={"cable_cut": False},
         bad={"cable_cut": True}, act=Act.TRIP, evidence="cable"),
)  # fmt: skip
SOCKET = replace(ONE, socket=True, fitted=frozenset({"locked"}))
NOW_S = 1000.0


@core_detect.table(CASES)
def test_readings(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("life", "locked", "present", "act"),
    [
        (Life(locked=True), True, False, None),
        (Life(locked=True), False, True, None),
        (Life(locked=True, power=Power.CLOSED), False, True, None),
        (Life(locked=False), False, False, None),
        (Life(locked=False, lock_tries=3), False, False, None),
        (Life(locked=False, lock_tries=0), True, None, None),
        (Life(locked=False, lock_tries=2), True, None, None),
        (Life(locked=False, lock_tries=3), True, True, Act.FINISH),
        (Life(locked=False, lock_tries=13), True, True, Act.FINISH),
        (Life(locked=True), None, None, None),
        (Life(locked=False, lock_tries=3), None, None, None),
    ],
    ids=[
        "locked", "not locked", "lost under load", "open", "pulled while unlocking",
        "never told", "trying", "stuck", "still stuck", "locked, unread", "unlocking, unread",
    ],
)  # fmt: skip
@pytest.mark.parametrize("age_s", [0.0, 1.4, 1.5], ids=["new", "young", "stale"])
def test_lock(
    life: Life, age_s: float, *, locked: bool | None, present: bool | None, act: Act | None
) -> None:
    """Where the lock says it is, held against what it was told; three tries are its own affair."""
    sample = None if locked is None else Sample(value=locked, taken_s=NOW_S - age_s)
    said = lock_failed(Scene(SOCKET, life, Memory(), Inputs(locked=sample), NOW_S))
    if age_s == 1.5:
        present = None
    assert said.present is present
    assert said.act is (act if present else None)


def _follow(world: World, seconds: float) -> World:
    """The lock does what it is told."""
    for _ in range(round(seconds / 0.25)):
        world.gear = {"locked": machine.outputs(world.connector).locked}
        world.step(0.25)
    return world


def _charging() -> World:
    world = _follow(World(settings=SOCKET), 6.0)
    world.pilot, world.authorised = Pilot.B, True
    _follow(world, 6.0)
    world.pilot = Pilot.C
    _follow(world, 3.0)
    assert world.at(State.CHARGING)
    return world


def test_lock_that_obeys() -> None:
    """A whole session, the plug pulled while it unlocks: nothing to say."""
    world = _charging()
    world.authorised, world.pilot = False, Pilot.B
    _follow(world, 0.5)
    world.pilot = Pilot.A
    _follow(world, 10.0)
    assert world.since(FaultRaised) == []


def test_lock_lost_under_load() -> None:
    """5 s after its feedback went, ramped; a rattle of 4 s is none."""
    world = _charging()
    for gone_s in (4.0, 6.0):
        for _ in range(round(gone_s / 0.25)):
            world.gear = {"locked": False}
            world.step(0.25)
        if gone_s == 4.0:
            assert "lock_failed" not in world.faults
            _follow(world, 1.0)
    assert world.faults["lock_failed"].act is Act.RAMP
    assert "under load" in world.faults["lock_failed"].evidence
    brisk(world, 6.0)
    assert not world.closed


def test_does_not_lock() -> None:
    """Told, not there: nothing closes, before and after the fault is raised."""
    world = brisk(World(settings=SOCKET, gear={"locked": False}), 6.0)
    world.pilot, world.authorised = Pilot.C, True
    for _ in range(80):
        world.step(0.25)
        assert not world.closed
    assert "before closing" in world.faults["lock_failed"].evidence


def test_stuck() -> None:
    """Still locked after three tries: no new session; let go later, it clears with the plug."""
    world = _charging()
    world.authorised, world.pilot, world.gear = False, Pilot.B, {"locked": True}
    brisk(world, 8.0)
    assert not ever(world, "lock_failed")
    brisk(world, 8.0)
    assert world.faults["lock_failed"].act is Act.FINISH
    world.gear, world.pilot = {"locked": False}, Pilot.A
    brisk(world, 6.0)
    assert world.faults == {}


def test_an_empty_socket_and_a_fixed_cable() -> None:
    """Nothing is plugged and nothing locked; a fixed cable has no lock to judge."""
    assert brisk(World(settings=SOCKET, gear={"locked": False}), 20.0).since(FaultRaised) == []
    fixed = World(settings=replace(SOCKET, socket=False), gear={"locked": True})
    assert charging(fixed).since(FaultRaised) == []
