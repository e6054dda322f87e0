"""ABB Terra AC and Etrel INCH: a limit that can be written but not read.

From public drivers. Assumptions: the Terra's timeout is 60 s as delivered, any request feeds it,
and after an expiry it stays stopped until a limit is written; the bits of its state register
beside the state are not 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Guard, Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_TERRA = table(
    """
    holding 4000 raw4  1 serial
    holding 4004 u32   1 firmware
    holding 4006 u32   0.001 current_hw_max
    holding 4008 u32   1 errors
    holding 400A u32   1 socket_lock
    holding 400C u32   1 iec61851_state
    holding 400E u32   0.001 current_limit_actual
    holding 4010 u32   0.001 current_l1
    holding 4012 u32   0.001 current_l2
    holding 4014 u32   0.001 current_l3
    holding 4016 u32   0.1 voltage_l1
    holding 4018 u32   0.1 voltage_l2
    holding 401A u32   0.1 voltage_l3
    holding 401C u32   1 power_total
    holding 401E u32   0.001 energy_session
    holding 4020 u16   1 comm_timeout
    holding 4100 u32   0.001 current_limit w
    holding 4103 u16   1 socket_unlock w
    holding 4105 u16   1 session_start_stop w
    holding 4106 u16   1 comm_timeout_set w
    """
)
_INCH = table(
    """
    input   0000 u16   1 iec61851_state
    input   0004 f32   1 current_target
    input   000E f32   1 current_l1
    input   0010 f32   1 current_l2
    input   0012 f32   1 current_l3
    input   001A f32   1000 power_total
    input   03DE str10 1 serial
    input   03E8 str10 1 model
    input   03F2 str5  1 hw_version
    input   03F7 str5  1 sw_version
    holding 0008 f32   1 current_limit w
    """
)

_STOPPED = 5
_TERRA_STATES = {"B": 1, "C": 3, "D": 3}
_BESIDE_STATE = 0x8003  # bits 8 to 14 are the state
_INCH_STATES = {"A": 2, "B": 3, "E": 8, "F": 8}


class TerraAc(Chargepoint):
    """A master that stays away stops the charge."""

    def start(self) -> None:
        """Not stopped."""
        super().start()
        self.stopped = False

    def timeout_s(self) -> float | None:
        """Register 0x4106."""
        return self.number("comm_timeout_set") or None

    def expire(self) -> None:
        """Stop."""
        self.stopped = True

    def permitted(self) -> bool:
        """Neither stopped by a lost master nor by a command."""
        return not self.stopped and self.number("session_start_stop") == 0

    def accept(self, point: Point, value: Value) -> None:
        """A limit starts again."""
        super().accept(point, value)
        if point.quantity == "current_limit":
            self.stopped = False

    def special(self, quantity: str) -> Value | None:
        """States, and the read side of what is written elsewhere."""
        match quantity:
            case "iec61851_state":
                return self._state()
            case "socket_lock":
                return 0x0001 if self.pilot == "A" else 0x0111
            case "current_limit_actual":
                return self.limit_a()
            case "comm_timeout":
                return self.settings["comm_timeout_set"]
            case _:
                return None

    def raw(self, point: Point) -> list[int]:
        """The state stands among other bits."""
        words = super().raw(point)
        if point.quantity == "iec61851_state":
            return [words[0], words[1] << 8 | _BESIDE_STATE]
        return words

    def _state(self) -> int:
        if not self.permitted():
            return _STOPPED
        ready = _TERRA_STATES.get(self.pilot, 0)
        return ready + int(ready > 0 and self.offered_a > 0)


class Inch(Chargepoint):
    """Nothing guards it; the target current is what was written."""

    def special(self, quantity: str) -> Value | None:
        """State and target."""
        match quantity:
            case "iec61851_state":
                charging = self.pilot in ("C", "D")
                return _INCH_STATES.get(self.pilot, 4 if charging and self.offered_a else 6)
            case "current_target":
                return self.limit_a()
            case _:
                return None


MODELS = (
    Model(
        id="abb-terra-ac",
        kind="board",
        vendor="ABB",
        name="Terra AC",
        points=_TERRA,
        serial=Serial(baud=9600, format="8N1"),
        tcp=True,
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 0), (6, 32))},
        settings={
            "serial": "5441433344310117",
            "firmware": 0x01060021,
            "current_hw_max": 32.0,
            "errors": 0,
            "current_limit": 17.0,
            "socket_unlock": 0,
            "session_start_stop": 0,
            "comm_timeout_set": 60,
        },
        guard=Guard(fed_by="any_request", on_expiry="stop", default_s=60.0),
        build=TerraAc,
    ),
    Model(
        id="etrel-inch",
        kind="board",
        vendor="Etrel",
        name="INCH",
        points=_INCH,
        tcp=True,
        manners=Manners(spans=(Span(fc=4, first=0, last=47), Span(fc=4, first=990, last=1029))),
        physics=CHARGEPOINT,
        settings={
            "current_limit": 18.0,
            "serial": "ETR0012345",
            "model": "G-HCP2AE2",
            "hw_version": "1.4",
            "sw_version": "2.10",
        },
        build=Inch,
    ),
)
