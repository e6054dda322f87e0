"""The grid and the feeds: what stands where, on every supply."""

from __future__ import annotations

import math

import pytest

from laddvakt_sim.charger import Charger
from laddvakt_sim.plant.words import GridSpec, Phases, Supply, VehicleSpec

IT = GridSpec(supply=Supply.IT)
ONE = GridSpec(supply=Supply.ONE)
TN = GridSpec()


def charging(
    grid: GridSpec = TN, *, connectors: int = 1, limit_a: float = 16.0, **vehicle: object
) -> Charger:
    """Every connector charges, all ramps are over."""
    charger = Charger.plain(connectors=connectors, grid=grid)
    for name in charger.connectors:
        charger.board(name).limit_a = limit_a
        charger.board(name).close = True
        charger.plug(name, VehicleSpec(**vehicle), 0.0)  # type: ignore[arg-type]
    charger.advance(10.0)
    return charger


@pytest.mark.parametrize(
    ("grid", "to_neutral", "to_each_other", "to_earth"),
    [
        pytest.param(TN, (230.0,) * 3, (398.4,) * 3, (230.0,) * 3, id="three phases, neutral"),
        pytest.param(IT, (132.8,) * 3, (230.0,) * 3, (132.8,) * 3, id="no neutral"),
        pytest.param(ONE, (230.0, 0.0, 0.0), (0.0,) * 3, (230.0, 0.0, 0.0), id="one phase"),
    ],
)
def test_healthy_voltages(
    grid: GridSpec, to_neutral: Phases, to_each_other: Phases, to_earth: Phases
) -> None:
    """What a meter sees on each supply."""
    connector = Charger.plain(grid=grid).connectors["1"]
    assert connector.voltage_v() == pytest.approx(to_neutral, abs=0.05)
    assert connector.line_voltage_v() == pytest.approx(to_each_other, abs=0.05)
    assert connector.earth_voltage_v() == pytest.approx(to_earth, abs=0.05)
    assert connector.frequency_hz == 50.0


@pytest.mark.parametrize(
    ("grid", "fault", "voltage_v", "line_v", "current_a"),
    [
        pytest.param(
            TN, {"name": "under_voltage", "share": 0.8, "phases": [2]},
            (230, 184, 230), None, (16, 16, 16), id="sag on one phase",
        ),
        pytest.param(
            TN, {"name": "over_voltage", "share": 1.2},
            (276, 276, 276), None, (16, 16, 16), id="swell on all",
        ),
        pytest.param(
            TN, {"name": "phase_lost", "phase": 3},
            (230, 230, 0), (398.4, 230, 230), (16, 16, 0), id="phase lost",
        ),
        pytest.param(
            TN, {"name": "power_lost"}, (0, 0, 0), (0, 0, 0), (0, 0, 0), id="outage",
        ),
        pytest.param(
            TN, {"name": "upstream_protection_tripped"}, (0, 0, 0), None, (0, 0, 0),
            id="breaker of the charger",
        ),
        pytest.param(
            TN, {"name": "neutral_lost"}, (230, 230, 230), None, (16, 16, 16),
            id="neutral lost, balanced: it stays in the middle",
        ),
        pytest.param(
            IT, {"name": "phase_lost", "phase": 3},
            None, (230, 115, 115), (16, 16, 0), id="IT: between the others",
        ),
        pytest.param(
            ONE, {"name": "neutral_lost"}, (0, 0, 0), None, (0, 0, 0), id="one phase, no return",
        ),
    ],
)  # fmt: skip
def test_faults_of_the_grid(
    grid: GridSpec,
    fault: dict[str, object],
    voltage_v: Phases | None,
    line_v: Phases | None,
    current_a: Phases,
) -> None:
    """Voltages and currents of a three-phase vehicle one second after the fault."""
    charger = charging(grid)
    charger.inject(fault, 10.0)
    charger.advance(11.0)
    connector = charger.connectors["1"]
    if voltage_v is not None:
        assert connector.voltage_v() == pytest.approx(voltage_v, abs=0.05)
    if line_v is not None:
        assert connector.line_voltage_v() == pytest.approx(line_v, abs=0.05)
    assert connector.current_a() == pytest.approx(current_a, abs=1e-6)


