"""KEBA KeContact P30 and P40: one value per request, and not too often.

From the vendor's Modbus TCP guides. Assumptions: a request that comes too early gets no reply;
after an expiry the limit stays at the failsafe current until it is written again; with the
failsafe off the station takes 30 s of silence for a lost master and goes on at its highest
current; energies in 0.1 Wh (P40 from 1.2.1 on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Value

_POINTS = table(
    """
    holding 03E8 u32   1 charging_state
    holding 03EC u32   1 cable_state
    holding 03EE u32   1 errors
    holding 03F0 u32   0.001 current_l1
    holding 03F2 u32   0.001 current_l2
    holding 03F4 u32   0.001 current_l3
    holding 03F6 u32   1 serial
    holding 03F8 u32   1 product
    holding 03FA u32   1 firmware
    holding 03FC u32   0.001 power_total
    holding 040C u32   0.0001 energy_import_total
    holding 0410 u32   1 voltage_l1
    holding 0412 u32   1 voltage_l2
    holding 0414 u32   1 voltage_l3
    holding 0416 u32   0.1 pf_total
    holding 044C u32   0.001 current_max
    holding 0456 u32   0.001 current_hw_max
    holding 05DC u32   1 rfid
    holding 05DE u32   0.0001 energy_session
    holding 060E u32   1 phase_switch_source
    holding 0610 u32   1 phase_switch_state
    holding 0640 u32   0.001 failsafe_current
    holding 0642 u32   1 failsafe_timeout
    holding 138C u16   0.001 current_limit w
    holding 1392 u16   10 energy_limit w
    holding 1394 u16   1 unlock w
    holding 1396 u16   1 enable w
    holding 1398 u16   0.001 failsafe_current_set w
    holding 139A u16   1 failsafe_timeout_set w
    holding 139C u16   1 failsafe_persist w
    holding 13BA u16   1 phase_switch_source_set w
    holding 13BC u16   1 phase_switch w
    """
)

SILENCE_S = 30.0


class Keba(Chargepoint):
    """The failsafe falls back to 5016, or goes on at full current when it is off."""

    def timeout_s(self) -> float | None:
        """The failsafe's, or how long a lost master goes unnoticed."""
        return self.number("failsafe_timeout_set") or SILENCE_S

    def expire(self) -> None:
        """Less current with the failsafe on, more with it off."""
        guarded = self.number("failsafe_timeout_set") > 0
        fallback = "failsafe_current_set" if guarded else "current_hw_max"
        self.settings["current_limit"] = self.number(fallback)

    def permitted(self) -> bool:
        """Register 5014."""
        return self.number("enable") != 0

    def special(self, quantity: str) -> Value | None:
        """States, and the read side of what is written elsewhere."""
        match quantity:
            case "charging_state":
                return self._state()
            case "cable_state":
                return 1 if self.pilot == "A" else 7
            case "current_max":
                return self.limit_a()
            case "failsafe_current" | "failsafe_timeout":
                return self.number(f"{quantity}_set")
            case _:
                return None

    def _state(self) -> int:
        if self.pilot in ("E", "F"):
            return 4
        if self.pilot == "A":
            return 2
        if not self.offered_a:
            return 5
        return 3 if self.pilot in ("C", "D") else 1


MODELS = (
    Model(
        id="keba-p30-p40",
        kind="board",
        vendor="KEBA",
        name="KeContact P30/P40",
        points=_POINTS,
        tcp=True,
        unit=255,
        manners=Manners(
            max_read=2,
            one_value=True,
            reads=frozenset({3}),
            writes=frozenset({6}),
            read_pause_s=0.5,
            write_pause_s=5.0,
        ),
        physics=CHARGEPOINT,
        told_in={"pf": 100.0},
        ranges={"current_limit": ((0, 0), (6, 63))},
        settings={
            "current_limit": 16.0,
            "current_hw_max": 32.0,
            "enable": 1,
            "errors": 0,
            "serial": 17_619_300,
            "product": 3_121_400,
            "firmware": 30_110_100,
            "rfid": 0x04A2B3C4,
            "failsafe_current_set": 8.0,
            "failsafe_timeout_set": 0,
            "phase_switch_source": 3,
            "phase_switch_state": 1,
        },
        guard=Guard(fed_by="any_request", on_expiry="more_current", default_s=None),
        build=Keba,
    ),
)
