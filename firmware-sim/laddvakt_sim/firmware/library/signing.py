"""Meters that sign: Carlo Gavazzi EM580 and Iskra WM3M4C.

From public drivers. Keys, signatures and signed texts are fixed samples: nothing here is signed.
Assumptions: a session begins and ends at once; without a set time Iskra refuses to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.gavazzi import BLOCK, HEAD
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_EM580 = table(
    """
    input   0500 raw32 1 realtime_energy_block
    input   24FF u16   1 signature_type
    input   2600 raw46 1 public_key_der
    input   0800 raw93 1 signed_map
    input   5012 u16   1 device_state
    holding 7000 u16   1 ocmf_id_status rw
    holding 7001 u16   1 ocmf_id_level rw
    holding 7006 u16   1 ocmf_id_type rw
    holding 7007 str20 1 ocmf_id_data rw
    holding 701C str20 1 ocmf_charge_point_id rw
    holding 7031 s16   1 timezone_offset rw
    holding 7032 s64   1 utc_time rw
    holding 7036 u16   1 session_modality rw
    holding 6900 str126 1 tariff_text rw
    holding 7040 u16   1 ocmf_command w
    holding 7100 u16   1 ocmf_state rw
    holding 7102 u32   1 ocmf_transaction_id
    """
)
_WM3M4C = table(
    """
    input   0001 str8  1 model
    input   0009 str4  1 serial
    input   0069 t5    1 frequency
    input   006B t5    1 voltage_l1
    input   006D t5    1 voltage_l2
    input   006F t5    1 voltage_l3
    input   007E t6    1 current_l1
    input   0080 t6    1 current_l2
    input   0082 t6    1 current_l3
    input   008C t6    1 power_total
    input   008E t6    1 power_l1
    input   0090 t6    1 power_l2
    input   0092 t6    1 power_l3
    input   0094 t6    1 reactive_power_total
    input   0096 t6    1 reactive_power_l1
    input   0098 t6    1 reactive_power_l2
    input   009A t6    1 reactive_power_l3
    input   019E s16   1 energy_exp_counter1
    input   019F s16   1 energy_exp_counter2
    input   01A2 s32   ^energy_exp_counter1 energy_counter1
    input   01A4 s32   ^energy_exp_counter2 energy_counter2
    holding 1B58 u16   1 session_state
    holding 1B8C u16   1 signature_status
    holding 1B9F u16   1 time_sync_status rw
    holding 1B8D s16   1 utc_offset rw
    holding 1B8E u32   1 utc_time rw
    holding 1B90 u16   1 meta_length rw
    holding 1B91 u16   1 ocmf_length
    holding 1B92 u16   1 signature_length
    holding 1B93 u16   1 algorithm rw
    holding 1B96 u16   1 lcd_params rw
    holding 1B97 str4  1 lcd_text rw
    holding 1B9B str2  1 lcd_label rw
    holding 1BBC str256 1 meta rw
    holding 1DBC str512 1 ocmf_data
    holding 1FBC raw32 1 public_key
    holding 1FFC raw40 1 signature
    holding 1B8B u16   1 session_command w
    """
)

OCMF = 'OCMF|{"FV":"1.0","GI":"SIMULATED","PG":"T7","RD":[{"RV":1231.6}]}|{"SD":"3045"}'
_TIME_SET = 2
_WRONG_TIME, _WRONG_COMMAND, _WRONG_STATE, _SIGNED = 128, 130, 131, 15


def sample(registers: int, first: int) -> str:
    """Bytes nobody can mistake for others, as hex."""
    return bytes((first + 7 * n) % 256 for n in range(2 * registers)).hex()


class Em580(BenchDevice):
    """Start, end and abort of a session move its state."""

    def accept(self, point: Point, value: Value) -> None:
        """0x42 begins from state 0, 0x45 ends, 0x41 aborts."""
        if point.quantity == "ocmf_command":
            state = {0x42: 1, 0x45: 2, 0x41: 0}.get(int(value))
            wrong = int(value) == 0x42 and self.settings["ocmf_state"] != 0
            if state is None or wrong:
                raise Refusal(ExceptionCode.ILLEGAL_VALUE)
            self.settings["ocmf_state"] = state
        super().accept(point, value)


class Wm3m4c(BenchDevice):
    """Begin wants the time set and no session, end wants one that lost no power."""

    def accept(self, point: Point, value: Value) -> None:
        """0x4200 begins, 0x7200 ends; the signature's state tells how it went."""
        super().accept(point, value)
        if point.quantity == "session_command":
            self.settings["signature_status"] = self._session(int(value))

    def special(self, quantity: str) -> Value | None:
        """Counters in watt hours."""
        match quantity:
            case "energy_counter1":
                return self.measured("energy_import_total") * 1000
            case "energy_counter2":
                return self.measured("energy_export_total") * 1000
            case "ocmf_length":
                return len(str(self.settings["ocmf_data"]))
            case "meta_length":
                return len(str(self.settings["meta"]))
            case _:
                return None

    def _session(self, command: int) -> int:
        if command not in (0x4200, 0x7200):
            return _WRONG_COMMAND
        if self.settings["time_sync_status"] != _TIME_SET:
            return _WRONG_TIME
        begins = command == 0x4200
        if (self.settings["session_state"] == 0) != begins:
            return _WRONG_STATE
        self.settings["session_state"] = int(begins)
        return _SIGNED


MODELS = (
    Model(
        id="cg-em580-ocmf",
        kind="meter",
        vendor="Carlo Gavazzi",
        name="EM580 (OCMF)",
        points=HEAD + BLOCK + _EM580,
        serial=Serial(baud=115200, format="8N1", sure=False),
        order="little",
        manners=Manners(alike=True, spans=(Span(fc=4, first=0x0000, last=0x0051),)),
        turnaround_s=0.010,
        settings={
            "realtime_energy_block": sample(32, 3),
            "signature_type": 1,
            "public_key_der": sample(46, 48),
            "signed_map": sample(93, 101),
            "device_state": 0x0002,
            "ocmf_id_status": 1,
            "ocmf_id_level": 2,
            "ocmf_id_type": 4,
            "ocmf_id_data": "04A1B2C3D4E5F6",
            "ocmf_charge_point_id": "SE*LAD*E0001",
            "timezone_offset": 60,
            "utc_time": 1_795_341_600,
            "session_modality": 0,
            "tariff_text": "0.25 per kWh",
            "ocmf_state": 0,
            "ocmf_transaction_id": 4711,
        },
        build=Em580,
    ),
    Model(
        id="iskra-wm3m4c",
        kind="meter",
        vendor="Iskra",
        name="WM3M4/WM3M4C",
        points=_WM3M4C,
        serial=Serial(baud=115200, format="8N1", sure=False),
        unit=33,
        settings={
            "model": "WM3M4C",
            "serial": "45000123",
            "energy_exp_counter1": -1,
            "energy_exp_counter2": 0,
            "session_state": 0,
            "signature_status": 1,
            "time_sync_status": 0,
            "utc_offset": 120,
            "utc_time": 1_795_345_200,
            "signature_length": 71,
            "algorithm": 2,
            "lcd_params": 5,
            "lcd_text": "LADD",
            "lcd_label": "kWh",
            "meta_length": 0,
            "meta": '{"ID":"04A1B2C3"}',
            "ocmf_data": OCMF,
            "public_key": sample(32, 17),
            "signature": sample(40, 29),
        },
        build=Wm3m4c,
    ),
)
