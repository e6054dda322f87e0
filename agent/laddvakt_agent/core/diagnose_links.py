"""What explains what: one row per cause, read by the diagnosis.

The rows are Laddvakt's own reading of how the parts of a charger hang together.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace


class Scope(enum.Enum):
    """How near to each other cause and symptom must be."""

    PLACE = "place"  # they concern a connector together
    LINE = "line"  # the symptom's device sits on the cause's line, or hangs on it
    DEVICE = "device"  # they are about the same device


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One cause explains these symptoms. Times in seconds, from raise to raise.

    `lead_s`: so long before the cause itself a symptom may have been raised, because causes are
    confirmed later. `within_s`: so long after the cause it may still come, while that stands;
    without limit where it is infinite. `fold_s`: once the cause has cleared, what is left of the
    symptom is still its work for so long.
    """

    cause: str
    symptoms: frozenset[str]
    why: str
    scope: Scope = Scope.PLACE
    lead_s: float = 60.0
    within_s: float = math.inf
    fold_s: float = 120.0


# One fault at two places within this time is one cause in front of both.
TOGETHER_S = 2.0
TWIN_FOLD_S = 120.0
REPLIES_S = 10.0  # who does not answer so long after its line does is silent by itself
RETURN_S = 600.0  # after an outage the charger waits a random while before it begins anew
SITE_CODES = frozenset(
    {
        "power_lost",
        "upstream_protection_tripped",
        "phase_lost",
        "neutral_lost",
        "under_voltage",
        "over_voltage",
        "frequency_out_of_range",
        "protective_earth_missing",
        "it_earth_fault",
        "supply_impedance_high",
    }
)
_NO_COIL = ("contactor_did_not_close", "contactor_opened_alone", "contactor_disputed")
_SUPPLY = ("phase_lost", "under_voltage", "frequency_out_of_range", *_NO_COIL)
_SILENT = ("device_lost", "meter_lost")
_METERED = (
    "over_current",
    "over_current_gross",
    "unexpected_current",
    "vehicle_keeps_drawing",
    "phase_unbalance",
    "neutral_overloaded",
    "supply_impedance_high",
    "phase_map_wrong",
)
_OVER = ("over_current", "over_current_gross")
_UPSTREAM_S = 10.0


def _link(
    cause: str,
    *symptoms: str,
    why: str,
    lead_s: float = 60.0,
    within_s: float = math.inf,
    fold_s: float = 120.0,
) -> Link:
    return Link(
        cause=cause,
        symptoms=frozenset(symptoms),
        why=why,
        lead_s=lead_s,
        within_s=within_s,
        fold_s=fold_s,
    )


def _on_line(cause: str, *symptoms: str, why: str) -> Link:
    return replace(_link(cause, *symptoms, why=why, fold_s=REPLIES_S), scope=Scope.LINE)


def _of_device(cause: str, *symptoms: str, why: str) -> Link:
    return replace(_link(cause, *symptoms, why=why, fold_s=REPLIES_S), scope=Scope.DEVICE)


