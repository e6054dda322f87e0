"""The plant as JSON: everything that is true, whether a device can show it or not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from laddvakt_sim.plant.spec_words import spec_json

if TYPE_CHECKING:
    from laddvakt_sim.charger import Charger
    from laddvakt_sim.plant.connector import Connector
    from laddvakt_sim.plant.meter import Meter


def connector_view(connector: Connector) -> dict[str, object]:
    """One connector."""
    contactor = connector.contactor
    return {
        "pilot": connector.pilot().value,
        "vehicle": _vehicle_view(connector),
        "pwm_on": connector.board.pwm_on,
        "offered_a": connector.board.offered_a,
        "contactor_closed": contactor.closed,
        "coil_commanded": connector.coil_commanded,
        "board_relay": connector.board.relay_closed,
        "current_a": connector.current_a(),
        "voltage_v": connector.voltage_v(),
        "power_w": connector.power_w(),
        "plant_energy_wh": connector.energy_wh,
        "meter_register_wh": connector.meter.shown.energy_wh,
        "opened_at_s": contactor.opened_at_s,
        "closed_at_s": contactor.closed_at_s,
        "closures": contactor.closures,
        "residual_dc_ma": connector.residual_ma()[0],
        "residual_ac_ma": connector.residual_ma()[1],
        "temperature_c": connector.temperature_c,
        "contactor": _contactor_view(connector),
        "supply": _supply_view(connector),
        "plug": _plug_view(connector),
        "housing": _housing_view(connector),
        "meter": _meter_view(connector.meter),
        "monitor_ok": connector.monitor_ok,
    }


def site_view(charger: Charger) -> dict[str, object]:
    """What all connectors share."""
    account = charger.account
    return {
        "meter": _meter_view(charger.site_meter),
        "account": {**asdict(account), "error_wh": account.error_wh},
        "emergency_stop": charger.emergency_stop,
    }


def _vehicle_view(connector: Connector) -> dict[str, object] | None:
    vehicle = connector.vehicle
    if vehicle is None:
        return None
    state = {"energy_wh": vehicle.energy_wh, "full": vehicle.full}
    return (
        spec_json(vehicle.spec) | state | {"sleeping": vehicle.asleep, "pausing": vehicle.pausing}
    )


def _contactor_view(connector: Connector) -> dict[str, object]:
    contactor = connector.contactor
    return {
        "poles": contactor.poles,
        "mirror_closed": contactor.mirror_closed,
        "openings": contactor.openings,
        "openings_under_load": contactor.openings_under_load,
        "operations": contactor.operations,
        "bounces": contactor.bounces,
        "wear": contactor.wear,
        "close_time_s": contactor.close_time_s,
        "open_time_s": contactor.open_time_s,
        "coil_share": connector.coil_share,
        "phases": connector.phase_switch.phases,
    }


def _supply_view(connector: Connector) -> dict[str, object]:
    return {
        "line_voltage_v": connector.line_voltage_v(),
        "earth_voltage_v": connector.earth_voltage_v(),
        "load_voltage_v": connector.load_voltage_v(),
        "neutral_a": connector.neutral_a(),
        "frequency_hz": connector.frequency_hz,
        "earth_present": connector.earth_present,
        "brown_out": connector.brown_out,
    }


def _plug_view(connector: Connector) -> dict[str, object]:
    lock = connector.lock
    return {
        "diode_present": connector.diode_present,
        "proximity_ohm": connector.proximity_ohm,
        "partly_inserted": connector.partly_inserted,
        "latch_broken": connector.latch_broken,
        "cable_cut": connector.cable_cut,
        "locked": lock.locked,
        "lock_feedback": lock.feedback,
        "lock_tries": lock.tries,
        "plug_temp_c": connector.plug_temp_c,
        "plug_c": connector.plug_c,
    }


def _housing_view(connector: Connector) -> dict[str, object]:
    return {
        "enclosure_temp_c": connector.enclosure_temp_c,
        "door_open": connector.door_open,
        "tilted": connector.tilted,
        "water_inside": connector.water_inside,
    }


def _meter_view(meter: Meter) -> dict[str, object]:
    return {"serial": meter.serial, "answers": meter.answers, **asdict(meter.shown)}
