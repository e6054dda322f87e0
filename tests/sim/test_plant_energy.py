"""Energy is conserved and does not depend on how often somebody looks: random lives."""

from __future__ import annotations

import random

import pytest

from laddvakt_sim.charger import Charger
from laddvakt_sim.plant.words import ClimateSpec, GridSpec, Supply, VehicleSpec

LIFE_S = 1500.0

Act = tuple[float, str, dict[str, object]]


def faults(chance: random.Random) -> dict[str, object]:
    """One of those that change where power goes."""
    connector: dict[str, object] = {}
    if chance.random() < 0.7:
        connector["connector"] = chance.choice("12")
    mine: dict[str, object] = {"connector": chance.choice("12")}
    kinds: tuple[dict[str, object], ...] = (
        dict(connector, name="under_voltage", share=chance.uniform(0.3, 1), seconds=20),
        dict(connector, name="over_voltage", share=1.2, phases=[chance.randint(1, 3)]),
        dict(connector, name="phase_lost", phase=chance.randint(1, 3)),
        dict(connector, name="neutral_lost", seconds=chance.uniform(1, 300)),
        dict(connector, name="power_lost", seconds=30),
        dict(connector, name="supply_impedance_high", phase=1, ohm=1.3),
        dict(mine, name="supply_impedance_high", ohm=9.0),
        dict(connector, name="protective_earth_missing"),
        dict(mine, name="residual_current_ac", ma=900, rise_s=50, always=True),
        dict(mine, name="residual_current_dc", ma=60, rise_s=400),
        dict(mine, name="over_current", factor=1.5),
        dict(mine, name="contactor_welded", poles=[1, 4]),
        dict(mine, name="contactor_bounces"),
        dict(mine, name="plug_contact_worn", mohm=40),
        dict(mine, name="phase_switch_failed", phases="1"),
        dict(mine, name="cable_cut"),
        dict(mine, name="coil_brown_out", share=0.7),
    )
    return chance.choice(kinds)


def vehicle(chance: random.Random) -> dict[str, object]:
    order = [1, 2, 3]
    chance.shuffle(order)
    return {
        "phases": chance.randint(1, 3),
        "max_current_a": chance.uniform(6, 32),
        "demand_wh": chance.choice((None, chance.uniform(50, 3000))),
        "pause_every_s": chance.choice((None, 90.0)),
        "phase_map": tuple(order),
        "leak_ohm": chance.choice((None, 20_000.0)),
        "ramp_a_per_s": chance.choice((0.05, 8.0)),
    }


def life(seed: int) -> tuple[GridSpec, list[Act]]:
    """A grid and what happens on it."""
    chance = random.Random(seed)
    grid = GridSpec(
        supply=list(Supply)[seed % 3],
        supply_ohm=chance.choice((0.0, 0.25)),
        neutral_ohm=chance.choice((0.0, 0.3)),
        house_a=(chance.uniform(0, 20), chance.choice((0.0, 7.0)), chance.uniform(0, 9)),
    )
    acts: list[Act] = [(0.0, "plug", vehicle(chance)), (0.0, "limit", {"limit_a": 16.0})]
    at_s = 0.0
    while (at_s := at_s + chance.expovariate(1 / 75)) < LIFE_S:
        what = chance.choice(("plug", "limit", "fault", "fault", "clear"))
        more: dict[str, object] = {}
        if what == "plug":
            more = vehicle(chance)
        elif what == "fault":
            more = faults(chance)
        elif what == "limit":
            more = {"limit_a": chance.choice((0.0, 6.0, 32.0))}
        acts.append((at_s, what, more))
    return grid, acts


def act(charger: Charger, at_s: float, what: str, more: dict[str, object]) -> None:
    if what == "fault":
        charger.inject(more, at_s)
    elif what == "clear":
        charger.clear(None, None, at_s)
    for name in charger.connectors:
        if what == "plug":
            charger.plug(name, VehicleSpec(**more), at_s)  # type: ignore[arg-type]
        elif what == "limit":
            charger.board(name).limit_a = float(str(more["limit_a"]))
            charger.board(name).close = True
    charger.settle()


def lived(seed: int, look_s: float) -> Charger:
    """A charger after that life, looked at so often."""
    grid, acts = life(seed)
    charger = Charger.plain(connectors=2, grid=grid, seed=seed)
    now_s = 0.0
    for at_s, what, more in [*acts, (LIFE_S, "end", {})]:
        while (now_s := now_s + look_s) < at_s:
            charger.advance(now_s)
        now_s = at_s
        charger.advance(at_s)
        act(charger, at_s, what, more)
        assert abs(charger.account.error_wh) < 1e-6, (at_s, what, more)
    return charger


@pytest.mark.parametrize("seed", range(9))
def test_nothing_is_lost(seed: int) -> None:
    """What the grid gave = house + vehicles + losses + leakage, after everything that happened."""
    charger = lived(seed, 1e9)
    account = charger.account
    assert account.grid_wh > 10.0
    assert abs(account.error_wh) < 1e-6
    assert account.vehicle_wh > 0.0
    assert account.loss_wh > 0.0


def account_of(charger: Charger) -> tuple[float, ...]:
    account = charger.account
    return account.grid_wh, account.house_wh, account.vehicle_wh, account.loss_wh, account.leak_wh


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_looking_changes_nothing(seed: int) -> None:
    """Seldom or often: the same energies, temperatures and movements."""
    seldom, often = lived(seed, 1e9), lived(seed, 7.3)
    assert account_of(often) == pytest.approx(account_of(seldom), rel=1e-7)
    for name, connector in seldom.connectors.items():
        other = often.connectors[name]
        assert other.energy_wh == pytest.approx(connector.energy_wh, rel=1e-6)
        assert other.temperature_c == pytest.approx(connector.temperature_c, abs=1e-6)
        assert other.plug_c == pytest.approx(connector.plug_c, abs=1e-6)
        assert other.contactor.closures == connector.contactor.closures
        assert other.meter.shown == connector.meter.shown


def test_a_steady_charge_costs_no_events() -> None:
    """A month at 16 A is one stretch: nothing is due, and the energy is exact."""
    charger = Charger.plain(climate=ClimateSpec(ambient_c=10.0))
    charger.board("1").limit_a, charger.board("1").close = 16.0, True
    charger.plug("1", VehicleSpec(), 0.0)
    charger.advance(10.0)
    assert charger.next_due_s() is None
    connector = charger.connectors["1"]
    before_wh = connector.energy_wh
    charger.advance(10.0 + 30 * 86_400.0)
    assert connector.energy_wh - before_wh == pytest.approx(11.04 * 720 * 1000, rel=1e-12)
    assert connector.temperature_c == pytest.approx(10.0 + 0.045 * 256)
    assert connector.meter.shown.taken_s == 10.0 + 30 * 86_400.0
