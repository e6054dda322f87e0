"""What a scenario's charger has fitted, as the core's settings."""

from __future__ import annotations

from collections.abc import Mapping

from laddvakt_agent.core.faults.catalogue import with_overrides
from laddvakt_agent.core.settings import Settings, Supply
from laddvakt_sim.scenario.model import Charger as ChargerSpec

DEVICES: Mapping[str, Mapping[str, str]] = {  # connector → role → device, as on the simulated board
    "1": {"board": "evse1", "meter": "meter1", "contactor": "relay1", "residual": "rcm1"},
    "2": {"board": "charx1", "meter": "charx1", "contactor": "charx1", "residual": "charx1"},
}
LINES: Mapping[str, str] = {
    "evse1": "line1",
    "meter1": "line1",
    "relay1": "line1",
    "rcm1": "line2",
    "charx1": "tcp1",
}
UNITS: Mapping[str, int] = {"evse1": 1, "meter1": 2, "relay1": 3, "rcm1": 100, "charx1": 255}
READINGS: Mapping[str, frozenset[str]] = {  # what is fitted → the readings it gives
    "enclosure_temp": frozenset({"enclosure_temp_c"}),
    "plug_temp": frozenset({"plug_temp_c"}),
    "lock": frozenset({"locked"}),
    "proximity": frozenset({"proximity", "plug_partly_inserted"}),
    "diode": frozenset({"diode_missing"}),
    "boot_counter": frozenset({"board_boots"}),
    "ac_residual": frozenset({"residual_ac_a", "residual_ac_tripped"}),
    "door": frozenset({"enclosure_open"}),
    "tilt": frozenset({"tilted"}),
    "water": frozenset({"water_inside"}),
    "earth_monitor": frozenset({"earth_missing"}),
    "insulation_monitor": frozenset({"insulation_fault"}),
    "earth_voltage": frozenset({"earth_voltage_v"}),
    "site_meter": frozenset({"site_current_a", "site_voltage_v"}),
    "brown_out": frozenset({"brown_out"}),
    "phase_switch": frozenset({"phases_closed"}),
    "frequency": frozenset({"frequency_hz"}),
    "neutral_current": frozenset({"neutral_a"}),
    "latch_loop": frozenset({"latch_broken", "cable_cut"}),
}
METER_UPDATE_S = 0.5
SPREAD = 0.1  # of the random delays; a scenario shall not wait for ten minutes


def settings(spec: ChargerSpec, connector: str) -> Settings:
    """The settings of one connector."""
    fitted = frozenset[str]().union(*(READINGS.get(name, frozenset()) for name in spec.fitted))
    return Settings(
        connector=connector,
        max_current_a=spec.max_current_a,
        supply=Supply(spec.supply),
        phases=spec.phases,
        nominal_voltage_v=230.0,
        voltage_load_side=spec.voltage_side == "load",
        fitted=fitted,
        socket="lock" in spec.fitted,
        has_phase_switch="phase_switch" in spec.fitted,
        has_feedback="feedback" in spec.fitted,
        has_emergency_stop="emergency_stop" in spec.fitted,
        has_residual_monitor="residual_monitor" in spec.fitted,
        has_residual_test="residual_monitor" in spec.fitted,
        meter_name=DEVICES[connector]["meter"],
        meter_update_s=METER_UPDATE_S,
        site_limit_a=63.0 if "site_meter" in spec.fitted else None,
        neutral_rating_a=32.0 if "neutral_current" in spec.fitted else None,
        spread=SPREAD,
        rules=with_overrides(spec.fault_settings),
    )
