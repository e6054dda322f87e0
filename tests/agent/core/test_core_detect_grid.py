"""Faults of the supply: at their thresholds, just below them, and on nothing to judge by."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from agent.core.core_bench import CHARGING, IDLE, OPEN, WELL, Bench, Case, Check, table
from agent.core.core_world import ONE, World
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import DeviceHealth, Phases, Reset, Role, Sample
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.settings import Settings, Supply

IT = replace(ONE, supply=Supply.IT_3X230)
SINGLE = replace(ONE, supply=Supply.SINGLE, phases=1)
PEN = replace(SINGLE, rules=with_overrides({"neutral_lost": {"open_pen": 1}}))
LOAD_SIDE = replace(ONE, voltage_load_side=True)
ONE_PHASE: Phases = (230.0, 0.0, None)


def volts(*values: float | None) -> dict[str, Any]:
    return {"voltage_v": values}


CASES = (
    Case(
        id="high for long", code="over_voltage", bad=volts(254.0, 231.0, 231.0), after_s=60.0,
        near=(volts(252.9, 252.9, 252.9), volts(253.0, 230.0, None)), evidence="254 V, above 253 V",
    ),
    Case(
        id="far too high", code="over_voltage", bad=volts(231.0, 266.0, 231.0), after_s=1.0,
        evidence="266 V, above 264 V",
    ),
    Case(
        id="pairs of 3x230", code="over_voltage", bad=volts(231.0, 266.0, 231.0), after_s=1.0,
        settings=IT,
    ),
    Case(
        id="low", code="under_voltage", bad=volts(195.0, 231.0, 231.0), after_s=10.0,
        near=(volts(196.0, 208.0, 230.0), volts(196.0, 208.0, None)), act=Act.DERATE, limit_a=6.0,
        evidence="195 V, allowed 196 V",
    ),
    Case(
        id="deep", code="under_voltage", bad=volts(183.0, 231.0, 231.0), after_s=5.0,
        act=Act.RAMP, evidence="183 V, allowed 184 V",
    ),
    Case(
        id="all deep", code="under_voltage", bad=volts(120.0, 120.0, 120.0), after_s=5.0,
        act=Act.RAMP,
    ),
    Case(
        id="low on one", code="under_voltage", bad=volts(183.0, 0.0, None), after_s=5.0,
        calm={**WELL, "voltage_v": ONE_PHASE}, settings=SINGLE,
    ),
    Case(
        id="phase", code="phase_lost", bad=volts(231.0, 160.0, 231.0), after_s=2.0,
        near=(
            volts(231.0, 161.0, 231.0), volts(190.0, 100.0, 190.0), volts(240.0, 170.0, 240.0),
            volts(230.0, 231.0, None),
        ), evidence="lowest 160 V, highest 231 V",
    ),
    Case(
        id="phase of 3x230", code="phase_lost", bad=volts(240.0, 170.0, 240.0), after_s=2.0,
        near=(volts(238.0, 170.0, 238.0), volts(194.0, 165.0, 190.0)), settings=IT,
    ),
    Case(
        id="dark", code="power_lost", bad=volts(0.0, 12.0, 49.0), after_s=1.0,
        near=(volts(0.0, 0.0, 50.0), volts(0.0, 0.0, None)), evidence="highest voltage 49 V",
    ),
    Case(
        id="brown-out", code="power_lost", bad={"brown_out": True}, after_s=1.0,
        calm={**WELL, "brown_out": False}, blind=("voltage_v",), evidence="about to go",
    ),
    Case(
        id="neutral", code="neutral_lost", bad=volts(254.0, 231.0, 206.0), after_s=2.0,
        near=(volts(253.0, 180.0, 230.0), volts(262.0, 207.0, 230.0), volts(253.0, 230.0, None)),
        act=Act.TRIP, evidence="lowest 206 V, highest 254 V",
    ),
    Case(
        id="open pen", code="neutral_lost", bad=volts(259.0, None, None), after_s=5.0,
        calm={**WELL, "voltage_v": ONE_PHASE},
        near=(volts(253.0, None, None), volts(207.0, 0.0, 0.0), volts(20.0, 0.0, None)),
        act=Act.TRIP, settings=PEN, evidence="259 V, with a sound neutral 207–253 V",
    ),
    Case(
        id="slow grid", code="frequency_out_of_range", bad={"frequency_hz": 47.4}, after_s=1.0,
        calm={**WELL, "frequency_hz": 50.0}, act=Act.NONE, evidence="47.40 Hz",
        near=tuple({"frequency_hz": hz} for hz in (47.5, 51.5, 500.0, 475.0, 515.0, 0.0, -3.0)),
    ),
    Case(
        id="fast grid", code="frequency_out_of_range", bad={"frequency_hz": 516.0}, after_s=1.0,
        calm={**WELL, "frequency_hz": 500.0}, act=Act.NONE, evidence="51.60 Hz",
    ),
)  # fmt: skip


@table(*CASES)
def test_supply(check: Check, case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (ONE, {"neutral_lost", "phase_lost"}),
        (IT, {"phase_lost"}),
        (SINGLE, set()),
        (PEN, {"neutral_lost"}),
        (replace(ONE, fitted=frozenset({"frequency_hz"})),
         {"neutral_lost", "phase_lost", "frequency_out_of_range"}),
        (replace(ONE, fitted=frozenset({"site_voltage_v"})),
         {"neutral_lost", "phase_lost", "upstream_protection_tripped"}),
        (replace(LOAD_SIDE, fitted=frozenset({"site_current_a"})), {"neutral_lost", "phase_lost"}),
    ],
    ids=["four wires", "no neutral", "one phase", "open pen", "frequency", "site", "load side"],
)  # fmt: skip
def test_fitted(settings: Settings, codes: set[str]) -> None:
    """What a supply cannot show is never asked."""
    asked = {"neutral_lost", "phase_lost", "frequency_out_of_range", "upstream_protection_tripped"}
    assert {d.code for d in applicable(settings)} & asked == codes


def test_low_for_long_ramps() -> None:
    """Derated at 10 s; a minute later still low: no offer any more."""
    bench = Bench("under_voltage").run(2.0)
    assert bench.until_raised(11.0, voltage_v=(194.0, 231.0, 231.0)) == 10.0 + 0.25
    bench.run(59.75)
    acts = [bench.track.act]
    bench.run(0.5)
    assert [*acts, bench.track.act] == [Act.DERATE, Act.RAMP]


def test_derating_that_helps_is_no_ramp() -> None:
    """Lifted to 0.87 by drawing less: neither away nor low; it stays derated, and stands."""
    bench = Bench("under_voltage").run(2.0).run(12.0, voltage_v=(194.0, 231.0, 231.0))
    bench.run(400.0, 1.0, voltage_v=(200.0, 231.0, 231.0))
    assert (bench.track.phase, bench.track.act) == (Phase.ACTIVE, Act.DERATE)
    bench.run(299.0, 1.0, voltage_v=(208.0, 231.0, 231.0))
    assert bench.track.phase is Phase.CLEARING


@pytest.mark.parametrize("code", ["over_voltage", "under_voltage", "phase_lost", "power_lost"])
@pytest.mark.parametrize("life", [OPEN, CHARGING], ids=["open", "just closed"])
def test_a_dark_load_side_says_nothing(code: str, life: Life) -> None:
    """Behind an open contactor, and for 2 s and the meter's latency after it closed."""
    bench = Bench(code, settings=LOAD_SIDE, life=OPEN, read=dict(IDLE)).run(5.0)
    bench.command(life)
    bench.run(2.75 if life is CHARGING else 30.0, voltage_v=(0.0, 260.0, 100.0))
    assert bench.says() is not True
    assert bench.raises == 0


