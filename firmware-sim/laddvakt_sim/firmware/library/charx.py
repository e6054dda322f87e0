"""Phoenix Contact CHARX SEC, charging point 1, with a vehicle but without a plant.

From a public driver and its register lists. Assumption: on expiry register 1301 takes the value
of 1306 and keeps it until it is written again; requests for the point feed, others do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    holding 0072 u16   1 controllers
    holding 0094 u16   1 group_status_ef
    holding 0098 u32   0.001 group_power
    holding 00A7 u16   1 group_max_current rw
    holding 0458 u16   1 meter_type
    holding 04D0 s32   0.001 voltage_l1
    holding 04D2 s32   0.001 voltage_l2
    holding 04D4 s32   0.001 voltage_l3
    holding 04D6 s32   0.001 current_l1
    holding 04D8 s32   0.001 current_l2
    holding 04DA s32   0.001 current_l3
    holding 04DC s32   0.001 power_total
    holding 04E2 s64   0.001 energy_import_total
    holding 04F1 str10 1 evcc_id
    holding 04FB str10 1 rfid
    holding 0505 u32   1 connection_time
    holding 0507 u32   1 charge_time
    holding 0509 s64   0.001 energy_session
    holding 050D u32   1 errors
    holding 0511 u16   1 pwm_setpoint
    holding 0512 u16   1 cable_limit
    holding 0513 str1  1 iec61851_state
    holding 0514 u16   1 release rw
    holding 0515 u16   1 current_limit rw
    holding 0517 u16   1 lock rw
    holding 0518 u16   1 availability_f rw
    holding 051A u16   1 watchdog_current rw
    holding 051B u16   1 watchdog_timer rw
    holding 0519 u16   1 force_unlock w
    holding 051C u16   1 reset_rfid w
    """
)

WATCHDOG_OFF = 65535


class Charx(Chargepoint):
    """The watchdog lowers the limit to 1306."""

    def timeout_s(self) -> float | None:
        """Register 1307."""
        timer_s = self.number("watchdog_timer")
        return None if timer_s in (0, WATCHDOG_OFF) else timer_s

    def feeds(self, fc: int, point: Point | None) -> bool:
        """Any access to the point."""
        del fc
        return point is not None and 1000 <= point.addr < 2000

    def expire(self) -> None:
        """Fall to 1306."""
        self.settings["current_limit"] = self.number("watchdog_current")

    def permitted(self) -> bool:
        """Released, and not set to F."""
        return self.number("release") == 1 and not self.number("availability_f")

    def special(self, quantity: str) -> Value | None:
        """State and set-point."""
        match quantity:
            case "iec61851_state":
                return self._state()
            case "pwm_setpoint":
                return self.offered_a
            case "group_power":
                return self.measured("power_total")
            case _:
                return None

    def _state(self) -> str:
        if self.number("availability_f"):
            return "F0"
        if self.pilot in ("E", "F"):
            return f"{self.pilot}0"
        return f"{self.pilot}{2 if self.offered_a else 1}"


MODELS = (
    Model(
        id="phoenix-charx-sec",
        kind="board",
        vendor="Phoenix Contact",
        name="CHARX SEC-3xxx/SEC-1000",
        points=_POINTS,
        tcp=True,
        unit=255,
        manners=Manners(alike=True, spans=(Span(fc=3, first=1232, last=1308),)),
        update_s=0.5,
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 0), (6, 80))},
        settings={
            "controllers": 1,
            "group_status_ef": 0,
            "group_max_current": 63,
            "meter_type": 4,
            "evcc_id": "48B02D3E7A11",
            "rfid": "04A1B2C3D4E5F6",
            "errors": 0,
            "cable_limit": 32,
            "release": 1,
            "current_limit": 17,
            "lock": 1,
            "availability_f": 0,
            "watchdog_current": 16,
            "watchdog_timer": WATCHDOG_OFF,
        },
        guard=Guard(fed_by="any_request", on_expiry="less_current", default_s=None),
        build=Charx,
    ),
)
