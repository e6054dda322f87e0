"""The grid and the feeds of the connectors: voltages, and where the power goes.

A load is a current of fixed size along its nominal voltage, so that what the source gives and what
the loads take can be summed up independently. With the neutral lost loads are conductances instead
(Millman's theorem): nothing else says where the neutral floats to; impedances of the feed are left
out then.
"""

from __future__ import annotations

from typing import NamedTuple

from laddvakt_sim.plant.network import (
    CHARGER_OHM,
    LEAST_V,
    NEUTRAL,
    NOTHING,
    PARASITIC_S,
    STAR,
    Element,
    Load,
    Solution,
    Terminal,
    Three,
    fed,
    source,
)
from laddvakt_sim.plant.words import Conditions, GridSpec, Phases, Supply


def solve(spec: GridSpec, wrong: Conditions, loads: tuple[Load, ...]) -> Solution:
    """Work out every voltage, current and power of the site."""
    mains = source(spec, wrong)
    house = _house(spec, mains)
    afloat = wrong.neutral_lost and spec.supply is Supply.TN
    feeds = [NOTHING if wrong.upstream_tripped else fed(spec, mains, load.feed) for load in loads]
    pairs = list(zip(feeds, loads, strict=True))
    joined = [(volts, load.elements) for volts, load in pairs if not _adrift(spec, load)]
    star = _floated(spec, mains, [*joined, (mains, house)]) if afloat else None
    branches = [_branch(spec, volts, load, star) for volts, load in pairs]
    house_i = _currents(spec, mains, house, star)
    held = [branch for branch in branches if branch.star is None]
    lines = _sum([house_i, *(branch.amps for branch in held)]) if star is None else NOTHING
    ohms = tuple(spec.supply_ohm + loose for loose in wrong.loose_ohm)
    drop: Three = (ohms[0] * lines[0], ohms[1] * lines[1], ohms[2] * lines[2])
    back = sum(house_i) + sum(sum(branch.drawn) for branch in held)
    back = 0j if spec.supply is Supply.IT or star is not None else back
    neutral_v = spec.neutral_ohm * back if star is None else star
    terminals = tuple(_terminal(spec, wrong, branch, drop, neutral_v) for branch in branches)
    loss_w = sum(ohm * _square(amps) for ohm, amps in zip(ohms, lines, strict=True))
    loss_w += spec.neutral_ohm * _square(back)
    loss_w += sum(_loose_w(branch) for branch in held)
    return Solution(
        terminals=terminals,
        bus=_bus(spec, wrong, mains, drop, neutral_v, house_i, branches),
        grid_w=_power(mains, house_i) + sum(_power(b.volts, b.amps) for b in branches),
        house_w=sum(
            ((v - d - neutral_v) * i.conjugate()).real
            for v, d, i in zip(mains, drop, house_i, strict=True)
        ),
        vehicle_w=sum(t.vehicle_w for t in terminals),
        loss_w=loss_w + sum(t.station_loss_w + t.plug_loss_w for t in terminals),
        leak_w=sum(t.leak_w for t in terminals),
    )


class _Branch(NamedTuple):
    """A connector's feed: its source, its own floating neutral if it has one, its currents."""

    volts: Three
    star: complex | None
    drawn: Three
    leak: Three
    amps: Three  # both
    load: Load


def _adrift(spec: GridSpec, load: Load) -> bool:
    return load.feed.neutral_lost and spec.supply is Supply.TN


def _branch(spec: GridSpec, volts: Three, load: Load, star: complex | None) -> _Branch:
    if _adrift(spec, load):
        star = _floated(spec, volts, [(volts, load.elements)])
    drawn = _currents(spec, volts, load.elements, star)
    size = load.leak.amps if volts[load.leak.line] != 0j else 0.0
    first, second, third = (
        size * toward if line == load.leak.line else 0j for line, toward in enumerate(STAR)
    )
    leak = (first, second, third)
    return _Branch(volts, star, drawn, leak, _sum([drawn, leak]), load)


def _house(spec: GridSpec, mains: Three) -> tuple[Element, ...]:
    return tuple(
        Element(line, NEUTRAL, amps)
        for line, (amps, volts) in enumerate(zip(spec.house_a, mains, strict=True))
        if amps > 0.0 and abs(volts) >= LEAST_V
    )


def _currents(
    spec: GridSpec, volts: Three, found: tuple[Element, ...], star: complex | None
) -> Three:
    into = [0j, 0j, 0j]
    for line, other, amps in found:
        if star is not None:
            into[line] += amps / spec.nominal_v * (volts[line] - star)
        elif other == NEUTRAL:
            into[line] += amps * STAR[line]
        else:
            toward = STAR[line] - STAR[other]
            into[line] += amps * toward / abs(toward)
            into[other] -= amps * toward / abs(toward)
    return into[0], into[1], into[2]


def _floated(
    spec: GridSpec, mains: Three, loads: list[tuple[Three, tuple[Element, ...]]]
) -> complex:
    """Potential of a neutral that only loads hold (Millman)."""
    alive = [volts for volts in mains if volts != 0j]
    pull = sum(alive, 0j) * PARASITIC_S
    hold = PARASITIC_S * max(1, len(alive))
    for volts, found in loads:
        for line, _, amps in found:
            pull += volts[line] * amps / spec.nominal_v
            hold += amps / spec.nominal_v
    return pull / hold


