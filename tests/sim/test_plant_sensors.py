"""Heat, leakage and meters inside a whole plant."""

from __future__ import annotations

import math

import pytest

from laddvakt_sim.charger import Charger, MeterSpec
from laddvakt_sim.plant.words import ClimateSpec, GridSpec, Supply, VehicleSpec
from sim.test_plant_grid import charging


@pytest.mark.parametrize(
    ("climate", "faults", "vehicle", "enclosure_c", "plug_c"),
    [
        pytest.param(ClimateSpec(), (), {}, 36.5, 27.3, id="16 A, three phases"),
        pytest.param(ClimateSpec(ambient_c=40, sun_w=800), (), {}, 75.5, 42.3, id="sun"),
        pytest.param(
            ClimateSpec(), ({"name": "extra_heat", "watts": 10},), {}, 66.5, 27.3, id="heat inside"
        ),
        pytest.param(
            ClimateSpec(), ({"name": "plug_contact_worn", "mohm": 8},), {}, 36.5, 86.4,
            id="bad contact",
        ),
        pytest.param(
            ClimateSpec(), ({"name": "sensor_implausible", "sensor": "plug", "offset_c": -100},),
            {}, 36.5, -72.7, id="sensor",
        ),
        pytest.param(ClimateSpec(), (), {"wants_charge": False}, 25.0, 25.0, id="idle"),
    ],
)  # fmt: skip
def test_heat(
    climate: ClimateSpec,
    faults: tuple[dict[str, object], ...],
    vehicle: dict[str, object],
    enclosure_c: float,
    plug_c: float,
) -> None:
    """Where the temperatures end after some hours."""
    charger = charging(**vehicle)  # type: ignore[arg-type]
    charger.set_climate(climate, 10.0)
    for fault in faults:
        charger.inject(fault | {"connector": "1"}, 10.0)
    charger.advance(20_000.0)
    connector = charger.connectors["1"]
    assert connector.enclosure_temp_c == pytest.approx(enclosure_c, abs=0.05)
    assert connector.plug_temp_c == pytest.approx(plug_c, abs=0.05)


def test_a_sensor_jumps_at_once_the_housing_does_not() -> None:
    """The truth stays where it was."""
    charger = charging()
    connector = charger.connectors["1"]
    before_c = connector.temperature_c
    charger.inject({"name": "sensor_implausible", "connector": "1"}, 10.0)
    assert connector.enclosure_temp_c == pytest.approx(before_c + 60.0)
    assert connector.temperature_c == pytest.approx(before_c)


@pytest.mark.parametrize(
    ("vehicle", "fault", "closed_ma", "open_ma"),
    [
        pytest.param({}, None, (0.4, 0.9), (0, 0), id="healthy"),
        pytest.param(
            {}, {"name": "residual_current_ac", "ma": 50}, (0.4, 50.9), (0, 0), id="load, AC"
        ),
        pytest.param(
            {}, {"name": "residual_current_dc", "ma": 9, "always": True}, (9.4, 0.9), (9, 0),
            id="station",
        ),
        pytest.param({"leak_dc_ma": 8.0}, None, (8.0, 0.9), (0, 0), id="this vehicle, DC"),
        pytest.param({"leak_ohm": 5000.0}, None, (0.4, 46.9), (0, 0), id="this vehicle, ohms"),
        pytest.param(
            {"leak_ohm": 5000.0}, {"name": "under_voltage", "share": 0.6}, (0.4, 28.5), (0, 0),
            id="less voltage, less leak",
        ),
        pytest.param(
            {"leak_ohm": 5000.0}, {"name": "protective_earth_missing"}, (0, 0), (0, 0),
            id="no earth, no leak",
        ),
    ],
)  # fmt: skip
def test_residual_current(
    vehicle: dict[str, object],
    fault: dict[str, object] | None,
    closed_ma: tuple[float, float],
    open_ma: tuple[float, float],
) -> None:
    """(DC, AC) with the contactor closed and open."""
    charger = charging(**vehicle)  # type: ignore[arg-type]
    connector = charger.connectors["1"]
    if fault is not None:
        charger.inject(fault | {"connector": "1"}, 10.0)
    assert connector.residual_ma() == pytest.approx(closed_ma, abs=1e-6)
    charger.board("1").close = False
    charger.settle()
    charger.advance(11.0)
    assert connector.residual_ma() == pytest.approx(open_ma, abs=1e-6)


def test_a_leak_can_rise_slowly() -> None:
    """Along a straight line, and its crossing of 6 mA is an event."""
    charger = charging()
    fault = {"name": "residual_current_dc", "connector": "1", "ma": 12.0, "rise_s": 100.0}
    charger.inject(fault, 10.0)
    assert charger.next_due_s() == pytest.approx(60.0)
    seen = []
    for at_s in (10.0, 35.0, 60.0, 110.0, 200.0):
        charger.advance(at_s)
        seen.append(charger.connectors["1"].residual_ma()[0] - 0.4)
    assert seen == pytest.approx([0.0, 3.0, 6.0, 12.0, 12.0])


def test_two_leaks_keep_their_own_words() -> None:
    """A DC leak goes on rising, and stays with the load, when an AC one of the station comes."""
    charger = charging()
    connector = charger.connectors["1"]
    slow = {"name": "residual_current_dc", "connector": "1", "ma": 12.0, "rise_s": 100.0}
    charger.inject(slow, 10.0)
    station = {"name": "residual_current_ac", "connector": "1", "ma": 20.0, "always": True}
    charger.inject(station, 35.0)
    assert connector.residual_ma() == pytest.approx((3.4, 20.9))
    charger.board("1").close = False
    charger.settle()
    charger.advance(60.0)
    assert connector.residual_ma() == pytest.approx((0.0, 20.0))


