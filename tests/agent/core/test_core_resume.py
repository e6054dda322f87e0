"""A session found at the start: resumed only on proof, and held open until then."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.explain.chains import explain
from laddvakt_agent.core.freshness import see
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, Pilot, Role, Sample
from laddvakt_agent.core.life import gear
from laddvakt_agent.core.life.state import Hold, Life
from laddvakt_agent.core.model import LockCommanded, SessionEnded, State
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.resume import (
    PROOF_S,
    SWAP_S,
    WITHIN_MAX_S,
    Answer,
    Claim,
    Verdict,
    deadline_s,
    judge,
)
from laddvakt_agent.core.settings import Settings

NOW_S = 1000.0


def meter(serial: str | None) -> DeviceHealth:
    return DeviceHealth(name="meter1", role=Role.METER, line="l", heard_s=NOW_S, serial=serial)


SOCKET = replace(ONE, socket=True, meter_rollover_wh=1e6, fitted=frozenset({"locked"}))
CLAIM = Claim(
    started_s=NOW_S - 2.0, alive_s=NOW_S - 5.0, same_boot=True, within_s=900.0,
    meter_serial="17", last_wh=1500.0,
)  # fmt: skip
LONG = replace(CLAIM, alive_s=NOW_S - 300.0, lock_keeps=True)
REBOOTED = replace(LONG, same_boot=False)
READ = Inputs(
    pilot=Sample(value=Pilot.C, taken_s=NOW_S - 0.1),
    locked=Sample(value=True, taken_s=NOW_S - 0.1),
    energy_wh=Sample(value=1501.0, taken_s=NOW_S - 0.5),
    devices=(meter("17"),),
)


def judged(claim: Claim = CLAIM, inputs: Inputs = READ, life: Life | None = None) -> Verdict:
    return judge(SOCKET, life or Life(), claim, inputs, NOW_S)


def sampled(**values: object) -> Inputs:
    fresh = {name: Sample(value=value, taken_s=NOW_S - 0.1) for name, value in values.items()}
    return replace(READ, **fresh)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("claim", "inputs"),
    [
        (CLAIM, READ),
        (CLAIM, sampled(pilot=Pilot.B)),
        (CLAIM, sampled(pilot=Pilot.D)),
        (CLAIM, replace(READ, locked=None)),
        (CLAIM, sampled(locked=False)),
        (CLAIM, sampled(energy_wh=1500.0)),
        (replace(CLAIM, last_wh=None), READ),
        (replace(CLAIM, last_wh=999_990.0), READ),
        (replace(CLAIM, meter_serial=None), replace(READ, devices=(meter(None),))),
        (LONG, READ),
        (REBOOTED, READ),
        (replace(REBOOTED, alive_s=NOW_S - 900.0), READ),
        (replace(LONG, alive_s=-100.0, within_s=5000.0, started_s=0.0), READ),
    ],
    ids=[
        "charging", "waiting", "ventilated", "short: no lock read", "short: unlocked", "same value",
        "never metered", "rolled over", "meter without a number", "locked",
        "locked over a reboot", "just in time", "before this boot",
    ],
)  # fmt: skip
def test_proved(claim: Claim, inputs: Inputs) -> None:
    now_s = 500.0 if claim.alive_s == -100.0 else NOW_S
    moved: dict[str, Any] = {  # by the names of Inputs
        name: Sample(value=sample.value, taken_s=now_s - 0.1)
        for name in ("pilot", "locked", "energy_wh")
        if (sample := getattr(inputs, name)) is not None
    }
    verdict = judge(SOCKET, Life(), claim, replace(inputs, **moved), now_s)
    assert verdict.answer is Answer.PROVED, verdict
    assert "away for up to" in verdict.why


@pytest.mark.parametrize(
    ("claim", "inputs", "why"),
    [
        (replace(CLAIM, within_s=0.0), READ, "resume_within_s = 0"),
        (replace(CLAIM, withdrawn="its token may not charge here"), READ, "may not charge"),
        (replace(CLAIM, alive_s=None), READ, "nobody knows how long"),
        (replace(LONG, alive_s=NOW_S - 900.1), READ, "up to 900 s, allowed are 900 s"),
        (replace(CLAIM, within_s=4.0), READ, "up to 5 s, allowed are 4 s"),
        (replace(LONG, alive_s=NOW_S - 950.0, within_s=5000.0), READ, "allowed are 900 s"),
        (replace(CLAIM, alive_s=NOW_S + 1.0), READ, "ahead"),
        (replace(LONG, lock_keeps=False), READ, "no lock held its plug for certain"),
        (replace(CLAIM, same_boot=False), READ, "over a reboot"),
        (LONG, sampled(locked=False), "does not hold its plug"),
        (CLAIM, sampled(pilot=Pilot.A), "vehicle left"),
        (CLAIM, replace(READ, devices=(meter("18"),)), "serial number was 17, is 18"),
        (CLAIM, sampled(energy_wh=1499.9), "behind: was 1500 Wh, is 1499.9 Wh"),
    ],
    ids=[
        "policy", "authorisation", "unknown", "16 minutes", "own policy", "policy beyond the bound",
        "clock ahead", "long, no lock", "reboot, no lock", "unlocked", "gone", "serial", "register",
    ],
)  # fmt: skip
def test_refused_at_once(claim: Claim, inputs: Inputs, why: str) -> None:
    verdict = judged(claim, inputs)
    assert (verdict.answer, why in verdict.why) == (Answer.REFUSED, True), verdict


@pytest.mark.parametrize(
    ("claim", "inputs", "why"),
    [
        (CLAIM, replace(READ, pilot=None), "no vehicle is read"),
        (CLAIM, replace(READ, pilot=Sample(value=Pilot.C, taken_s=NOW_S - 9.0)), "no vehicle"),
        (CLAIM, sampled(pilot=Pilot.F), "no vehicle is read"),
        (LONG, replace(READ, locked=None), "lock has not been read"),
        (CLAIM, replace(READ, energy_wh=None), "meter has not been read"),
        (CLAIM, sampled(energy_wh=math.nan), "meter has not been read"),
        (CLAIM, replace(READ, devices=(meter(None),)), "serial number has not been read"),
        (replace(REBOOTED, alive_s=None, may_learn=True), READ, "not synchronised"),
    ],
    ids=["pilot", "old pilot", "no state", "lock", "meter", "no number", "serial", "wall clock"],
)
def test_what_is_missing_is_awaited_for_half_a_minute(
    claim: Claim, inputs: Inputs, why: str
) -> None:
    verdict = judged(claim, inputs)
    assert (verdict.answer, why in verdict.why) == (Answer.OPEN, True), verdict
    late = replace(claim, started_s=NOW_S - PROOF_S)
    assert deadline_s(late) == NOW_S
    verdict = judged(late, inputs)
    assert (verdict.answer, why in verdict.why) == (Answer.REFUSED, True), verdict


def test_a_lock_that_was_moved_since_the_start_proves_nothing() -> None:
    """It reads locked because it was told to: that says nothing about the time before."""
    assert judged(LONG, life=Life(lock_told=True)).answer is Answer.REFUSED
    assert judged(CLAIM, life=Life(lock_told=True)).answer is Answer.PROVED


@pytest.mark.parametrize(
    "settings",
    [replace(SOCKET, socket=False), replace(SOCKET, fitted=frozenset())],
    ids=["fixed cable", "lock without a contact"],
)
def test_only_a_lock_that_says_so_counts(settings: Settings) -> None:
    assert judge(settings, Life(), LONG, READ, NOW_S).answer is Answer.REFUSED


@given(
    claim=st.builds(
        Claim,
        started_s=st.floats(0.0, 2000.0),
        alive_s=st.none() | st.floats(-5000.0, 2000.0),
        may_learn=st.booleans(),
        same_boot=st.booleans(),
        within_s=st.floats(0.0, 5000.0),
        lock_keeps=st.booleans(),
        meter_serial=st.sampled_from((None, "17", "18")),
        last_wh=st.none() | st.floats(0.0, 3000.0),
    ),
    pilot=st.sampled_from(Pilot),
    locked=st.booleans(),
    wh=st.floats(0.0, 3000.0),
    now_s=st.floats(900.0, 1100.0),
)
def test_whatever_is_resumed_was_away_briefly_and_is_the_same(
    claim: Claim, pilot: Pilot, locked: bool, wh: float, now_s: float
) -> None:
    inputs = sampled(pilot=pilot, locked=locked, energy_wh=wh)
    verdict = judge(SOCKET, Life(), claim, inputs, now_s)
    if verdict.answer is not Answer.PROVED:
        assert verdict.why
        return
    assert claim.alive_s is not None
    away_s = now_s - claim.alive_s
    assert 0.0 <= away_s <= min(claim.within_s, WITHIN_MAX_S)
    assert pilot in (Pilot.B, Pilot.C, Pilot.D)
    assert (claim.same_boot and away_s <= SWAP_S) or (claim.lock_keeps and locked)
    assert claim.meter_serial in (None, "17")
    assert claim.last_wh is None or wh >= claim.last_wh


def found(settings: Settings = ONE) -> World:
    """A start with a session of before, the vehicle asking, everything read."""
    world = World(settings=settings).find_session()
    world.authorised, world.pilot = True, Pilot.C
    return world


def test_the_contactor_stays_open_until_the_proof_and_closes_then() -> None:
    world = found()
    for _ in range(240):
        world.step(0.25)
        outputs = machine.outputs(world.connector)
        assert (outputs.closed, outputs.limit_a) == (False, 0.0)
    assert world.at(State.SUSPENDED_STATION)
    assert world.connector.life.session
    told = explain(world.settings, world.connector, world.inputs, world.now_s)
    assert Hold.PROOF.value in [link.what for link in told.why]
    world.override = {}
    world.run(8.0)
    assert world.at(State.CHARGING)


@pytest.mark.parametrize(
    ("turn", "reason"),
    [({"pilot": Pilot.A}, "unplugged"), ({"authorised": False}, "stopped")],
    ids=["unplugged", "refused"],
)
def test_an_unproved_session_can_end(turn: dict[str, object], reason: str) -> None:
    world = found()
    world.run(2.0)
    world.__dict__.update(turn)
    world.run(1.0)
    told = [effect for _, effect in world.since(SessionEnded)]
    assert told == [SessionEnded(reason=reason)]
    world.override = {}
    world.run(5.0)
    assert not world.connector.life.session
    assert not machine.outputs(world.connector).closed


@pytest.mark.parametrize(
    ("sight", "moved"),
    [
        ({"unproved": True}, False),
        ({"unproved": False}, True),
        ({"unproved": True, "supply_lost": True, "dead": True}, True),
        ({"unproved": True, "dead": False}, True),
    ],
    ids=["left as it is", "proved", "supply is lost", "socket is live"],
)
def test_the_lock_is_evidence_until_the_proof(sight: dict[str, bool], moved: bool) -> None:
    life = Life(session=True, plugged=True)
    seen = replace(see(SOCKET, life, READ, NOW_S), **sight)  # type: ignore[arg-type]  # flags
    assert gear.advance(SOCKET, life, seen, Summary(), NOW_S).lock_told is moved


def test_no_lock_is_commanded_while_unproved() -> None:
    world = found(replace(ONE, socket=True))
    world.run(5.0)
    assert world.since(LockCommanded) == []
    world.override = {}
    world.run(1.0)
    told = [effect.locked for _, effect in world.effects if isinstance(effect, LockCommanded)]
    assert told == [True]


@pytest.mark.parametrize(
    ("said", "evidence"),
    [("", "a session of before the restart was found open"), ("resumed: why", "resumed: why")],
)
def test_what_became_of_it_is_evidence(said: str, evidence: str) -> None:
    world = World()
    world.connector = machine.initial(world.settings, (), world.now_s, session_found=True)
    world.override = {"session_found": said}
    world.step(0.25)
    assert not world.connector.life.session
    assert world.faults["session_recovered"].evidence == evidence
