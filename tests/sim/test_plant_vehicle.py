"""Vehicles and their plug inside a whole plant, as tables over time."""

from __future__ import annotations

import pytest

from laddvakt_sim.charger import Charger
from laddvakt_sim.plant.words import Pilot, VehicleSpec
from sim.test_plant_grid import charging


def current_a(charger: Charger, at_s: float) -> float:
    charger.advance(at_s)
    return charger.connectors["1"].current_a()[0]


def with_pwm(**vehicle: object) -> Charger:
    """PWM and contactor allowed from the start; the vehicle comes at 0 s."""
    charger = Charger.plain()
    charger.board("1").limit_a, charger.board("1").close = 16.0, True
    charger.plug("1", VehicleSpec(**vehicle), 0.0)  # type: ignore[arg-type]
    return charger


def pwm(charger: Charger, at_s: float, limit_a: float) -> None:
    charger.advance(at_s)
    charger.board("1").limit_a = limit_a
    charger.settle()


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        pytest.param({"ramp_a_per_s": 1.0}, ((5.0, 3.63), (20.0, 16.0)), id="ramps slowly"),
        pytest.param({"ask_s": 9.0}, ((8.0, 0.0), (14.0, 16.0)), id="asks late"),
        pytest.param({"min_current_a": 17.0}, ((10.0, 0.0),), id="wants more than that"),
        pytest.param(
            {"max_current_a": 20.0, "obeys_limit": False}, ((10.0, 20.0),), id="ignores the limit"
        ),
        pytest.param(
            {"pause_every_s": 30.0, "pause_s": 20.0},
            ((25.0, 16.0), (40.0, 0.0), (60.0, 16.0)),
            id="pauses",
        ),
        pytest.param({"asleep": True}, ((10.0, 16.0),), id="wakes with the first PWM"),
        pytest.param({"asleep": True, "wake_s": 4.0}, ((4.5, 0.0), (12.0, 16.0)), id="wakes late"),
        pytest.param({"asleep": True, "wakes_by": "pulse"}, ((60.0, 0.0),), id="sleeps on"),
        pytest.param({"asleep": True, "wakes_by": "never"}, ((60.0, 0.0),), id="never wakes"),
    ],
)
def test_vehicles(vehicle: dict[str, object], expected: tuple[tuple[float, float], ...]) -> None:
    """Current on the first phase at given times."""
    charger = with_pwm(**vehicle)
    for at_s, amps in expected:
        assert current_a(charger, at_s) == pytest.approx(amps, abs=0.01), at_s


@pytest.mark.parametrize(
    ("name", "soon_a", "later_a"),
    [
        pytest.param("over_current", 16.0, 20.0, id="after its reaction, along its ramp"),
        pytest.param("over_current_gross", 32.0, 32.0, id="at once"),
    ],
)
def test_drawing_too_much(name: str, soon_a: float, later_a: float) -> None:
    """How fast it comes is what tells a short from a vehicle that does not listen."""
    charger = charging()
    charger.inject({"name": name, "connector": "1"}, 20.0)
    assert current_a(charger, 20.1) == pytest.approx(soon_a)
    assert current_a(charger, 25.0) == pytest.approx(later_a)


def test_a_pause_in_b_opens_s2() -> None:
    """`pause_asks` false shows in the pilot, and in the board's relay with it."""
    charger = with_pwm(pause_every_s=30.0, pause_s=20.0, pause_asks=False)
    charger.advance(40.0)
    assert charger.connectors["1"].pilot() is Pilot.B
    assert not charger.connectors["1"].contactor.closed
    assert current_a(charger, 60.0) == 16.0


@pytest.mark.parametrize(
    ("wakes_by", "wakes"),
    [
        pytest.param("pwm", (True, True), id="any PWM"),
        pytest.param("pulse", (True, True), id="PWM off and on, as state F does too"),
        pytest.param("state_f", (False, True), id="state F"),
        pytest.param("never", (False, False), id="nothing"),
    ],
)
@pytest.mark.parametrize("how", ["pulse", "state_f"])
def test_what_wakes(wakes_by: str, wakes: tuple[bool, bool], how: str) -> None:
    """Fallen asleep after 60 s without an offer, then offered, then roused in one of two ways."""
    charger = with_pwm(sleeps_after_s=60.0, wakes_by=wakes_by)
    pwm(charger, 10.0, 0.0)
    charger.advance(80.0)
    vehicle = charger.connectors["1"].vehicle
    assert vehicle is not None
    assert vehicle.asleep
    pwm(charger, 90.0, 16.0)
    charger.advance(100.0)
    assert vehicle.asleep is (wakes_by != "pwm")
    board = charger.board("1")
    if how == "pulse":
        pwm(charger, 100.0, 0.0)
        pwm(charger, 103.0, 16.0)
    else:
        board.state_f = True
        charger.settle()
        charger.advance(100.4)
        board.state_f = False
        charger.settle()
    assert (current_a(charger, 115.0) == 16.0) is wakes[how == "state_f"]


def test_a_flaky_pilot_comes_and_goes() -> None:
    """Every 10 s the pilot falls to B for 0.2 s."""
    charger = with_pwm(flaky_every_s=10.0)
    seen = []
    for at_s in (9.9, 10.1, 10.3, 20.1, 20.3):
        charger.advance(at_s)
        seen.append(charger.connectors["1"].pilot())
    assert seen == [Pilot.C, Pilot.B, Pilot.C, Pilot.B, Pilot.C]


