"""Contactors that do not obey: each witness alone, two that disagree, a third that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.core.core_bench import CHARGING, IDLE, OPEN, WELL, Bench, Case, Check, table
from agent.core.core_world import ONE
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Phases, Pilot
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.settings import Settings, Supply

ALONE = replace(ONE, has_feedback=False)
LOAD = replace(ONE, has_feedback=False, voltage_load_side=True)
BOTH = replace(ONE, voltage_load_side=True)
SHARED = replace(ALONE, meter_exclusive=False)
SWITCH = replace(ONE, has_phase_switch=True)
SWITCH_LOAD = replace(SWITCH, voltage_load_side=True)
SWITCH_IT = replace(SWITCH_LOAD, supply=Supply.IT_3X230)
HELD = replace(OPEN, plugged=True, session=True)
DARK: Phases = (0.0, 0.0, 0.0)
LIVE: Phases = (0.0, 116.0, 0.0)  # one pole is enough
NONE: Phases = (0.0, 0.0, 0.0)
FLOWS: Phases = (9.0, 0.0, 0.0)

CASES = (
    Case(
        id="mirror", code="contactor_welded", bad={"feedback_closed": True}, after_s=1.0,
        calm=IDLE, life=OPEN, act=Act.TRIP, evidence="mirror contact closed after opening",
        near=({"current_a": FLOWS},),
    ),
    Case(
        id="load side", code="contactor_welded", bad={"voltage_v": LIVE}, after_s=1.0,
        calm={**IDLE, "voltage_v": DARK}, life=OPEN, act=Act.TRIP, settings=LOAD,
        near=({"voltage_v": (100.0, 115.0, 40.0)},), evidence="load side live after opening",
    ),
    Case(
        id="both", code="contactor_welded", calm={**IDLE, "voltage_v": DARK}, life=OPEN,
        bad={"voltage_v": LIVE, "feedback_closed": True}, after_s=1.0, act=Act.TRIP,
        settings=BOTH, evidence="mirror contact closed, load side live",
    ),
    Case(
        id="did not close", code="contactor_did_not_close", bad={"feedback_closed": False},
        calm={**WELL, "feedback_closed": None}, after_s=1.0, act=Act.TRIP, clears=False,
        evidence="did not follow",
    ),
    Case(
        id="opened alone", code="contactor_opened_alone",
        bad={"feedback_closed": False, "current_a": NONE, "power_w": 0.0},
        after_s=1.0, act=Act.TRIP, clears=True, evidence="mirror contact opened",
        near=(
            {"feedback_closed": False, "pilot": Pilot.B},
            {"feedback_closed": False, "pwm_on": False},
            {"feedback_closed": False, "board_errors": ("bit1",)},
            {"feedback_closed": False, "pilot": None},
        ),
    ),
    Case(
        id="switched off, current", code="phase_switch_failed", after_s=1.0, act=Act.TRIP,
        bad={"current_a": (14.0, 1.1, 0.0)}, calm={**WELL, "current_a": (14.0, 0.0, 0.0)},
        near=({"current_a": (14.0, 1.0, None)},), settings=SWITCH,
        life=replace(CHARGING, phases=1), evidence="1.1 A on a phase switched off",
    ),
    Case(
        id="switched off, voltage", code="phase_switch_failed", after_s=1.0, act=Act.TRIP,
        bad={"voltage_v": (230.0, 3.0, 116.0)},
        calm={**WELL, "current_a": (14.0, 0.0, 0.0), "voltage_v": (230.0, 20.0, 20.0)},
        near=({"voltage_v": (230.0, 115.0, 60.0)},), settings=SWITCH_LOAD,
        life=replace(CHARGING, phases=1), evidence="116 V on a phase switched off",
    ),
    Case(
        id="switch says", code="phase_switch_failed", bad={"phases_closed": 1}, after_s=1.0,
        calm={**WELL, "phases_closed": 3}, act=Act.TRIP, settings=SWITCH, clears=True,
        evidence="switch says 1, told 3",
    ),
)  # fmt: skip


@table(*(case for case in CASES if case.id not in ("did not close", "opened alone")))
def test_contactor(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", [c for c in CASES if c.code == "contactor_opened_alone"],
                         ids=["opened alone"])  # fmt: skip
def test_opened_alone(case: Case) -> None:
    """The mirror contact goes while everybody wants it closed."""
    bench = case.bench()
    assert 1.0 <= bench.until_raised(3.0, **case.bad) <= 1.5
    assert (bench.track.act, bench.says()) == (Act.TRIP, True)
    bench.silent.add("pilot")
    assert bench.run(3.0).says() is None
    for near in case.near:
        bench = case.bench().run(4.0, **near)
        assert bench.raises == 0, near
    bench = case.bench()
    bench.silent.add("pilot")  # read before the opening: perhaps the vehicle let go
    assert bench.run(1.0, **case.bad).says() is None


SLOW = replace(ONE, meter_update_s=5.0, meter_max_age_s=15.0)


@pytest.mark.parametrize(
    ("settings", "read", "alone", "disputed"),
    [
        (ONE, {"current_a": NONE, "power_w": 0.0}, True, False),
        (ONE, {}, False, True),
        (ONE, {"current_a": FLOWS, "power_w": 2000.0}, False, True),
        (ONE, {"current_a": None}, True, False),
        (replace(ONE, meter_exclusive=False), {}, True, False),
        (BOTH, {"voltage_v": (230.0,) * 3, "current_a": NONE, "power_w": 0.0}, False, True),
        (BOTH, {"voltage_v": DARK, "current_a": NONE, "power_w": 0.0}, True, False),
        (ONE, {"current_a": (900.0, 0.0, 0.0)}, True, False),
    ],
    ids=["nothing flows", "it flows and counts", "less flows", "no current", "not its own meter",
         "load side live", "load side dark", "impossible current"],
)  # fmt: skip
def test_the_mirror_contact_alone_convicts_nobody(
    settings: Settings, read: Mapping[str, Any], *, alone: bool, disputed: bool
) -> None:
    """What flows on speaks against it: then not the contactor opened, its mirror contact errs."""
    for code, raised in (("contactor_opened_alone", alone), ("contactor_disputed", disputed)):
        bench = Bench(code, settings=settings).run(6.0)
        bench.whole = {name: None for name, value in read.items() if value is None}
        bench.run(14.0, feedback_closed=False, **read)
        assert bool(bench.raises) is raised, (code, bench.finding)


def test_the_mirror_contact_waits_for_a_slow_meter() -> None:
    """Contacts opened alone, and the meter shows for 6 s what flowed before: no dispute."""
    bench = Bench("contactor_opened_alone", settings=SLOW).run(20.0).never("contactor_disputed")
    bench.run(6.0, feedback_closed=False)
    assert bench.says() is None
    assert bench.until_raised(3.0, current_a=NONE, power_w=0.0) <= 0.25


def test_a_frozen_meter_is_no_witness_of_a_closed_contactor() -> None:
    """Everything it shows stands still since the mirror contact opened."""
    bench = Bench("contactor_opened_alone").run(6.0).never("contactor_disputed")
    bench.counting = False
    assert bench.until_raised(8.0, feedback_closed=False) <= 6.0


@pytest.mark.parametrize(
    ("volts", "present"), [((230.0, 230.0, 230.0), False), (DARK, True)], ids=["live", "dark"]
)
def test_a_live_load_side_speaks_against_the_mirror(volts: Phases, present: bool) -> None:
    """Before the load side could show it, nobody knows."""
    bench = Bench("contactor_opened_alone", settings=BOTH).run(5.0)
    bench.run(2.0, feedback_closed=False, voltage_v=volts, current_a=NONE, power_w=0.0)
    assert bench.says() is None
    assert bench.run(0.25).says() is present


@pytest.mark.parametrize("settings", [BOTH, LOAD], ids=["both", "load side"])
def test_an_outage_later_is_no_failure_to_close(settings: Settings) -> None:
    """The load side was live since it closed: that it goes dark is the supply's matter."""
    bench = closing(settings)
    closed = settings.has_feedback or None
    bench.run(5.0, voltage_v=(230.0,) * 3, feedback_closed=closed)
    assert bench.run(9.0, voltage_v=DARK).raises == 0
    assert bench.says() is False


