"""Every fault of the plant: by name, with its parameters, visible in what /state shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from laddvakt_sim.control_views import connector_view, site_view
from laddvakt_sim.fault_kinds import KINDS
from laddvakt_sim.fault_words import Target
from laddvakt_sim.faults import FaultError
from laddvakt_sim.plant.spec_words import climate_spec, grid_spec, spec_json, vehicle_spec
from laddvakt_sim.plant.words import ClimateSpec, GridSpec, Supply, VehicleSpec
from laddvakt_sim.plant_kinds import PLANT_KINDS
from sim.asking import Bench
from sim.test_plant_grid import IT, TN, charging

README = (Path(__file__).parents[2] / "firmware-sim" / "README.md").read_text("utf-8")
# What has to happen, beside the fault, before anything can be seen of it.
_SWITCHES = {
    "contactor_slow",
    "contactor_bounces",
    "residual_transient",
    "coil_brown_out",
    "meter_behind_contactor",
}


def seen(name: str, *, injected: bool) -> str:
    """Everything /state would say of the plant, some seconds after the fault or without it."""
    charger = charging(IT if name == "it_earth_fault" else TN, phases=2)
    connector = charger.connectors["1"]
    if injected:
        own = {"connector": "1"} if KINDS[name].target is Target.CONNECTOR else {}
        charger.inject({"name": name, **own}, 12.0)
    charger.advance(12.5)
    if name == "lock_failed":
        connector.lock.want(12.5, locked=True)
    if name == "phase_switch_failed":
        connector.phase_switch.want(12.5, phases=1)
    if name == "board_recloses":
        charger.board("1").close = False
        charger.settle()
    if name in _SWITCHES:
        for at_s, close in ((13.0, False), (14.0, True)):
            charger.advance(at_s)
            charger.board("1").close = close
            charger.settle()
    charger.advance(14.06)
    return json.dumps([connector_view(connector), site_view(charger)])


@pytest.mark.parametrize(
    "name", sorted(set(PLANT_KINDS) - {"board_restarted", "board_mismatch", "meter_slow"})
)
def test_every_fault_of_the_plant_can_be_seen(name: str) -> None:
    """With nothing but its name it changes the truth; twice without it is twice the same."""
    assert seen(name, injected=False) == seen(name, injected=False)
    assert seen(name, injected=True) != seen(name, injected=False)


def test_every_fault_and_parameter_is_in_the_readme() -> None:
    """The table of the board's faults names all of them with their parameters."""
    rows = [line for line in README.splitlines() if line.startswith("| ")]
    for name, kind in KINDS.items():
        row = next((row for row in rows if name in re.findall(r"\w+", row.split("|")[1])), "")
        assert row, name
        assert [key for key in kind.parameters if f"`{key}`" not in row] == [], name


def test_a_slow_meter_renews_at_its_own_rhythm() -> None:
    """Registers stay for `update_s`."""
    charger = charging()
    charger.inject({"name": "meter_slow", "connector": "1", "update_s": 7.0}, 10.0)
    taken = []
    for at_s in range(10, 40):
        charger.advance(float(at_s))
        taken.append(charger.connectors["1"].meter.shown.taken_s)
    assert sorted(set(taken)) == [10.0, 17.0, 24.0, 31.0, 38.0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({"name": "over_voltage", "share": 3}, "1 to 2", id="share"),
        pytest.param({"name": "over_voltage", "phases": [4]}, "1 to 3", id="phases"),
        pytest.param(
            {"name": "contactor_welded", "connector": "1", "poles": []}, "list", id="list"
        ),
        pytest.param(
            {"name": "lock_failed", "connector": "1", "how": "so"}, "stuck_open", id="how"
        ),
        pytest.param({"name": "tilted"}, "'connector' is missing", id="whose"),
        pytest.param({"name": "tilted", "connector": "7"}, "allowed are 1", id="which"),
        pytest.param({"name": "neutral_lost", "seconds": 0}, "0.001", id="seconds"),
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, object], says: str) -> None:
    """The message says what is allowed, and nothing has changed."""
    charger = charging()
    with pytest.raises(FaultError, match=says):
        charger.inject(body, 10.0)
    assert charger.faults == ()