def test_neutral_behind_an_open_contactor() -> None:
    bench = Bench("neutral_lost", settings=LOAD_SIDE, life=OPEN, read=dict(IDLE))
    assert bench.run(5.0, voltage_v=(260.0, 100.0, 230.0)).says() is False


def test_a_settled_load_side_is_judged() -> None:
    bench = Bench("power_lost", settings=LOAD_SIDE, life=OPEN, read=dict(IDLE)).run(5.0)
    bench.command(CHARGING)
    assert 4.0 <= bench.until_raised(6.0, voltage_v=(0.0, 0.0, 0.0)) <= 4.5


def test_one_phase_of_three_in_use() -> None:
    """Switched to one phase, a load-side meter shows one pair: no phase is lost."""
    settings = replace(LOAD_SIDE, has_phase_switch=True)
    bench = Bench("phase_lost", settings=settings, life=replace(CHARGING, phases=1))
    bench.run(10.0, voltage_v=(230.0, 0.0, 0.0))
    assert bench.says() is False


@pytest.mark.parametrize("settings", [ONE, IT], ids=["tn", "it"])
def test_benign_hour(settings: Settings) -> None:
    """A weak feeder that sags with the load, short sags and swells, and a meter slow and fast."""
    dice, bench = Random(7), Bench("power_lost", settings=settings)
    bench.never("over_voltage", "under_voltage", "phase_lost", "supply_impedance_high")
    bench.never(*(("neutral_lost",) if settings is ONE else ()))
    for _ in range(200):
        feeder_v = dice.uniform(206.0, 250.0)
        shown = tuple(feeder_v + dice.uniform(-4.0, 2.0) for _ in range(3))
        bench.run(dice.uniform(1.0, 8.0), 1.0, voltage_v=shown)
        if dice.random() < 0.2:  # within the times that every fault allows
            sag = dice.choice((0.0, 0.6, 0.82, 1.12))
            bench.run(0.5, 0.25, voltage_v=(230.0 * sag,) * 3)
    assert bench.raises == 0