@pytest.mark.parametrize("code", ["contactor_welded", "contactor_did_not_close", "power_lost"])
def test_a_slow_load_side_shows_what_was_before(code: str) -> None:
    """Its registers are renewed each 5 s: what they say right after a command is old."""
    settings = replace(LOAD, meter_update_s=5.0, meter_max_age_s=15.0)
    closes = code != "contactor_welded"
    bench = Bench(code, settings=settings, life=OPEN if closes else CHARGING)
    bench.whole["feedback_closed"] = None
    bench.run(20.0, **({**IDLE, "voltage_v": DARK} if closes else WELL))
    bench.command(CHARGING if closes else HELD)
    bench.run(5.75)
    after = {**WELL, "current_a": NONE} if closes else {**IDLE, "voltage_v": DARK}
    assert bench.run(10.0, **after).raises == 0
    assert bench.says() is False


def closing(settings: Settings = ONE, **read: object) -> Bench:
    bench = Bench("contactor_did_not_close", settings=settings, life=OPEN, read=dict(IDLE))
    bench.run(5.0, voltage_v=DARK if settings.voltage_load_side else IDLE["voltage_v"])
    return bench.command(CHARGING)


@pytest.mark.parametrize(
    ("settings", "read", "earliest_s"),
    [
        (ONE, {"feedback_closed": False}, 1.3),
        (BOTH, {"feedback_closed": False, "voltage_v": DARK}, 3.0),
        (LOAD, {"feedback_closed": None, "voltage_v": DARK}, 3.0),
    ],
    ids=["mirror", "both", "load side"],
)
def test_did_not_close(settings: Settings, read: Mapping[str, Any], earliest_s: float) -> None:
    bench = closing(settings)
    assert earliest_s <= bench.until_raised(4.0, **read) <= earliest_s + 0.5
    bench.life = replace(bench.life, power=Power.RAMPING)
    assert bench.step(0.25).present is False


