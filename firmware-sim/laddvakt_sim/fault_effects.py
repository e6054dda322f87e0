"""What each injected fault does to a connector's plant: fields of `Conditions` by fault name.

What is not here acts on the wire or on the station's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from laddvakt_sim.fault import Fault
from laddvakt_sim.plant.words import ALL_PHASES, NO_PHASES, Leakage, Phases, Pilot

Effect = Callable[[Fault], dict[str, object]]


def joined(name: str, first: object, second: object) -> object:
    """What two faults that change the same field mean together."""
    if name == "voltage_share":
        a, b = cast("Phases", first), cast("Phases", second)
        return a[0] * b[0], a[1] * b[1], a[2] * b[2]
    if name == "loose_ohm":
        a, b = cast("Phases", first), cast("Phases", second)
        return a[0] + b[0], a[1] + b[1], a[2] + b[2]
    if isinstance(first, frozenset) and isinstance(second, frozenset):
        return first | second
    if name in ("meter_jumps", "board_restarts"):
        return cast("tuple[object, ...]", first) + cast("tuple[object, ...]", second)
    return second


def _flag(name: str) -> Effect:
    return lambda _fault: {name: True}


def _copy(**fields: str) -> Effect:
    """Fields that take a parameter as it stands."""
    return lambda fault: {field: fault.parameters[key] for field, key in fields.items()}


def _seconds(field: str, key: str) -> Effect:
    return lambda fault: {field: (fault.number(key) or 0.0) / 1000.0}


def _phases(fault: Fault) -> frozenset[int]:
    """The phases a fault names; all when it names none."""
    if isinstance(several := fault.parameters.get("phases"), tuple):
        return frozenset(several)
    one = fault.number("phase")
    return frozenset((1, 2, 3) if one is None else (int(one),))


def _on(phases: frozenset[int], value: float, otherwise: Phases) -> Phases:
    first, second, third = (
        value if phase in phases else other
        for phase, other in zip((1, 2, 3), otherwise, strict=True)
    )
    return first, second, third


def _leak(kind: str) -> Effect:
    return lambda fault: {
        f"{kind}_leak": Leakage(
            ma=fault.number("ma") or 0.0,
            always=fault.parameters["always"] is True,
            rise_s=fault.number("rise_s") or 0.0,
            from_s=fault.injected_at_s,
        )
    }


def _weld(fault: Fault) -> dict[str, object]:
    effects: dict[str, object] = {"welded": True, "weld_shut": fault.parameters["shut"]}
    poles = fault.parameters.get("poles")
    return effects | {"welded_poles": frozenset(poles)} if isinstance(poles, tuple) else effects


def _draw_more(fault: Fault) -> dict[str, object]:
    return {
        "over_factor": fault.number("factor"),
        "over_amps": fault.number("amps"),
        "over_at_once": fault.name == "over_current_gross",
    }


def _pilot(fault: Fault) -> dict[str, object]:
    return {
        "pilot_fault": Pilot(fault.parameters["state"]),
        "pilot_every_s": fault.number("every_s"),
        "pilot_for_s": fault.number("for_s"),
        "pilot_from_s": fault.injected_at_s,
    }


def _voltage(fault: Fault) -> dict[str, object]:
    return {"voltage_share": _on(_phases(fault), fault.number("share") or 0.0, ALL_PHASES)}


def _loose(fault: Fault) -> dict[str, object]:
    return {"loose_ohm": _on(_phases(fault), fault.number("ohm") or 0.0, NO_PHASES)}


def _transient(fault: Fault) -> dict[str, object]:
    copied = _copy(transient_dc_ma="dc_ma", transient_ac_ma="ac_ma")(fault)
    return copied | _seconds("transient_s", "ms")(fault)


def _bounce(fault: Fault) -> dict[str, object]:
    return _copy(bounces="times")(fault) | _seconds("bounce_s", "gap_ms")(fault)


def _sensor(fault: Fault) -> dict[str, object]:
    return {f"{fault.parameters['sensor']}_sensor_c": fault.number("offset_c")}


def _order(fault: Fault) -> dict[str, object]:
    return {"meter_map": tuple(int(digit) for digit in str(fault.parameters["order"]))}


EFFECTS: Mapping[str, Effect] = {
    "residual_current_dc": _leak("dc"),
    "residual_current_ac": _leak("ac"),
    "residual_transient": _transient,
    "residual_monitor_failed": _flag("monitor_failed"),
    "contactor_welded": _weld,
    "contactor_did_not_close": _flag("coil_broken"),
    "contactor_opened_alone": _flag("drops_out"),
    "contactor_slow": _seconds("travel_s", "ms"),
    "contactor_bounces": _bounce,
    "contactor_worn": _copy(worn_share="share"),
    "contactor_disputed": lambda fault: {"mirror_stuck": fault.parameters["shows"] == "closed"},
    "coil_brown_out": _copy(coil_share="share"),
    "phase_switch_failed": lambda f: {"phase_switch_stuck": int(str(f.parameters["phases"]))},
    "board_recloses": _flag("recloses"),
    "over_current": _draw_more,
    "over_current_gross": _draw_more,
    "vehicle_keeps_drawing": _flag("keeps_drawing"),
    "pilot_fault": _pilot,
    "pilot_diode_missing": _flag("diode_missing"),
    "ventilation_required": _flag("ventilation"),
    "proximity_fault": _copy(proximity_ohm="ohm"),
    "plug_partly_inserted": _flag("partly_inserted"),
    "lock_failed": _copy(lock="how"),
    "latch_broken": _flag("latch_broken"),
    "cable_cut": _flag("cable_cut"),
    "plug_contact_worn": _copy(contact_mohm="mohm"),
    "over_voltage": _voltage,
    "under_voltage": _voltage,
    "phase_lost": lambda fault: {"lost_phases": _phases(fault)},
    "power_lost": _flag("power_lost"),
    "upstream_protection_tripped": _flag("upstream_tripped"),
    "neutral_lost": _flag("neutral_lost"),
    "frequency_out_of_range": _copy(frequency_hz="hz"),
    "supply_impedance_high": _loose,
    "it_earth_fault": _copy(earth_fault_phase="phase"),
    "protective_earth_missing": _flag("earth_missing"),
    "extra_heat": _copy(extra_heat_w="watts"),
    "sensor_implausible": _sensor,
    "enclosure_open": _flag("door_open"),
    "tilted": _flag("tilted"),
    "water_inside": _flag("water_inside"),
    "meter_frozen": _flag("meter_frozen"),
    "meter_lost": _flag("meter_silent"),
    "meter_drift": lambda fault: {"meter_factor": fault.number("factor")},
    "meter_implausible": lambda f: {"meter_jumps": ((f.injected_at_s, f.number("wh") or 0.0),)},
    "meter_replaced": _copy(meter_serial="serial", meter_start_wh="start_wh"),
    "meter_reversed": _flag("meter_reversed"),
    "meter_behind_contactor": _flag("meter_behind"),
    "meter_ratio": lambda fault: {"meter_ratio": fault.number("factor")},
    "meter_swapped": _order,
    "meter_coarse": _copy(meter_resolution_wh="wh"),
    "meter_slow": _copy(meter_update_s="update_s"),
    "board_error": lambda fault: {"board_bits": fault.parameters["bits"]},
    "board_restarted": lambda fault: {"board_restarts": (fault.injected_at_s,)},
    "board_mismatch": _copy(board_firmware="firmware"),
    "limit_not_obeyed": lambda f: {
        "stuck_limit_a": f.number("amps"),
        "stuck_off": f.parameters["off"],
    },
    "unguarded_board": _flag("unguarded"),
}
