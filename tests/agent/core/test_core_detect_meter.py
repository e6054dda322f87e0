"""Meters that stand still, cannot be true, run backwards, are others, or hang in a wrong place."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from agent.core.core_bench import CHARGING, IDLE, OPEN, WELL, Bench, Case, Check, table
from agent.core.core_detect import brisk, ever
from agent.core.core_world import ONE, World
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import DeviceHealth, Phases, Reset, Role, Sample
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.settings import Settings, Supply

IT = replace(ONE, supply=Supply.IT_3X230)
THREE_WIRE = replace(ONE, meter_three_wire=True)
SERVICE = frozenset({Reset.SERVICE})

CASES = (
    Case(
        id="volts beyond", code="meter_implausible", bad={"voltage_v": (230.0, 507.0, 231.0)},
        after_s=10.0, near=(
            {"voltage_v": (230.0, 400.0, 0.0), "power_w": 4000.0},
            {"voltage_v": (-1.0,) * 3, "power_w": 0.0},
        ),
        evidence="507 V, possible 506 V", blind=("energy_wh", "current_a"),
    ),
    Case(
        id="volts below", code="meter_implausible", bad={"voltage_v": (230.0, -9.0, 231.0)},
        after_s=10.0, evidence="-9 V", blind=("energy_wh", "current_a"),
    ),
    Case(
        id="amps beyond", code="meter_implausible", bad={"current_a": (0.0, 161.0, 0.0)},
        after_s=10.0, near=({"current_a": (45.0, 45.0, 160.0)},), evidence="161 A, possible 160 A",
        blind=("energy_wh",),
    ),
    Case(
        id="more power", code="meter_implausible", bad={"power_w": 11_350.0}, after_s=10.0,
        near=({"power_w": 11_280.0}, {"power_w": 4000.0},
              {"power_w": 15_000.0, "voltage_v": (230.0, None, 231.0)}),
        evidence="11350 W, possible 11", blind=("energy_wh", "current_a"),
    ),
    Case(
        id="reversed", code="meter_reversed", bad={"power_w": -101.0}, after_s=30.0,
        near=({"power_w": -100.0}, {"power_w": -5000.0, "current_a": (2.0, 2.0, 2.0)}),
        act=Act.FINISH, evidence="-101 W while the vehicle draws 15.5 A",
    ),
)  # fmt: skip


@table(*CASES)
def test_meter(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize("settings", [IT, THREE_WIRE], ids=["3x230", "two wattmeters"])
def test_power_of_three_wires_is_no_sum(settings: Settings) -> None:
    bench = Bench("meter_implausible", settings=settings)
    assert bench.run(15.0, power_w=18_000.0).raises == 0


def test_power_is_compared_within_one_reply_only() -> None:
    """Read half a second apart, or while the load changes, they need not agree."""
    bench = Bench("meter_implausible").run(2.0)
    for _ in range(60):
        taken_s = bench.now_s + 0.25
        bench.whole = {"power_w": Sample(value=14_000.0, taken_s=taken_s - 0.4)}
        bench.step(0.25)
    assert bench.raises == 0
    bench = Bench("meter_implausible").run(2.0)
    for tenth in range(120):  # the sum lags behind a vehicle that stops again and again
        amps = 15.5 if tenth % 2 else 5.0
        bench.run(0.5, 0.5, current_a=(amps,) * 3, power_w=10_700.0)
    assert bench.raises == 0
    bench.whole = {"power_w": None}
    assert bench.run(1.0).says() is False


def test_a_register_that_went_back() -> None:
    """It stays wrong until it is past where it was, or a technician takes it as it is."""
    bench = Bench("meter_implausible").run(5.0)
    bench.energy_wh = 4000.0
    assert 10.0 <= bench.until_raised(12.0) <= 10.5
    assert bench.track.evidence.startswith("register went back by")
    assert (bench.track.act, bench.track.locked) == (Act.RAMP, True)
    bench.run(20.0)
    assert bench.says() is True
    bench.resets = SERVICE
    assert bench.step(0.25).present is False
    assert bench.run(5.0).says() is False


@pytest.mark.parametrize(
    ("value_wh", "times", "raised"),
    [(5014.0, 60, False), (3.0, 4, False), (9e8, 4, False), (float("nan"), 60, False),
     (9e8, 60, True), (5700.0, 60, True), (5055.0, 60, False)],
    ids=["same", "glitch down", "glitch up", "no number", "jump", "more than the fuse", "less"],
)  # fmt: skip
def test_register_values(value_wh: float, times: int, *, raised: bool) -> None:
    """A glitch is no fault; what the fuse lets through in the time since is possible."""
    bench = Bench("meter_implausible").run(5.0)
    for _ in range(times):
        bench.whole = {"energy_wh": Sample(value=value_wh, taken_s=bench.now_s + 0.25)}
        bench.step(0.25)
    assert (bench.raises > 0) is raised
    bench.whole = {}
    assert bench.run(30.0).says() is False


def test_a_gap_explains_a_jump() -> None:
    bench = Bench("meter_implausible").run(5.0)
    bench.silent.add("energy_wh")
    bench.run(600.0, 5.0)
    assert bench.says() is None
    bench.silent.clear()
    assert bench.run(15.0).says() is False
    shared = Bench("meter_implausible", settings=replace(ONE, meter_exclusive=False)).run(5.0)
    shared.energy_wh = 90_000.0
    assert shared.run(15.0).raises == 0


@pytest.mark.parametrize(
    ("end_wh", "from_wh", "raised"),
    [(1e8, 99_999_990.0, False), (1e8, 50_000_000.0, True), (None, 99_999_990.0, True)],
    ids=["known", "far from its end", "unknown"],
)
def test_rollover(end_wh: float | None, from_wh: float, *, raised: bool) -> None:
    bench = Bench("meter_implausible", settings=replace(ONE, meter_rollover_wh=end_wh))
    bench.energy_wh = from_wh
    bench.run(2.0).energy_wh = 3.0
    assert (bench.run(12.0).raises > 0) is raised


def meter(replaced: str = "", heard_s: float | None = 1.0, name: str = "meter1") -> DeviceHealth:
    return DeviceHealth(name=name, role=Role.METER, line="l", heard_s=heard_s, replaced=replaced)


def test_another_meter_has_another_register() -> None:
    """Replaced is what it is: nothing is implausible about its lower value."""
    bench = Bench("meter_implausible").never("meter_frozen").run(5.0)
    bench.whole = {"devices": (meter(replaced="serial 2, was 1"),)}
    bench.energy_wh = 17.0
    assert bench.run(20.0).raises == 0


@pytest.mark.parametrize(
    ("devices", "present"),
    [
        ((), None),
        ((meter(heard_s=None),), None),
        ((meter(),), False),
        ((meter(replaced="serial 2, was 1"),), True),
        ((meter(replaced="serial 2, was 1", name="site"), meter()), False),
        ((replace(meter(replaced="x"), role=Role.BOARD), meter()), False),
    ],
    ids=["unknown", "never heard", "the same", "another", "another's", "as a board"],
)
def test_replaced(devices: tuple[DeviceHealth, ...], present: bool | None) -> None:
    bench = Bench("meter_replaced")
    bench.whole = {"devices": devices}
    assert bench.step(1.0).present is present
    if present:
        assert (bench.track.act, bench.track.locked) == (Act.RAMP, True)
        bench.whole = {"devices": ()}
        assert bench.run(5.0).track.phase is Phase.ACTIVE


def jittered(bench: Bench, seconds: float, watts: float, dice: Random) -> None:
    """A load of so many watts, as a living meter shows it."""
    for _ in range(int(seconds)):
        volts: Phases = (229.0 + dice.random(), 230.0 + dice.random(), 230.0 + dice.random())
        bench.run(1.0, 1.0, voltage_v=volts, power_w=watts + dice.random())


@pytest.mark.parametrize(
    ("watts", "resolution_wh", "raised_s"),
    [(10_700.0, 1.0, 60.0), (101.0, 1.0, 107.0), (200.0, 10.0, 540.0), (3_600.0, 100.0, 300.0)],
    ids=["full", "small", "coarse", "coarser"],
)
def test_energy_stands_still(watts: float, resolution_wh: float, raised_s: float) -> None:
    """T = max(60 s, three steps of the register at this power)."""
    settings = replace(ONE, meter_resolution_wh=resolution_wh)
    bench, dice = Bench("meter_frozen", settings=settings), Random(2)
    bench.counting = False
    jittered(bench, raised_s - 3.0, watts, dice)
    assert bench.raises == 0
    jittered(bench, 8.0, watts, dice)
    assert bench.standing
    assert bench.track.evidence.startswith("energy unchanged at")
    bench.counting = True
    jittered(bench, 3.0, 9_000.0, dice)
    assert bench.says() is False


def test_the_float_of_the_register_counts() -> None:
    """A float32 of 60 GWh moves in steps of 4 Wh: at 300 W three of them take far over 60 s."""
    bench, dice = Bench("meter_frozen"), Random(2)
    bench.counting, bench.energy_wh = False, 6e7
    jittered(bench, 240.0, 300.0, dice)
    assert bench.raises == 0
    jittered(bench, 30.0, 300.0, dice)
    assert bench.standing


def test_a_rising_power_does_not_look_back() -> None:
    """For 170 s at 200 W a coarse register need not move; at 11 kW its time begins, not ends."""
    settings = replace(ONE, meter_resolution_wh=20.0)
    bench, dice = Bench("meter_frozen", settings=settings), Random(2)
    bench.counting = False
    jittered(bench, 170.0, 200.0, dice)
    jittered(bench, 10.0, 11_000.0, dice)
    assert bench.raises == 0
    jittered(bench, 15.0, 11_000.0, dice)
    assert bench.standing


@pytest.mark.parametrize("watts", [100.0, 0.0], ids=["at the bound", "none"])
def test_no_load_no_frozen_meter(watts: float) -> None:
    bench = Bench("meter_frozen", life=OPEN, read=dict(IDLE))
    bench.counting = False
    assert bench.run(400.0, 2.0, power_w=watts).says() is False


def test_everything_alike() -> None:
    """Seven values stand still to the last bit for 120 s, although the register moves."""
    bench = Bench("meter_frozen")
    assert 120.0 <= bench.until_raised(124.0, 0.5) <= 121.0
    assert bench.track.evidence == "7 values alike for 120 s at 10700 W"
    assert bench.run(1.0, power_w=10_701.0).says() is False


def test_two_values_are_too_few_to_be_alike() -> None:
    """Zeros do not count: the unused phases of a one-phase vehicle never change."""
    bench = Bench("meter_frozen", read={**WELL, "voltage_v": None})
    bench.run(200.0, 1.0, current_a=(9.0, 0.0, 0.0), power_w=2070.0)
    assert bench.raises == 0


@pytest.mark.parametrize("name", ["power_w", "energy_wh"])
def test_frozen_needs_power_and_energy(name: str) -> None:
    """Silent or refused is `meter_lost`, and no proof of life either."""
    bench = Bench("meter_frozen")
    bench.counting = False
    bench.until_raised(70.0, 0.5)
    bench.silent.add(name)
    assert bench.run(30.0, 1.0).track.phase is Phase.ACTIVE
    bench = Bench("meter_frozen")
    bench.whole = {name: None}
    assert bench.run(200.0, 2.0).says() is None
    assert bench.raises == 0


def test_a_gap_is_no_load() -> None:
    """Nothing is known of a minute of silence: it fills no register."""
    settings = replace(ONE, meter_resolution_wh=10.0)
    bench, dice = Bench("meter_frozen", settings=settings), Random(4)
    bench.counting = False
    for _ in range(6):
        jittered(bench, 2.0, 3000.0, dice)
        bench.silent.update(("power_w", "energy_wh", "voltage_v", "current_a"))
        bench.run(60.0, 5.0)
        bench.silent.clear()
    assert bench.raises == 0


def test_due_times_of_a_frozen_meter() -> None:
    bench = Bench("meter_frozen")
    assert [*bench.detector.due_s(bench.scene)] == []
    bench.counting = False
    bench.run(2.0)
    assert [at_s - bench.now_s for at_s in bench.detector.due_s(bench.scene)] == [58.25, 118.25]


@pytest.mark.parametrize(
    ("read", "present"),
    [({"power_w": None}, None), ({"current_a": None}, None), ({}, False)],
    ids=["no power", "no current", "well"],
)
def test_reversed_unknown(read: dict[str, Any], present: bool | None) -> None:
    bench = Bench("meter_reversed")
    bench.whole = dict(read)
    assert bench.run(1.0).says() is present


def test_reversed_only_while_charging() -> None:
    """Not while it is open, nor before the meter has settled, nor where export is allowed."""
    bench = Bench("meter_reversed", life=OPEN, read=dict(IDLE))
    assert bench.run(40.0, 1.0, power_w=-500.0, current_a=(3.0, 3.0, 3.0)).raises == 0
    bench.command(CHARGING)
    assert bench.run(2.0).says() is None
    assert bench.run(2.0).says() is True
    codes = {d.code for d in applicable(replace(ONE, export_allowed=True))}
    assert "meter_reversed" not in codes


def openings(bench: Bench, count: int, *, silent: bool, open_s: float = 10.0) -> None:
    """Open and close again; the meter answers meanwhile, or does not."""
    for _ in range(count):
        bench.command(OPEN)
        if silent:
            bench.silent.update(("current_a", "energy_wh", "power_w", "voltage_v"))
        bench.run(open_s, 1.0)
        bench.silent.clear()
        bench.command(CHARGING)
        bench.run(6.0, 1.0)


def test_behind_the_contactor() -> None:
    """Silent in three openings, heard each time it closed; one answer while open ends it."""
    bench = Bench("meter_behind_contactor").run(5.0)
    openings(bench, 2, silent=True)
    assert bench.raises == 0
    openings(bench, 1, silent=True)
    assert bench.standing
    assert (bench.track.act, bench.track.evidence) == (
        Act.NONE, "silent in each of the last 3 openings",
    )  # fmt: skip
    openings(bench, 3, silent=True)
    assert bench.says() is True
    openings(bench, 1, silent=False)
    assert bench.says() is False


@pytest.mark.parametrize(
    ("open_s", "silent"), [(4.0, True), (20.0, False)], ids=["too short", "it answers"]
)
def test_not_behind_the_contactor(open_s: float, *, silent: bool) -> None:
    bench = Bench("meter_behind_contactor").run(5.0)
    openings(bench, 6, silent=silent, open_s=open_s)
    assert bench.raises == 0


def test_a_meter_never_heard_hangs_nowhere() -> None:
    """Dead all the time: `meter_lost`. And one answer between the silences begins anew."""
    bench = Bench("meter_behind_contactor")
    bench.whole = {"energy_wh": None}
    openings(bench, 5, silent=True)
    assert bench.raises == 0
    bench = Bench("meter_behind_contactor").run(5.0)
    openings(bench, 2, silent=True)
    openings(bench, 1, silent=False)
    openings(bench, 2, silent=True)
    assert bench.raises == 0


@pytest.mark.parametrize(("period_s", "lost_s"), [(1.0, 10.0), (5.0, 10.0), (20.0, 40.0)])
def test_a_meter_that_is_read_seldom_is_not_lost_in_between(period_s: float, lost_s: float) -> None:
    """Two reads in a row must have failed, and 10 s have passed."""
    settings = replace(ONE, meter_max_age_s=max(3.0, 3.0 * period_s))
    world = World(settings=settings)
    for _ in range(4):
        world.silent.clear()
        brisk(world, 0.25)
        world.silent.update(("current_a", "energy_wh", "voltage_v", "power_w"))
        brisk(world, period_s - 0.25)
    assert not ever(world, "meter_lost")
    brisk(world, lost_s - period_s - 0.25)
    assert not ever(world, "meter_lost")
    brisk(world, 0.5)
    assert "meter_lost" in world.faults


@pytest.mark.parametrize("replies", [1, 3, 5])
def test_as_many_good_replies_as_configured_end_a_lost_meter(replies: int) -> None:
    rules = with_overrides({"meter_lost": {"replies_count": replies}})
    world = brisk(World(settings=replace(ONE, rules=rules)), 6.0, 1.0)
    world.silent.add("current_a")
    brisk(world, 30.0, 1.0)
    assert "meter_lost" in world.faults
    world.silent.clear()
    brisk(world, 0.5 * (replies - 1), 0.5)
    assert "meter_lost" in world.faults
    world.advance(0.5)
    assert "meter_lost" not in world.faults
