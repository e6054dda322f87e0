"""Bender residual-current monitors RCMB300 and RCMS150.

From the manuals D00372_01 and D00259_01. Assumptions: the DC alarm of the RCMB300 stands at 6 mA
and above; undefined registers between the maxima read as 0; the raw values are set by
themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_RCMB300 = table(
    """
    holding 03E8 u32   1 test_pattern
    holding 03EA str32lo 1 device_name
    holding 040A str32lo 1 article_number
    holding 042A str32lo 1 serial
    holding 04AA u16   1 app_d_number
    holding 04AB u16   0.01 app_version
    holding 1F40 f32   1 residual_current_ac
    holding 1F42 f32   1 residual_current_dc
    holding 1F44 f32   1 residual_current_rms
    holding 1F46 f32   1 status_code
    holding 1F48 u32   1 alarm_count
    holding 1F4A f32   1 residual_current_ac_raw
    holding 1F4C f32   1 residual_current_rms_raw
    holding 1F4E u32   1 trip_status
    holding 1F50 f32   1 residual_current_ac_max
    holding 1F52 f32   1 residual_current_dc_max
    holding 1F54 f32   1 residual_current_rms_max
    holding 1F5E u32   1 trip_status_max
    """
)
_RCMS150 = table(
    """
    holding 0000 u32   1 test_pattern
    holding 0002 str16 1 device_name
    holding 0022 str16 1 serial
    holding 7D66 f32   1 k1_hysteresis rw
    holding 7D68 f32   1 t_off rw
    holding 7D6A f32   1 t_startup rw
    holding 7D6C u16   1 fault_memory rw
    holding 7D6E f32   1 response_rms rw
    holding 7D70 f32   1 t_on_alarm_rms rw
    holding 7D72 f32   1 prewarn_rms rw
    holding 7D76 f32   1 response_dc rw
    holding 7D78 f32   1 t_on_alarm_dc rw
    holding 7D7A f32   1 prewarn_dc rw
    """
)

TRIP_DC_A = 0.006
_STATUS_NONE, _STATUS_DC = 1022, 155
_DC_ALARM_RELAY_1 = 1 << 4
_MAXIMA = range(8016, 8032)


class Rcmb300(BenchDevice):
    """Values in ampere; the maxima since the last read are cleared by reading them."""

    def start(self) -> None:
        """Nothing has tripped yet."""
        self._was_tripped = False

    @property
    def tripped(self) -> bool:
        """True while the DC residual current is at or above the threshold."""
        return self._a("residual_current_dc") >= TRIP_DC_A

    def settle(self) -> None:
        """Miss no peak."""
        for part in ("ac", "dc"):
            peak = f"residual_current_{part}_max"
            self.settings[peak] = max(self._a(peak), self._a(f"residual_current_{part}"))
        if self.tripped and not self._was_tripped:
            self.settings["alarm_count"] = int(self._a("alarm_count")) + 1
        self._was_tripped = self.tripped
        self.settings["trip_status_max"] = int(self._a("trip_status_max")) | self._trip_bits()

    def special(self, quantity: str) -> Value | None:
        """What follows from AC and DC."""
        match quantity:
            case "residual_current_rms":
                return math.hypot(self._a("residual_current_ac"), self._a("residual_current_dc"))
            case "residual_current_rms_max":
                parts = (self._a(f"residual_current_{part}_max") for part in ("ac", "dc"))
                return math.hypot(*parts)
            case "status_code":
                return _STATUS_DC if self.tripped else _STATUS_NONE
            case "trip_status":
                return self._trip_bits()
            case _:
                return None

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3; touching the maxima clears them."""
        words = super().read_registers(fc, addr, count)
        if addr < _MAXIMA.stop and addr + count > _MAXIMA.start:
            for part in ("ac", "dc"):
                self.settings[f"residual_current_{part}_max"] = 0.0
            self.settings["trip_status_max"] = 0
            self.settle()
        return words

    def diagnose(self, subfunction: int, data: bytes) -> bytes:
        """FC 8: sub-function 0 echoes."""
        if subfunction != 0:
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        return data

    def _a(self, setting: str) -> float:
        return float(self.settings[setting])

    def _trip_bits(self) -> int:
        return _DC_ALARM_RELAY_1 if self.tripped else 0


class Rcms150(BenchDevice):
    """Settings alone: its measured values are in no document that was read."""

    def accept(self, point: Point, value: Value) -> None:
        """The RMS response value is 3 to 300 mA."""
        if point.quantity == "response_rms" and not 0.003 <= float(value) <= 0.3 + 1e-6:
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        super().accept(point, value)


MODELS = (
    Model(
        id="bender-rcmb300",
        kind="rcm",
        vendor="Bender",
        name="RCMB300/RCMB301",
        points=_RCMB300,
        serial=Serial(baud=19200, format="8E1", sure=False),
        unit=100,
        manners=Manners(
            spans=(Span(fc=3, first=8000, last=8031),),
            reads=frozenset({3}),
            writes=frozenset({16}),
        ),
        update_s=0.2,
        physics={},
        settings={
            "test_pattern": 0x12345678,
            "device_name": "RCMB300",
            "article_number": "B74042500",
            "serial": "2306000117",
            "app_d_number": 610,
            "app_version": 2.1,
            "residual_current_ac": 0.0124,
            "residual_current_dc": 0.0031,
            "residual_current_ac_raw": 0.0131,
            "residual_current_rms_raw": 0.0138,
            "residual_current_ac_max": 0.0173,
            "residual_current_dc_max": 0.0047,
            "alarm_count": 3,
            "trip_status_max": 0,
        },
        build=Rcmb300,
    ),
    Model(
        id="bender-rcms150",
        kind="rcm",
        vendor="Bender",
        name="RCMS150-01",
        points=_RCMS150,
        serial=Serial(baud=19200, format="8E1", sure=False),
        unit=100,
        manners=Manners(reads=frozenset({3}), writes=frozenset({16})),
        physics={},
        settings={
            "test_pattern": 0x12345678,
            "device_name": "RCMS150-01",
            "serial": "2306000942",
            "k1_hysteresis": 15.0,
            "t_off": 1.5,
            "t_startup": 0.5,
            "fault_memory": 1,
            "response_rms": 0.030,
            "t_on_alarm_rms": 0.1,
            "prewarn_rms": 60.0,
            "response_dc": 0.006,
            "t_on_alarm_dc": 0.2,
            "prewarn_dc": 50.0,
        },
        build=Rcms150,
    ),
)
