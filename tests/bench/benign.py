"""Days on which nothing is wrong, for the diagnosis: whatever is raised is a false alarm.

A day has four sessions, each at a charger of another supply in turn. The vehicles taper, pause,
follow slowly, use one, two or three phases in any order; the voltage breathes and sags within its
limits; the meter renews its registers at its own rhythm; the feeder is weak, the house busy, the
contactor slow. Everything is drawn from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.diagnosis import is_alarm, told
from lab.driver import Lab
from laddvakt_sim.plant.words import VehicleSpec
from laddvakt_sim.scenario import Observed, Scenario
from laddvakt_sim.scenario.model import (
    Action,
    Charger,
    Climate,
    Dip,
    Grid,
    Inject,
    Kind,
    Plug,
    Site,
    Start,
    Stop,
    Unplug,
)

QUARTER_S = 21_600.0
SUPPLIES = (("tn-tt-230-400", 3), ("it-tt-3x230", 3), ("1ph", 1))
FITTED = (
    "feedback emergency_stop residual_monitor enclosure_temp plug_temp door tilt water"
    " earth_monitor frequency proximity diode boot_counter ac_residual"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something stood although nothing was wrong."""

    at_s: float
    when: str
    faults: tuple[str, ...]
    why: str


def quiet_life(days: int, seed: int) -> Iterator[Alarm]:
    """Live through so many days; every false alarm on the way."""
    for quarter in range(4 * days):
        supply, phases = SUPPLIES[quarter % len(SUPPLIES)]
        name = f"day {quarter // 4}, hour {quarter % 4 * 6}, {supply}"
        yield from _quarter(name, supply, phases, random.Random(f"{seed}/{quarter}"))


def _quarter(name: str, supply: str, phases: int, chance: random.Random) -> Iterator[Alarm]:
    begin_h = 6 * chance.randrange(4)
    fitted = FITTED.split() + ([] if supply == "it-tt-3x230" or phases == 1 else ["site_meter"])
    scenario = Scenario(
        source=name,
        name="benign",
        about=name,
        kind=Kind.BENIGN,
        seed=chance.randrange(10_000),
        duration_s=QUARTER_S,
        charger=Charger(supply=supply, phases=phases, fitted=tuple(fitted)),
    )
    lab, alarms = Lab.of(scenario), list[Alarm]()
    stood: set[str] = set()

    def see(observed: Observed) -> None:
        stands = set(filter(is_alarm, observed.faults or ()))
        if new := stands - stood:
            why = told(lab.book.causes)
            alarms.append(Alarm(at_s=observed.at_s, when=name, faults=tuple(sorted(new)), why=why))
        stood.clear()
        stood.update(stands)

    for at_s, action in sorted(_actions(chance, supply, begin_h), key=lambda pair: pair[0]):
        lab.advance(at_s, see)
        refusal = lab.act(action)
        if refusal is not None:
            alarms.append(Alarm(at_s=at_s, when=name, faults=("refused",), why=refusal))
    lab.advance(QUARTER_S, see)
    yield from alarms


def _actions(chance: random.Random, supply: str, begin_h: int) -> Iterator[tuple[float, Action]]:
    supply_ohm = chance.choice([0.0, 0.1, 0.25])
    # What the feeder loses comes on top of a sag: together they stay above 0.85 of nominal.
    low = 0.87 if supply_ohm == 0.0 else 0.92
    yield 0.5, Grid(supply_ohm=supply_ohm)
    yield 0.5, Inject(name="meter_slow", connector="1", parameters={"update_s": _update_s(chance)})
    yield 0.5, Inject(name="contactor_slow", connector="1", parameters={"ms": 60})
    begins_s, stays_s = chance.uniform(600.0, 3600.0), chance.uniform(1800.0, 14_000.0)
    yield begins_s, Plug(connector="1", vehicle=_vehicle(chance, supply), words={})
    yield begins_s + chance.uniform(2.0, 60.0), Start(connector="1")
    if chance.random() < 0.5:
        yield begins_s + stays_s - 30.0, Stop(connector="1")
    yield begins_s + stays_s, Unplug(connector="1")
    yield begins_s + 0.3 * stays_s, _sag(chance, low, chance.uniform(1.0, 40.0))
    yield begins_s + 0.6 * stays_s, _sag(chance, 0.75, chance.uniform(0.05, 0.4))
    yield begins_s + 0.7 * stays_s, _swell(chance)
    yield begins_s + 0.8 * stays_s, Grid(frequency_hz=chance.uniform(49.5, 50.5))
    for passed_h in range(6):
        house_a = tuple(chance.uniform(0.0, 12.0) for _ in range(3))
        yield passed_h * 3600.0 + 7.0, Site(current_a=(house_a[0], house_a[1], house_a[2]))
        hour = begin_h + passed_h
        warm_c = 12.0 + 10.0 * (1.0 - abs(hour - 14) / 12.0)
        sun_w = max(0.0, 25.0 * (1.0 - abs(hour - 13) / 6.0))
        yield passed_h * 3600.0 + 9.0, Climate(ambient_c=warm_c, sun_w=sun_w)


def _update_s(chance: random.Random) -> float:
    return chance.choice([0.3, 0.47, 0.5, 0.8, 1.0])


def _sag(chance: random.Random, share: float, seconds: float) -> Grid:
    phases = tuple(sorted(chance.sample([1, 2, 3], chance.randint(1, 3))))
    return Grid(sag=Dip(share=share, phases=phases, seconds=seconds))


def _swell(chance: random.Random) -> Grid:
    phases = tuple(sorted(chance.sample([1, 2, 3], chance.randint(1, 3))))
    return Grid(swell=Dip(share=chance.uniform(1.03, 1.09), phases=phases, seconds=90.0))


def _vehicle(chance: random.Random, supply: str) -> VehicleSpec:
    # Without a neutral two phases share a line, which then carries more than either: not built.
    used = chance.choice({"1ph": [1], "it-tt-3x230": [1, 1, 3]}.get(supply, [1, 1, 2, 3, 3]))
    order = [1, 2, 3]
    if supply != "1ph":
        chance.shuffle(order)
    return VehicleSpec(
        phases=used,
        phase_map=(order[0], order[1], order[2]),
        max_current_a=chance.choice([8.0, 10.0, 13.0, 16.0, 20.0, 32.0]),
        demand_wh=chance.uniform(800.0, 30_000.0),
        ramp_a_per_s=chance.choice([0.5, 1.0, 4.0, 8.0]),
        reaction_s=chance.uniform(0.2, 4.0),
        taper_share=chance.choice([0.0, 0.1, 0.3]),
        pause_every_s=chance.choice([None, None, 1500.0]),
        pause_s=chance.uniform(20.0, 200.0),
        leak_dc_ma=chance.uniform(0.0, 2.5),
        leak_ac_ma=chance.uniform(0.0, 8.0),
        cable_a=chance.choice([20, 32]),
    )
