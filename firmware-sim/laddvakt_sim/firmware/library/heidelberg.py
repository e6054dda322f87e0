"""Heidelberg Energy Control: a watchdog on every request, and a standby that falls silent.

From the vendor's register table. Assumptions: standby begins after twelve minutes without a
vehicle; a vehicle wakes the box, which has then forgotten what was written; the limit holds again
with the first request after an expiry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table
from laddvakt_sim.firmware.slave import Silence

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Value

_POINTS = table(
    """
    input   0004 u16   1 layout_version
    input   0005 u16   1 iec61851_state
    input   0006 u16   0.1 current_l1
    input   0007 u16   0.1 current_l2
    input   0008 u16   0.1 current_l3
    input   0009 s16   0.1 temperature
    input   000A u16   1 voltage_l1
    input   000B u16   1 voltage_l2
    input   000C u16   1 voltage_l3
    input   000D u16   1 extern_lock
    input   000E u16   1 apparent_power_total
    input   000F u32   0.001 energy_since_power_on
    input   0011 u32   0.001 energy_import_total
    input   0064 u16   1 current_hw_max
    input   0065 u16   1 current_hw_min
    holding 0101 u16   1 watchdog_timeout rw
    holding 0102 u16   1 standby_control w
    holding 0103 u16   1 remote_lock rw
    holding 0105 u16   0.1 current_limit rw
    holding 0106 u16   0.1 failsafe_current rw
    """
)

STANDBY_S = 720.0
_FIRST_STATE = {"A": 2, "B": 4, "C": 6, "D": 6}
_E, _F = 9, 10
_VOLATILE = {"current_limit": 16.0, "failsafe_current": 0.0, "watchdog_timeout": 15000}


class EnergyControl(Chargepoint):
    """On expiry register 262, or state F when that is 0."""

    def start(self) -> None:
        """Awake."""
        super().start()
        self.asleep = False
        self._busy_s = self.now_s

    def timeout_s(self) -> float | None:
        """Register 257."""
        return self.number("watchdog_timeout") / 1000 or None

    def limit_a(self) -> float:
        """Register 261, or 262 without a master."""
        return self.number("failsafe_current" if self.expired else "current_limit")

    def permitted(self) -> bool:
        """Neither locked from afar nor by its input."""
        return self.number("remote_lock") == 1 and self.number("extern_lock") == 1

    def settle(self) -> None:
        """A vehicle wakes the box."""
        super().settle()
        if self.pilot != "A":
            if self.asleep:
                self.settings.update(_VOLATILE)
            self.asleep = False
            self._busy_s = self.now_s

    def due_s(self) -> float | None:
        """The watchdog, or standby."""
        may_sleep = self.pilot == "A" and not self.asleep and not self.number("standby_control")
        times = [super().due_s(), self._busy_s + STANDBY_S if may_sleep else None]
        return min((time_s for time_s in times if time_s is not None), default=None)

    def fire(self) -> None:
        """Fall asleep, or let the watchdog expire."""
        watchdog_s = super().due_s()
        if watchdog_s is not None and watchdog_s <= self.now_s:
            super().fire()
        else:
            self.asleep = True

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """Nothing while asleep."""
        if self.asleep:
            raise Silence
        return super().read_registers(fc, addr, count)

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """Nothing while asleep."""
        if self.asleep:
            raise Silence
        super().write_registers(fc, addr, values)

    def special(self, quantity: str) -> Value | None:
        """The state; energy is apparent energy here."""
        match quantity:
            case "iec61851_state":
                return self._state()
            case "energy_import_total":
                return self.measured("apparent_energy_total")
            case "energy_since_power_on":
                return self.measured("energy_session")
            case _:
                return None

    def _state(self) -> int:
        if self.pilot == "F" or (self.expired and not self.number("failsafe_current")):
            return _F
        if self.pilot == "E":
            return _E
        allows = self.permitted() and self.limit_a() >= 6
        return _FIRST_STATE[self.pilot] + int(allows)


MODELS = (
    Model(
        id="heidelberg-energy-control",
        kind="board",
        vendor="Heidelberg / Amperfied",
        name="Energy Control",
        points=_POINTS,
        serial=Serial(baud=19200, format="8E1"),
        manners=Manners(
            spans=tuple(
                Span(fc=4, first=first, last=last)
                for first, last in ((4, 18), (100, 133), (300, 318), (500, 819))
            )
        ),
        physics=CHARGEPOINT,
        ranges={
            "current_limit": ((0, 0), (6, 16)),
            "failsafe_current": ((0, 0), (6, 16)),
        },
        settings={
            **_VOLATILE,
            "layout_version": 0x0108,
            "extern_lock": 1,
            "current_hw_max": 16,
            "current_hw_min": 6,
            "standby_control": 0,
            "remote_lock": 1,
        },
        guard=Guard(fed_by="any_request", on_expiry="stop", default_s=15.0),
        build=EnergyControl,
    ),
)
