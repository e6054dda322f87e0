"""Pilot boards that err, restart, disobey, reclose or are not the right ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.core import core_detect
from agent.core.core_detect import Case, Check, brisk, charging, ever
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core.detect.board import limit_not_obeyed
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, Sample
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.memory.board import BoardMemory, remember_board
from laddvakt_agent.core.model import FaultRaised, State
from laddvakt_agent.core.scene import Scene

CASES = (
    Case(id="error", code="board_error", calm={"board_errors": ()},
         bad={"board_errors": ("bit4", "bit7")}, act=Act.TRIP, evidence="bit4, bit7",
         below=({"board_errors": ("pilot_error",)},)),
)  # fmt: skip
LOAD_SIDE = replace(ONE, has_feedback=False, voltage_load_side=True)
UPTIME = replace(ONE, fitted=frozenset({"board_uptime_s"}))
BOOTS = replace(ONE, fitted=frozenset({"board_boots"}))
SERVICE = frozenset({Reset.SERVICE})


@core_detect.table(CASES)
def test_errors(check: Check, case: Case) -> None:
    check(case)


def test_a_board_that_reports_no_errors_at_all() -> None:
    world = brisk(charging(World(missing={"board_errors"})), 10.0)
    assert world.faults == {}


# A contactor left closed, or closed again.


@pytest.mark.parametrize(("late_s", "raised"), [(0.75, False), (1.25, True)])
def test_left_closed_after_the_vehicle_let_go(late_s: float, *, raised: bool) -> None:
    """The board has 1 s for what the norm asks of it in 0.1 s."""
    world = charging(World())
    world.pilot, world.mirror = Pilot.B, True
    brisk(world, 0.25 + late_s)
    world.mirror = None
    brisk(world, 1.0)
    assert ever(world, "board_error") is raised
    if raised:
        assert "still closed 1 s after" in world.faults["board_error"].evidence
        brisk(world, 31.0)
        world.resets = SERVICE
        brisk(world, 300.0, 30.0)
        assert "board_error" not in world.faults


def test_left_closed_needs_a_fresh_mirror() -> None:
    """Stale, missing or not fitted, it accuses nobody."""
    for settings, silent, missing in ((ONE, {"feedback_closed"}, set[str]()),
                                      (ONE, set[str](), {"feedback_closed"}),
                                      (TWO, set[str](), set[str]())):  # fmt: skip
        world = charging(World(settings=settings))
        world.pilot, world.mirror = Pilot.B, True
        world.silent, world.missing = silent, missing
        brisk(world, 6.0)
        assert not ever(world, "board_error")


@pytest.mark.parametrize("pilot", [Pilot.C, Pilot.E])
def test_a_vehicle_that_asks_explains_closed_contacts(pilot: Pilot) -> None:
    """Only letting go binds the board; what else is wrong has its own fault."""
    world = charging(World())
    world.pilot, world.mirror = pilot, True
    brisk(world, 6.0)
    assert not ever(world, "board_error")


@pytest.mark.parametrize("settings", [ONE, LOAD_SIDE], ids=["mirror", "load side"])
def test_closed_again_untold(settings: object) -> None:
    """Seen open, then closed without a command: no new session, until service has looked."""
    assert isinstance(settings, type(ONE))
    world = charging(World(settings=settings))
    world.pilot = Pilot.B
    brisk(world, 4.0)
    assert world.connector.memory.gear.board.seen_open
    world.mirror = True
    world.step(0.25)
    assert world.faults["board_recloses"].act is Act.FINISH
    assert world.faults["board_recloses"].locked_out
    assert world.connector.memory.gear.board.reclosed_s == world.now_s
    world.mirror = False
    brisk(world, 60.0, 1.0)
    assert "board_recloses" in world.faults
    for _ in range(20):
        world.resets = SERVICE
        world.step(1.0)
    assert "board_recloses" not in world.faults


def test_a_weld_is_no_reclosure() -> None:
    """It was never seen open."""
    world = charging(World())
    world.pilot, world.mirror = Pilot.B, True
    brisk(world, 10.0)
    assert "contactor_welded" in world.faults
    assert not ever(world, "board_recloses")


def test_bouncing_while_it_opens() -> None:
    """Within the settling time nothing counts; a command to close is none of the board's doing."""
    world = charging(World())
    world.pilot = Pilot.B
    world.step(0.25)
    for closed in (False, True, False):
        world.override = {"feedback_closed": Sample(value=closed, taken_s=world.now_s + 0.05)}
        world.step(0.05)
    world.override = {}
    brisk(world, 6.0)
    world.pilot = Pilot.C
    brisk(world, 6.0)
    assert world.at(State.CHARGING)
    assert world.since(FaultRaised) == []


