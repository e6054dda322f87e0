"""The catalogue as data: complete, consistent, and changeable only within its ranges."""

from __future__ import annotations

import re

import pytest

from agent.core.core_required import BACKOFFS, REQUIRED, TIMES, VALUES
from laddvakt_agent.core.faults.catalogue import (
    CATALOGUE,
    Act,
    CauseClass,
    FaultRule,
    Recovery,
    SessionRule,
    rule_for,
    with_overrides,
)
from laddvakt_agent.core.faults.overrides import default_of, is_whole
from laddvakt_agent.core.faults.relations import BELOW

UNIT = re.compile(r"_(v|a|s|w|hz|ohm|c|share|ratio|count)$|^ratio$|_c_per_s$|^open_pen$")
RULES = pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.code)


def test_every_fault_of_the_requirements_has_its_row_and_no_other() -> None:
    assert CATALOGUE.keys() == REQUIRED.keys()
    assert len(REQUIRED) == 76


@pytest.mark.parametrize("code", REQUIRED)
def test_row_is_as_required(code: str) -> None:
    rule = CATALOGUE[code]
    acts = [act for _, act in rule.stages]
    later = [act for act in rule.found_acts if act > max(acts) or code == "control_loop_late"]
    said = " ".join(dict.fromkeys(act.name.lower() for act in (*acts, *later)))
    recovery = (rule.recovery.value, rule.retries, rule.window_s)
    assert (said, *recovery, rule.mrec, rule.ocpp16) == REQUIRED[code]


@pytest.mark.parametrize("code", TIMES)
def test_times_are_as_required(code: str) -> None:
    rule, (confirm_s, clear_s) = CATALOGUE[code], TIMES[code]
    assert confirm_s is None or rule.confirm_s == confirm_s
    assert clear_s is None or rule.clear_s == clear_s


@pytest.mark.parametrize("code", VALUES)
def test_thresholds_are_as_required(code: str) -> None:
    values = CATALOGUE[code].values
    assert {key: values.get(key) for key in VALUES[code]} == VALUES[code]


def test_backoffs_are_as_required() -> None:
    limited = {
        rule.code: (rule.backoff_s, rule.backoff_max_s)
        for rule in CATALOGUE.values()
        if rule.recovery is Recovery.AUTO and rule.window_s is not None
    }
    assert limited == BACKOFFS


@RULES
def test_row_is_consistent(rule: FaultRule) -> None:
    assert rule.stages[0][0] == 0.0
    assert [s for s, _ in rule.stages] == sorted({s for s, _ in rule.stages})
    assert [a for _, a in rule.stages] == sorted({a for _, a in rule.stages}), "acts only rise"
    for code in (rule.mrec, rule.mrec_also):
        assert code is None or re.fullmatch(r"CX0(0[1-9]|1\d|2[0-6])", code)
    assert set(rule.who.split()) <= set("SOUVG")
    assert rule.who
    if rule.recovery is Recovery.AUTO and rule.retries is not None:
        assert rule.backoff_s > 0.0, "it would be raised and left in one step"
    if rule.recovery is Recovery.SERVICE:
        assert rule.lockout is Recovery.SERVICE
    if rule.backoff_max_s is not None:
        assert rule.backoff_max_s >= rule.backoff_s


@RULES
def test_what_opens_and_recloses_by_itself_has_a_budget_or_says_why_not(rule: FaultRule) -> None:
    chosen = [Act[word.upper()] for word in rule.choices.get("act", ())]
    opens = max(rule.strongest, *chosen, Act.NONE) >= Act.RAMP
    unlimited = rule.recovery is Recovery.AUTO and rule.retries is None
    assert bool(rule.why_unlimited) is (opens and unlimited)


@RULES
def test_the_cause_lies_in_the_grid_or_the_vehicle_only_where_nobody_else_can_mend_it(
    rule: FaultRule,
) -> None:
    expected = CauseClass.GRID if rule.who == "G" else CauseClass.OWN
    if rule.who in ("V", "V U"):
        expected = CauseClass.VEHICLE
    assert rule.cause_class is expected
    recloses = rule.recovery is Recovery.AUTO and (rule.retries is not None or rule.choices)
    street = rule.who.startswith("G") and recloses
    assert rule.spread_s == ((600.0 if rule.code == "power_lost" else 120.0) if street else 0.0)


