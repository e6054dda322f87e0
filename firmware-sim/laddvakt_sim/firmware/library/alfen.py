"""Alfen NG9xx: a written limit is good for a while only.

From public drivers. Unit 200 has the station's own values, every other unit a socket's.
Assumptions: the validity is 60 s; undefined registers of a block read as NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    holding 012C u16   1 meter_state
    holding 012D u64   1 meter_age
    holding 0131 u16   1 meter_type
    holding 0132 f32   1 voltage_l1
    holding 0134 f32   1 voltage_l2
    holding 0136 f32   1 voltage_l3
    holding 0140 f32   1 current_l1
    holding 0142 f32   1 current_l2
    holding 0144 f32   1 current_l3
    holding 0148 f32   1 pf_l1
    holding 014A f32   1 pf_l2
    holding 014C f32   1 pf_l3
    holding 014E f32   1 pf_total
    holding 0150 f32   1 frequency
    holding 0152 f32   1 power_l1
    holding 0154 f32   1 power_l2
    holding 0156 f32   1 power_l3
    holding 0158 f32   1 power_total
    holding 0176 f64   0.001 energy_import_total
    holding 04B0 u16   1 availability
    holding 04B1 str5  1 iec61851_state
    holding 04B6 f32   1 current_limit_actual
    holding 04B8 u32   1 limit_valid_time
    holding 04BA f32   1 current_limit rw
    holding 04BC f32   1 safe_current
    holding 04BE u16   1 setpoint_accounted
    holding 04BF u16   1 phases rw
    holding 044C f32   1 station_current_limit
    holding 044E f32   1 station_temperature
    """
)

STATION_UNIT = 200


class Ng9xx(Chargepoint):
    """Without a new limit in time the safe current holds."""

    @staticmethod
    def layout(model: Model, unit: int, firmware: str) -> tuple[Point, ...]:
        """A socket's points, or the station's."""
        del firmware
        station = unit == STATION_UNIT
        return tuple(p for p in model.points if p.quantity.startswith("station_") == station)

    def timeout_s(self) -> float | None:
        """The validity set in the station."""
        return self.number("validity_s")

    def limit_a(self) -> float:
        """The limit while it is good, then the safe current."""
        return self.number("safe_current" if self.expired else "current_limit")

    def special(self, quantity: str) -> Value | None:
        """State, limit in force, and how long it is good."""
        left_s = 0.0 if self.expired else self.fed_s + self.number("validity_s") - self.now_s
        shown: dict[str, Value] = {
            "iec61851_state": self._state(),
            "current_limit_actual": self.limit_a(),
            "limit_valid_time": math.ceil(left_s),
            "setpoint_accounted": int(not self.expired),
        }
        return shown.get(quantity)

    def _state(self) -> str:
        if self.pilot in ("A", "E", "F"):
            return self.pilot
        return f"{self.pilot}{2 if self.offered_a else 1}"


MODELS = (
    Model(
        id="alfen-ng910",
        kind="board",
        vendor="Alfen",
        name="NG9xx",
        points=_POINTS,
        tcp=True,
        manners=Manners(
            spans=(
                Span(fc=3, first=300, last=424, filler=0xFFFF),
                Span(fc=3, first=1200, last=1215, filler=0xFFFF),
            )
        ),
        physics=CHARGEPOINT,
        absent={"f32": (0x7FC0, 0), "f64": (0x7FF8, 0, 0, 0)},
        settings={
            "meter_state": 3,
            "meter_age": 240,
            "meter_type": 1,
            "availability": 1,
            "current_limit": 16.0,
            "safe_current": 7.0,
            "validity_s": 60,
            "phases": 3,
            "station_current_limit": 63.0,
            "station_temperature": 31.5,
        },
        guard=Guard(fed_by="limit_write", on_expiry="less_current", default_s=60.0),
        build=Ng9xx,
    ),
)
