"""The station as a whole, without lines: who opens what, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from laddvakt_sim.plant.words import Pilot, VehicleSpec
from sim.asking import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _both_closed(bench: Bench) -> tuple[bool, bool]:
    connectors = bench.station.connectors
    return connectors["1"].contactor.closed, connectors["2"].contactor.closed


def _opened_after_s(bench: Bench, connector: str, since_s: float) -> float:
    opened_at_s = bench.station.connectors[connector].contactor.opened_at_s
    assert opened_at_s is not None
    return opened_at_s - since_s


def test_both_connectors_charge(bench: Bench) -> None:
    """Limit, release and dead-man together give 16 A on three phases."""
    bench.charge()
    for connector in bench.station.connectors.values():
        assert connector.pilot() is Pilot.C
        assert connector.current_a() == (16.0, 16.0, 16.0)
        assert connector.power_w() == pytest.approx(11040.0)
        assert connector.contactor.closures == 1


def test_single_phase_vehicle(bench: Bench) -> None:
    """A one-phase vehicle draws on the first phase alone."""
    bench.charge(VehicleSpec(phases=1, max_current_a=10.0))
    assert bench.station.connectors["1"].current_a() == (10.0, 0.0, 0.0)


def test_energy_is_power_times_time(bench: Bench) -> None:
    """The integral equals power × time to the last event, the register to its resolution."""
    bench.charge()
    connector = bench.station.connectors["1"]
    before_wh, register_wh = connector.energy_wh, connector.meter.shown.energy_wh
    bench.hold(60.0)
    assert connector.energy_wh - before_wh == pytest.approx(11040.0 * 60.0 / 3600.0, abs=1e-6)
    shown_wh = connector.meter.shown.energy_wh - register_wh
    assert shown_wh == pytest.approx(184.0, abs=11040 * 0.5 / 3600 + 1.0)


def test_ramp_energy_is_exact_at_any_rhythm() -> None:
    """Looking often or seldom gives the same energy."""
    energies = []
    for rhythm_s in (0.011, 0.5):
        bench = Bench()
        bench.charge()
        bench.write("evse1", 1000, 6)
        for _ in range(round(1.5 / rhythm_s)):
            bench.wait(rhythm_s)
        bench.station.advance(1000.0 + 7.6)
        energies.append(bench.station.connectors["1"].energy_wh)
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)


def test_board_opens_alone_after_the_vehicle_leaves(bench: Bench) -> None:
    """C→B opens within 100 ms although the dead-man goes on being re-sent."""
    bench.charge()
    connector = bench.station.connectors["1"]
    vehicle = connector.vehicle
    assert vehicle is not None
    bench.station.change("1", replace(vehicle.spec, wants_charge=False), bench.now_s)
    left_s: float | None = None
    for _ in range(400):
        bench.coil(0x0200, 20)
        bench.wait(0.01)
        if left_s is None and connector.pilot() is Pilot.B:
            left_s = bench.now_s
    assert left_s is not None
    assert 0.0 < _opened_after_s(bench, "1", left_s - 0.01) <= 0.11
    assert connector.current_a() == (0.0, 0.0, 0.0)


def test_dead_man_holds_without_a_glitch_and_lets_go(bench: Bench) -> None:
    """Re-sent each 0.5 s nothing moves; the last one ends 2.0 s later, plus contactor travel."""
    bench.charge()
    bench.hold(30.0)
    contactor = bench.station.connectors["1"].contactor
    assert (contactor.closures, contactor.opened_at_s) == (1, None)
    bench.coil(0x0200, 20)
    last_s = bench.now_s
    bench.wait(5.0)
    assert _opened_after_s(bench, "1", last_s) == pytest.approx(2.02, abs=1e-6)


def test_watchdog_takes_the_current_away(bench: Bench) -> None:
    """Without access for 2 s the limit falls to 0 A; the contactor opens as the current ends."""
    bench.charge()
    bench.read("charx1", 3, 1299, 1)
    last_s = bench.now_s
    seen = []
    for wait_s in (1.99, 0.02):
        bench.wait(wait_s)
        seen.append(bench.station.connectors["2"].board.pwm_on)
    assert seen == [True, False]
    bench.wait(5.0)
    assert 2.0 < _opened_after_s(bench, "2", last_s) < 2.0 + VehicleSpec().stop_s + 0.1
    assert bench.read("charx1", 3, 1301, 1) == (0,)


@pytest.mark.parametrize(
    ("act", "keeps_drawing", "least_s", "most_s"),
    [
        pytest.param(lambda b: b.write("charx1", 1300, 0, 0), True, 0.0, 0.03, id="release 0"),
        pytest.param(lambda b: b.write("charx1", 1301, 0), False, 0.5, 1.6, id="limit 0, obeys"),
        pytest.param(lambda b: b.write("charx1", 1301, 0), True, 5.99, 6.06, id="limit 0, ignores"),
        pytest.param(
            lambda b: b.station.unplug("2", b.now_s), False, 0.0, 0.03, id="vehicle taken away"
        ),
    ],
)
def test_charx_opens(
    bench: Bench,
    act: Callable[[Bench], object],
    keeps_drawing: bool,
    least_s: float,
    most_s: float,
) -> None:
    """The contactor inside opens as its marked assumptions say."""
    bench.charge(VehicleSpec(obeys_pwm_off=not keeps_drawing))
    acted_s = bench.now_s
    act(bench)
    bench.hold(8.0)
    assert least_s <= _opened_after_s(bench, "2", acted_s) <= most_s


@pytest.mark.parametrize(
    ("name", "connector", "parameters", "closed"),
    [
        pytest.param("contactor_opened_alone", "1", {}, (False, True), id="opened alone, 1"),
        pytest.param("contactor_opened_alone", "2", {}, (True, False), id="opened alone, 2"),
        pytest.param("power_lost", None, {}, (False, False), id="power lost"),
        pytest.param("power_lost", "1", {}, (False, True), id="power lost on one"),
        pytest.param("phase_lost", None, {"phase": 1}, (True, True), id="one phase: coil stays"),
        pytest.param("pilot_fault", "1", {"state": "F"}, (False, True), id="pilot F, board"),
        pytest.param("pilot_fault", "2", {"state": "invalid"}, (True, False), id="pilot, charx"),
        pytest.param("residual_current_dc", "1", {"ma": 8}, (True, True), id="leak: monitor only"),
        pytest.param("residual_current_dc", "2", {"ma": 8}, (True, False), id="leak: own trip"),
        pytest.param("emergency_stop", None, {}, (True, True), id="loop is a signal"),
        pytest.param("meter_frozen", "1", {}, (True, True), id="nothing moves"),
    ],
)
def test_what_opens_by_itself(
    bench: Bench,
    name: str,
    connector: str | None,
    parameters: dict[str, object],
    closed: tuple[bool, bool],
) -> None:
    """Contactors half a second after a fault, the agent doing nothing about it."""
    bench.charge()
    bench.inject(name, connector, **parameters)
    bench.hold(0.5)
    assert _both_closed(bench) == closed


def test_weld_outlives_every_command(bench: Bench) -> None:
    """Welded contacts stay closed; healed they open with the coil long off."""
    bench.charge()
    bench.inject("contactor_welded", "1")
    bench.coil(0, 0)
    bench.wait(5.0)
    assert _both_closed(bench)[0]
    bench.heal()
    bench.wait(0.1)
    assert not _both_closed(bench)[0]


def test_leak_ends_with_the_load_unless_it_is_the_station(bench: Bench) -> None:
    """A load's leakage ends with the contactor; `always` goes on."""
    bench.charge()
    for always, left_ma in ((False, 0.0), (True, 8.0)):
        bench.inject("residual_current_dc", "1", ma=8.0, always=always)
        bench.coil(0, 0)
        bench.wait(0.1)
        assert bench.station.connectors["1"].residual_ma()[0] == left_ma


def test_unguarded_relay_holds_for_ever(bench: Bench) -> None:
    """With the dead-man broken a single flash-on never ends."""
    bench.inject("unguarded_board", "1")
    bench.charge()
    bench.wait(60.0)
    assert _both_closed(bench) == (True, False)


def test_heats_with_the_square_of_the_current(bench: Bench) -> None:
    """The enclosure tends to 25 °C + 0.045 °C/A² · I² with a time constant of 20 min."""
    bench.charge()
    bench.hold(1200.0)
    expected_c = 25.0 + 0.045 * 256.0 * (1.0 - math.exp(-1.0))
    assert bench.station.connectors["1"].temperature_c == pytest.approx(expected_c, abs=0.1)