SESSIONS = {
    SessionRule.END: {"residual_current_dc", "emergency_stop", "contactor_welded", "lock_failed",
                      "meter_replaced", "pilot_diode_missing", "water_inside"},
    SessionRule.HOLD: {"over_current", "meter_lost", "device_lost", "board_mismatch"},
    SessionRule.HOLD_GRID: {"power_lost", "phase_lost", "neutral_lost", "site_overload"},
    SessionRule.GOES_ON: {"bus_noisy", "meter_reversed", "temperature_derate", "unguarded_board"},
}  # fmt: skip


@pytest.mark.parametrize("session", SESSIONS)
def test_session_rule(session: SessionRule) -> None:
    assert {CATALOGUE[code].session for code in SESSIONS[session]} == {session}


@RULES
def test_every_threshold_has_a_range_and_names_its_unit(rule: FaultRule) -> None:
    for key in rule.values:
        assert key in rule.ranges
        assert UNIT.search(key), "units stand in the names"
    for key, (low, high) in rule.ranges.items():
        assert low < high, "what cannot be changed has no range"
        assert low <= default_of(rule, key) <= high
        if is_whole(key):
            assert default_of(rule, key).is_integer()


@RULES
def test_every_range_can_be_used_to_both_ends(rule: FaultRule) -> None:
    """A value that must lie above or below another one takes that one along."""
    for key, limits in rule.ranges.items():
        for end, value in enumerate(limits):
            changes: dict[str, dict[str, float]] = {}
            for code, related in _related(rule.code, key):
                changes.setdefault(code, {})[related] = CATALOGUE[code].ranges[related][end]
            changes.setdefault(rule.code, {})[key] = value
            assert default_of(with_overrides(changes)[rule.code], key) == value


def _related(code: str, key: str) -> set[tuple[str, str]]:
    """All that must lie above or below it, and what must lie so to these."""
    if key in ("backoff_s", "backoff_max_s") and CATALOGUE[code].backoff_max_s is not None:
        return {(code, "backoff_s"), (code, "backoff_max_s")}
    found: set[tuple[str, str]] = set()
    new = {(code, key)}
    while new:
        found |= new
        new = {one for pair in BELOW if set(pair) & new for one in pair} - found
    return found - {(code, key)}


SAFETY = {"confirm_s": 15.0, "settle_s": 3.0, "pen_s": 5.0, "gross_s": 3.0}


@RULES
def test_no_range_weakens_a_protection(rule: FaultRule) -> None:
    """Budgets only shrink, windows only grow, and what is dangerous at once is never waited for."""
    ranges = rule.ranges
    if "retries" in ranges:
        assert ranges["retries"] == (0.0, rule.retries)
    if "window_s" in ranges:
        assert ranges["window_s"][0] == rule.window_s
    if "early_trip_s" in ranges:
        assert ranges["early_trip_s"][0] == rule.early_trip_s
    if rule.severity.value == "safety" and rule.strongest >= Act.RAMP:
        if rule.confirm_s == 0.0:
            assert "confirm_s" not in ranges
        assert all(ranges[key][1] <= most for key, most in SAFETY.items() if key in ranges)
    for key in rule.values:
        if rule.strongest >= Act.RAMP and key in ("stop_c", "gross_share", "gross_ratio"):
            assert ranges[key][1] <= 1.08 * rule.values[key]


def test_related_values_lie_in_order() -> None:
    for (low_code, low_key), (high_code, high_key) in BELOW:
        low = CATALOGUE[low_code].values[low_key]
        assert low < CATALOGUE[high_code].values[high_key]


def test_act_stages() -> None:
    rule = CATALOGUE["meter_lost"]
    assert [rule.act_at(10.0, at_s) for at_s in (9.0, 10.0, 69.9, 70.0)] == [
        Act.NONE,
        Act.FINISH,
        Act.FINISH,
        Act.RAMP,
    ]


def test_thresholds_make_rules_differ() -> None:
    """Two rules are equal only if their detectors judge alike; a rule can be a key."""
    changed = with_overrides({"phase_lost": {"lost_share": 0.6}})["phase_lost"]
    assert changed != CATALOGUE["phase_lost"]
    assert hash(changed) == hash(CATALOGUE["phase_lost"])


def test_a_latch_of_another_version_blocks_until_service() -> None:
    rule = rule_for({}, "from_tomorrow")
    assert (rule.recovery, rule.strongest, rule.session) == (
        Recovery.SERVICE, Act.TRIP, SessionRule.END,
    )  # fmt: skip