@pytest.mark.parametrize(
    ("house_a", "phases", "u_v"),
    [
        # One load alone pulls the neutral onto its phase; two in series share 398.4 V.
        pytest.param((0.0, 0.0, 0.0), 1, (0.0, 398.4, 398.4), id="one phase alone"),
        pytest.param((0.0, 8.0, 0.0), 1, (132.8, 265.6, 351.3), id="against the house"),
        pytest.param((0.0, 16.0, 16.0), 1, (230.0, 230.0, 230.0), id="balanced by the house"),
        pytest.param((0.0, 0.0, 0.0), 2, (199.2, 199.2, 345.0), id="two phases"),
    ],
)
def test_a_lost_neutral_floats_where_the_loads_pull_it(
    house_a: Phases, phases: int, u_v: Phases
) -> None:
    """Millman's theorem, worked out by hand for loads of 230 V ÷ their current."""
    charger = charging(GridSpec(house_a=house_a), phases=phases)
    charger.inject({"name": "neutral_lost"}, 10.0)
    charger.advance(10.01)
    assert charger.connectors["1"].voltage_v() == pytest.approx(u_v, abs=0.1)


def test_neutral_lost_on_one_feed_spares_the_other() -> None:
    """Without its own neutral only that connector's voltages run apart."""
    charger = charging(connectors=2, phases=1)
    charger.inject({"name": "neutral_lost", "connector": "1"}, 10.0)
    charger.advance(11.0)
    assert max(charger.connectors["1"].voltage_v()) == pytest.approx(398.4, abs=0.1)
    assert charger.connectors["2"].voltage_v() == pytest.approx((230.0,) * 3, abs=1e-6)


@pytest.mark.parametrize(
    ("phases", "current_a", "neutral_a", "power_w"),
    [
        pytest.param(1, (16, 0, 0), 16.0, 3680.0, id="1"),
        pytest.param(2, (16, 16, 0), 16.0, 7360.0, id="2"),
        pytest.param(3, (16, 16, 16), 0.0, 11040.0, id="3"),
    ],
)
def test_vehicles_on_four_wires(
    phases: int, current_a: Phases, neutral_a: float, power_w: float
) -> None:
    """Current in lines and neutral by the vehicle's phases."""
    connector = charging(phases=phases).connectors["1"]
    assert connector.current_a() == current_a
    assert connector.neutral_a() == pytest.approx(neutral_a, abs=1e-6)
    assert connector.power_w() == pytest.approx(power_w)


@pytest.mark.parametrize(
    ("phases", "current_a", "power_w"),
    [
        pytest.param(1, (16, 16, 0), 3680.0, id="1: between two lines"),
        pytest.param(2, (16, 16, 16 * math.sqrt(3)), 7360.0, id="2: open delta"),
        pytest.param(3, (16, 16, 16), math.sqrt(3) * 230 * 16, id="3: star"),
    ],
)
def test_vehicles_without_neutral(phases: int, current_a: Phases, power_w: float) -> None:
    """On 3×230 V a vehicle of one phase loads two lines; nothing flows in a neutral."""
    connector = charging(IT, phases=phases).connectors["1"]
    assert connector.current_a() == pytest.approx(current_a, abs=1e-6)
    assert connector.neutral_a() == 0.0
    assert connector.power_w() == pytest.approx(power_w)


@pytest.mark.parametrize(
    ("grid", "current_a"),
    [
        pytest.param(TN, (0, 0, 16), id="three phases"),
        pytest.param(IT, (16, 0, 16), id="no neutral: to the next line"),
        pytest.param(ONE, (16, 0, 0), id="one phase: there is nothing to rotate"),
    ],
)
def test_rotated_phases(grid: GridSpec, current_a: Phases) -> None:
    """A vehicle's first phase hangs where the rotation puts it."""
    connector = charging(grid, phases=1, phase_map=(3, 1, 2)).connectors["1"]
    assert connector.current_a() == pytest.approx(current_a)