@pytest.mark.parametrize("update_s", [1.0, 2.5])
def test_slow_meters_are_held_against_the_same_times(update_s: float) -> None:
    bench = Bench("over_voltage", update_s=update_s).run(10.0)
    took_s = bench.until_raised(66.0, voltage_v=(255.0, 231.0, 231.0))
    assert 60.0 <= took_s <= 60.5 + update_s


def test_a_lost_neutral_speaks_for_its_over_voltage() -> None:
    """One pair far up while another is far down: the other fault's to say, and to act on."""
    bench = Bench("over_voltage").run(2.0)
    assert bench.run(20.0, voltage_v=(290.0, 231.0, 150.0)).says() is None
    assert bench.raises == 0


SITE = replace(ONE, fitted=frozenset({"site_voltage_v", "site_current_a"}))
DARK: Phases = (0.0, 0.0, 0.0)
LIVE: Phases = (230.0, 230.0, 230.0)


def _upstream(**site: object) -> Bench:
    bench = Bench("upstream_protection_tripped", settings=SITE)
    bench.read.update(residual_tripped=False, residual_ac_tripped=False, **site)
    return bench.run(5.0)


@pytest.mark.parametrize(
    ("event", "gap_s", "raised"),
    [
        ({"residual_tripped": True}, 4.5, True),
        ({"residual_tripped": True}, 6.0, False),
        ({"residual_ac_tripped": True}, 1.0, True),
        ({"current_a": (40.0, 15.0, 15.0)}, 4.0, True),
        ({}, 1.0, False),
    ],
    ids=["residual", "too long ago", "residual ac", "over-current", "nothing before"],
)
def test_a_breaker_upstream(event: dict[str, Any], gap_s: float, *, raised: bool) -> None:
    """Dark right after what trips a breaker, while the site lives on."""
    bench = _upstream(site_voltage_v=LIVE)
    bench.run(0.25, **event)
    bench.run(gap_s, current_a=(0.0, 0.0, 0.0))
    bench.run(4.0, voltage_v=DARK)
    assert bench.standing is raised
    bench.run(1.0, voltage_v=LIVE)
    assert bench.says() is False


def test_a_long_over_current_counts_from_its_end() -> None:
    """A breaker takes its time: the last sample beyond the offer counts, not the first."""
    bench = _upstream(site_voltage_v=LIVE)
    bench.run(30.0, current_a=(24.0, 15.0, 15.0))
    bench.run(2.5, voltage_v=DARK, current_a=(0.0, 0.0, 0.0))
    assert bench.standing


