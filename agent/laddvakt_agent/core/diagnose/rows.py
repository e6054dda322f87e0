"""What explains what: one row per cause, read by the diagnosis.

The rows are Laddvakt's own reading of how the parts of a charger hang together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from laddvakt_agent.core.diagnose.links import RETURN_S, Link, link, of_device, on_line

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

_ROWS: tuple[Link, ...] = (
    # supply
    link(
        "residual_current_dc", "upstream_protection_tripped", "power_lost",
        why="the leak took the protection in front of the charger along", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    link(
        "residual_current_ac", "upstream_protection_tripped", "power_lost",
        why="the leak took the protection in front of the charger along", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    link(
        "over_current_gross", "upstream_protection_tripped", "power_lost",
        why="so much current trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    link(
        "over_current", "upstream_protection_tripped",
        why="so much current trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    link(
        "contactor_welded", "upstream_protection_tripped",
        why="what a weld lets flow trips the fuse in front of the charger", lead_s=0.0,
        within_s=_UPSTREAM_S,
    ),
    link(
        "upstream_protection_tripped", "power_lost", *_SUPPLY, *_SILENT, "bus_down",
        "board_restarted", "meter_frozen",
        why="nothing comes through the protection in front of the charger", fold_s=RETURN_S,
    ),
    link(
        "power_lost", *_SUPPLY, *_SILENT, "bus_down", "board_restarted", "board_error",
        "pilot_fault", "limit_not_obeyed", "lock_failed", "residual_monitor_failed",
        "unguarded_board", "session_recovered", "load_limit_unknown", "meter_frozen", "bus_noisy",
        "over_voltage", "clock_unset", "self_test_overdue",
        why="what has no supply neither works nor answers, and starts anew when it is back",
        fold_s=RETURN_S,
    ),
    link(
        "neutral_lost", "over_voltage", "under_voltage", "phase_lost", "supply_impedance_high",
        "frequency_out_of_range", *_OVER, *_NO_COIL,
        why="without a neutral the voltages move wherever the loads pull them",
    ),
    link(
        "phase_lost", "under_voltage", "phase_unbalance", "neutral_overloaded", *_NO_COIL,
        why="what hangs on the lost phase has no voltage, the coil too",
    ),
    link(
        "supply_impedance_high", "under_voltage", *_NO_COIL,
        why="the charger's own current pulls the voltage down at a bad terminal", lead_s=math.inf,
    ),
    link("supply_impedance_high", "temperature_derate", "temperature_stop",
          "cable_temperature_derate", "cable_temperature_stop", "phase_lost",
          why="a bad terminal turns current into heat", lead_s=math.inf),
    link(
        "under_voltage", *_NO_COIL, "load_limit_unknown",
        why="the coil has too little voltage: the supply, not the contactor",
    ),
    link("over_voltage", "board_restarted", "sensor_implausible",
          why="electronics suffer from it"),
    # what people and weather do
    link(
        "emergency_stop", *_NO_COIL, "board_error", "phase_switch_failed",
        why="the loop takes the coil's supply away",
    ),
    link(
        "water_inside", "residual_current_dc", "residual_current_ac", "it_earth_fault",
        "pilot_fault", "pilot_diode_missing", "proximity_fault", "sensor_implausible",
        "device_lost", "board_error", why="water conducts where nothing should",
    ),
    link("tilted", "enclosure_open", "pilot_fault", "proximity_fault", "lock_failed",
          why="whatever tilted the charger did this too"),
    link("enclosure_open", "contactor_opened_alone", "contactor_did_not_close",
          why="the door's switch takes the coil's supply away"),
    link(
        "cable_cut", "pilot_fault", "pilot_diode_missing", "proximity_fault", "latch_broken",
        "plug_partly_inserted", "contactor_opened_alone", "residual_current_ac",
        "residual_current_dc", "over_current_gross",
        why="the cable's wires are cut or shorted",
    ),
    link("latch_broken", "lock_failed", "plug_partly_inserted",
          why="a broken latch holds no plug"),
    link(
        "plug_partly_inserted", "pilot_fault", "pilot_diode_missing", "proximity_fault",
        "lock_failed", "cable_temperature_derate", "cable_temperature_stop",
        "contactor_opened_alone", why="the contacts of a plug that is not home do not touch",
    ),
    link("proximity_fault", "lock_failed", "pilot_fault",
          why="a plug that is not recognised is not locked"),
    link("pilot_diode_missing", "pilot_fault", why="without the diode the levels are wrong"),
    link("pilot_fault", "contactor_opened_alone", "board_error", "vehicle_keeps_drawing",
          "contactor_did_not_close", "proximity_fault", why="the board opens without a good pilot",
          lead_s=5.0, within_s=30.0),
    link("ventilation_required", "contactor_did_not_close", "contactor_opened_alone",
          why="the board does not close for a vehicle that asks for ventilation"),
    # board
    link(
        "board_mismatch", "limit_not_obeyed", "board_error", "pilot_fault", "unguarded_board",
        *_OVER, why="another board's registers mean something else",
    ),
    link(
        "board_restarted", "device_lost", "pilot_fault", "limit_not_obeyed", "board_error",
        "contactor_opened_alone", "contactor_did_not_close", "unguarded_board", *_OVER,
        why="a board that starts anew has forgotten what it was told", within_s=60.0,
    ),
    link("board_error", "limit_not_obeyed", "contactor_opened_alone", "contactor_did_not_close",
          why="a board in error does not do what it is told", lead_s=15.0),
    link(
        "limit_not_obeyed", *_OVER, "vehicle_keeps_drawing", "site_overload", "phase_unbalance",
        "cable_temperature_derate", "cable_temperature_stop", "neutral_overloaded",
        why="the vehicle takes what the board offers, and that is more than it was told",
    ),
    # contactor
    link(
        "board_recloses", "contactor_welded", "unexpected_current",
        "vehicle_keeps_drawing", "board_error", "contactor_opened_alone",
        why="it was open and closed again: the board, not the contacts", lead_s=5.0, vehicle=True,
    ),
    link(
        "contactor_welded", "board_recloses",
        why="no board closes with nobody there: the contacts fell shut", vehicle=False,
    ),
    link(
        "contactor_welded", "board_error", "vehicle_keeps_drawing", "unexpected_current",
        "contactor_disputed", "lock_failed", "phase_switch_failed", "over_current",
        why="current flows through contacts that do not open",
    ),
    link(
        "contactor_disputed", "unexpected_current", "board_error", "vehicle_keeps_drawing",
        "contactor_opened_alone", "contactor_did_not_close", "lock_failed", "board_recloses",
        why="the witnesses contradict each other: who believes one of them is misled",
    ),
    link(
        "phase_switch_failed", "unexpected_current", "phase_unbalance", *_OVER,
        why="a phase carries current that was switched off",
    ),
    # current and heat
    link("over_current_gross", "over_current", "phase_unbalance", "neutral_overloaded",
          "site_overload", "cable_temperature_derate", "cable_temperature_stop", "under_voltage",
          why="the same current, seen by its smaller limit or by what it heats"),
    link("over_current", "phase_unbalance", "neutral_overloaded", "site_overload",
          "cable_temperature_derate", "cable_temperature_stop",
          why="the same current, seen by another limit or by what it heats"),
    link("vehicle_keeps_drawing", "over_current", "over_current_gross", "unexpected_current",
          why="the same current: the vehicle ignores the offer", lead_s=10.0, within_s=30.0),
    link("sensor_implausible", "temperature_derate", "temperature_stop",
          "cable_temperature_derate", "cable_temperature_stop",
          why="the sensor lies about the temperature"),
    link("temperature_stop", "temperature_derate", why="the same heat, seen by its smaller limit",
          lead_s=math.inf),
    link("cable_temperature_stop", "cable_temperature_derate",
          why="the same heat, seen by its smaller limit", lead_s=math.inf),
    # meter
    link("meter_replaced", "meter_implausible", "meter_frozen", "meter_reversed", *_METERED,
          why="the register is another meter's"),
    link("meter_frozen", "meter_implausible", *_METERED, "contactor_disputed",
          why="the meter shows what was, not what is", lead_s=180.0),
    link("meter_implausible", "meter_frozen", "meter_reversed", *_METERED,
          why="the meter shows what cannot be"),
    link("meter_reversed", *_METERED, why="the meter counts backwards"),
    of_device("meter_behind_contactor", "meter_lost", "device_lost",
               why="its supply comes through the contactor: silent while that is open"),
    # lines and devices
    link("control_loop_late", *_SILENT, "bus_down", "limit_not_obeyed", "load_limit_unknown",
          why="who asks too late hears too late", lead_s=15.0, within_s=15.0),
    on_line("bus_down", *_SILENT, "bus_noisy", "two_devices_one_address", "load_limit_unknown",
             "contactor_opened_alone", "contactor_did_not_close", "unguarded_board",
             "board_restarted", "pilot_fault", why="nothing on that line can be heard or told"),
    of_device("two_devices_one_address", *_SILENT, "board_mismatch", "meter_replaced",
               "meter_implausible", why="two devices speak at once"),
    on_line("two_devices_one_address", "bus_noisy",
             why="the broken replies are two devices that speak at once"),
    of_device("device_lost", "meter_lost", why="the same device, in its other role"),
    link("device_lost", "contactor_opened_alone", "contactor_did_not_close", "unguarded_board",
          "limit_not_obeyed", "load_limit_unknown", "residual_monitor_failed", "lock_failed",
          "self_test_overdue", why="who is not heard does not do as told, and falls open",
          lead_s=3.0, within_s=60.0),
    # service
    link("residual_monitor_failed", "self_test_overdue", why="the test was made, and failed"),
    link("storage_worn", "storage_read_only", "ledger_damaged", "storage_full",
          why="a worn disk stops taking anything"),
    link("storage_full", "ledger_damaged", "storage_read_only",
          why="a full disk cuts what is written"),
    link("storage_read_only", "ledger_damaged", "latches_lost", why="nothing can be written"),
    link("ledger_damaged", "latches_lost", why="the same disk"),
    link("clock_unset", "uplink_certificate", "clock_jumped",
          why="without the time no certificate is valid"),
    link("clock_jumped", "uplink_certificate", why="at a wrong time no certificate is valid"),
    link("uplink_certificate", "uplink_down", "uplink_refused",
          why="no connection without a certificate"),
    link("latches_lost", "self_test_overdue", why="when it was tested is lost too"),
)  # fmt: skip

LINKS: Mapping[str, tuple[Link, ...]] = {
    cause: tuple(row for row in _ROWS if row.cause == cause)
    for cause in dict.fromkeys(row.cause for row in _ROWS)
}