def test_reclosing_cannot_be_judged_blindly() -> None:
    """A standing fault stays while the contacts cannot be read."""
    world = brisk(World(), 6.0)
    world.mirror = True
    world.step(0.25)
    world.silent.add("feedback_closed")
    for _ in range(20):
        world.resets = SERVICE
        world.step(1.0)
    assert "board_recloses" in world.faults


def test_a_profile_that_says_so() -> None:
    """It stands from the start, and service cannot argue it away."""
    world = brisk(World(settings=replace(TWO, board_recloses=True)), 6.0)
    assert world.faults["board_recloses"].act is Act.FINISH
    world.resets = SERVICE
    brisk(world, 6.0)
    assert "board_recloses" in world.faults


def test_no_witness_no_reclosure() -> None:
    world = brisk(World(settings=TWO), 6.0)
    world.mirror = True
    brisk(world, 6.0)
    assert not ever(world, "board_recloses")


# Restarts.


def _uptime(world: World, from_s: float, seconds: float) -> float:
    for _ in range(round(seconds / 0.25)):
        from_s += 0.25
        world.gear = {"board_uptime_s": from_s}
        world.step(0.25)
    return from_s


def test_uptime_went_back() -> None:
    """Ramped at once, led again after it was armed anew, and never sooner than 10 s."""
    world = charging(World(settings=UPTIME, gear={"board_uptime_s": 500.0}))
    _uptime(world, 500.0, 10.0)
    assert world.faults == {}
    _uptime(world, 0.0, 0.25)
    assert world.faults["board_restarted"].act is Act.RAMP
    assert "uptime 0.25 s" in world.faults["board_restarted"].evidence
    _uptime(world, 0.25, 9.5)
    assert "board_restarted" in world.faults
    _uptime(world, 9.75, 1.0)
    assert "board_restarted" not in world.faults


def test_a_restarted_board_must_be_armed_again() -> None:
    """What guarded it before must guard it again; who was never guarded is not waited for."""
    world = brisk(World(settings=UPTIME, gear={"board_uptime_s": 500.0}), 6.0)
    world.guarded = False
    _uptime(world, 0.0, 30.0)
    assert "board_restarted" in world.faults
    world.guarded = True
    _uptime(world, 30.0, 1.0)
    assert "board_restarted" not in world.faults
    settings = replace(UPTIME, unattended_current_a=8.0)
    bare = brisk(World(settings=settings, guarded=False, gear={"board_uptime_s": 500.0}), 6.0)
    _uptime(bare, 0.0, 12.0)
    assert ever(bare, "board_restarted")
    assert "board_restarted" not in bare.faults


@pytest.mark.parametrize("boots", [8, 6], ids=["counted up", "began anew"])
def test_boot_counter(boots: int) -> None:
    world = brisk(World(settings=BOOTS, gear={"board_boots": 7}), 6.0)
    assert world.faults == {}
    world.gear = {"board_boots": boots}
    world.step(0.25)
    assert f"{boots} starts" in world.faults["board_restarted"].evidence
    brisk(world, 11.0)
    assert world.faults == {}


def test_silence_is_no_restart_and_no_end_of_one() -> None:
    """Unread for long, then where it should be: nothing. Unread after a restart: it stands."""
    world = brisk(World(settings=BOOTS, gear={"board_boots": 7}), 6.0)
    world.silent.add("board_boots")
    brisk(world, 120.0, 5.0)
    world.silent.clear()
    brisk(world, 6.0)
    assert world.faults == {}
    world.gear = {"board_boots": 8}
    world.step(0.25)
    world.silent.add("board_boots")
    world.step(40.0)
    brisk(world, 20.0)
    assert "board_restarted" in world.faults


@pytest.mark.parametrize(
    ("before_s", "after_s", "elapsed_s", "restarted"),
    [
        (100.0, 101.0, 1.0, False),
        (100.0, 100.0, 1.0, False),
        (100.0, 99.0, 1.0, True),
        (65_535.0, 1.0, 2.0, False),
        (4_294_960.0, 3.0, 10.0, False),
        (4_294_967_290.0, 4.0, 10.0, False),
        (65_535.0, 100.0, 2.0, True),
        (40_000.0, 1.0, 2.0, True),
        (100.0, math.nan, 1.0, False),
        (100.0, math.inf, 1.0, False),
    ],
    ids=["on", "coarse", "back", "16 bits of s", "32 bits of ms", "32 bits of s",
         "too far over", "in the middle", "nan", "inf"],
)  # fmt: skip
def test_counters_that_roll_over(
    before_s: float, after_s: float, elapsed_s: float, *, restarted: bool
) -> None:
    """A counter that begins anew where its bits end has not restarted."""
    memory = BoardMemory(uptime_s=before_s, uptime_taken_s=1000.0)
    now_s = 1000.0 + elapsed_s
    inputs = Inputs(board_uptime_s=Sample(value=after_s, taken_s=now_s))
    after = remember_board(UPTIME, Life(), memory, inputs, now_s)
    assert (after.restarted_s is not None) is restarted


