"""Eastron SDM72D-M-v2 meter: input registers as float32, limits and refusals of the real one.

From the vendor's protocol description v1.1. Assumptions: the registers are renewed every 0.5 s;
the energy register moves in steps of 0.001 kWh. Its float32 has a step of 0.000122 kWh near
1234 kWh, where it starts, so that the register's own step is the coarser one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.image import block, f32, place, touches, u32
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice, Silence
from laddvakt_sim.plant.words import HEALTHY, Conditions, Phases

if TYPE_CHECKING:
    from laddvakt_sim.plant.meter import Measured, Meter

UPDATE_S = 0.5
START_WH = 1_234_567.0
RESOLUTION_WH = 1.0
MAX_REGISTERS = 60
METER_CODE = 0x0089
SERIAL = 23_071_972

_INPUT_SPANS = (range(0, 126), range(224, 226), range(342, 398), range(1280, 1284))
_IDENTITY = range(0xFC00, 0xFC03)
_OVER_MARGIN_A = 0.5
_BACKWARDS_W = 100.0


class Sdm72Meter(RefusingDevice):
    """Unit on the RS-485 line in front of a plant meter."""

    turnaround_s = 0.005  # assumption

    def __init__(self, *, name: str, unit: int, meter: Meter) -> None:
        self.name = name
        self.unit = unit
        self.offered_a = 0.0  # what the pilot offers: only to name what a reply shows
        self.conditions: Conditions = HEALTHY
        self.wired = 3  # phases
        self._meter = meter
        self._config = {18: 0.0, 20: float(unit), 28: 2.0}

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 4 for measurements, FC 3 for settings and identity."""
        if not self._meter.answers:
            raise Silence
        if fc == 3 and addr in _IDENTITY:
            words = place(((0xFC00, u32(self._meter.serial)), (0xFC02, (METER_CODE,))))
            return block(words, (_IDENTITY,), addr, count)
        if count > MAX_REGISTERS or count % 2:
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)  # floats cannot be cut in half
        if addr % 2:
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        if fc == 3:
            words = place((at, f32(value)) for at, value in self._config.items())
            return block(words, (range(0, 60),), addr, count)
        return block(self._inputs(self._meter.shown), _INPUT_SPANS, addr, count)

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Faults visible in this block."""
        if not self._meter.answers:
            return ()
        if fc != 4:
            other = self.conditions.meter_serial is not None and touches(0xFC00, addr, count, 2)
            return ("meter_replaced",) if other else ()
        shown = self._meter.shown
        found: list[str] = []
        if touches(0, addr, count, 6):
            found += voltage_faults(shown.voltage_v, self.wired)
        if touches(6, addr, count, 6):
            found += current_faults(shown.current_a, self.offered_a, self.conditions)
        if touches(52, addr, count, 2) and sum(shown.power_w) < -_BACKWARDS_W:
            found.append("meter_reversed")
        if touches(70, addr, count, 2) and not _usual(shown.frequency_hz):
            found.append("frequency_out_of_range")
        return tuple(found)

    def _inputs(self, shown: Measured) -> dict[int, int]:
        total_w = sum(shown.power_w)
        sent, back = f32(shown.energy_wh / 1000.0), f32(shown.export_wh / 1000.0)
        both = f32((shown.energy_wh + shown.export_wh) / 1000.0)
        apparent_va = sum(
            volts * amps for volts, amps in zip(shown.voltage_v, shown.current_a, strict=True)
        )
        rows = [
            *((0 + 2 * i, f32(v)) for i, v in enumerate(shown.voltage_v)),
            *((6 + 2 * i, f32(v)) for i, v in enumerate(shown.current_a)),
            *((12 + 2 * i, f32(v)) for i, v in enumerate(shown.power_w)),
            *(
                (18 + 2 * i, f32(v * a))
                for i, (v, a) in enumerate(zip(shown.voltage_v, shown.current_a, strict=True))
            ),
            *((30 + 2 * i, f32(pf)) for i, pf in enumerate(_factors(shown))),
            (52, f32(total_w)),
            (56, f32(apparent_va)),
            (62, f32(total_w / apparent_va if apparent_va else 1.0)),
            (70, f32(shown.frequency_hz)),
            (72, sent),
            (74, back),
            (342, both),
            (384, both),
            (388, sent),
            (390, back),
            (396, f32((shown.energy_wh - shown.export_wh) / 1000.0)),
            (224, f32(shown.neutral_a)),
            (1280, f32(max(0.0, total_w))),
            (1282, f32(max(0.0, -total_w))),
        ]
        return place(rows)


def voltage_faults(voltage_v: Phases, wired: int) -> tuple[str, ...]:
    """What the voltages of the wired phases let a reader see."""
    dead = sum(volts < 50.0 for volts in voltage_v[:wired])
    if dead == wired:
        return ("power_lost",)
    return ("phase_lost",) if dead else ()


def current_faults(current_a: Phases, offered_a: float, conditions: Conditions) -> tuple[str, ...]:
    """What three currents let a reader see, given what the pilot offers."""
    most_a = max(current_a)
    injected = conditions.over_amps is not None or conditions.over_factor is not None
    if offered_a == 0.0 or not injected:
        return ()  # a vehicle still following a lower offer is no fault
    if most_a > max(1.5 * offered_a, offered_a + 6.0):
        return ("over_current", "over_current_gross")
    return ("over_current",) if most_a > (offered_a + _OVER_MARGIN_A) * 1.1 else ()


def _factors(shown: Measured) -> tuple[float, ...]:
    """Power factor of each phase; 1 where nothing flows."""
    three = zip(shown.power_w, shown.voltage_v, shown.current_a, strict=True)
    return tuple(watts / (volts * amps) if volts * amps else 1.0 for watts, volts, amps in three)


def _usual(frequency_hz: float) -> bool:
    """No frequency at all is another fault."""
    return frequency_hz == 0.0 or 47.5 <= frequency_hz <= 51.5
