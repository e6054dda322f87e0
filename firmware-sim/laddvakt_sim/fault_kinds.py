"""The names of everything that can be injected, with their parameters."""

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
    Value,
    seconds,
)
from laddvakt_sim.plant_kinds import PLANT_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONNECTORS",
    "DEVICES",
    "KINDS",
    "LINES",
    "RTU_LINES",
    "Choice",
    "Flag",
    "Indices",
    "Kind",
    "Number",
    "Parameter",
    "Target",
    "Value",
]

CONNECTORS = ("1", "2")
RTU_LINES = ("line1", "line2")
LINES = (*RTU_LINES, "tcp1")
DEVICES = ("evse1", "meter1", "relay1", "rcm1", "charx1")

_LINE = Choice(values=LINES, default=None, required=True)
_RTU_LINE = Choice(values=RTU_LINES, default=None, required=True)
_BITS = Number(least=1, most=0xFFFFFFFF, default=1 << 7, whole=True)

KINDS: Mapping[str, Kind] = {
    "contactor_welded": Kind(
        about="main contacts stay closed once closed; `shut`: they close now by themselves",
        parameters={"shut": Flag(default=False), "poles": Indices(most=4)},
    ),
    "contactor_did_not_close": Kind(about="coil broken"),
    "contactor_opened_alone": Kind(about="contacts fall open under an energised coil"),
    "over_current": Kind(
        about="vehicle draws more than offered",
        parameters={
            "factor": Number(least=1, most=5, default=1.25),
            "amps": Number(least=0, most=200, default=None),
        },
    ),
    "over_current_gross": Kind(
        about="vehicle draws far more than offered, at once",
        parameters={
            "factor": Number(least=1, most=5, default=2.0),
            "amps": Number(least=0, most=200, default=None),
        },
    ),
    "phase_lost": Kind(
        about="one phase without voltage",
        target=Target.GRID,
        parameters={
            "phase": Number(least=1, most=3, default=2, whole=True),
            "seconds": seconds(),
        },
    ),
    "power_lost": Kind(
        about="no voltage at all, contactor drops; `devices`: bus devices die too",
        target=Target.GRID,
        parameters={"devices": Flag(default=False), "seconds": seconds()},
    ),
    "pilot_fault": Kind(
        about="pilot in E, F or outside every band; `every_s`: again and again for `for_s`",
        parameters={
            "state": Choice(values=("E", "F", "invalid"), default="E"),
            "every_s": Number(least=0.1, most=1e6, default=None),
            "for_s": Number(least=0.01, most=1e6, default=0.2),
        },
    ),
    "vehicle_keeps_drawing": Kind(about="vehicle ignores PWM off"),
    "meter_lost": Kind(about="meter silent (connector 2: its whole device, they are one)"),
    "meter_frozen": Kind(about="meter answers, registers stand still"),
    "device_lost": Kind(
        about="one device silent",
        target=Target.ELSEWHERE,
        parameters={"device": Choice(values=DEVICES, default=None, required=True)},
    ),
    "bus_down": Kind(
        about="every device on a line silent", target=Target.ELSEWHERE, parameters={"line": _LINE}
    ),
    "emergency_stop": Kind(about="emergency-stop loop open", target=Target.ELSEWHERE),
    "board_error": Kind(about="error bits set at the board", parameters={"bits": _BITS}),
    "limit_not_obeyed": Kind(
        about="board stays at `amps` when less is written; `off`: even when 0 is written",
        parameters={
            "amps": Number(least=6, most=80, default=32, whole=True),
            "off": Flag(default=False),
        },
    ),
    "unguarded_board": Kind(
        about="connector 1: flash-on holds for ever; 2: watchdog registers take no value"
    ),
    "adapter_gone": Kind(
        about="the port vanishes; cleared: a new one under the same name",
        target=Target.ELSEWHERE,
        parameters={"line": _LINE},
    ),
    "late_reply": Kind(
        about="reply comes `delay_ms` after the request; `once` or every time",
        target=Target.ELSEWHERE,
        parameters={
            "line": _LINE,
            "unit": Number(least=1, most=255, default=None, whole=True, required=True),
            "delay_ms": Number(least=1, most=60_000, default=400),
            "once": Flag(default=True),
        },
    ),
    "crc_errors": Kind(
        about="this share of the replies comes damaged",
        target=Target.ELSEWHERE,
        parameters={
            "line": _RTU_LINE,
            "rate": Number(least=0, most=1, default=0.1),
            "seed": Number(least=0, most=2**31, default=1, whole=True),
        },
    ),
    **PLANT_KINDS,
    "meter_drift": Kind(
        about="energy register counts this many times what flows",
        parameters={"factor": Number(least=0, most=10, default=1.05)},
    ),
}
