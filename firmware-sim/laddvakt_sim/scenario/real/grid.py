"""The grid's words as the simulated board takes them: values it has, and faults of the plant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from laddvakt_sim.scenario.model import Clear, Dip, Grid, Inject

NOMINAL_V = 230.0
Step: TypeAlias = Inject | Clear


def values(grid: Grid) -> dict[str, object]:
    """What changes about the supply itself, as `PATCH /grid` takes it."""
    words = {"frequency_hz": grid.frequency_hz, "supply_ohm": grid.supply_ohm}
    return {name: value for name, value in words.items() if value is not None}


def steps(grid: Grid) -> tuple[Step, ...]:
    """What to clear and to inject, in this order, for the rest of it."""
    return (*_voltages(grid.voltage_v), *_changes(grid))


def _changes(grid: Grid) -> Iterator[Step]:
    for name, dip in (("under_voltage", grid.sag), ("over_voltage", grid.swell)):
        if dip is not None:
            yield _dip(name, dip)
    if grid.lost_phases is not None:
        yield Clear(name="phase_lost")
        for phase in grid.lost_phases:
            yield Inject(name="phase_lost", parameters={"phase": phase})
    for name, wrong in (("neutral_lost", grid.neutral_lost), ("power_lost", grid.outage)):
        if wrong is not None:
            yield Inject(name=name) if wrong else Clear(name=name)


def _voltages(voltage_v: tuple[float, float, float] | None) -> Iterator[Step]:
    if voltage_v is None:
        return
    yield Clear(name="over_voltage")
    yield Clear(name="under_voltage")
    for phase, volts in enumerate(voltage_v, 1):
        if volts != NOMINAL_V:
            name = "over_voltage" if volts > NOMINAL_V else "under_voltage"
            share = {"share": volts / NOMINAL_V, "phases": [phase]}
            yield Inject(name=name, parameters=share)


def _dip(name: str, dip: Dip) -> Inject:
    words = {"share": dip.share, "phases": list(dip.phases), "seconds": dip.seconds}
    return Inject(name=name, parameters=words)
