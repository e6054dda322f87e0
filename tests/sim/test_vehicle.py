"""The vehicle and what moves around it, as tables over time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from laddvakt_sim.plant.contactor import TRAVEL_S, Contactor, PilotRelay
from laddvakt_sim.plant.meter import Meter
from laddvakt_sim.plant.network import Terminal
from laddvakt_sim.plant.vehicle import Offer, Vehicle
from laddvakt_sim.plant.words import HEALTHY, Conditions, VehicleSpec

STEADY = Offer(pwm_on=True, offered_a=16.0, supplied=True)


def _run(
    vehicle: Vehicle, from_s: float, to_s: float, offer: Offer, wrong: Conditions = HEALTHY
) -> float:
    """Walk from event to event; return the current at the end."""
    vehicle.sense(from_s, offer, wrong)
    while (due_s := vehicle.due_s()) is not None and due_s <= to_s:
        vehicle.fire(due_s)
        vehicle.sense(due_s, offer, wrong)
    return vehicle.current_a(to_s)


def _charging(spec: VehicleSpec, energy_wh: float = 0.0) -> Vehicle:
    vehicle = Vehicle(spec, 0.0)
    vehicle.energy_wh = energy_wh
    _run(vehicle, 0.0, 20.0, STEADY)
    return vehicle


@pytest.mark.parametrize(
    ("before_a", "after_a", "limit_a"),
    [
        pytest.param(6.0, 32.0, 32.0, id="up, the widest step"),
        pytest.param(32.0, 6.0, 6.0, id="down, the widest step"),
        pytest.param(16.0, 16.0, 16.0, id="unchanged"),
        pytest.param(32.0, 31.0, 31.0, id="one ampere"),
    ],
)
def test_follows_within_five_seconds(before_a: float, after_a: float, limit_a: float) -> None:
    """IEC 61851-1: the vehicle has 5 s to follow a new duty cycle."""
    vehicle = Vehicle(VehicleSpec(max_current_a=32.0), 0.0)
    _run(vehicle, 0.0, 20.0, replace(STEADY, offered_a=before_a))
    assert vehicle.current_a(20.0) == before_a
    offer = replace(STEADY, offered_a=after_a)
    assert _run(vehicle, 20.0, 20.4, offer) == before_a
    assert _run(vehicle, 20.4, 25.0, offer) == limit_a


@pytest.mark.parametrize(
    ("spec", "wrong", "offer", "current_a", "asks"),
    [
        pytest.param(
            VehicleSpec(), HEALTHY, replace(STEADY, pwm_on=False, offered_a=0.0), 0.0, False,
            id="obeys PWM off",
        ),
        pytest.param(
            VehicleSpec(obeys_pwm_off=False), HEALTHY,
            replace(STEADY, pwm_on=False, offered_a=0.0), 16.0, True,
            id="ignores PWM off by nature",
        ),
        pytest.param(
            VehicleSpec(), Conditions(keeps_drawing=True),
            replace(STEADY, pwm_on=False, offered_a=0.0), 16.0, True,
            id="ignores PWM off by fault",
        ),
        pytest.param(
            VehicleSpec(), HEALTHY, replace(STEADY, supplied=False), 0.0, True,
            id="contactor opens, PWM on: still asks",
        ),
        pytest.param(
            VehicleSpec(), Conditions(over_factor=1.25), STEADY, 16.0, True,
            id="over-current has not ramped up far after 0.5 s",
        ),
    ],
)  # fmt: skip
def test_two_seconds_after_a_change(
    spec: VehicleSpec, wrong: Conditions, offer: Offer, current_a: float, asks: bool
) -> None:
    """What the station finds 2 s after it took the offer away."""
    vehicle = _charging(spec)
    end_s = 20.5 if wrong.over_factor else 22.0
    assert _run(vehicle, 20.0, end_s, offer, wrong) == current_a
    assert vehicle.asks is asks


@pytest.mark.parametrize(
    ("wrong", "within_s", "drawn_a"),
    [
        pytest.param(Conditions(over_factor=1.25), 5.0, 20.0, id="factor"),
        pytest.param(Conditions(over_amps=19.0), 5.0, 19.0, id="amps"),
        pytest.param(Conditions(over_factor=2.0, over_at_once=True), 0.06, 32.0, id="gross"),
    ],
)
def test_draws_more_than_offered(wrong: Conditions, within_s: float, drawn_a: float) -> None:
    """Over-current faults end at the injected current."""
    assert _run(_charging(VehicleSpec()), 20.0, 20.0 + within_s, STEADY, wrong) == drawn_a


def test_tapers_and_leaves_when_full() -> None:
    """Near the end of its demand the current falls; then the vehicle opens S2."""
    vehicle = _charging(VehicleSpec(demand_wh=1000.0), 925.0)  # half of the last 15 %
    assert _run(vehicle, 20.0, 25.0, STEADY) == pytest.approx(8.0)
    vehicle.energy_wh = 1000.0
    assert _run(vehicle, 25.0, 28.0, STEADY) == 0.0
    assert not vehicle.asks


def test_unwilling_vehicle_never_asks() -> None:
    """`wants_charge` false keeps the pilot at B."""
    vehicle = Vehicle(VehicleSpec(wants_charge=False), 0.0)
    _run(vehicle, 0.0, 60.0, replace(STEADY, supplied=False))
    assert not vehicle.asks


@pytest.mark.parametrize(
    ("wrong", "moves", "closed"),
    [
        pytest.param(HEALTHY, ((0.0, True),), True, id="closes"),
        pytest.param(HEALTHY, ((0.0, True), (1.0, False)), False, id="opens"),
        pytest.param(HEALTHY, ((0.0, True), (0.01, False)), False, id="a glitch does not move it"),
        pytest.param(Conditions(welded=True), ((0.0, True), (1.0, False)), True, id="welded"),
        pytest.param(Conditions(welded=True), ((0.0, False),), False, id="weld needs a closure"),
        pytest.param(Conditions(weld_shut=True), ((0.0, False),), True, id="shut by itself"),
        pytest.param(Conditions(coil_broken=True), ((0.0, True),), False, id="coil broken"),
        pytest.param(Conditions(drops_out=True), ((0.0, True),), False, id="falls open"),
    ],
)
def test_contactor(wrong: Conditions, moves: tuple[tuple[float, bool], ...], closed: bool) -> None:
    """Main and mirror contact after the last move has settled."""
    contactor = Contactor()
    following = [at_s for at_s, _ in moves[1:]]
    for (at_s, energised), next_s in zip(moves, [*following, 100.0], strict=True):
        contactor.drive(at_s, energised=energised, conditions=wrong)
        if (due_s := contactor.due_s()) is not None and due_s <= next_s:
            assert due_s == pytest.approx(at_s + TRAVEL_S)
            contactor.fire(due_s)
    assert contactor.closed is closed
    assert contactor.mirror_closed is closed


def test_pilot_relay_opens_within_the_norm() -> None:
    """The board opens at most 100 ms after the vehicle leaves C."""
    relay = PilotRelay()
    relay.want(0.0, closed=True)
    relay.fire(0.05)
    relay.want(1.0, closed=False)
    due_s = relay.due_s()
    assert due_s is not None
    assert due_s - 1.0 + TRAVEL_S <= 0.1


SIXTEEN = Terminal(
    volts=(230 + 0j, 230 + 0j, 230 + 0j), amps=(16 + 0j, 0j, 0j), alive=(True, True, True)
)
POWER_W = 3680.0


def _let_flow(meter: Meter, to_s: float) -> None:
    meter.flow(to_s, lambda _at_s: meter.see(SIXTEEN, 50.0), steady=True)


@pytest.mark.parametrize(
    ("wrong", "energy_wh", "register_wh"),
    [
        pytest.param(HEALTHY, 10.0, 1010.0, id="counts"),
        pytest.param(HEALTHY, 0.9, 1000.0, id="steps of its resolution"),
        pytest.param(Conditions(meter_factor=1.05), 100.0, 1105.0, id="drifts"),
        pytest.param(Conditions(meter_frozen=True), 10.0, 1000.0, id="frozen"),
        pytest.param(Conditions(meter_reversed=True), 10.0, 1000.0, id="reversed"),
        pytest.param(Conditions(meter_ratio=2.0), 10.0, 1020.0, id="wrong ratio"),
        pytest.param(Conditions(meter_jumps=((0.0, -300.0),)), 10.0, 710.0, id="rolled back"),
        pytest.param(Conditions(meter_jumps=((0.0, 300.0),)), 10.0, 1310.0, id="jumped up"),
        pytest.param(Conditions(meter_resolution_wh=100.0), 160.0, 1100.0, id="coarse"),
        pytest.param(
            Conditions(meter_serial=9, meter_start_wh=50.0), 10.0, 60.0, id="replaced"
        ),
    ],
)  # fmt: skip
def test_meter_register(wrong: Conditions, energy_wh: float, register_wh: float) -> None:
    """The energy register after the renewal that ends the stretch."""
    length_s = energy_wh / POWER_W * 3600.0
    meter = Meter(now_s=0.0, update_s=length_s, start_wh=1000.0, resolution_wh=1.0, seed=7)
    meter.afflict(wrong)
    meter.afflict(wrong)  # the same again changes nothing
    _let_flow(meter, length_s)
    assert meter.shown.energy_wh == register_wh
    assert meter.shown.export_wh == (10.0 if wrong.meter_reversed else 0.0)


def test_meter_never_stands_still_and_repeats_with_its_seed() -> None:
    """Quantities under load differ from sample to sample; the same seed gives the same ones."""
    runs = []
    for _ in range(2):
        meter = Meter(now_s=0.0, update_s=0.5, start_wh=1000.0, resolution_wh=1.0, seed=7)
        seen = []
        for tick in range(20):
            _let_flow(meter, tick * 0.5)
            seen.append((meter.shown.voltage_v[0], meter.shown.current_a[0]))
        assert len(set(seen)) == len(seen)
        assert meter.shown.current_a[1] == 0.0
        runs.append(seen)
    assert runs[0] == runs[1]
    seldom = Meter(now_s=0.0, update_s=0.5, start_wh=1000.0, resolution_wh=1.0, seed=7)
    _let_flow(seldom, 9.5)
    shown = seldom.shown
    assert (shown.voltage_v[0], shown.current_a[0]) == runs[0][-1]  # however often it was looked at