_ROWS: tuple[Link, ...] = (
    # supply
    _link(
        "residual_current_dc", "upstream_protection_tripped", "power_lost",
        why="the leak took the protection in front of the charger along", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    _link(
        "residual_current_ac", "upstream_protection_tripped", "power_lost",
        why="the leak took the protection in front of the charger along", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    _link(
        "over_current_gross", "upstream_protection_tripped", "power_lost",
        why="so much current trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    _link(
        "over_current", "upstream_protection_tripped",
        why="so much current trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    _link(
        "contactor_welded", "upstream_protection_tripped",
        why="what a weld lets flow trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    _link(
        "upstream_protection_tripped", "power_lost", *_SUPPLY, *_SILENT, "bus_down",
        "board_restarted", "meter_frozen",
        why="nothing comes through the protection in front of the charger", fold_s=RETURN_S,
    ),
    _link(
        "power_lost", *_SUPPLY, *_SILENT, "bus_down", "board_restarted", "board_error",
        "pilot_fault", "limit_not_obeyed", "lock_failed", "residual_monitor_failed",
        "unguarded_board", "session_recovered", "load_limit_unknown", "meter_frozen", "bus_noisy",
        "over_voltage", "clock_unset", "self_test_overdue",
        why="what has no supply neither works nor answers, and starts anew when it is back",
        fold_s=RETURN_S,
    ),
    _link(
        "neutral_lost", "over_voltage", "under_voltage", "phase_lost", "supply_impedance_high",
        "frequency_out_of_range", *_OVER, *_NO_COIL,
        why="without a neutral the voltages move wherever the loads pull them",
    ),
    _link(
        "phase_lost", "under_voltage", "phase_unbalance", "neutral_overloaded", *_NO_COIL,
        why="what hangs on the lost phase has no voltage, the coil too",
    ),
    _link(
        "supply_impedance_high", "under_voltage", *_NO_COIL,
        why="the charger's own current pulls the voltage down at a bad terminal", lead_s=math.inf,
    ),
    _link("supply_impedance_high", "temperature_derate", "temperature_stop",
          "cable_temperature_derate", "cable_temperature_stop", "phase_lost",
          why="a bad terminal turns current into heat", lead_s=math.inf),
    _link(
        "under_voltage", *_NO_COIL, "load_limit_unknown",
        why="the coil has too little voltage: the supply, not the contactor",
    ),
    _link("over_voltage", "board_restarted", "sensor_implausible",
          why="electronics suffer from it"),
    # what people and weather do
    _link(
        "emergency_stop", *_NO_COIL, "board_error", "phase_switch_failed",
        why="the loop takes the coil's supply away",
    ),
    _link(
        "water_inside", "residual_current_dc", "residual_current_ac", "it_earth_fault",
        "pilot_fault", "pilot_diode_missing", "proximity_fault", "sensor_implausible",
        "device_lost", "board_error", why="water conducts where nothing should",
    ),
    _link("tilted", "enclosure_open", "pilot_fault", "proximity_fault", "lock_failed",
          why="whatever tilted the charger did this too"),
    _link("enclosure_open", "contactor_opened_alone", "contactor_did_not_close",
          why="the door's switch takes the coil's supply away"),
    _link(
        "cable_cut", "pilot_fault", "pilot_diode_missing", "proximity_fault", "latch_broken",
        "plug_partly_inserted", "contactor_opened_alone", "residual_current_ac",
        "residual_current_dc", "over_current_gross",
        why="the cable's wires are cut or shorted",
    ),
    _link("latch_broken", "lock_failed", "plug_partly_inserted",
          why="a broken latch holds no plug"),
    _link(
        "plug_partly_inserted", "pilot_fault", "pilot_diode_missing", "proximity_fault",
        "lock_failed", "cable_temperature_derate", "cable_temperature_stop",
        "contactor_opened_alone", why="the contacts of a plug that is not home do not touch",
    ),
    _link("proximity_fault", "lock_failed", "pilot_fault",
          why="a plug that is not recognised is not locked"),
    _link("pilot_diode_missing", "pilot_fault", why="without the diode the levels are wrong"),
    _link("pilot_fault", "contactor_opened_alone", "board_error", "vehicle_keeps_drawing",
          "contactor_did_not_close", "proximity_fault", why="the board opens without a good pilot",
          lead_s=5.0, within_s=30.0),
    _link("ventilation_required", "contactor_did_not_close", "contactor_opened_alone",
          why="the board does not close for a vehicle that asks for ventilation"),
    # board
    _link(
        "board_mismatch", "limit_not_obeyed", "board_error", "pilot_fault", "unguarded_board",
        *_OVER, why="another board's registers mean something else",
    ),
    _link(
        "board_restarted", "device_lost", "pilot_fault", "limit_not_obeyed", "board_error",
        "contactor_opened_alone", "contactor_did_not_close", "unguarded_board", *_OVER,
        why="a board that starts anew has forgotten what it was told", within_s=60.0,
    ),
    _link("board_error", "limit_not_obeyed", "contactor_opened_alone", "contactor_did_not_close",
          why="a board in error does not do what it is told", lead_s=15.0),
    _link(
        "limit_not_obeyed", *_OVER, "vehicle_keeps_drawing", "site_overload", "phase_unbalance",
        "cable_temperature_derate", "cable_temperature_stop", "neutral_overloaded",
        why="the vehicle takes what the board offers, and that is more than it was told",
    ),
    # contactor
    _link(
        "board_recloses", "contactor_welded", "unexpected_current", "contactor_disputed",
        "vehicle_keeps_drawing", "board_error", "contactor_opened_alone",
        why="it was open and closed again: the board, not the contacts", lead_s=5.0,
    ),
    _link(
        "contactor_welded", "board_error", "vehicle_keeps_drawing", "unexpected_current",
        "contactor_disputed", "lock_failed", "phase_switch_failed", "over_current",
        why="current flows through contacts that do not open",
    ),
    _link(
        "contactor_disputed", "unexpected_current", "board_error", "vehicle_keeps_drawing",
        "contactor_opened_alone", "contactor_did_not_close", "lock_failed",
        why="the mirror contact and the meter contradict each other",
    ),
    _link(
        "phase_switch_failed", "unexpected_current", "phase_unbalance", *_OVER,
        why="a phase carries current that was switched off",
    ),
    # current and heat
    _link("over_current_gross", "over_current", "phase_unbalance", "neutral_overloaded",
          "site_overload", "cable_temperature_derate", "cable_temperature_stop", "under_voltage",
          why="the same current, seen by its smaller limit or by what it heats"),
    _link("over_current", "phase_unbalance", "neutral_overloaded", "site_overload",
          "cable_temperature_derate", "cable_temperature_stop",
          why="the same current, seen by another limit or by what it heats"),
    _link("vehicle_keeps_drawing", "over_current", "over_current_gross", "unexpected_current",
          why="the same current: the vehicle ignores the offer", lead_s=10.0, within_s=30.0),
    _link("sensor_implausible", "temperature_derate", "temperature_stop",
          "cable_temperature_derate", "cable_temperature_stop",
          why="the sensor lies about the temperature"),
    _link("temperature_stop", "temperature_derate", why="the same heat, seen by its smaller limit",
          lead_s=math.inf),
    _link("cable_temperature_stop", "cable_temperature_derate",
          why="the same heat, seen by its smaller limit", lead_s=math.inf),
    # meter
    _link("meter_replaced", "meter_implausible", "meter_frozen", "meter_reversed", *_METERED,
          why="the register is another meter's"),
    _link("meter_frozen", "meter_implausible", *_METERED, "contactor_disputed",
          why="the meter shows what was, not what is", lead_s=180.0),
    _link("meter_implausible", "meter_frozen", "meter_reversed", *_METERED,
          why="the meter shows what cannot be"),
    _link("meter_reversed", *_METERED, why="the meter counts backwards"),
    _of_device("meter_behind_contactor", "meter_lost", "device_lost",
               why="its supply comes through the contactor: silent while that is open"),
    # lines and devices
    _link("control_loop_late", *_SILENT, "bus_down", "limit_not_obeyed", "load_limit_unknown",
          why="who asks too late hears too late", lead_s=15.0, within_s=15.0),
    _on_line("bus_down", *_SILENT, "bus_noisy", "two_devices_one_address", "load_limit_unknown",
             "contactor_opened_alone", "contactor_did_not_close", "unguarded_board",
             "board_restarted", "pilot_fault", why="nothing on that line can be heard or told"),
    _of_device("two_devices_one_address", *_SILENT, "board_mismatch", "meter_replaced",
               "meter_implausible", why="two devices speak at once"),
    _on_line("two_devices_one_address", "bus_noisy",
             why="the broken replies are two devices that speak at once"),
    _of_device("device_lost", "meter_lost", why="the same device, in its other role"),
    _link("device_lost", "contactor_opened_alone", "contactor_did_not_close", "unguarded_board",
          "limit_not_obeyed", "load_limit_unknown", "residual_monitor_failed", "lock_failed",
          "self_test_overdue", why="who is not heard does not do as told, and falls open",
          lead_s=3.0, within_s=60.0),
    # service
    _link("residual_monitor_failed", "self_test_overdue", why="the test was made, and failed"),
    _link("storage_worn", "storage_read_only", "ledger_damaged", "storage_full",
          why="a worn disk stops taking anything"),
    _link("storage_full", "ledger_damaged", "storage_read_only",
          why="a full disk cuts what is written"),
    _link("storage_read_only", "ledger_damaged", "latches_lost", why="nothing can be written"),
    _link("ledger_damaged", "latches_lost", why="the same disk"),
    _link("clock_unset", "uplink_certificate", "clock_jumped",
          why="without the time no certificate is valid"),
    _link("clock_jumped", "uplink_certificate", why="at a wrong time no certificate is valid"),
    _link("uplink_certificate", "uplink_down", "uplink_refused",
          why="no connection without a certificate"),
    _link("latches_lost", "self_test_overdue", why="when it was tested is lost too"),
)  # fmt: skip

LINKS: Mapping[str, tuple[Link, ...]] = {
    cause: tuple(link for link in _ROWS if link.cause == cause)
    for cause in dict.fromkeys(link.cause for link in _ROWS)
}