@pytest.mark.parametrize(
    ("settings", "read", "present"),
    [
        (ONE, {"feedback_closed": True}, False),
        (BOTH, {"feedback_closed": False, "voltage_v": (230.0,) * 3}, False),
        (LOAD, {"feedback_closed": None, "voltage_v": (230.0,) * 3}, False),
        (ONE, {"feedback_closed": None}, None),
        (LOAD, {"feedback_closed": None, "voltage_v": None}, None),
    ],
    ids=["follows", "live", "live alone", "silent mirror", "silent meter"],
)
def test_closed(settings: Settings, read: Mapping[str, Any], present: bool | None) -> None:
    bench = closing(settings)
    bench.whole = {name: None for name, value in read.items() if value is None}
    bench.run(5.0, **read)
    assert (bench.says(), bench.raises) == (present, 0)


def test_a_close_that_bounces() -> None:
    """The mirror follows, then opens: that is no failure to close."""
    bench = closing().run(1.0, feedback_closed=True)
    assert bench.run(1.0, feedback_closed=False).says() is False


def opening(code: str, settings: Settings, life: Life = HELD, **read: object) -> Bench:
    """Opened a moment ago, with what the witnesses say since."""
    bench = Bench(code, settings=settings, read=dict(WELL)).run(3.0)
    bench.command(life)
    bench.read.update(IDLE)
    bench.read.update(read)
    return bench


def test_nobody_is_convicted_while_it_settles() -> None:
    """1 s for contacts and load side; no answer either, or a weld of before would be over."""
    for code in ("contactor_welded", "contactor_disputed"):
        bench = opening(code, BOTH, feedback_closed=True, voltage_v=DARK).run(0.75)
        assert bench.says() is None


