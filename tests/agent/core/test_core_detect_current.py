"""Currents beyond what was offered, on the neutral, uneven, where none belongs, on other phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from agent.core.core_bench import CHARGING, IDLE, OPEN, WELL, Bench, Case, Check, table
from agent.core.core_world import ONE
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Phases, Reset
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.settings import Settings, Supply

SITE = replace(ONE, max_current_a=32.0, phase_map=(2, 3, 1), safe_current_a=10.0)
GERMAN = replace(ONE, max_current_a=32.0, unbalance_limit_a=20.0)
LIMIT_6 = {**WELL, "limit_readback_a": 6.0, "current_a": (5.8, 5.8, 5.8), "power_w": 4000.0}
AT_6 = replace(CHARGING, limit_a=6.0)
AT_32 = replace(CHARGING, limit_a=32.0)


def amps(*values: float | None) -> dict[str, Any]:
    known = sum(abs(value or 0.0) for value in values)
    return {"current_a": values, "power_w": known * 230.0}


CASES = (
    Case(
        id="over", code="over_current", bad=amps(18.2, 0.0, 0.0), after_s=7.0,
        near=(
            amps(18.15, 18.15, 18.15), amps(15.5, 0.0, 0.0), amps(0.0, 0.0, 15.5),
            amps(-18.0, -18.0, -18.0), amps(17.9, None, 17.9),
        ), evidence="18.2 A, allowed 18.",
    ),
    Case(
        id="over, negative", code="over_current", bad=amps(0.0, -19.0, 0.0), after_s=7.0,
        evidence="19.0 A",
    ),
    Case(
        id="over at 6 A", code="over_current", bad=amps(7.2, 0.0, None), after_s=7.0,
        calm=LIMIT_6, near=(amps(7.1, 7.1, 7.1),), life=AT_6,
    ),
    Case(
        id="gross", code="over_current_gross", bad=amps(24.1, 15.0, 15.0), after_s=1.0,
        near=(amps(24.0, 24.0, 24.0),), act=Act.TRIP, evidence="24.1 A, allowed 24.0 A",
    ),
    Case(
        id="gross at 6 A", code="over_current_gross", bad=amps(12.1, 0.0, 0.0), after_s=1.0,
        calm=LIMIT_6, near=(amps(12.0, 0.0, 0.0),), act=Act.TRIP, life=AT_6,
    ),
    Case(
        id="neutral", code="neutral_overloaded", bad={"neutral_a": 24.0}, after_s=10.0,
        calm={**WELL, "neutral_a": 4.0}, act=Act.DERATE, limit_a=15.5 * 16.0 / 24.0,
        near=({"neutral_a": 16.0}, {"neutral_a": -16.0}), evidence="neutral 24.0 A, rated 16 A",
    ),
    Case(
        id="neutral, far over", code="neutral_overloaded", bad={"neutral_a": -60.0}, after_s=10.0,
        calm={**WELL, "neutral_a": 4.0}, act=Act.DERATE, limit_a=6.2,
        settings=replace(ONE, neutral_rating_a=24.0),
    ),
    Case(
        id="unbalance", code="phase_unbalance", bad=amps(20.5, 0.0, 0.0), after_s=60.0,
        near=(amps(20.0, 0.0, 0.0), amps(31.0, 31.0, 31.0), amps(31.0, 12.0, 15.0)),
        act=Act.DERATE, limit_a=20.0, settings=GERMAN, life=AT_32,
        evidence="20.5 A between the phases, allowed 20 A",
    ),
    Case(
        id="unexpected", code="unexpected_current", bad=amps(1.1, 0.0, 0.0), after_s=10.0,
        calm=IDLE, near=(amps(1.0, 0.9, 0.2),), act=Act.TRIP, life=OPEN,
        evidence="1.1 A with the contactor reported open", blind=("feedback_closed",),
    ),
)  # fmt: skip


@table(*CASES)
def test_current(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (ONE, {"unexpected_current"}),
        (GERMAN, {"phase_unbalance", "unexpected_current"}),
        (replace(ONE, rules=with_overrides({"phase_unbalance": {"unbalance_a": 25}})),
         {"phase_unbalance", "unexpected_current"}),
        (replace(ONE, has_feedback=False), set()),
        (replace(ONE, meter_exclusive=False, fitted=frozenset({"site_current_a"})), set()),
        (replace(ONE, fitted=frozenset({"site_current_a", "neutral_a"})),
         {"unexpected_current", "phase_map_wrong", "neutral_overloaded"}),
        (replace(ONE, supply=Supply.IT_3X230, fitted=frozenset({"neutral_a"})),
         {"unexpected_current"}),
    ],
    ids=["plain", "german", "by the row", "no mirror", "shared meter", "site", "no neutral"],
)  # fmt: skip
def test_fitted(settings: Settings, codes: set[str]) -> None:
    asked = {"neutral_overloaded", "phase_unbalance", "unexpected_current", "phase_map_wrong"}
    assert {d.code for d in applicable(settings)} & asked == codes


@pytest.mark.parametrize(
    ("read", "life", "present"),
    [
        (amps(40.0, 0.0, 0.0), OPEN, False),
        (amps(40.0, 0.0, 0.0), replace(CHARGING, limit_a=0.0), False),
        (amps(None, None, None), CHARGING, None),
        (amps(15.0, None, 15.0), CHARGING, None),
        (amps(float("nan"), float("inf"), None), CHARGING, None),
        ({"current_a": (170.0, 0.0, 0.0)}, CHARGING, None),
        ({"current_a": (30.0, 0.0, 0.0), "power_w": 9000.0}, CHARGING, None),
    ],
    ids=["open", "nothing offered", "no current", "a phase unknown", "no numbers",
         "impossible", "power says otherwise"],
)  # fmt: skip
@pytest.mark.parametrize("code", ["over_current", "over_current_gross"])
def test_not_judged(code: str, read: Mapping[str, Any], life: Life, present: bool | None) -> None:
    bench = Bench(code, life=life).run(2.0)
    bench.run(12.0, **read)
    assert (bench.says(), bench.raises) == (present, 0)


@pytest.mark.parametrize("code", ["over_current", "over_current_gross"])
def test_a_frozen_meter_convicts_nobody(code: str) -> None:
    """The offer falls, and nothing the meter shows changes any more: the vehicle may obey."""
    bench = Bench(code).run(30.0)
    bench.counting = False
    bench.life, bench.read["limit_readback_a"] = AT_6, 6.0
    assert bench.run(60.0).raises == 0
    assert bench.says() is None
    bench.read["current_a"] = (15.5, 15.4, 15.5)  # it lives: this is what the vehicle draws
    assert bench.until_raised(8.0) <= 8.0


def test_an_energy_register_that_moves_is_life_enough() -> None:
    bench = Bench("over_current").run(10.0)
    bench.life, bench.read["limit_readback_a"] = AT_6, 6.0
    assert 14.0 <= bench.until_raised(15.0) <= 14.5


@pytest.mark.parametrize(
    ("readback_a", "apply_s", "earliest_s"),
    [(6.0, 10.0, 14.0), (None, 10.0, 24.0), (None, 1.0, 15.0)],
    ids=["read back", "write-only", "write-only and quick"],
)
def test_a_lower_offer_is_followed_first(
    readback_a: float | None, apply_s: float, earliest_s: float
) -> None:
    """5 s for the vehicle, 2 s until the meter shows it, the board's time where it says nothing."""
    settings = replace(ONE, board_apply_s=apply_s)
    calm = {**WELL, "limit_readback_a": None if readback_a is None else 16.0}
    bench = Bench("over_current", settings=settings, read=calm).run(30.0)
    bench.life, bench.read["limit_readback_a"] = AT_6, readback_a
    assert earliest_s <= bench.until_raised(30.0) <= earliest_s + 0.5


