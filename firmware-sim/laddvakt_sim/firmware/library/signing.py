"""Meters that sign: Carlo Gavazzi EM580 and Iskra WM3M4C.

From public drivers. Keys, signatures and signed texts are fixed samples: nothing here is signed.
Assumptions: a session begins and ends at once; without a set time Iskra refuses to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.gavazzi import BLOCK, HEAD
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import parts, table
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_EM580 = table(
    """
    input   0500 raw32 1 realtime_energy_block
    input   0500 s64   1 energy_import_fine
    input   051C s64   1 energy_export_fine
    holding 5000 str7  1 serial
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
    holding 6900 str125 1 tariff_text rw
    holding 697D str1  1 tariff_text_end rw
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
    holding 1BBC str120 1 meta rw
    holding 1C34 str120 1 meta_2 rw
    holding 1CAC str16 1 meta_3 rw
    holding 1DBC raw120 1 ocmf_data
    holding 1E34 raw120 1 ocmf_data_2
    holding 1EAC raw120 1 ocmf_data_3
    holding 1F24 raw120 1 ocmf_data_4
    holding 1F9C raw32 1 ocmf_data_5
    holding 1FBC raw32 1 public_key
    holding 1FFC raw40 1 signature
    holding 1B8B u16   1 session_command w
    """
)

META = '{"ID":"04A1B2C3","IT":"ISO14443","TX":"' + "tariff-7;" * 51 + '"}'
OCMF = (
    'OCMF|{"FV":"1.0","GI":"SIMULATED","PG":"T7","RD":['
    + ",".join(f'{{"RV":{1231.6 + n / 10:.1f},"RI":"1-b:1.8.0","RU":"kWh"}}' for n in range(20))
    + ']}|{"SD":"3045"}'
)
_OCMF_PARTS = ("ocmf_data", *(f"ocmf_data_{n}" for n in (2, 3, 4, 5)))
_BETWEEN = tuple(range(0x0301, 0x0319))
_TIME_SET = 2
_WRONG_TIME, _WRONG_COMMAND, _WRONG_STATE, _SIGNED = 128, 130, 131, 15


def sample(registers: int, first: int) -> str:
    """Bytes nobody can mistake for others, as hex."""
    return bytes((first + 7 * n) % 256 for n in range(2 * registers)).hex()


class Em580(BenchDevice):
    """Start, end and abort of a session move its state; eight counters in watt hours."""

    def special(self, quantity: str) -> Value | None:
        """The counters: import first, export last, what is between is a sample."""
        match quantity:
            case "energy_import_fine":
                return self.measured("energy_import_total") * 1000
            case "energy_export_fine":
                return self.measured("energy_export_total") * 1000
            case "realtime_energy_block":
                ends = [self.raw(self.points[f"energy_{way}_fine"]) for way in ("import", "export")]
                words = [*ends[0], *_BETWEEN, *ends[1]]
                return b"".join(word.to_bytes(2, "big") for word in words).hex()
            case _:
                return None

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
            "tariff_text": ("0.25 per kWh; " * 18)[:250],
            "tariff_text_end": "SE",
            "serial": "SG5801234567X",
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
            "meta_length": len(META),
            "ocmf_length": len(OCMF),
            "meta": META[:240],
            "meta_2": META[240:480],
            "meta_3": META[480:],
            **dict(zip(_OCMF_PARTS, parts(OCMF, 120, 120, 120, 120, 32), strict=True)),
            "public_key": sample(32, 17),
            "signature": sample(40, 29),
        },
        build=Wm3m4c,
    ),
)
