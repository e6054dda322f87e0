"""Faults of the plant by name: grid, contactor, residual current, heat, plug and lock, meter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.fault_words import (
    Choice,
    Flag,
    Indices,
    Kind,
    Number,
    Parameter,
    Target,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_PHASE = Number(least=1, most=3, default=1, whole=True)
_ORDER = ("123", "132", "213", "231", "312", "321")


def _leak(about: str, ma: float, most: float) -> Kind:
    parameters: dict[str, Parameter] = {
        "ma": Number(least=0, most=most, default=ma),
        "always": Flag(default=False),
        "rise_s": Number(least=0, most=1e6, default=0.0),
    }
    return Kind(about=about, parameters=parameters)


def _share(about: str, share: float, least: float, most: float) -> Kind:
    parameters: dict[str, Parameter] = {
        "share": Number(least=least, most=most, default=share),
        "phases": Indices(most=3),
        "seconds": seconds(),
    }
    return Kind(about=about, target=Target.GRID, parameters=parameters)


_GRID: Mapping[str, Kind] = {
    "over_voltage": _share("swell to `share` of the nominal voltage", 1.15, 1.0, 2.0),
    "under_voltage": _share("sag to `share` of the nominal voltage", 0.82, 0.0, 1.0),
    "neutral_lost": Kind(
        about="neutral open: it floats where the loads pull it",
        target=Target.GRID,
        parameters={"seconds": seconds()},
    ),
    "frequency_out_of_range": Kind(
        about="another frequency",
        target=Target.GRID,
        parameters={"hz": Number(least=10, most=100, default=52.0), "seconds": seconds()},
    ),
    "supply_impedance_high": Kind(
        about="resistance in the feed; `phase`: a loose terminal on that one alone",
        target=Target.GRID,
        parameters={
            "ohm": Number(least=0, most=10, default=1.0),
            "phase": Number(least=1, most=3, default=None, whole=True),
        },
    ),
    "it_earth_fault": Kind(
        about="one line at earth potential; felt on supply it-tt-3x230",
        target=Target.GRID,
        parameters={"phase": _PHASE},
    ),
    "protective_earth_missing": Kind(about="no protective earth", target=Target.GRID),
    "upstream_protection_tripped": Kind(
        about="breaker in front of the charger open; the rest of the site lives",
        target=Target.GRID,
    ),
}
_RESIDUAL: Mapping[str, Kind] = {
    "residual_current_dc": _leak(
        "DC leakage; without `always` it flows only while the contactor is closed", 8.0, 300
    ),
    "residual_current_ac": _leak("AC leakage, as above", 40.0, 3000),
    "residual_transient": Kind(
        about="leakage for `ms` after each movement of the contactor",
        parameters={
            "dc_ma": Number(least=0, most=300, default=0.0),
            "ac_ma": Number(least=0, most=3000, default=40.0),
            "ms": Number(least=1, most=2000, default=60),
        },
    ),
    "residual_monitor_failed": Kind(about="the monitor is blind; its test fails"),
}
_CONTACTOR: Mapping[str, Kind] = {
    "coil_brown_out": Kind(
        about="the coil gets `share` of its voltage",
        parameters={"share": Number(least=0, most=1, default=0.4)},
    ),
    "contactor_slow": Kind(
        about="contacts take `ms`", parameters={"ms": Number(least=1, most=5000, default=150)}
    ),
    "contactor_bounces": Kind(
        about="contacts bounce at closing",
        parameters={
            "times": Number(least=1, most=20, default=3, whole=True),
            "gap_ms": Number(least=0.1, most=100, default=2.0),
        },
    ),
    "contactor_worn": Kind(
        about="wear it had before, as a share of its rating",
        parameters={"share": Number(least=0, most=2, default=1.0)},
    ),
    "contactor_disputed": Kind(
        about="the mirror contact stands still",
        parameters={"shows": Choice(values=("open", "closed"), default="open")},
    ),
    "phase_switch_failed": Kind(
        about="the 1↔3-phase switch stays where it is",
        parameters={"phases": Choice(values=("1", "3"), default="3")},
    ),
    "board_recloses": Kind(about="the board closes by itself while the vehicle asks"),
}
_PLUG: Mapping[str, Kind] = {
    "pilot_diode_missing": Kind(about="no negative half wave"),
    "ventilation_required": Kind(about="the vehicle asks with state D"),
    "proximity_fault": Kind(
        about="proximity resistance outside its bands; 0: short, 100000: open",
        parameters={"ohm": Number(least=0, most=100_000, default=100_000)},
    ),
    "plug_partly_inserted": Kind(about="plug not home: proximity made, pilot not"),
    "lock_failed": Kind(
        about="actuator stuck, or its feedback lost",
        parameters={
            "how": Choice(
                values=("stuck_open", "stuck_locked", "feedback_lost"), default="stuck_open"
            )
        },
    ),
    "latch_broken": Kind(about="tamper loop of the latch open"),
    "cable_cut": Kind(about="tamper loop of the cable open, pilot and load with it"),
    "plug_contact_worn": Kind(
        about="each plug contact has this resistance",
        parameters={"mohm": Number(least=0, most=100, default=5.0)},
    ),
}
_HOUSING: Mapping[str, Kind] = {
    "extra_heat": Kind(
        about="heat in the enclosure from something else",
        parameters={"watts": Number(least=0, most=1000, default=20.0)},
    ),
    "sensor_implausible": Kind(
        about="a temperature sensor shows `offset_c` more",
        parameters={
            "sensor": Choice(values=("enclosure", "plug"), default="enclosure"),
            "offset_c": Number(least=-300, most=300, default=60.0),
        },
    ),
    "enclosure_open": Kind(about="door open"),
    "tilted": Kind(about="the charger leans"),
    "water_inside": Kind(about="water in the enclosure"),
}
_METER: Mapping[str, Kind] = {
    "meter_implausible": Kind(
        about="the energy register jumps once by `wh`; negative: back",
        parameters={"wh": Number(least=-1e7, most=1e7, default=-500.0)},
    ),
    "meter_replaced": Kind(
        about="another meter: other serial number, other register",
        parameters={
            "serial": Number(least=1, most=0xFFFFFFFF, default=24_000_001, whole=True),
            "start_wh": Number(least=0, most=1e8, default=0.0),
        },
    ),
    "meter_reversed": Kind(about="current flows through it backwards"),
    "meter_behind_contactor": Kind(about="fed from the load side: silent while open"),
    "meter_ratio": Kind(
        about="its current transformers have another ratio: currents, power, energy × `factor`",
        parameters={"factor": Number(least=0.01, most=100, default=2.0)},
    ),
    "meter_swapped": Kind(
        about="its current transformers sit on these phases",
        parameters={"order": Choice(values=_ORDER, default="213")},
    ),
    "meter_coarse": Kind(
        about="energy in steps of `wh`",
        parameters={"wh": Number(least=0.001, most=10_000, default=100.0)},
    ),
    "meter_slow": Kind(
        about="registers renewed each `update_s`",
        parameters={"update_s": Number(least=0.01, most=3600, default=5.0)},
    ),
}
_SITE: Mapping[str, Kind] = {
    "site_meter_lost": Kind(about="the whole site's meter is silent", target=Target.ELSEWHERE),
}
_BOARD: Mapping[str, Kind] = {
    "board_restarted": Kind(about="the board starts anew, once"),
    "board_mismatch": Kind(
        about="another firmware than configured",
        parameters={"firmware": Number(least=0, most=65_535, default=16, whole=True)},
    ),
}
PLANT_KINDS: Mapping[str, Kind] = {
    **_RESIDUAL,
    **_GRID,
    **_CONTACTOR,
    **_PLUG,
    **_HOUSING,
    **_METER,
    **_BOARD,
    **_SITE,
}