def test_the_highest_offer_of_the_window_counts() -> None:
    """16, 10 and 6 A within seconds: all of the window count, not only the one before."""
    bench = Bench("over_current").run(10.0)
    for limit_a in (10.0, 6.0):
        bench.life = replace(CHARGING, limit_a=limit_a)
        bench.run(3.5, limit_readback_a=limit_a)
    assert bench.memory.power.current.over.count == 0  # 7 s after 16 A ended
    bench.run(1.0)
    assert bench.memory.power.current.over.count == 2
    bench.run(20.0)
    assert bench.memory.power.current.offers == ()


def test_a_board_that_offers_more_is_no_vehicles_fault() -> None:
    """The pilot still says 16 A: `limit_not_obeyed`, not `over_current`; nonsense counts not."""
    bench = Bench("over_current", life=AT_6).run(30.0)
    assert bench.raises == 0
    assert bench.run(20.0, limit_readback_a=160.0).raises == 1


@pytest.mark.parametrize("update_s", [1.0, 5.0], ids=["1 s", "transformers, 5 s"])
def test_slow_meters(update_s: float) -> None:
    """Gross takes two samples, whatever the time between them."""
    settings = replace(ONE, meter_max_age_s=3.0 * update_s)
    bench = Bench("over_current_gross", settings=settings, update_s=update_s).run(20.0)
    took_s = bench.until_raised(25.0, **amps(30.0, 0.0, 0.0))
    assert update_s <= took_s <= 2 * update_s + 1.0