def test_a_welded_contactor_trips_a_breaker() -> None:
    bench = _upstream(site_voltage_v=LIVE)
    bench.command(OPEN)
    bench.run(3.0)
    assert bench.until_raised(4.0, voltage_v=DARK) >= 2.0


@pytest.mark.parametrize(
    ("site", "present"),
    [
        ({"site_voltage_v": DARK}, False),
        ({"site_voltage_v": None, "site_current_a": (3.0, 3.0, 3.0)}, True),
        ({"site_voltage_v": None}, None),
    ],
    ids=["all dark", "it answers", "unknown"],
)
def test_the_site_decides(site: dict[str, Any], present: bool | None) -> None:
    bench = _upstream(**site)
    bench.run(0.5, residual_tripped=True)
    bench.run(3.0, voltage_v=DARK)
    assert bench.says() is present
    bench.silent.add("voltage_v")
    bench.run(5.0)
    assert bench.says() is not True


@pytest.mark.parametrize(("after_s", "raised"), [(1.5, True), (4.0, False)])
def test_what_comes_after_the_dark_is_not_its_reason(after_s: float, *, raised: bool) -> None:
    """The meter may be read a little before the monitor, but not for long."""
    bench = _upstream(site_voltage_v=LIVE)
    bench.run(after_s, voltage_v=DARK)
    bench.run(4.0, residual_tripped=True)
    assert bench.standing is raised


