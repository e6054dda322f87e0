"""Bender RCMB300 residual-current monitor: values in ampere, maxima cleared by reading.

From the manual D00372_01. Assumptions: turnaround; the DC alarm is set at 6 mA and stands while the
current is at or above it; undefined registers between the maxima read as 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.image import block, f32, place, text_low, touches, u32
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice

if TYPE_CHECKING:
    from collections.abc import Callable

TRIP_DC_MA = 6.0  # IEC 62955: the monitor must act at 6 mA
TEST_PATTERN = 0x12345678
APP_NUMBER = 610
APP_VERSION = 210

_DC_ALARM_RELAY_1 = 1 << 4
_STATUS_NONE, _STATUS_DC = 1022.0, 155.0
_SPANS = (range(1000, 1098), range(1194, 1196), range(8000, 8032))
_MAXIMA = range(8016, 8032)


class Rcmb300(RefusingDevice):
    """Unit on the RS-485 line; `sense` gives (DC, AC) in milliampere."""

    turnaround_s = 0.005  # assumption

    def __init__(self, *, name: str, unit: int) -> None:
        self.name = name
        self.unit = unit
        self._sense: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
        self._dc_ma = 0.0
        self._ac_ma = 0.0
        self._alarms = 0
        self._max_dc_ma = 0.0
        self._max_ac_ma = 0.0
        self._max_trip = 0

    def attach(self, sense: Callable[[], tuple[float, float]]) -> None:
        """Say where the residual current comes from."""
        self._sense = sense

    @property
    def tripped(self) -> bool:
        """True while the DC residual current is at or above the threshold."""
        return self._dc_ma >= TRIP_DC_MA

    def measure(self) -> None:
        """Take a sample; called at every change in the plant, so that no peak is missed."""
        was = self.tripped
        self._dc_ma, self._ac_ma = self._sense()
        if self.tripped and not was:
            self._alarms += 1
        self._max_dc_ma = max(self._max_dc_ma, self._dc_ma)
        self._max_ac_ma = max(self._max_ac_ma, self._ac_ma)
        self._max_trip |= self._trip_bits()

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3."""
        if fc != 3:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)
        words = block(place(self._rows()), _SPANS, addr, count)
        if any(addr + offset in _MAXIMA for offset in range(count)):
            self._max_dc_ma, self._max_ac_ma = self._dc_ma, self._ac_ma
            self._max_trip = self._trip_bits()
        return words

    def diagnose(self, subfunction: int, data: bytes) -> bytes:
        """FC 8: sub-function 0 echoes."""
        if subfunction != 0:
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        return data

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Faults visible in this block."""
        del fc
        now = self.tripped and any(touches(at, addr, count, 2) for at in (8002, 8006, 8014))
        peak = self._max_dc_ma >= TRIP_DC_MA or self._max_trip
        past = peak and any(touches(at, addr, count, 2) for at in (8018, 8030))
        return ("residual_current_dc",) if now or past else ()

    def _trip_bits(self) -> int:
        return _DC_ALARM_RELAY_1 if self.tripped else 0

    def _rows(self) -> list[tuple[int, tuple[int, ...]]]:
        rms_ma = (self._dc_ma**2 + self._ac_ma**2) ** 0.5
        max_rms_ma = (self._max_dc_ma**2 + self._max_ac_ma**2) ** 0.5
        return [
            (1000, u32(TEST_PATTERN)),
            (1002, text_low("RCMB300", 32)),
            (1034, text_low("SIMULATED", 32)),
            (1066, text_low("2306000117", 32)),
            (1194, (APP_NUMBER,)),
            (1195, (APP_VERSION,)),
            (8000, f32(self._ac_ma / 1000)),
            (8002, f32(self._dc_ma / 1000)),
            (8004, f32(rms_ma / 1000)),
            (8006, f32(_STATUS_DC if self.tripped else _STATUS_NONE)),
            (8008, u32(self._alarms)),
            (8010, f32(self._ac_ma / 1000)),
            (8012, f32(rms_ma / 1000)),
            (8014, u32(self._trip_bits())),
            (8016, f32(self._max_ac_ma / 1000)),
            (8018, f32(self._max_dc_ma / 1000)),
            (8020, f32(max_rms_ma / 1000)),
            (8030, u32(self._max_trip)),
        ]
