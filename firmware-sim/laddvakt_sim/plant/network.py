"""What hangs on the grid: the words of `grid.solve`, and which loads there are.

Phasors with the source's star point at 0 V; lines count from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from laddvakt_sim.plant.words import HEALTHY, Conditions, GridSpec, Supply

CHARGER_OHM = 0.005  # of each conductor from the meter to the outlet; gives 0.045 °C/A² at 3 °C/W
LEAST_V = 80.0  # an on-board charger draws nothing below
PARASITIC_S = 1e-15  # keeps a neutral nothing loads in the middle
NEUTRAL = -1

Three = tuple[complex, complex, complex]

_A = complex(-0.5, -(3**0.5) / 2)  # 120° behind
STAR: Three = (1 + 0j, _A, _A * _A)
NOTHING: Three = (0j, 0j, 0j)


class Element(NamedTuple):
    """A load between a line (0 to 2) and another one or the neutral."""

    line: int
    other: int
    amps: float


class Leak(NamedTuple):
    """A current to earth."""

    line: int
    amps: float


class Load(NamedTuple):
    """What a connector takes, and the feed it takes it from."""

    elements: tuple[Element, ...] = ()
    leak: Leak = Leak(0, 0.0)
    contact_ohm: float = 0.0
    feed: Conditions = HEALTHY


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A connector's supply terminals: potentials, currents, and where its power goes."""

    volts: Three = NOTHING
    neutral_v: complex = 0j
    earth_v: complex = 0j
    amps: Three = NOTHING  # into the charger, leakage included
    neutral_i: complex = 0j
    alive: tuple[bool, bool, bool] = (False, False, False)
    vehicle_w: float = 0.0
    station_loss_w: float = 0.0  # in the enclosure
    plug_loss_w: float = 0.0
    leak_w: float = 0.0
    metered_w: float = 0.0  # through the meter's place
    most_a: float = 0.0  # in any line
    coil_v: float = 0.0  # the highest a coil can be fed with


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The whole site at one moment."""

    terminals: tuple[Terminal, ...]
    bus: Terminal  # where the site meter sits
    grid_w: float
    house_w: float
    vehicle_w: float
    loss_w: float  # feeds, chargers, plug contacts
    leak_w: float


def source(spec: GridSpec, wrong: Conditions = HEALTHY) -> Three:
    """What the source puts on the lines, 0 where nothing comes."""
    size = spec.nominal_v / (3**0.5 if spec.supply is Supply.IT else 1.0)
    wired = (1,) if spec.supply is Supply.ONE else (1, 2, 3)
    severed = wrong.neutral_lost and spec.supply is Supply.ONE
    if wrong.power_lost or severed:
        return NOTHING
    first, second, third = (
        size * share * star if phase in wired and phase not in wrong.lost_phases else 0j
        for phase, share, star in zip((1, 2, 3), wrong.voltage_share, STAR, strict=True)
    )
    return first, second, third


def fed(spec: GridSpec, mains: Three, feed: Conditions) -> Three:
    """What of the source reaches a feed."""
    severed = feed.neutral_lost and spec.supply is Supply.ONE
    if feed.power_lost or feed.upstream_tripped or severed:
        return NOTHING
    first, second, third = (
        0j if phase in feed.lost_phases else volts * share
        for phase, volts, share in zip((1, 2, 3), mains, feed.voltage_share, strict=True)
    )
    return first, second, third


def elements(
    spec: GridSpec, mains: Three, lines: tuple[int, ...], closed: frozenset[int], amps: float
) -> tuple[Element, ...]:
    """The loads of a vehicle whose phases hang on `lines` behind the poles that are `closed`.

    On IT a vehicle of one phase hangs between two lines, one of two phases between three; a star
    of three becomes a load between two lines when one is missing.
    """
    if amps <= 0.0:
        return ()
    if spec.supply is not Supply.IT:
        lines = (0,) if spec.supply is Supply.ONE else lines
        found = (Element(line, NEUTRAL, amps) for line in lines if line in closed)
        return tuple(e for e in found if 3 in closed and abs(mains[e.line]) >= LEAST_V)
    alive = tuple(line for line in lines if line in closed and mains[line] != 0j)
    if len(lines) == 3:
        if len(alive) == 3:
            return tuple(Element(line, NEUTRAL, amps) for line in alive)
        pairs = [Element(alive[0], alive[1], amps)] if len(alive) == 2 else []
    else:
        back = next(n for n in ((lines[0] + 1) % 3, (lines[0] + 2) % 3) if n not in lines)
        usable = back in closed and mains[back] != 0j
        pairs = [Element(line, back, amps) for line in alive if usable]
    return tuple(e for e in pairs if abs(mains[e.line] - mains[e.other]) >= LEAST_V)