def _terminal(
    spec: GridSpec, wrong: Conditions, branch: _Branch, drop: Three, site_n: complex
) -> Terminal:
    load, alive = branch.load, _living(branch.volts)
    neutral_v, volts = branch.star if branch.star is not None else site_n, branch.volts
    if branch.star is None:
        volts = _less(volts, drop)
        volts = _less(volts, _scaled(branch.amps, load.feed.loose_ohm))
    neutral_i = 0j if spec.supply is Supply.IT else sum(branch.drawn)
    through = CHARGER_OHM + load.contact_ohm
    inlet_n = neutral_v + through * neutral_i
    vehicle_w = sum(
        ((v - through * i - inlet_n) * i.conjugate()).real
        for v, i in zip(volts, branch.drawn, strict=True)
    )
    squares = sum(_square(i) for i in branch.drawn) + _square(neutral_i)
    volts = _dead_lines(spec, volts, alive, neutral_v)
    return Terminal(
        volts=volts,
        neutral_v=neutral_v,
        earth_v=_earth(spec, (wrong, load.feed), volts, alive, neutral_v),
        amps=branch.amps,
        neutral_i=neutral_i,
        alive=alive,
        vehicle_w=vehicle_w,
        station_loss_w=CHARGER_OHM * squares,
        plug_loss_w=load.contact_ohm * squares,
        leak_w=_power(volts, branch.leak),
        metered_w=_power(_less(volts, (neutral_v, neutral_v, neutral_v)), branch.amps),
        coil_v=_coil_v(spec, volts, alive, neutral_v),
        most_a=max(abs(amps) for amps in branch.amps),
    )


def _coil_v(
    spec: GridSpec, volts: Three, alive: tuple[bool, bool, bool], neutral_v: complex
) -> float:
    """A coil hangs on the best phase, on IT between the best two."""
    if spec.supply is not Supply.IT:
        return max(
            abs(v - neutral_v) if lives else 0.0 for v, lives in zip(volts, alive, strict=True)
        )
    pairs = ((0, 1), (1, 2), (2, 0))
    return max(abs(volts[a] - volts[b]) if alive[a] and alive[b] else 0.0 for a, b in pairs)


def _bus(
    spec: GridSpec,
    wrong: Conditions,
    mains: Three,
    drop: Three,
    neutral_v: complex,
    house_i: Three,
    branches: list[_Branch],
) -> Terminal:
    alive = _living(mains)
    volts = _dead_lines(spec, _less(mains, drop), alive, neutral_v)
    drawn = _sum([house_i, *(branch.drawn for branch in branches)])
    return Terminal(
        volts=volts,
        neutral_v=neutral_v,
        earth_v=_earth(spec, (wrong,), volts, alive, neutral_v),
        amps=_sum([house_i, *(branch.amps for branch in branches)]),
        neutral_i=0j if spec.supply is Supply.IT else sum(drawn),
        alive=alive,
    )


def _dead_lines(
    spec: GridSpec, volts: Three, alive: tuple[bool, bool, bool], neutral_v: complex
) -> Three:
    """A line without source lies where loads pull it: at the neutral, on IT between the others."""
    living = [v for v, lives in zip(volts, alive, strict=True) if lives]
    rest = neutral_v
    if spec.supply is Supply.IT and living:
        rest = sum(living, 0j) / len(living)
    first, second, third = (v if lives else rest for v, lives in zip(volts, alive, strict=True))
    return first, second, third


def _earth(
    spec: GridSpec,
    wrongs: tuple[Conditions, ...],
    volts: Three,
    alive: tuple[bool, bool, bool],
    neutral_v: complex,
) -> complex:
    """Potential of the protective earth: where filters pull it when it is missing."""
    if any(wrong.earth_missing for wrong in wrongs):
        held = [v for v, lives in zip(volts, alive, strict=True) if lives]
        held += [] if spec.supply is Supply.IT else [neutral_v]
        return sum(held, 0j) / max(1, len(held))
    lines = [w.earth_fault_phase for w in wrongs if w.earth_fault_phase is not None]
    if lines and spec.supply is Supply.IT:
        return volts[lines[0] - 1]
    return 0j


def _living(volts: Three) -> tuple[bool, bool, bool]:
    return volts[0] != 0j, volts[1] != 0j, volts[2] != 0j


def _loose_w(branch: _Branch) -> float:
    pairs = zip(branch.load.feed.loose_ohm, branch.amps, strict=True)
    return sum(ohm * _square(amps) for ohm, amps in pairs)


def _square(amps: complex) -> float:
    return amps.real * amps.real + amps.imag * amps.imag


def _power(volts: Three, amps: Three) -> float:
    return sum((v * i.conjugate()).real for v, i in zip(volts, amps, strict=True))


def _sum(several: list[Three]) -> Three:
    return (
        sum((one[0] for one in several), 0j),
        sum((one[1] for one in several), 0j),
        sum((one[2] for one in several), 0j),
    )


def _less(volts: Three, drop: Three) -> Three:
    return volts[0] - drop[0], volts[1] - drop[1], volts[2] - drop[2]


def _scaled(amps: Three, ohms: Phases) -> Three:
    return ohms[0] * amps[0], ohms[1] * amps[1], ohms[2] * amps[2]
