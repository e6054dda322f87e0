"""Phoenix Contact CHARX SEC, charging point 1: board, meter and contactor in one device.

From a public driver and its register lists. Assumptions, none of them tried on the device:
- release 0 opens the contactor at once, under load;
- limit 0 with release 1 switches the PWM off and opens at pilot B, below 1 A, or after 6 s;
- on watchdog expiry register 1301 takes the value of 1306 and keeps it until it is written again;
- a residual trip (≥ 6 mA DC) opens at once and stands until release is written 0 without leakage;
- the meter's registers are renewed every 0.5 s, energy in steps of 1 Wh; unit ids are not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.image import block, place, s32, s64, text, touches, u32
from laddvakt_sim.firmware.sdm72 import current_faults, voltage_faults
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice
from laddvakt_sim.plant.lock import Lock
from laddvakt_sim.plant.meter import Meter
from laddvakt_sim.plant.words import HEALTHY, Conditions, Pilot

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE_S = 0.5
START_WH = 7_654_321.0
RESOLUTION_WH = 1.0
CLOSE_DELAY_S = 0.1  # pilot C to coil
SCAN_S = 0.02  # the firmware's own cycle while it waits for the current to fall
SOFT_OPEN_A = 1.0
SOFT_OPEN_S = 6.0
CABLE_LIMIT_A = 32
WATCHDOG_OFF = 65535
TRIP_DC_MA = 6.0

_POINT = range(1000, 2000)
_SPANS = (range(100, 200), range(1100, 1130), range(1200, 1310))
_RELEASE, _LIMIT, _LOCK, _AVAILABILITY, _UNLOCK = 1300, 1301, 1303, 1304, 1305
_FALLBACK, _TIMER, _RFID_RESET = 1306, 1307, 1308
_BIT_CP_ERROR, _BIT_ERROR_F, _BIT_INVALID_D = 1 << 19, 1 << 20, 1 << 26
_BIT_RESIDUAL = 1 << 30
_PILOT_BITS = {Pilot.E: _BIT_CP_ERROR, Pilot.F: _BIT_ERROR_F, Pilot.INVALID: _BIT_CP_ERROR}


_AFTER_BOOT = {
    _RELEASE: 0,
    _LIMIT: 0,
    _LOCK: 0,
    _AVAILABILITY: 0,
    _FALLBACK: 16,
    _TIMER: WATCHDOG_OFF,
}


class Charx(RefusingDevice):
    """Modbus TCP device and pilot board in the plant."""

    turnaround_s = 0.005  # assumption

    def __init__(self, *, name: str, unit: int, now_s: float) -> None:
        self.name = name
        self.unit = unit
        self.pwm_on = False
        self.offered_a = 0.0
        self.coil = False
        self.conditions: Conditions = HEALTHY
        self.wired = 3  # phases
        self._meter = Meter(
            now_s=now_s, update_s=UPDATE_S, start_wh=START_WH, resolution_wh=RESOLUTION_WH, seed=0
        )
        self._lock = Lock()
        self._residual: Callable[[], float] = lambda: 0.0
        self._restarts: set[float] = set()
        self._pilot = Pilot.A
        self._current_a = 0.0
        self._now_s = now_s
        self._values = dict(_AFTER_BOOT)
        self._fed_s = now_s
        self._expired = False
        self._tripped = False
        self._close_s: float | None = None
        self._soft_open_s: float | None = None
        self._scan_s: float | None = None
        self._plugged_s: float | None = None
        self._charged_s = 0.0
        self._start_wh = START_WH

    @property
    def relay_closed(self) -> bool:
        """The contactor drive; this device has no relay beside it."""
        return self.coil

    @property
    def state_f(self) -> bool:
        """Unavailable by register: the pilot is held at F."""
        return bool(self._values[_AVAILABILITY])

    def attach(self, meter: Meter, lock: Lock, residual_dc_ma: Callable[[], float]) -> None:
        """Say what is built in, and where the residual-current sensor looks."""
        self._meter, self._lock, self._residual = meter, lock, residual_dc_ma

    def restart(self, at_s: tuple[float, ...], now_s: float) -> None:
        """Start anew at each of these times, once: the point is as after boot (assumption)."""
        if not self._restarts.issuperset(at_s):
            self._restarts.update(at_s)
            self._values = dict(_AFTER_BOOT)
            self._expired = self._tripped = False
            self._fed_s = now_s
            self._open_now()

    def sense(self, now_s: float, pilot: Pilot, current_a: float) -> None:
        """Measure pilot, current and leakage; act on them."""
        if self.coil:
            self._charged_s += now_s - self._now_s
        self._now_s, self._current_a = now_s, current_a
        if (pilot is Pilot.A) != (self._pilot is Pilot.A):
            self._plugged_s = None if pilot is Pilot.A else now_s
            self._start_wh = self._meter.shown.energy_wh
            self._charged_s = 0.0
        self._pilot = pilot
        if self._residual() >= TRIP_DC_MA:
            self._tripped = True
        limit_a = self._limit_a()
        present = pilot in (Pilot.B, Pilot.C, Pilot.D)
        self.pwm_on = present and limit_a >= 6 and self._released()
        self.offered_a = limit_a if self.pwm_on else 0.0
        self._drive(now_s)

    def due_s(self) -> float | None:
        """When a timer of the firmware acts next."""
        times = [t for t in (self._close_s, self._scan_s) if t is not None]
        if self._guarding():
            times.append(self._fed_s + self._values[_TIMER])
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Let the firmware's timers act."""
        if self._guarding() and now_s >= self._fed_s + self._values[_TIMER]:
            self._expired = True
            self._values[_LIMIT] = self._values[_FALLBACK]
        if self._close_s is not None and now_s >= self._close_s:
            self._close_s = None
            self.coil = True
        if self._scan_s is not None and now_s >= self._scan_s:
            self._scan_s = now_s + SCAN_S

    def access(self, addr: int) -> None:
        """Any request for the point restarts the communication watchdog."""
        if addr in _POINT:
            self._fed_s = self._now_s
            self._expired = False

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3 and 4 return the same."""
        del fc
        self.access(addr)
        return block(place(self._rows()), _SPANS, addr, count)

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """FC 16 (and 6): all or nothing."""
        del fc
        self.access(addr)
        targets = range(addr, addr + len(values))
        writable = (*self._values, _UNLOCK, _RFID_RESET)
        if any(target not in writable and target != 1302 for target in targets):
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        for target, value in zip(targets, values, strict=True):
            if target == _LIMIT and value != 0 and not 6 <= value <= 80:
                raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        for target, value in zip(targets, values, strict=True):
            self._write(target, value)

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Faults visible in this block."""
        del fc
        found: list[str] = []
        if touches(1232, addr, count, 6):
            found += voltage_faults(self._meter.shown.voltage_v, self.wired)
        if touches(1238, addr, count, 6):
            found += current_faults(self._meter.shown.current_a, self.offered_a, self.conditions)
            welded = self.conditions.welded or self.conditions.weld_shut
            if welded and not self.coil and max(self._meter.shown.current_a) > SOFT_OPEN_A:
                found.append("contactor_welded")
        if touches(1293, addr, count, 2):
            found += self._error_faults()
        if touches(1299, addr, count) and self.conditions.pilot_fault is not None:
            found.append("pilot_fault")
        if touches(_LIMIT, addr, count) and self._limit_a() > self._values[_LIMIT]:
            found.append("limit_not_obeyed")
        if touches(_TIMER, addr, count) and self.conditions.unguarded:
            found.append("unguarded_board")
        return tuple(dict.fromkeys(found))

    def _error_faults(self) -> list[str]:
        faults = {
            "residual_current_dc": self._tripped,
            "board_error": self.conditions.board_bits != 0,
            "pilot_fault": self._pilot in _PILOT_BITS,
        }
        return [name for name, visible in faults.items() if visible]

    def _write(self, target: int, value: int) -> None:
        if target in (_FALLBACK, _TIMER) and self.conditions.unguarded:
            return  # acknowledged and forgotten: that is the fault
        if target in self._values:
            self._values[target] = value
        if target == _LOCK:
            self._lock.want(self._now_s, locked=bool(value))
        if target == _RELEASE and value == 0 and self._residual() < TRIP_DC_MA:
            self._tripped = False

    def _guarding(self) -> bool:
        off = self._values[_TIMER] in (0, WATCHDOG_OFF) or self.conditions.unguarded
        return not (off or self._expired)

    def _released(self) -> bool:
        return self._values[_RELEASE] == 1 and not (self._tripped or self._values[_AVAILABILITY])

    def _limit_a(self) -> float:
        written_a, stuck_a = float(self._values[_LIMIT]), self.conditions.stuck_limit_a
        if stuck_a is None or (written_a == 0.0 and not self.conditions.stuck_off):
            return written_a
        return max(written_a, stuck_a)

    def _drive(self, now_s: float) -> None:
        if not self._released() or self._pilot not in (Pilot.B, Pilot.C, Pilot.D):
            self._open_now()
        elif self.pwm_on and self._pilot.asks:
            self._soft_open_s = self._scan_s = None
            if not self.coil and self._close_s is None:
                self._close_s = now_s + CLOSE_DELAY_S
        elif self.coil:
            self._open_softly(now_s)
        else:
            self._close_s = None

    def _open_softly(self, now_s: float) -> None:
        if self._soft_open_s is None:
            self._soft_open_s = now_s + SOFT_OPEN_S
            self._scan_s = now_s + SCAN_S
        late = now_s >= self._soft_open_s
        if late or not self._pilot.asks or self._current_a < SOFT_OPEN_A:
            self._open_now()

    def _open_now(self) -> None:
        self.coil = False
        self._close_s = self._soft_open_s = self._scan_s = None

    def _status(self) -> str:
        if self._pilot is Pilot.INVALID:
            return "??"  # assumption: a pilot outside every band has no letter
        if self._values[_AVAILABILITY]:
            return "F0"
        if self._pilot in (Pilot.E, Pilot.F):
            return f"{self._pilot.value}0"
        released = self._released() if self._pilot is Pilot.A else self.pwm_on
        return f"{self._pilot.value}{2 if released else 1}"

    def _errors(self) -> int:
        bits = self.conditions.board_bits | _PILOT_BITS.get(self._pilot, 0)
        return bits | (_BIT_RESIDUAL if self._tripped else 0)

    def _rows(self) -> list[tuple[int, tuple[int, ...]]]:
        shown = self._meter.shown
        plugged_s = 0.0 if self._plugged_s is None else self._now_s - self._plugged_s
        timer = WATCHDOG_OFF if self.conditions.unguarded else self._values[_TIMER]
        return [
            (114, (1,)),
            (152, u32(round(sum(shown.power_w) * 1000))),
            (167, (CABLE_LIMIT_A,)),
            (1112, (1,)),
            *((1232 + 2 * i, s32(v * 1000)) for i, v in enumerate(shown.voltage_v)),
            *((1238 + 2 * i, s32(v * 1000)) for i, v in enumerate(shown.current_a)),
            (1244, s32(sum(shown.power_w) * 1000)),
            (1250, s64(shown.energy_wh)),
            (1265, text("", 10)),
            (1275, text("", 10)),
            (1285, u32(int(plugged_s))),
            (1287, u32(int(self._charged_s))),
            (1289, s64(shown.energy_wh - self._start_wh)),
            (1293, u32(self._errors())),
            (1297, (int(self.offered_a),)),
            (1298, (CABLE_LIMIT_A,)),
            (1299, text(self._status(), 1)),
            (_RELEASE, (self._values[_RELEASE],)),
            (_LIMIT, (int(self._limit_a()),)),
            (_LOCK, (self._values[_LOCK],)),
            (_AVAILABILITY, (self._values[_AVAILABILITY],)),
            (_FALLBACK, (self._values[_FALLBACK],)),
            (_TIMER, (timer,)),
        ]