@pytest.mark.parametrize(
    ("poles", "lost", "leaks"),
    [
        pytest.param([1], None, True, id="a line"),
        pytest.param([4], None, False, id="the neutral, which has no voltage to earth"),
        pytest.param([2], 2, False, id="a line that is dead"),
        pytest.param([2, 3], 2, True, id="one of two lives"),
    ],
)
def test_a_leak_flows_through_the_poles_that_live(
    poles: list[int], lost: int | None, leaks: bool
) -> None:
    """What leaks behind the contactor needs a closed line with voltage; so does its power."""
    charger = charging()
    connector = charger.connectors["1"]
    charger.inject({"name": "residual_current_ac", "connector": "1", "ma": 50.0}, 10.0)
    charger.inject({"name": "contactor_welded", "connector": "1", "poles": poles}, 10.0)
    if lost is not None:
        charger.inject({"name": "phase_lost", "phase": lost}, 10.0)
    charger.board("1").close = False
    charger.settle()
    charger.advance(20.0)
    before_wh = charger.account.leak_wh
    charger.advance(3620.0)
    assert connector.residual_ma()[1] == pytest.approx(50.0 if leaks else 0.0, abs=1.0)
    assert charger.account.leak_wh - before_wh == pytest.approx(11.5 if leaks else 0.0, abs=0.01)


def test_switching_can_leak_for_a_moment() -> None:
    """60 ms after each movement."""
    charger = charging()
    charger.inject({"name": "residual_transient", "connector": "1", "ac_ma": 35}, 10.0)
    charger.board("1").close = False
    charger.settle()
    seen = []
    for at_s in (10.01, 10.03, 10.07, 10.09):
        charger.advance(at_s)
        seen.append(charger.connectors["1"].residual_ma()[1])
    assert seen == pytest.approx([0.9, 35.0, 35.0, 0.0])


@pytest.mark.parametrize("supply", Supply)
def test_a_meter_fed_from_behind_the_contactor(supply: Supply) -> None:
    """It is silent while open, and for a second after closing."""
    charger = Charger.plain(grid=GridSpec(supply=supply))
    meter = charger.connectors["1"].meter
    charger.inject({"name": "meter_behind_contactor", "connector": "1"}, 0.0)
    charger.advance(1.0)
    assert not meter.answers
    charger.board("1").limit_a, charger.board("1").close = 16.0, True
    charger.plug("1", VehicleSpec(), 1.0)
    charger.advance(2.5)
    closed_at_s = charger.connectors["1"].contactor.closed_at_s
    assert closed_at_s is not None
    assert not meter.answers
    charger.advance(closed_at_s + 1.01)
    assert meter.answers


@pytest.mark.parametrize(
    ("supply", "poles", "fed"),
    [
        pytest.param(Supply.TN, [1, 4], True, id="a line and the neutral"),
        pytest.param(Supply.TN, [1, 2, 3], False, id="no neutral"),
        pytest.param(Supply.IT, [1, 2], True, id="two lines"),
        pytest.param(Supply.IT, [1, 4], False, id="one line"),
    ],
)
def test_a_meter_needs_a_way_back(supply: Supply, poles: list[int], fed: bool) -> None:
    """Welded poles feed a meter behind the contactor only where two of them have a voltage."""
    charger = Charger.plain(grid=GridSpec(supply=supply))
    charger.inject({"name": "meter_behind_contactor", "connector": "1"}, 0.0)
    weld = {"name": "contactor_welded", "connector": "1", "poles": poles, "shut": True}
    charger.inject(weld, 0.0)
    charger.advance(5.0)
    assert charger.connectors["1"].meter.answers is fed


@pytest.mark.parametrize(
    ("fault", "amps", "watts"),
    [
        pytest.param(
            {"name": "meter_swapped", "order": "132"}, (16, 0, 16), (3680, 0, -1840),
            id="two transformers swapped",
        ),
        pytest.param(
            {"name": "meter_ratio", "factor": 2}, (32, 32, 0), (7360, 7360, 0), id="wrong ratio"
        ),
        pytest.param(
            {"name": "meter_reversed"}, (16, 16, 0), (-3680, -3680, 0), id="backwards"
        ),
    ],
)  # fmt: skip
def test_miswired_meters(
    fault: dict[str, object], amps: tuple[float, ...], watts: tuple[float, ...]
) -> None:
    """Phasors decide: a swapped transformer measures a current 120° away from its voltage."""
    charger = charging(phases=2)
    charger.inject(fault | {"connector": "1"}, 20.0)
    charger.advance(21.0)
    shown = charger.connectors["1"].meter.shown
    assert shown.current_a == pytest.approx(amps, abs=0.1)
    assert shown.power_w == pytest.approx(watts, abs=30.0)


def test_a_lost_meter_counts_on() -> None:
    """It answers nobody, and has counted all the same when it comes back."""
    charger = charging()
    meter = charger.connectors["1"].meter
    before_wh = meter.shown.energy_wh
    charger.inject({"name": "meter_lost", "connector": "1"}, 10.0)
    charger.advance(3610.0)
    answered = [meter.answers]
    charger.clear(None, None, 3610.0)
    assert [*answered, meter.answers] == [False, True]
    assert meter.shown.energy_wh == pytest.approx(before_wh + 11_040, abs=2.0)


def test_meter_spec_is_kept() -> None:
    """Serial number, rhythm and steps as it was built in."""
    meter = MeterSpec(update_s=2.0, start_wh=5000.0, resolution_wh=10.0, serial=77)
    charger = Charger.plain(meter=meter)
    charger.advance(math.pi)
    connector = charger.connectors["1"]
    assert (connector.meter.serial, connector.meter.shown.energy_wh) == (77, 5000.0)
    assert connector.meter.shown.taken_s == 2.0
