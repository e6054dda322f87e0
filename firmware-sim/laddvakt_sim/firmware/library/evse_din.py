"""SimpleEVSE-WB, EVSE DIN, EVSE W16: no watchdog, writes by FC 16 alone.

From the vendor's register list and two public drivers. Assumption: a firmware below 17 ignores
bit 7 of register 2005.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    holding 03E8 u16   0.01 current_limit rw
    holding 03E9 u16   1 current_actual
    holding 03EA u16   1 iec61851_state
    holding 03EB u16   1 cable_limit
    holding 03EC u16   1 control rw
    holding 03ED u16   1 firmware
    holding 03EE u16   1 evse_state
    holding 03EF u16   1 faults
    holding 07D0 u16   1 current_after_boot rw
    holding 07D1 u16   1 modbus_mode rw
    holding 07D2 u16   1 current_min rw
    holding 07D5 u16   1 config rw
    holding 07D6 u16   1 current_sharing rw
    holding 07D7 u16   1 pp_limit rw
    """
)

FINE_FIRMWARE = 17
_FINE_BIT = 1 << 7
_OFF_BIT = 1 << 0
_DISABLE_BIT = 1 << 14
_STATES = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 5}


class EvseDin(Chargepoint):
    """Register 1000 in whole amperes, or in hundredths from firmware 17 on when 2005.7 is set."""

    def start(self) -> None:
        """Its firmware is a number."""
        super().start()
        int(self.firmware)

    def step(self, point: Point) -> float:
        """What one count of register 1000 is worth now."""
        if point.quantity != "current_limit":
            return super().step(point)
        new = int(self.firmware) >= FINE_FIRMWARE
        return 0.01 if new and int(self.number("config")) & _FINE_BIT else 1.0

    def permitted(self) -> bool:
        """Switched off in 1004, or disabled in 2005."""
        off = int(self.number("control")) & _OFF_BIT
        return not (off or int(self.number("config")) & _DISABLE_BIT)

    def special(self, quantity: str) -> Value | None:
        """States."""
        match quantity:
            case "iec61851_state":
                return _STATES[self.pilot]
            case "current_actual":
                return int(self.offered_a)
            case "firmware":
                return int(self.firmware)
            case "evse_state":
                return 2 if self.offered_a else 3
            case "faults":
                closed = self.pilot in ("C", "D") and self.offered_a > 0
                return int(self.number("fault_bits")) | int(closed)
            case _:
                return None


MODELS = (
    Model(
        id="simpleevse-wb-din",
        kind="board",
        vendor="EVracing / SimpleEVSE",
        name="SimpleEVSE-WB, EVSE DIN, EVSE W16",
        points=_POINTS,
        serial=Serial(baud=9600, format="8N1"),
        manners=Manners(
            spans=(Span(fc=3, first=1000, last=1006), Span(fc=3, first=2000, last=2017)),
            barriers=frozenset({1007}),
            reads=frozenset({3}),
            writes=frozenset({16}),
        ),
        turnaround_s=0.008,
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 80),)},
        settings={
            "current_limit": 14,
            "cable_limit": 32,
            "control": 0,
            "fault_bits": 0,
            "current_after_boot": 7,
            "modbus_mode": 1,
            "current_min": 6,
            "config": 1 << 5 | 1 << 9,
            "current_sharing": 0,
            "pp_limit": 20,
        },
        firmware="18",
        build=EvseDin,
    ),
)