@pytest.mark.parametrize(
    ("grid", "fault", "to_earth"),
    [
        pytest.param(IT, {"name": "it_earth_fault", "phase": 2}, (230, 0, 230), id="IT, L2"),
        pytest.param(TN, {"name": "it_earth_fault", "phase": 2}, (230,) * 3, id="TN: nothing"),
        pytest.param(ONE, {"name": "protective_earth_missing"}, (115, 0, 0), id="floats, 1ph"),
    ],
)
def test_earth(grid: GridSpec, fault: dict[str, object], to_earth: Phases) -> None:
    """Line to earth while nothing charges."""
    charger = Charger.plain(grid=grid)
    charger.inject(fault, 1.0)
    connector = charger.connectors["1"]
    assert connector.earth_voltage_v() == pytest.approx(to_earth, abs=0.05)
    assert connector.earth_present is (fault["name"] != "protective_earth_missing")


def test_own_current_pulls_the_voltage_down() -> None:
    """Drop = current × resistance, and in one phase through the neutral as well."""
    grid = GridSpec(supply_ohm=0.3, neutral_ohm=0.2)
    assert charging(grid).connectors["1"].voltage_v() == pytest.approx((230 - 4.8,) * 3)
    single = charging(grid, phases=1).connectors["1"]
    assert single.voltage_v()[0] == pytest.approx(230 - 16 * 0.5)
    assert single.voltage_v()[1] > 230.0  # the neutral leans towards the loaded phase


def test_neighbours_feel_the_common_supply_but_not_a_loose_terminal() -> None:
    """A common impedance drops both connectors' voltage, a loose terminal only its own."""
    both = charging(GridSpec(supply_ohm=0.2), connectors=2)
    assert both.connectors["2"].voltage_v() == pytest.approx((230 - 32 * 0.2,) * 3)
    loose = charging(connectors=2)
    fault = {"name": "supply_impedance_high", "connector": "1", "phase": 2, "ohm": 1.5}
    loose.inject(fault, 10.0)
    assert loose.connectors["1"].voltage_v() == pytest.approx((230, 230 - 24, 230))
    assert loose.connectors["2"].voltage_v() == pytest.approx((230,) * 3)


def test_a_sag_ends_by_itself_to_the_millisecond() -> None:
    """`seconds` lets go at its time, however rarely somebody looks."""
    charger = charging()
    fault = {"name": "under_voltage", "share": 0.3, "seconds": 0.4}
    charger.inject(fault, 10.0)
    charger.advance(100.0)
    contactor = charger.connectors["1"].contactor
    assert charger.faults == ()
    assert contactor.opened_at_s == pytest.approx(10.020)
    assert contactor.closed_at_s == pytest.approx(10.420)


def test_frequency() -> None:
    """Seen while there is voltage."""
    charger = Charger.plain()
    charger.inject({"name": "frequency_out_of_range", "hz": 47.1}, 1.0)
    assert charger.connectors["1"].frequency_hz == 47.1
    charger.inject({"name": "power_lost"}, 2.0)
    assert charger.connectors["1"].frequency_hz == 0.0


def test_the_site_meter_sees_house_and_connectors() -> None:
    """Behind a tripped breaker of the charger the site lives on."""
    charger = charging(GridSpec(house_a=(3.0, 4.0, 5.0)), connectors=2)
    assert charger.site_meter.shown.current_a == pytest.approx((35, 36, 37), abs=0.1)
    charger.inject({"name": "upstream_protection_tripped"}, 20.0)
    charger.advance(22.0)
    assert charger.site_meter.shown.current_a == pytest.approx((3, 4, 5), abs=0.1)
    assert charger.connectors["1"].brown_out