def test_one_sample_is_not_gross() -> None:
    bench = Bench("over_current_gross").run(5.0)
    for _ in range(5):
        bench.step(0.25)
        bench.run(0.25, **amps(40.0, 0.0, 0.0)).run(2.0, **amps(15.5, 15.5, 15.5))
    assert bench.raises == 0


def test_a_benign_charge() -> None:
    """Ramp, jitter, taper, a pause and one phase, at every limit: nothing is too much."""
    dice, bench = Random(11), Bench("over_current").never("over_current_gross", "meter_frozen")
    bench.never("meter_implausible", "contactor_disputed", "supply_impedance_high")
    for _ in range(40):
        limit_a = dice.choice((6.0, 8.0, 10.0, 13.0, 16.0))
        bench.life = replace(CHARGING, limit_a=limit_a)
        one = dice.random() < 0.3
        for tenth in (0.0, 0.4, 0.8, *(1.0,) * 6):
            drawn_a = limit_a * tenth * dice.uniform(0.97, 1.06) if tenth else dice.random()
            bench.run(
                1.0,
                1.0,
                limit_readback_a=limit_a,
                **amps(drawn_a, *([0.0] * 2 if one else [drawn_a] * 2)),
            )
    assert bench.raises == 0


def test_what_was_derated_is_not_restored_at_once() -> None:
    """Just below the limit nobody knows: restored, it would be over it again."""
    bench = Bench("phase_unbalance", settings=GERMAN, life=AT_32).run(62.0, **amps(30.0, 0.0, 0.0))
    assert bench.standing
    assert bench.run(9.0, **amps(19.8, 0.0, 0.0)).says() is None
    assert bench.run(1.0, **amps(15.9, 0.0, 0.0)).says() is False
    bench.life = OPEN
    assert bench.run(1.0, **amps(30.0, 0.0, 0.0)).says() is False
    settings = replace(ONE, fitted=frozenset({"neutral_a"}))
    neutral = Bench("neutral_overloaded", settings=settings).run(12.0, neutral_a=20.0)
    assert neutral.run(9.0, neutral_a=15.0).says() is None
    assert neutral.run(1.0, neutral_a=12.0).says() is False
    assert neutral.run(1.0, current_a=(999.0, 0.0, 0.0)).says() is None


def test_unbalance_of_a_one_phase_charger() -> None:
    settings = replace(GERMAN, phases=1)
    bench = Bench("phase_unbalance", settings=settings, life=AT_32)
    assert bench.until_raised(62.0, **amps(25.0, None, None)) >= 60.0
    assert bench.run(5.0, **amps(None, None, None)).says() is None


@pytest.mark.parametrize(
    ("life", "read", "present"),
    [
        (replace(OPEN, session=True), amps(9.0, 0.0, 0.0), False),
        (CHARGING, amps(9.0, 0.0, 0.0), False),
        (OPEN, {**amps(9.0, 0.0, 0.0), "feedback_closed": True}, False),
        (OPEN, {**amps(9.0, 0.0, 0.0), "feedback_closed": None}, None),
        (OPEN, amps(None, None, None), None),
        (OPEN, amps(900.0, 0.0, 0.0), None),
    ],
    ids=["session", "charging", "reported closed", "unreported", "no current", "impossible"],
)
def test_expected_current(life: Life, read: Mapping[str, Any], present: bool | None) -> None:
    bench = Bench("unexpected_current", life=life, read=dict(IDLE))
    bench.whole = {name: None for name, value in read.items() if value is None}
    bench.run(15.0, **read)
    assert (bench.says(), bench.raises) == (present, 0)


def test_a_current_that_never_paused_is_the_contactors() -> None:
    """It flowed on after opening; once it has paused, a new one is unexpected."""
    bench = Bench("unexpected_current").run(5.0)
    bench.command(OPEN)
    bench.read.update(IDLE)
    bench.run(2.0, **amps(9.0, 0.0, 0.0))
    assert bench.says() is None  # the meter has not had its time
    bench.run(15.0)
    assert (bench.says(), bench.raises) == (False, 0)
    bench.run(2.0, **amps(0.0, 0.0, 0.0)).run(0.25, **amps(9.0, 0.0, 0.0))
    assert bench.says() is None  # one sample
    assert bench.until_raised(12.0) >= 9.0