def test_two_faults_of_one_kind_add_up() -> None:
    """Phases lost, shares and resistances join; the same fault again replaces itself."""
    charger = charging()
    for phase in (1, 2, 2):
        charger.inject({"name": "phase_lost", "phase": phase}, 10.0)
    charger.inject({"name": "under_voltage", "share": 0.9}, 10.0)
    charger.inject({"name": "over_voltage", "share": 1.1, "connector": "1"}, 10.0)
    charger.inject({"name": "supply_impedance_high", "ohm": 0.2}, 10.0)
    assert len(charger.faults) == 5
    assert charger.connectors["1"].voltage_v() == pytest.approx((0.0, 0.0, 230 * 0.99), abs=0.1)
    assert charger.clear("phase_lost", None, 11.0) == 2


def test_a_jump_of_the_register_happens_once() -> None:
    """Other faults that come and go do not repeat it, and its end does not take it back."""
    charger = charging(wants_charge=False)
    meter = charger.connectors["1"].meter
    before_wh = meter.shown.energy_wh
    charger.inject({"name": "meter_implausible", "connector": "1", "wh": -500}, 20.0)
    charger.inject({"name": "tilted", "connector": "1"}, 21.0)
    charger.clear("meter_implausible", None, 22.0)
    charger.advance(23.0)
    assert meter.shown.energy_wh == before_wh - 500


def test_a_replaced_meter_comes_back_as_it_was() -> None:
    """The new one counts from its own register on; the old one has stood on a shelf meanwhile."""
    charger = charging()
    meter = charger.connectors["1"].meter
    charger.advance(100.0)
    old = meter.serial, meter.shown.energy_wh
    charger.inject({"name": "meter_replaced", "connector": "1", "start_wh": 77_000}, 100.0)
    charger.advance(3700.0)
    assert (meter.serial, meter.shown.energy_wh) == (24_000_001, 77_000 + 11_040)
    charger.unplug("1", 3700.0)
    charger.clear(None, None, 3700.0)
    charger.advance(3701.0)
    assert (meter.serial, meter.shown.energy_wh) == old


@pytest.mark.parametrize(
    ("parse", "body", "changed"),
    [
        pytest.param(
            lambda body: vehicle_spec(body, VehicleSpec()),
            {"phase_map": [2, 3, 1], "pause_every_s": 60, "wakes_by": "state_f", "cable_a": 20},
            VehicleSpec(phase_map=(2, 3, 1), pause_every_s=60, wakes_by="state_f", cable_a=20),
            id="vehicle",
        ),
        pytest.param(
            lambda body: grid_spec(body, GridSpec()),
            {"supply": "it-tt-3x230", "house_a": [1, 2.5, 0], "supply_ohm": 0.3},
            GridSpec(supply=Supply.IT, house_a=(1.0, 2.5, 0.0), supply_ohm=0.3),
            id="grid",
        ),
        pytest.param(
            lambda body: climate_spec(body, ClimateSpec()),
            {"ambient_c": -20, "sun_w": 300},
            ClimateSpec(ambient_c=-20, sun_w=300),
            id="climate",
        ),
    ],
)
def test_words_of_the_control_api(parse: object, body: dict[str, object], changed: object) -> None:
    """Read, changed, and written in the same words."""
    assert callable(parse)
    spec = parse(body)
    assert spec == changed
    assert isinstance(spec, VehicleSpec | GridSpec | ClimateSpec)
    again = json.loads(json.dumps(spec_json(spec)))
    assert {key: again[key] for key in body} == body
    assert parse(again) == spec