# The wrong board, an unguarded one, one that offers too much.


def test_another_board() -> None:
    """At once, and until a person has looked and it is the right one."""
    world = charging(World())
    wrong = replace(world.inputs.devices[0], mismatch="firmware 2.1, configured 1.x")
    world.override = {"devices": (wrong, *world.inputs.devices[1:])}
    world.step(0.25)
    assert world.faults["board_mismatch"].act is Act.TRIP
    assert world.faults["board_mismatch"].evidence == "evse1: firmware 2.1, configured 1.x"
    world.resets = frozenset({Reset.MANUAL})
    brisk(world, 2.0)
    assert "board_mismatch" in world.faults
    world.override = {}
    brisk(world, 2.0)
    assert "board_mismatch" in world.faults
    world.resets = frozenset({Reset.MANUAL})
    brisk(world, 2.0)
    assert "board_mismatch" not in world.faults


def test_an_unheard_device_is_not_the_right_one() -> None:
    world = brisk(World(), 6.0)
    wrong = tuple(replace(device, mismatch="other vendor") for device in world.inputs.devices)
    world.override = {"devices": wrong}
    world.step(0.25)
    world.override = {"devices": tuple(replace(d, heard_s=None, mismatch="") for d in wrong)}
    for reset in (Reset.MANUAL, Reset.SERVICE):
        world.resets = frozenset({reset})
        brisk(world, 2.0)
    assert "board_mismatch" in world.faults


@pytest.mark.parametrize(
    ("settings", "act", "derate"),
    [(ONE, Act.FINISH, False), (replace(ONE, unattended_current_a=8.0), Act.DERATE, True)],
)
def test_unguarded(settings: object, act: Act, *, derate: bool) -> None:
    """5 s; not while the board was never heard."""
    assert isinstance(settings, type(ONE))
    world = brisk(World(settings=settings, guarded=False, missing={"pilot"}), 8.0)
    assert "unguarded_board" not in world.faults
    world.missing.clear()
    brisk(world, 5.0)
    assert "unguarded_board" not in world.faults
    brisk(world, 0.5)
    assert world.faults["unguarded_board"].act is act
    assert world.connector.summary.derate is derate


@pytest.mark.parametrize(
    ("readback_a", "raised"),
    [(32.0, True), (17.1, True), (17.0, False), (6.0, False), (0.0, False), (math.nan, False)],
    ids=["much", "more", "resolution", "less", "none", "no number"],
)
def test_limit(readback_a: float, *, raised: bool) -> None:
    """More than told and the resolution, 10 s after it was told, for 3 s; less is explained."""
    world = charging(World())
    offered_s = world.connector.life.limit_changed_s
    world.readback_a = readback_a
    while world.now_s < offered_s + 13.0 - 0.25:
        world.step(0.25)
        assert not ever(world, "limit_not_obeyed")
    brisk(world, 0.75)
    assert ever(world, "limit_not_obeyed") is raised


def test_a_slow_board_and_a_write_only_one() -> None:
    """It may take its 10 s; a board that never says its limit is not asked."""
    slow = brisk(World(readback_a=32.0), 6.0)
    slow.readback_a = None
    brisk(charging(slow), 6.0)
    mute = brisk(charging(World(missing={"limit_readback_a"})), 20.0)
    assert slow.since(FaultRaised) == mute.since(FaultRaised) == []


def test_a_limit_that_is_not_read_any_longer() -> None:
    """Neither raised by what was read too early, nor cleared by silence."""
    world = brisk(charging(World()), 12.0)
    world.readback_a = 32.0
    brisk(world, 4.0)
    assert "limit_not_obeyed" in world.faults
    world.readback_a = None
    world.missing.add("limit_readback_a")
    world.override = {"limit_readback_a": None}
    brisk(world, 120.0, 1.0)
    assert "limit_not_obeyed" in world.faults


@pytest.mark.parametrize(
    ("taken_s", "present"), [(1009.9, None), (1010.0, True)], ids=["too early", "when it is due"]
)
def test_a_limit_read_before_it_was_due(taken_s: float, present: bool | None) -> None:
    """Fresh, and yet from a time in which the board may still have been applying it."""
    life = Life(limit_a=16.0, limit_changed_s=1000.0)
    inputs = Inputs(limit_readback_a=Sample(value=32.0, taken_s=taken_s))
    scene = Scene(ONE, life, Memory(tells_limit=True), inputs, 1010.5)
    assert limit_not_obeyed(scene).present is present
