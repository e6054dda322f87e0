"""Phoenix Contact charge controllers without a watchdog: EM-CP-PP-ETH, EV-CC-AC1-M3-ETH, -SER.

From the manuals 104924 and 106377 and public drivers. Assumptions: firmware 1.x of the AC1-M3-ETH
is the stock one with a limit in whole amperes, others count tenths; a restart of the -SER puts the
limit back to 13 A; a -SER whose enable mode is not 3 is enabled by its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from laddvakt_sim.firmware.library.model import Model, Serial
from laddvakt_sim.firmware.library.physics import CHARGEPOINT
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_EM_CP_PP = table(
    """
    input   0064 u16   1 iec61851_state
    input   0065 u16   1 pp_capacity
    input   0066 u32   1 charge_time
    input   0068 u16   1 dip_switches
    input   0069 str2  1 firmware
    input   006B u16   1 errors
    input   006C s32   0.01 voltage_l1
    input   006E s32   0.01 voltage_l2
    input   0070 s32   0.01 voltage_l3
    input   0072 s32   0.001 current_l1
    input   0074 s32   0.001 current_l2
    input   0076 s32   0.001 current_l3
    input   0078 s32   10 power_total
    input   0080 u32   0.01 energy_import_total
    contact 00C8 bool  1 enable_input
    contact 00CC bool  1 charger_ready_output
    holding 012C u16   1 current_limit rw
    coil    0190 bool  1 enable rw
    """
)
_AC1_M3_ETH = table(
    """
    input   0064 u16   1 iec61851_state
    input   0066 u32   1 charge_time
    input   0068 u16   1 dip_switches
    input   0069 str2  1 firmware
    input   006B u16   1 errors
    input   006C s32   1 voltage_l1
    input   006E s32   1 voltage_l2
    input   0070 s32   1 voltage_l3
    input   0072 s32   1 current_l1
    input   0074 s32   1 current_l2
    input   0076 s32   1 current_l3
    input   0078 s32   1 power_total
    holding 0210 u16   0.1 current_limit rw
    holding 0210 u16   1 current_limit_raw
    holding 012C u16   0.1 current_offered
    holding 025E str16 1 card_uid
    holding 0388 u32   0.001 energy_import_total
    coil    0190 bool  1 enable rw
    coil    01A3 bool  1 rfid_enable rw
    coil    01B4 bool  1 charging_allowed
    coil    01D4 bool  1 pause rw
    """
)
_BASIC_SER = table(
    """
    input   5DC0 str1  1 iec61851_state
    input   5DC1 u16   1 pp_capacity
    input   5DC2 u16   1 pwm_duty
    input   5DC3 u16   1 current_signalled
    input   5DC4 u16   1 digital_inputs
    input   5DC5 u16   1 digital_outputs
    input   5DD9 u16   1 errors
    holding 0FA0 u16   1 enable_mode rw
    holding 0FA1 u16   1 availability_mode rw
    holding 0FA2 u16   1 lock_mode rw
    holding 0FA6 u16   1 contactor_monitor rw
    holding 0FAA u16   1 allow_state_d rw
    holding 0FAB u16   1 rcm_mode rw
    holding 55F0 u16   1 current_limit rw
    coil    4E20 bool  1 enable rw
    coil    4E21 bool  1 available rw
    coil    4E22 bool  1 lock rw
    coil    4E23 bool  1 rcm_test rw
    coil    5208 bool  1 restart w
    """
)

AFTER_RESTART_A = 13
_DUTY_PER_A = 1 / 0.6  # IEC 61851-1, up to 51 A


class Ethernet(Chargepoint):
    """The pilot is an ASCII letter, coil 400 enables."""

    def permitted(self) -> bool:
        """Coil 400."""
        return bool(self.settings["enable"])

    def special(self, quantity: str) -> Value | None:
        """States."""
        match quantity:
            case "iec61851_state":
                return ord(self.pilot)
            case "firmware":
                return self.firmware
            case "charger_ready_output" | "charging_allowed":
                return self.offered_a > 0
            case "current_offered":
                return self.offered_a
            case _:
                return None


class Ac1M3(Ethernet):
    """Register 528 counts amperes or tenths of them, as the firmware likes."""

    def step(self, point: Point) -> float:
        """What one count of the limit is worth."""
        stock = self.firmware.startswith("1.")
        return 1.0 if point.quantity == "current_limit" and stock else super().step(point)

    def special(self, quantity: str) -> Value | None:
        """The limit as it stands in its register."""
        if quantity == "current_limit_raw":
            return round(self.limit_a() / self.step(self.points["current_limit"]))
        return super().special(quantity)

    def permitted(self) -> bool:
        """Coil 400, and not paused."""
        return super().permitted() and not self.settings["pause"]


class BasicSer(Chargepoint):
    """What coils do depends on mode registers."""

    def permitted(self) -> bool:
        """Coil 20000, when the mode lets it."""
        by_coil = self.number("enable_mode") == 3
        return self._available() and (bool(self.settings["enable"]) or not by_coil)

    def accept(self, point: Point, value: Value) -> None:
        """A restart forgets the limit."""
        if point.quantity == "restart":
            if value:
                self.settings["current_limit"] = AFTER_RESTART_A
            return
        super().accept(point, value)

    def special(self, quantity: str) -> Value | None:
        """States."""
        match quantity:
            case "iec61851_state":
                return self._state()
            case "current_signalled":
                return self.offered_a
            case "pwm_duty":
                return self.offered_a * _DUTY_PER_A
            case _:
                return None

    def _available(self) -> bool:
        return bool(self.settings["available"]) or self.number("availability_mode") != 2

    def _state(self) -> str:
        if not self._available() or self.pilot == "F":
            return "F0"
        if self.pilot == "E":
            return "E0"
        return f"{self.pilot}{2 if self.offered_a else 1}"


_ETHERNET = {"dip_switches": 0x0155, "errors": 0, "current_limit": 18, "enable": True}

MODELS = (
    Model(
        id="phoenix-em-cp-pp-eth",
        kind="board",
        vendor="Phoenix Contact",
        name="EM-CP-PP-ETH",
        points=_EM_CP_PP,
        tcp=True,
        unit=180,
        order="little",
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 0), (6, 80))},
        settings={**_ETHERNET, "pp_capacity": 32, "enable_input": True},
        firmware="1.21",
        build=Ethernet,
    ),
    Model(
        id="phoenix-ev-cc-ac1-m3-eth",
        kind="board",
        vendor="Phoenix Contact",
        name="EV-CC-AC1-M3-CBC-RCM-ETH",
        points=_AC1_M3_ETH,
        tcp=True,
        unit=255,
        order="little",
        physics=CHARGEPOINT,
        ranges={"current_limit": ((0, 0), (6, 80))},
        settings={
            **_ETHERNET,
            "card_uid": "04B1C2D3E4F5A6",
            "rfid_enable": False,
            "pause": False,
        },
        firmware="2.04",
        build=Ac1M3,
    ),
    Model(
        id="phoenix-ev-cc-basic-ser",
        kind="board",
        vendor="Phoenix Contact",
        name="EV-CC-AC1-M3-CBC-SER",
        points=_BASIC_SER,
        serial=Serial(baud=9600, format="8N1", sure=False),
        physics=CHARGEPOINT,
        ranges={"current_limit": ((6, 63),)},
        settings={
            "pp_capacity": 32,
            "digital_inputs": 0x0005,
            "digital_outputs": 0x0002,
            "errors": 0,
            "enable_mode": 3,
            "availability_mode": 2,
            "lock_mode": 1,
            "contactor_monitor": 4,
            "allow_state_d": 0,
            "rcm_mode": 6,
            "current_limit": 17,
            "enable": True,
            "available": True,
            "lock": False,
            "rcm_test": False,
        },
        build=BasicSer,
    ),
)