@pytest.mark.parametrize(
    ("settings", "read", "welded", "disputed"),
    [
        (ONE, {"feedback_closed": True, "current_a": NONE}, True, False),
        (ONE, {"feedback_closed": False, "current_a": NONE}, False, False),
        (ONE, {"feedback_closed": None, "current_a": NONE}, None, None),
        (BOTH, {"feedback_closed": True, "voltage_v": DARK}, None, True),
        (BOTH, {"feedback_closed": False, "voltage_v": LIVE}, None, True),
        (BOTH, {"feedback_closed": False, "voltage_v": LIVE, "current_a": FLOWS}, True, False),
        (BOTH, {"feedback_closed": True, "voltage_v": DARK, "current_a": FLOWS}, True, False),
        (BOTH, {"feedback_closed": True, "voltage_v": None}, True, None),
        (BOTH, {"feedback_closed": False, "voltage_v": None}, None, None),
        (LOAD, {"voltage_v": LIVE}, True, False),
        (LOAD, {"voltage_v": DARK, "current_a": NONE}, False, False),
        (ALONE, {"current_a": FLOWS}, True, None),
        (ALONE, {"current_a": NONE}, False, None),
        (SHARED, {"current_a": FLOWS}, False, None),
        (ONE, {"feedback_closed": False, "current_a": FLOWS, "power_w": 0.0}, None, True),
        (ONE, {"feedback_closed": False, "current_a": FLOWS, "power_w": 2000.0}, True, False),
        (ONE, {"feedback_closed": False, "current_a": (900.0, 0.0, 0.0)}, False, False),
    ],
    ids=[
        "mirror closed", "mirror open", "mirror silent", "mirror alone", "load side alone",
        "load side and current", "mirror and current", "meter silent", "mirror open, meter silent",
        "voltage", "no voltage", "current alone", "no current", "not its own meter",
        "current against mirror", "current and energy", "impossible current",
    ],
)  # fmt: skip
def test_witnesses(
    settings: Settings, read: Mapping[str, Any], welded: bool | None, disputed: bool | None
) -> None:
    """More for closed than for open is a weld; as many are a dispute."""
    for code, present in (("contactor_welded", welded), ("contactor_disputed", disputed)):
        if code == "contactor_disputed" and settings in (ALONE, SHARED):
            continue
        bench = opening(code, settings)
        bench.whole = {name: None for name, value in read.items() if value is None}
        if not settings.has_feedback:
            bench.whole["feedback_closed"] = None
        bench.run(10.0, **read)
        assert bench.says() is present, (code, bench.finding)


def test_the_energy_register_decides() -> None:
    """Current against a mirror contact: if it counts, both are right; if it stands, neither."""
    bench = opening("contactor_disputed", ONE, current_a=FLOWS, power_w=0.0)
    assert 10.0 <= bench.until_raised(14.0) <= 11.5
    assert bench.track.evidence == "9.0 A, but others say open"
    assert bench.track.act is Act.RAMP
    bench.run(20.0)
    assert bench.says() is False  # 12 Wh should have been counted: the meter errs
    bench.energy_wh, bench.whole = None, {"energy_wh": None}
    assert bench.run(4.0).says() is True
    bench = opening("contactor_welded", ONE, current_a=FLOWS, power_w=2100.0)
    bench.run(12.0)
    assert bench.track.evidence == "9.0 A, energy counted after opening"


def test_current_alone_waits_for_the_meter() -> None:
    """Three fresh samples, the first 5 s after opening; a single spike says nothing."""
    settings = replace(ALONE, meter_update_s=3.0)
    bench = Bench("contactor_welded", settings=settings, read=dict(WELL), update_s=3.0)
    bench.run(3.0).command(HELD)
    bench.read.update(IDLE)
    took_s = bench.until_raised(20.0, current_a=FLOWS)
    assert took_s >= settings.meter_settle_s + 2 * 3.0 + 2 * 3.0
    bench = opening("contactor_welded", ALONE)
    bench.run(8.0).run(0.25, current_a=FLOWS)
    bench.run(5.0, current_a=NONE)
    assert bench.raises == 0