def test_a_blackout_is_no_tripped_breaker() -> None:
    """What the site's meter saw before the line died says nothing of the site since."""
    bench = _upstream(site_voltage_v=LIVE, site_current_a=(3.0, 3.0, 3.0))
    bench.run(0.5, residual_tripped=True)
    bench.silent.update(("site_voltage_v", "site_current_a"))
    bench.run(9.0, voltage_v=DARK)
    assert (bench.says(), bench.raises) == (None, 0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_wired_phase_in_any_place(place: int) -> None:
    """A meter for three phases on one: the others read nothing, or what floats there."""
    volts = [0.0, 0.0, 0.0]
    volts[place] = 230.0
    bench = Bench("power_lost", settings=replace(ONE, phases=1)).never("under_voltage")
    assert bench.run(15.0, 1.0, voltage_v=tuple(volts)).raises == 0
    assert bench.run(3.0, voltage_v=DARK).standing


def test_unknown_voltage_is_no_tripped_breaker() -> None:
    bench = _upstream(site_voltage_v=LIVE)
    bench.whole = {"voltage_v": None}
    assert bench.run(1.0).says() is None


def device(name: str, uptime_s: float | None) -> DeviceHealth:
    return DeviceHealth(name=name, role=Role.BOARD, line="l", heard_s=1.0, uptime_s=uptime_s)


@pytest.mark.parametrize(
    ("unclean", "uptimes_s", "board_s", "raised"),
    [
        (True, (40.0, None), None, True),
        (True, (40.0, 50.0), 30.0, True),
        (True, (), 30.0, True),
        (True, (40.0, 5000.0), 30.0, False),
        (True, (40.0,), 5000.0, False),
        (True, (None,), None, False),
        (False, (40.0,), 30.0, False),
    ],
    ids=["devices", "all", "board", "one went on", "board went on", "nobody says", "clean stop"],
)
def test_an_outage_before_the_start(
    unclean: bool, uptimes_s: tuple[float | None, ...], board_s: float | None, raised: bool
) -> None:
    """Stopped uncleanly, and everything has just booted: the supply was away."""
    settings = replace(ONE, unclean_stop=unclean, fitted=frozenset({"board_uptime_s"}))
    bench = Bench("power_lost", settings=settings, life=OPEN, read=dict(IDLE))
    devices = tuple(device(f"d{i}", up_s) for i, up_s in enumerate(uptimes_s))
    bench.whole = {"devices": devices}
    bench.run(3.0, board_uptime_s=board_s)
    assert bench.standing is raised
    bench.run(4.0)
    assert bench.says() is False
    assert bench.raises == int(raised)


def test_devices_heard_late_tell_nothing_of_before() -> None:
    """They may have restarted on their own meanwhile."""
    settings = replace(ONE, unclean_stop=True)
    bench = Bench("power_lost", settings=settings, life=OPEN, read=dict(IDLE)).run(31.0, 1.0)
    bench.whole = {"devices": (device("d", 20.0),)}
    bench.run(10.0)
    assert bench.raises == 0


def charge_steps(bench: Bench, ohm: float, steps: int, noise: Random, top_a: float = 15.0) -> None:
    """On and off again, ramped over seconds, each level held for a while."""
    for number in range(steps):
        level_a = top_a if number % 2 == 0 else 1.5
        before_a = 1.5 if number % 2 == 0 else top_a
        for part in (0.25, 0.5, 0.75, *(1.0,) * 8):
            amps = before_a + (level_a - before_a) * part
            shown = amps + noise.uniform(-0.1, 0.1)
            drop = tuple(232.0 - ohm * shown + noise.uniform(-0.7, 0.7) for _ in range(3))
            bench.run(1.0, 1.0, current_a=(shown,) * 3, voltage_v=drop, power_w=shown * 690.0)


@pytest.mark.parametrize(
    ("ohm", "raised"), [(0.2, False), (0.6, False), (0.95, True)], ids=["sound", "weak", "loose"]
)
def test_impedance(ohm: float, *, raised: bool) -> None:
    """Five own steps show it; four do not; a weak feeder is no loose terminal."""
    bench, noise = Bench("supply_impedance_high").run(5.0, 1.0), Random(3)
    charge_steps(bench, ohm, 4, noise)
    assert bench.raises == 0
    charge_steps(bench, ohm, 8, noise)
    assert bench.standing is raised
    if raised:
        assert (bench.track.act, bench.track.limit_a) == (Act.DERATE, 6.0)
        assert "Ω over 5 steps" in bench.track.evidence


def test_impedance_doubled() -> None:
    """From 0.22 to 0.6 Ω: not much as such, but it was less; a technician's word starts anew."""
    bench, noise = Bench("supply_impedance_high").run(5.0, 1.0), Random(5)
    charge_steps(bench, 0.22, 8, noise)
    charge_steps(bench, 0.6, 6, noise)
    assert bench.standing
    bench.resets = frozenset({Reset.SERVICE})
    assert bench.step(1.0).present is False
    assert bench.gone
    charge_steps(bench, 0.6, 8, noise)
    assert bench.says() is False


@pytest.mark.parametrize(
    "blind", [{"voltage_v": (None, None, None)}, {"voltage_v": (90.0, 90.0, 90.0)}],
    ids=["no voltage", "half dead"],
)  # fmt: skip
def test_impedance_without_voltage(blind: dict[str, Any]) -> None:
    bench = Bench("supply_impedance_high").run(5.0, 1.0)
    for number in range(14):
        bench.run(6.0, 1.0, **blind, current_a=(15.0 * (number % 2),) * 3)
    assert bench.says() is False
    assert bench.memory.power.steps.ohms == ((), (), ())


def test_slow_changes_are_no_steps() -> None:
    """A taper, a minute between two levels, and currents that are not all known."""
    bench = Bench("supply_impedance_high").run(5.0, 1.0)
    for tenth in range(150, 20, -2):
        bench.run(2.0, 2.0, current_a=(tenth / 10.0,) * 3)
    bench.silent.add("current_a")
    bench.run(60.0, 2.0)
    bench.silent.clear()
    bench.run(6.0, 2.0, current_a=(15.0, 15.0, 15.0))
    bench.run(6.0, 2.0, current_a=(2.0, None, 2.0))
    assert bench.memory.power.steps.ohms == ((), (), ())


def test_a_norwegian_winter_in_the_whole_core() -> None:
    """3×230 without neutral: 133 V to earth, pairs unequal, a one-phase vehicle: nothing."""
    settings = replace(IT, fitted=frozenset({"earth_voltage_v"}))
    world = World(settings=settings, draw_a=(15.5, 15.5, 0.0), voltage_v=(226.0, 238.0, 229.0))
    world.override = {"earth_voltage_v": Sample(value=(133.0, 131.0, 134.0), taken_s=1030.0)}
    world.charge()
    for wiggle in range(15):
        world.voltage_v = (226.0 + wiggle % 2, 238.0, 229.0)
        world.run(1.0)
    assert world.faults == {}
