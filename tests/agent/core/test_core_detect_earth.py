"""Residual current, its monitor and its tests, the protective earth, insulation on IT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.core.core_bench import CHARGING, IDLE, OPEN, START_S, WELL, Bench, Case, Check, table
from agent.core.core_world import ONE, World
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Pilot, SelfTest
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.selftest import Outcome, Tests
from laddvakt_agent.core.settings import Settings, Supply

IT = replace(ONE, supply=Supply.IT_3X230)
TESTED = replace(ONE, has_residual_test=True)
HOUR_S = 3600.0
SOUND = {**WELL, "earth_voltage_v": (133.0, 131.0, 134.0)}
CASES = (
    Case(
        id="dc", code="residual_current_dc", bad={"residual_tripped": True}, after_s=0.25,
        calm={**WELL, "residual_dc_a": 0.0071}, act=Act.TRIP, evidence="tripped at 7.1 mA DC",
        near=({"residual_dc_a": 0.005},),
    ),
    Case(
        id="unsaid", code="residual_current_dc", bad={"residual_tripped": True}, after_s=0.25,
        act=Act.TRIP, evidence="monitor tripped",
    ),
    Case(
        id="ac", code="residual_current_ac", bad={"residual_ac_tripped": True}, after_s=0.25,
        calm={**WELL, "residual_ac_tripped": False, "residual_ac_a": 0.031}, act=Act.TRIP,
        evidence="tripped at 31.0 mA AC",
    ),
    Case(
        id="earth", code="protective_earth_missing", bad={"earth_missing": True}, after_s=0.25,
        calm={**WELL, "earth_missing": False}, act=Act.TRIP, evidence="protective earth",
    ),
    Case(
        id="insulation", code="it_earth_fault", bad={"insulation_fault": True}, after_s=10.0,
        calm={**WELL, "insulation_fault": False}, act=Act.FINISH, settings=IT,
        evidence="insulation monitor",
    ),
    Case(
        id="one at earth", code="it_earth_fault", bad={"earth_voltage_v": (228.0, 49.0, 231.0)},
        calm=SOUND, after_s=10.0, act=Act.FINISH, settings=IT, evidence="49 V from one phase",
        near=tuple(
            {"earth_voltage_v": volts}
            for volts in ((228.0, 50.0, 231.0), (200.0, 3.0, 231.0), (3.0, None, 231.0))
        ),
    ),
)  # fmt: skip


@table(*CASES)
def test_earth(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (ONE, {"residual_current_dc"}),
        (TESTED, {"residual_current_dc", "residual_monitor_failed", "self_test_overdue"}),
        (replace(TESTED, has_residual_monitor=False), set()),
        (replace(ONE, fitted=frozenset({"insulation_fault"})), {"residual_current_dc"}),
        (replace(IT, fitted=frozenset({"insulation_fault"})),
         {"residual_current_dc", "it_earth_fault"}),
        (replace(IT, fitted=frozenset({"earth_missing", "residual_ac_tripped"})),
         {"residual_current_dc", "residual_current_ac", "protective_earth_missing"}),
    ],
    ids=["plain", "tested", "no monitor", "monitor on tn", "monitor on it", "reported"],
)  # fmt: skip
def test_fitted(settings: Settings, codes: set[str]) -> None:
    """Only what can be judged has a needed reading; the board's own words are another matter."""
    asked = {
        "residual_current_dc", "residual_current_ac", "residual_monitor_failed",
        "self_test_overdue", "it_earth_fault", "protective_earth_missing",
    }  # fmt: skip
    inferred = {d.code for d in applicable(settings) if "board_errors" not in d.needs}
    assert inferred & asked == codes