def test_a_stale_or_impossible_current_is_no_weld() -> None:
    bench = opening("contactor_welded", ALONE, current_a=FLOWS).run(5.25)
    bench.silent.add("current_a")
    assert bench.run(9.0).says() is None
    assert bench.raises == 0
    bench = opening("contactor_welded", ALONE, current_a=(1000.0, 0.0, 0.0)).run(9.0)
    assert bench.raises == 0


def test_closed_without_a_mirror_is_disputed_only_with_contradiction() -> None:
    """A dark load side behind a closed contactor is the supply's matter."""
    bench = Bench("contactor_disputed", settings=BOTH).run(5.0)
    assert bench.run(9.0, voltage_v=DARK).raises == 0
    bench.command(CHARGING)
    bench.run(0.25, feedback_closed=False, voltage_v=(230.0,) * 3, current_a=NONE, power_w=0.0)
    assert bench.until_raised(9.0) >= 5.0
    assert bench.track.evidence == "load side live, but others say open"


@pytest.mark.parametrize(
    ("settings", "life", "read", "present"),
    [
        (SWITCH, OPEN, {"phases_closed": 1}, False),
        (SWITCH, CHARGING, {"current_a": (9.0, 9.0, 9.0)}, False),
        (SWITCH, replace(CHARGING, phases=1), {"current_a": None}, None),
        (SWITCH_LOAD, replace(CHARGING, phases=1),
         {"voltage_v": None, "current_a": (9.0, 0.0, 0.0)}, None),
        (SWITCH_IT, replace(CHARGING, phases=1),
         {"voltage_v": (230.0, 118.0, 118.0), "current_a": (9.0, 9.0, 0.0)}, False),
        (SWITCH_IT, replace(CHARGING, phases=1),
         {"voltage_v": (230.0, 118.0, 118.0), "current_a": (9.0, 9.0, 9.0)}, True),
    ],
    ids=["open", "three", "no current", "no voltage", "two of 3x230", "third of 3x230"],
)  # fmt: skip
def test_phase_switch(
    settings: Settings, life: Life, read: Mapping[str, Any], present: bool | None
) -> None:
    bench = Bench("phase_switch_failed", settings=settings, life=life)
    bench.whole = {name: None for name, value in read.items() if value is None}
    assert bench.run(3.0, **read).says() is present


def test_a_phase_switch_is_given_time() -> None:
    """0.3 s for its contact, 3 s for the meter; silent or stale it says nothing."""
    settings = replace(SWITCH, fitted=frozenset({"phases_closed"}))
    life = replace(CHARGING, phases=1)
    bench = Bench("phase_switch_failed", settings=settings)
    bench.run(5.0, phases_closed=3).command(life)
    assert bench.step(0.25).present is None
    bench.run(2.5, phases_closed=1)
    assert bench.says() is None
    bench.run(1.0, current_a=(9.0, 0.0, 0.0))
    assert bench.says() is False
    bench = Bench("phase_switch_failed", settings=settings)
    bench.run(3.0, phases_closed=3)
    bench.silent.add("phases_closed")
    assert bench.run(3.0).says() is None


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (ONE, {"contactor_welded", "contactor_disputed", "contactor_did_not_close",
               "contactor_opened_alone"}),
        (LOAD, {"contactor_welded", "contactor_disputed", "contactor_did_not_close"}),
        (ALONE, {"contactor_welded"}),
        (replace(ALONE, has_phase_switch=True), {"contactor_welded", "phase_switch_failed"}),
    ],
    ids=["mirror", "load side", "current alone", "phase switch"],
)  # fmt: skip
def test_fitted(settings: Settings, codes: set[str]) -> None:
    asked = {
        "contactor_welded", "contactor_disputed", "contactor_did_not_close",
        "contactor_opened_alone", "phase_switch_failed",
    }  # fmt: skip
    inferred = {d.code for d in applicable(settings) if d.needs != ("board_errors",)}
    assert inferred & asked == codes


def test_due_times() -> None:
    bench = Bench("contactor_welded").run(1.0)
    commanded_s = bench.life.commanded_since_s
    due = sorted(at_s - commanded_s for at_s in bench.detector.due_s(bench.scene))
    assert due == pytest.approx([0.3, 1.0, 1.0])