def test_a_vehicle_can_become_another_one() -> None:
    """Words that time something act when they are changed, not only at the plug."""
    charger = with_pwm(flaky_every_s=10.0)
    connector = charger.connectors["1"]
    charger.change("1", VehicleSpec(flaky_every_s=4.0, flaky_s=1.0), 11.0)
    charger.advance(15.5)
    assert connector.pilot() is Pilot.B
    charger.change("1", VehicleSpec(asleep=True), 16.0)
    assert current_a(charger, 30.0) == 0.0
    assert connector.pilot() is Pilot.B
    charger.change("1", VehicleSpec(pause_every_s=1000.0), 31.0)  # awake again
    assert current_a(charger, 40.0) == 16.0
    charger.change("1", VehicleSpec(pause_every_s=5.0), 40.0)
    assert current_a(charger, 50.0) == 0.0


def test_a_taper_is_smooth_and_ends_with_the_demand() -> None:
    """Current never rises in the taper; what was taken is the demand, to a look's energy."""
    charger = with_pwm(demand_wh=2000.0)
    amps = [current_a(charger, at_s) for at_s in range(8, 1600, 4)]
    connector = charger.connectors["1"]
    assert amps == sorted(amps, reverse=True)
    assert len({round(one, 2) for one in amps}) > 20
    assert connector.vehicle is not None
    assert connector.vehicle.energy_wh == pytest.approx(2000.0, abs=1.0)
    assert connector.pilot() is Pilot.B


def test_the_end_of_a_demand_does_not_depend_on_looking() -> None:
    """A vehicle looks at what is left at its own times, not when somebody asks."""
    ends = []
    for look_s in (0.083, 200.0):
        charger = with_pwm(demand_wh=100.0)
        for step in range(1, round(200 / look_s) + 1):
            charger.advance(step * look_s)
            charger.settle()
        charger.advance(201.0)
        ends.append(charger.connectors["1"].energy_wh)
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)


def test_a_demand_is_met_whatever_is_offered_meanwhile() -> None:
    """A higher limit brings the taper nearer: it is not missed."""
    charger = with_pwm(demand_wh=2000.0, max_current_a=32.0)
    pwm(charger, 0.1, 6.0)  # before it asks
    pwm(charger, 60.0, 32.0)
    charger.advance(7200.0)
    vehicle = charger.connectors["1"].vehicle
    assert vehicle is not None
    assert vehicle.energy_wh == pytest.approx(2000.0, abs=1.0)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        pytest.param({"name": "pilot_diode_missing"}, {"diode_present": False}, id="diode"),
        pytest.param({"name": "proximity_fault", "ohm": 5}, {"proximity_ohm": 5}, id="proximity"),
        pytest.param({"name": "plug_partly_inserted"}, {"partly_inserted": True}, id="plug"),
        pytest.param({"name": "cable_cut"}, {"cable_cut": True}, id="cable"),
        pytest.param({"name": "latch_broken"}, {"latch_broken": True}, id="latch"),
        pytest.param({"name": "enclosure_open"}, {"door_open": True}, id="door"),
        pytest.param({"name": "tilted"}, {"tilted": True}, id="tilt"),
        pytest.param({"name": "water_inside"}, {"water_inside": True}, id="water"),
        pytest.param({"name": "residual_monitor_failed"}, {"monitor_ok": False}, id="monitor"),
    ],
)
def test_signals(fault: dict[str, object], seen: dict[str, object]) -> None:
    """Signals change with their fault and change back with its end."""
    charger = charging()
    connector = charger.connectors["1"]
    healthy = {name: getattr(connector, name) for name in seen}
    charger.inject(fault | {"connector": "1"}, 11.0)
    assert {name: getattr(connector, name) for name in seen} == seen
    charger.clear(None, None, 12.0)
    assert {name: getattr(connector, name) for name in seen} == healthy
    assert healthy != seen


@pytest.mark.parametrize(
    ("name", "pilot"),
    [
        pytest.param("cable_cut", Pilot.A, id="cut"),
        pytest.param("plug_partly_inserted", Pilot.A, id="half in"),
        pytest.param("ventilation_required", Pilot.D, id="asks for air"),
    ],
)
def test_faults_of_the_plug_open(name: str, pilot: Pilot) -> None:
    """The board opens by itself within 100 ms."""
    charger = charging()
    charger.inject({"name": name, "connector": "1"}, 20.0)
    charger.advance(20.1)
    connector = charger.connectors["1"]
    assert connector.pilot() is pilot
    assert not connector.contactor.closed


def test_a_pilot_fault_can_come_and_go() -> None:
    """E for 0.3 s each 5 s, beginning at once."""
    charger = charging()
    fault = {"name": "pilot_fault", "connector": "1", "every_s": 5.0, "for_s": 0.3}
    charger.inject(fault, 20.0)
    seen = []
    for at_s in (20.1, 20.4, 24.9, 25.1, 25.4):
        charger.advance(at_s)
        seen.append(charger.connectors["1"].pilot() is Pilot.E)
    assert seen == [True, False, False, True, False]