@pytest.mark.parametrize(
    ("fitted", "present"),
    [
        ({"insulation_fault": False, "earth_voltage_v": None}, None),
        ({"insulation_fault": None, "earth_voltage_v": (133.0, 133.0, 133.0)}, None),
        ({"insulation_fault": False, "earth_voltage_v": (133.0, 133.0, 133.0)}, False),
    ],
    ids=["no voltages", "monitor silent", "both well"],
)
def test_two_witnesses_of_insulation(fitted: dict[str, Any], present: bool | None) -> None:
    """Away only when everything fitted says so."""
    settings = replace(IT, fitted=frozenset(fitted))
    bench = Bench("it_earth_fault", settings=settings).run(1.0, **fitted)
    assert bench.says() is present


def outcome(passed: bool, at_s: float = START_S, detail: str = "") -> Tests:
    ended = Outcome(test=SelfTest.RESIDUAL, passed=passed, at_s=at_s, detail=detail)
    return Tests(last=(ended,))


def test_a_failed_test_stands_until_one_passes() -> None:
    bench = Bench("residual_monitor_failed", settings=TESTED)
    assert bench.step(1.0).present is None
    bench.tests = outcome(False, detail="no trip at 6 mA")
    bench.step(1.0)
    assert (bench.track.act, bench.track.locked) == (Act.TRIP, True)
    assert bench.track.evidence == "self-test failed: no trip at 6 mA"
    bench.tests = Tests()  # after a restart nobody knows
    assert bench.run(10.0).track.phase is Phase.ACTIVE
    bench.tests = outcome(True)
    assert bench.step(1.0).present is False
    bench.tests = outcome(False)
    assert "no detail given" in bench.step(1.0).evidence


@pytest.mark.parametrize(
    ("tests", "life", "hours", "present"),
    [
        (Tests(), OPEN, 25.99, False),
        (Tests(), OPEN, 26.01, True),
        (outcome(True), OPEN, 26.01, True),
        (outcome(False, START_S + HOUR_S), OPEN, 26.01, False),
        (outcome(True), CHARGING, 30.0, None),
        (outcome(True), replace(OPEN, plugged=True), 30.0, None),
    ],
    ids=["not yet", "never", "long ago", "an hour later", "charging", "plugged"],
)
def test_overdue(tests: Tests, life: Life, hours: float, present: bool | None) -> None:
    """26 h after the last test, or after the start; it can be made only when nobody is there."""
    bench = Bench("self_test_overdue", settings=TESTED, life=life, read=dict(IDLE), tests=tests)
    bench.step(0.0)
    assert bench.step(hours * HOUR_S).present is present
    assert present is not True or "26.0 h ago" in bench.finding.evidence


def test_a_standing_overdue_test_waits_for_the_test() -> None:
    """Somebody plugs in: it goes on standing, and nothing new begins."""
    bench = Bench("self_test_overdue", settings=TESTED, life=OPEN, read=dict(IDLE))
    bench.step(0.0)
    bench.step(27 * HOUR_S)
    assert bench.track.act is Act.FINISH
    bench.life = replace(OPEN, plugged=True)
    assert bench.run(5.0).standing
    bench.life, bench.tests = OPEN, outcome(True, bench.now_s)
    assert not bench.run(1.0).standing


def test_overdue_is_due_at_its_time() -> None:
    bench = Bench("self_test_overdue", settings=TESTED, life=OPEN, read=dict(IDLE))
    bench.step(0.0)
    assert [*bench.detector.due_s(bench.scene)] == [START_S + 26 * HOUR_S]
    bench.memory = type(bench.memory)()
    assert [*bench.detector.due_s(bench.scene)] == []
    assert bench.detector.look(bench.scene).present is False


@pytest.mark.parametrize("reclose", ["no", "us"])
def test_a_trip_right_after_closing_locks_out(reclose: str) -> None:
    """Whatever the country: the fault is still there."""
    rules = with_overrides({"residual_current_dc": {"reclose": reclose}})
    world = World(settings=replace(ONE, rules=rules)).charge()
    world.residual = True
    world.run(1.0)
    fault = world.faults["residual_current_dc"]
    assert fault.locked_out
    world.residual, world.pilot = False, Pilot.A
    world.run(70.0, 1.0)
    assert world.faults["residual_current_dc"].locked_out