@pytest.mark.parametrize(
    ("parse", "body", "says"),
    [
        pytest.param(vehicle_spec, {"phase_map": [1, 1, 2]}, "order of the phases", id="order"),
        pytest.param(vehicle_spec, {"cable_a": 25}, "one of 13, 20, 32, 63", id="cable"),
        pytest.param(vehicle_spec, {"cable_a": True}, "one of 13", id="a flag is no number"),
        pytest.param(vehicle_spec, {"flaky_to": "G"}, "one of A, B", id="pilot"),
        pytest.param(vehicle_spec, {"stop_s": None}, "0.05 to 60", id="none where one is needed"),
        pytest.param(vehicle_spec, {"hue": 1}, "max_current_a", id="unknown"),
    ],
)
def test_words_that_cannot_be(parse: object, body: dict[str, object], says: str) -> None:
    """Mistakes say what is allowed."""
    assert callable(parse)
    with pytest.raises(ValueError, match=says):
        parse(body, VehicleSpec())


def test_the_meter_on_the_line_shows_what_the_plant_has() -> None:
    """SDM72: frequency, serial number, export, and silence without its supply."""
    bench = Bench()
    bench.charge()
    bench.inject("frequency_out_of_range", hz=51.9)
    bench.hold(0.6)
    assert bench.float_at("meter1", 4, 70) == pytest.approx(51.9)
    bench.inject("meter_replaced", "1", serial=4711)
    assert bench.read("meter1", 3, 0xFC00, 2) == (0, 4711)
    bench.inject("meter_reversed", "1")
    bench.hold(60.0)
    assert bench.float_at("meter1", 4, 52) == pytest.approx(-11_040.0, abs=100)
    assert bench.float_at("meter1", 4, 74) == pytest.approx(0.184, abs=0.01)
    assert bench.float_at("meter1", 4, 342) == pytest.approx(
        bench.float_at("meter1", 4, 72) + bench.float_at("meter1", 4, 74), abs=0.001
    )
    bench.inject("meter_behind_contactor", "1")
    assert bench.ask("meter1", bytes.fromhex("0400000002")).pdu != b""
    bench.coil(0, 0)
    bench.wait(1.0)
    assert bench.ask("meter1", bytes.fromhex("0400000002")).pdu == b""


def test_boards_that_start_anew_or_are_others() -> None:
    """What was written is gone, once; another firmware shows in its register."""
    bench = Bench()
    bench.charge()
    bench.inject("board_restarted", "1")
    assert bench.read("evse1", 3, 1000, 1) == (6,)
    bench.write("evse1", 1000, 16)
    bench.hold(3.0)
    assert bench.read("evse1", 3, 1000, 1) == (16,)
    assert bench.station.connectors["1"].contactor.openings == 1
    bench.inject("board_mismatch", "1", firmware=16)
    assert bench.read("evse1", 3, 1005, 1) == (16,)
    bench.inject("board_restarted", "2")
    assert bench.read("charx1", 3, 1300, 2) == (0, 0)


def test_the_second_connector_locks_by_register() -> None:
    """CHARX 1303 runs the lock's motor."""
    bench = Bench()
    bench.write("charx1", 1303, 1)
    bench.wait(0.5)
    assert bench.station.connectors["2"].lock.locked


def test_a_blind_monitor_shows_nothing() -> None:
    """The RCMB300 reads 0 while 9 mA flow."""
    bench = Bench()
    bench.charge()
    for name, shown in (("residual_current_dc", 0.0094), ("residual_monitor_failed", 0.0)):
        bench.station.inject({"name": name, "connector": "1"} | (
            {"ma": 9} if name == "residual_current_dc" else {}
        ), bench.now_s)  # fmt: skip
        assert bench.float_at("rcm1", 3, 8002) == pytest.approx(shown)
    assert bench.station.connectors["1"].residual_ma()[0] == pytest.approx(9.4)


def test_a_peak_between_two_looks_is_kept() -> None:
    """A leak that rose until the contactor opened is in the maxima."""
    bench = Bench()
    bench.charge()
    bench.inject("residual_current_dc", "1", ma=5, rise_s=4)
    injected_s = bench.now_s
    bench.wait(10.0)  # the dead-man opens meanwhile
    opened_at_s = bench.station.connectors["1"].contactor.opened_at_s
    assert opened_at_s is not None
    assert bench.float_at("rcm1", 3, 8002) == 0.0
    peak_ma = 0.4 + 5.0 * (opened_at_s - injected_s) / 4.0
    assert bench.float_at("rcm1", 3, 8018) == pytest.approx(peak_ma / 1000)
