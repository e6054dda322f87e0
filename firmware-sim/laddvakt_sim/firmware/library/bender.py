"""Bender CC612/CC613 charge controllers: meanings that depend on the firmware, and glitches.

From public drivers and a published table. Assumptions: the energy manager's timeout is 60 s and
any request feeds it; on expiry register 1000 takes the value of 131 until it is written again;
one power read in 40 shows 0xFFFFFFFF, seeded by the unit; firmware below 5.22 has no totals,
voltages, model, greatest current and session values.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    holding 0064 str2  1 firmware
    holding 0068 u16   1 ocpp_status
    holding 006F u16   1 errors_hi
    holding 0070 u16   1 errors_lo
    holding 006F u32   1 errors  # both in one
    holding 0078 str2  1 protocol_version
    holding 007A u16   1 iec61851_state
    holding 007C u16   1 availability rw
    holding 0083 u16   1 safe_current rw
    holding 008C u16   1 relay_state
    holding 008E str10 1 model
    holding 00C8 u32   0.001 energy_import_l1
    holding 00CA u32   0.001 energy_import_l2
    holding 00CC u32   0.001 energy_import_l3
    holding 00CE u32   1 power_l1
    holding 00D0 u32   1 power_l2
    holding 00D2 u32   1 power_l3
    holding 00D4 u32   0.001 current_l1
    holding 00D6 u32   0.001 current_l2
    holding 00D8 u32   0.001 current_l3
    holding 00DA u32   0.001 energy_import_total
    holding 00DC u32   1 power_total
    holding 00DE u32   1 voltage_l1
    holding 00E0 u32   1 voltage_l2
    holding 00E2 u32   1 voltage_l3
    holding 02C2 u16   1 current_signalled
    holding 02C8 u16   1 current_min
    holding 02CB u16   1 current_max
    holding 02CC u32   0.001 energy_session
    holding 02CE u32   1 session_time
    holding 02D0 str10 1 user_id
    holding 03E8 u16   1 current_limit rw
    holding 03E9 u16   0.1 current_limit_fine rw
    holding 03EA u16   1 power_limit rw
    """
)

GLITCH_EVERY = 40
REVERSED_FROM = (5, 22)
_STATES = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 5}
_LATE = (
    *("energy_import_total", "power_total", "voltage_l1", "voltage_l2", "voltage_l3"),
    *("model", "current_max", "energy_session", "session_time"),
)


class Cc612(Chargepoint):
    """Register 124 says the opposite from firmware 5.22 on."""

    def start(self) -> None:
        """Seed the glitches."""
        super().start()
        self.glitches = True
        self._random = random.Random(self.unit)
        if not self._new():
            self.absent |= set(_LATE)

    def accept(self, point: Point, value: Value) -> None:
        """Availability is kept as what it means."""
        if point.quantity == "availability":
            self.settings["available"] = (int(value) == 1) == self._new()
        elif point.quantity == "current_limit_fine":
            self.settings["current_limit"] = float(value)
        else:
            super().accept(point, value)

    def expire(self) -> None:
        """Fall to the safe current."""
        self.settings["current_limit"] = self.number("safe_current")

    def permitted(self) -> bool:
        """Only an available station charges."""
        return bool(self.settings["available"])

    def special(self, quantity: str) -> Value | None:
        """States, and what has two registers."""
        charging = self.pilot in ("C", "D") and self.offered_a > 0
        shown: dict[str, Value] = {
            "firmware": self.firmware,
            "availability": int(bool(self.settings["available"]) == self._new()),
            "iec61851_state": _STATES[self.pilot],
            "ocpp_status": self._ocpp_status(),
            "errors": int(self.number("errors_hi")) << 16 | int(self.number("errors_lo")),
            "relay_state": int(charging),
            "current_signalled": self.offered_a,
            "current_limit_fine": self.number("current_limit"),
        }
        return shown.get(quantity)

    def raw(self, point: Point) -> list[int]:
        """Now and then a power reads as not available."""
        glitch = self.glitches and point.quantity.startswith("power_l")
        if glitch and self._random.randrange(GLITCH_EVERY) == 0:
            return [0xFFFF] * point.words
        return super().raw(point)

    def _new(self) -> bool:
        return tuple(int(part) for part in self.firmware.split(".")) >= REVERSED_FROM

    def _ocpp_status(self) -> int:
        if self.pilot in ("E", "F"):
            return 4
        if not self.settings["available"]:
            return 3
        if self.pilot == "A":
            return 0
        return 6 if self.pilot in ("C", "D") and self.offered_a else 7


MODELS = (
    Model(
        id="bender-cc612-cc613",
        kind="board",
        vendor="Bender / ebee",
        name="CC612/CC613/ICC",
        points=_POINTS,
        tcp=True,
        unit=255,
        manners=Manners(spans=(Span(fc=3, first=100, last=1002),)),
        physics=CHARGEPOINT,
        absent={"u32": (0xFFFF, 0xFFFF)},
        settings={
            "available": True,
            "errors_hi": 0x0004,
            "errors_lo": 0x0080,
            "protocol_version": "0.8",
            "safe_current": 9,
            "model": "CC612-2S0B",
            "current_min": 6,
            "current_max": 32,
            "user_id": "04D1E2F3A4B5",
            "current_limit": 15,
            "power_limit": 11_000,
        },
        firmware="5.22",
        guard=Guard(fed_by="any_request", on_expiry="less_current", default_s=60.0),
        build=Cc612,
    ),
)
