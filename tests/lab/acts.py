"""What a scenario does to the plant: one function for each of its words."""

from __future__ import annotations

from dataclasses import replace

from laddvakt_sim.charger import Charger, LockedError
from laddvakt_sim.faults import BOARD_KINDS, FaultError, parse
from laddvakt_sim.plant.words import ClimateSpec
from laddvakt_sim.scenario import ActionError
from laddvakt_sim.scenario.model import (
    Action,
    Change,
    Clear,
    Climate,
    Dip,
    Grid,
    Inject,
    Plug,
    Site,
    Unplug,
)
from laddvakt_sim.scenario.vehicle_words import changed


def afflict(charger: Charger, action: Action, now_s: float) -> bool:
    """Do to the plant what the action says; False when it is not about the plant.

    Raises:
        ActionError: it cannot be done.
    """
    match action:
        case Plug(connector=name, vehicle=vehicle):
            charger.plug(name, vehicle, now_s)
        case Change():
            _change(charger, action, now_s)
        case Unplug(connector=name):
            try:
                charger.unplug(name, now_s)
            except LockedError as error:
                raise ActionError(str(error)) from error
        case Inject():
            inject(charger, action.body, now_s)
        case Clear():
            _clear(charger, action, now_s)
        case _:
            return _surround(charger, action, now_s)
    return True


def _surround(charger: Charger, action: Action, now_s: float) -> bool:
    match action:
        case Grid():
            _grid(charger, action, now_s)
        case Climate(ambient_c=ambient_c, sun_w=sun_w):
            was = charger.climate
            now = ClimateSpec(
                ambient_c=was.ambient_c if ambient_c is None else ambient_c,
                sun_w=was.sun_w if sun_w is None else sun_w,
            )
            charger.set_climate(now, now_s)
        case Site(current_a=current_a):
            charger.set_grid(replace(charger.grid, house_a=current_a), now_s)
        case _:
            return False
    return True


def inject(charger: Charger, body: dict[str, object], now_s: float) -> None:
    """Inject any fault, also one of the wires, which the plant does not feel.

    Raises:
        ActionError: there is no such fault here.
    """
    try:
        fault = parse(body, now_s, BOARD_KINDS, tuple(charger.connectors))
    except FaultError as error:
        raise ActionError(str(error)) from error
    kept = tuple(one for one in charger.faults if one.key != fault.key)
    charger.afflict((*kept, fault), now_s)


def _change(charger: Charger, action: Change, now_s: float) -> None:
    vehicle = charger.connectors[action.connector].vehicle
    if vehicle is None:
        raise ActionError(f"no vehicle at connector {action.connector} to change")
    charger.change(action.connector, changed(vehicle.spec, action.words), now_s)


def _clear(charger: Charger, action: Clear, now_s: float) -> None:
    kept = tuple(
        fault
        for fault in charger.faults
        if action.name not in (None, fault.name)
        or action.connector not in (None, fault.connector)
        or action.line not in (None, fault.parameters.get("line"))
    )
    charger.afflict(kept, now_s)


def _grid(charger: Charger, grid: Grid, now_s: float) -> None:
    was = charger.grid
    supply_ohm = was.supply_ohm if grid.supply_ohm is None else grid.supply_ohm
    frequency_hz = was.frequency_hz if grid.frequency_hz is None else grid.frequency_hz
    if (supply_ohm, frequency_hz) != (was.supply_ohm, was.frequency_hz):
        now = replace(was, supply_ohm=supply_ohm, frequency_hz=frequency_hz)
        charger.set_grid(now, now_s)
    if grid.voltage_v is not None:
        _voltages(charger, grid.voltage_v, now_s)
    for name, dip in (("under_voltage", grid.sag), ("over_voltage", grid.swell)):
        if dip is not None:
            inject(charger, _dip(name, dip), now_s)
    _failures(charger, grid, now_s)


def _failures(charger: Charger, grid: Grid, now_s: float) -> None:
    for name, on in (("neutral_lost", grid.neutral_lost), ("power_lost", grid.outage)):
        if on:
            inject(charger, {"name": name}, now_s)
        elif on is not None:
            charger.clear(name, None, now_s)
    if grid.lost_phases is not None:
        charger.clear("phase_lost", None, now_s)
    for phase in grid.lost_phases or ():
        inject(charger, {"name": "phase_lost", "phase": phase}, now_s)


def _dip(name: str, dip: Dip) -> dict[str, object]:
    body = {"name": name, "share": dip.share, "phases": list(dip.phases)}
    return {**body, "seconds": dip.seconds}


def _voltages(charger: Charger, voltage_v: tuple[float, float, float], now_s: float) -> None:
    charger.clear("over_voltage", None, now_s)
    charger.clear("under_voltage", None, now_s)
    nominal_v = charger.grid.nominal_v
    for phase, volts in enumerate(voltage_v, 1):
        if volts != nominal_v:
            name = "over_voltage" if volts > nominal_v else "under_voltage"
            body = {"name": name, "share": volts / nominal_v, "phases": [phase]}
            inject(charger, body, now_s)
