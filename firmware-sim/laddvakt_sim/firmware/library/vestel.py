"""Vestel EVC04 and Webasto/Ampure Unite: one value per request, and a heartbeat.

From public drivers. Texts are UTF-16, one character per register. Assumption: the limit of 5004
holds again with the first heartbeat after an expiry; 1100 shows the limit in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    input   0064 str25lo 1 serial
    input   0082 str50lo 1 chargepoint_id
    input   00BE str10lo 1 brand
    input   00D2 str5lo  1 model
    input   00E6 str50lo 1 firmware
    input   0194 u16   1 phases
    holding 0195 u16   1 phase_switch rw
    input   03E8 u16   1 chargepoint_state
    input   03E9 u16   1 charging_state
    input   03EA u16   1 equipment_state
    input   03EC u16   1 cable_state
    input   03EE u32   1 fault_code
    input   03F0 u16   0.001 current_l1
    input   03F2 u16   0.001 current_l2
    input   03F4 u16   0.001 current_l3
    input   03F6 u16   1 voltage_l1
    input   03F8 u16   1 voltage_l2
    input   03FA u16   1 voltage_l3
    input   03FC u32   1 power_total
    input   0400 u32   1 power_l1
    input   0404 u32   1 power_l2
    input   0408 u32   1 power_l3
    input   040C u32   0.1 energy_import_total
    input   044C u16   1 current_session_max
    input   044E u16   1 current_min
    input   0450 u16   1 current_max
    input   0452 u16   1 cable_limit
    input   05DE u32   0.001 energy_session
    input   05E4 u32   1 session_time
    holding 07D0 u16   1 failsafe_current rw
    holding 07D2 u16   1 failsafe_timeout rw
    holding 138C u16   1 current_limit rw
    holding 1770 u16   1 alive rw
    """
)

_AVAILABLE, _PREPARING, _CHARGING, _BY_STATION, _BY_VEHICLE, _FAULTED = 0, 1, 2, 3, 4, 8


class Evc04(Chargepoint):
    """Register 6000 must be written 1 again and again."""

    def start(self) -> None:
        """No heartbeat was written yet."""
        super().start()
        self._beaten = False

    def timeout_s(self) -> float | None:
        """Register 2002."""
        return self.number("failsafe_timeout") or None

    def feeds(self, fc: int, point: Point | None) -> bool:
        """The heartbeat alone."""
        return fc in (6, 16) and point is not None and point.quantity == "alive" and self._beaten

    def limit_a(self) -> float:
        """Register 5004, or 2000 without a heartbeat."""
        return self.number("failsafe_current" if self.expired else "current_limit")

    def accept(self, point: Point, value: Value) -> None:
        """The heartbeat register goes back to 0 by itself."""
        if point.quantity == "alive":
            self._beaten = int(value) == 1
        else:
            super().accept(point, value)

    def special(self, quantity: str) -> Value | None:
        """States."""
        plugged = self.pilot in ("B", "C", "D")
        shown: dict[str, Value] = {
            "firmware": self.firmware,
            "chargepoint_state": self._state(),
            "charging_state": int(self.pilot in ("C", "D") and self.offered_a > 0),
            "cable_state": 3 if plugged else 0,
            "current_session_max": self.limit_a(),
        }
        return shown.get(quantity)

    def _state(self) -> int:
        if self.pilot in ("E", "F"):
            return _FAULTED
        if self.pilot == "A":
            return _AVAILABLE
        if not self.offered_a:
            return _BY_STATION
        return _CHARGING if self.pilot in ("C", "D") else _BY_VEHICLE


MODELS = (
    Model(
        id="vestel-evc04",
        kind="board",
        vendor="Vestel",
        name="EVC04",
        points=_POINTS,
        tcp=True,
        unit=255,
        manners=Manners(one_value=True),
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 32),), "failsafe_current": ((0, 32),)},
        settings={
            "serial": "7100123456",
            "chargepoint_id": "SE*LAD*E0007",
            "brand": "Vestel",
            "model": "EVC04",
            "phases": 1,
            "phase_switch": 1,
            "equipment_state": 1,
            "fault_code": 0,
            "current_min": 6,
            "current_max": 32,
            "cable_limit": 20,
            "failsafe_current": 8,
            "failsafe_timeout": 20,
            "current_limit": 16,
            "alive": 0,
        },
        firmware="v3.187.0-1.0.156.0",
        guard=Guard(fed_by="heartbeat", on_expiry="less_current", default_s=20.0),
        build=Evc04,
    ),
)