def stepping(
    bench: Bench, steps: int, phases: tuple[int, ...], seen: tuple[int, ...], **more: float
) -> None:
    """On and off on some own phases; the same on some site phases, beside another load."""
    dice = Random(5)
    for number in range(steps):
        level_a = 15.0 if number % 2 == 0 else 2.0
        own = tuple(level_a if phase in phases else 0.0 for phase in (1, 2, 3))
        share = more.get("share", 1.0)
        other_a = dice.uniform(8.0, 9.0)
        site: Phases = tuple(
            other_a + (share * level_a if phase in seen else 0.0) for phase in (1, 2, 3)
        )  # type: ignore[assignment]  # three of them
        bench.run(2.0, 2.0, **amps(*own))  # the site's meter lags behind
        bench.run(8.0, 2.0, **amps(*own), site_current_a=site)


@pytest.mark.parametrize(
    ("phases", "seen", "share", "wrong"),
    [
        ((1,), (2,), 1.0, False),
        ((1,), (1,), 1.0, True),
        ((1, 2), (1, 2), 1.0, True),
        ((1, 2, 3), (1, 2, 3), 1.0, False),
        ((1,), (), 1.0, False),
        ((1,), (1,), 0.5, False),
        ((1,), (1, 2), 1.0, False),
    ],
    ids=["as mapped", "another phase", "two phases", "all three", "nowhere", "half", "both"],
)
def test_phase_map(
    phases: tuple[int, ...], seen: tuple[int, ...], share: float, *, wrong: bool
) -> None:
    """Phase 1 is mapped to L2 of the site, 2 to L3, 3 to L1: three steps show it otherwise."""
    settings = replace(SITE, fitted=frozenset({"site_current_a"}))
    bench = Bench("phase_map_wrong", settings=settings, life=AT_32)
    stepping(bench, 3, phases, seen, share=share)
    assert bench.raises == 0
    stepping(bench, 2, phases, seen, share=share)
    assert bench.standing is wrong
    if wrong:
        assert (bench.track.act, bench.track.limit_a) == (Act.DERATE, 10.0)
        assert "steps of the phase mapped to L" in bench.track.evidence
        bench.resets = frozenset({Reset.MANUAL})
        bench.step(1.0)
        assert not bench.standing


def test_a_quick_site_meter_hides_no_step() -> None:
    """It shows a step at once, before the connector's own stretch is known to have ended."""
    settings = replace(SITE, fitted=frozenset({"site_current_a"}), safe_current_a=None)
    bench = Bench("phase_map_wrong", settings=settings, life=AT_32)
    for number in range(5):
        level_a = 20.0 if number % 2 else 2.0
        bench.run(10.0, **amps(level_a, 0.0, 0.0), site_current_a=(level_a + 3.0, 3.0, 3.0))
    assert bench.standing
    assert bench.track.limit_a == 6.0


def test_a_site_meter_that_is_read_once_in_a_stretch() -> None:
    """What it said in the stretch before a step stays known until the next one."""
    settings = replace(SITE, fitted=frozenset({"site_current_a"}), site_max_age_s=3.0)
    bench = Bench("phase_map_wrong", settings=settings, life=AT_32)
    for number in range(5):
        level_a = 20.0 if number % 2 else 2.0
        bench.silent.add("site_current_a")
        bench.run(6.0, 1.0, **amps(level_a, 0.0, 0.0))
        bench.silent.clear()
        bench.run(1.0, 1.0, site_current_a=(level_a + 3.0, 3.0, 3.0))
        bench.silent.add("site_current_a")
        bench.run(8.0, 1.0)
    assert bench.standing


def test_one_right_step_clears_the_map() -> None:
    settings = replace(SITE, fitted=frozenset({"site_current_a"}))
    bench = Bench("phase_map_wrong", settings=settings, life=AT_32)
    stepping(bench, 3, (1,), (1,))
    stepping(bench, 2, (1,), (2,))
    stepping(bench, 2, (1,), (1,))
    assert bench.raises == 0


def test_small_and_unseen_steps_say_nothing_of_the_map() -> None:
    """Below 8 A; with a stale site meter; on a phase that is not mapped at all."""
    settings = replace(SITE, fitted=frozenset({"site_current_a"}))
    bench = Bench("phase_map_wrong", settings=settings, life=AT_32)
    for number in range(8):
        level_a = 9.0 if number % 2 else 2.0
        bench.run(10.0, 2.0, **amps(level_a, 0.0, 0.0), site_current_a=(level_a, 5.0, 5.0))
    bench.silent.add("site_current_a")
    stepping(bench, 6, (1,), (1,))
    bench.silent.clear()
    assert bench.raises == 0
    short = replace(settings, phase_map=(2,))
    bench = Bench("phase_map_wrong", settings=short, life=AT_32)
    stepping(bench, 6, (2,), (1,))
    assert bench.raises == 0
