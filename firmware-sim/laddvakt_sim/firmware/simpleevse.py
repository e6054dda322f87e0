"""SimpleEVSE-WB/DIN pilot board, firmware 18: registers and what the board does by itself.

From the SimpleEVSE register description and two public drivers. Assumptions are marked.
"""

from __future__ import annotations

from laddvakt_sim.firmware.image import block, touches
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice
from laddvakt_sim.plant.contactor import PilotRelay
from laddvakt_sim.plant.words import HEALTHY, Conditions, Pilot

FIRMWARE = 18
SELF_TEST_S = 30.0
MIN_CURRENT_A = 6
CABLE_LIMIT_A = 32
AFTER_BOOT_A = 6

_CONTROL_OFF = 1 << 0
_CONTROL_SELF_TEST = 1 << 1
_CONTROL_CLEAR_RCD = 1 << 2
_CONFIG_ALLOW_D = 1 << 3
_CONFIG_AUTO_CLEAR_RCD = 1 << 5
_CONFIG_CENTIAMPERE = 1 << 7
_CONFIG_AUTO_RECOVER = 1 << 9
_CONFIG_DISABLE = 1 << 14
_FAULT_RELAY = 1 << 0
_FAULT_VENTILATION = 1 << 2

_STATUS = range(1000, 1007)  # readable as one block; 1007 stands alone
_FAULTS = range(1007, 1008)
_SETTINGS = range(2000, 2018)
_WRITABLE = frozenset({1000, 1004, 2000, 2001, 2002, 2005, 2006, 2007})

# E, F and everything outside the bands share the code "failure"; "invalid" is shown as a code the
# description does not list (assumption: that is how a broken measurement would look).
_PILOT_CODE = {
    Pilot.A: 1,
    Pilot.B: 2,
    Pilot.C: 3,
    Pilot.D: 4,
    Pilot.E: 5,
    Pilot.F: 5,
    Pilot.INVALID: 0,
}


class SimpleEvse(RefusingDevice):
    """Unit on the RS-485 line and pilot board in the plant."""

    turnaround_s = 0.008  # assumption; drivers in the field leave 100 ms between requests

    def __init__(self, *, name: str, unit: int) -> None:
        self.name = name
        self.unit = unit
        self.pwm_on = False
        self.offered_a = 0.0
        self.conditions: Conditions = HEALTHY
        self._relay = PilotRelay()
        self._pilot = Pilot.A
        self._written = 0
        self._control = 0
        self._test_end_s: float | None = None
        self._now_s = 0.0
        self._restarts: set[float] = set()
        self._settings = {
            2000: AFTER_BOOT_A,
            2001: 1,
            2002: MIN_CURRENT_A,
            # Delivered with automatic error recovery on: a supervisor has to switch it off.
            2005: _CONFIG_AUTO_CLEAR_RCD | _CONFIG_AUTO_RECOVER,
            2006: 0,
            2007: CABLE_LIMIT_A,
        }
        self._written = AFTER_BOOT_A

    @property
    def state_f(self) -> bool:
        """No register of this board asks for state F."""
        return False

    def restart(self, at_s: tuple[float, ...], now_s: float) -> None:
        """Start anew at each of these times, once: what was written is gone, but for settings.

        Assumption: settings are kept, and the relay falls.
        """
        if not self._restarts.issuperset(at_s):
            self._restarts.update(at_s)
            self._control, self._test_end_s = 0, None
            self._written = self._settings[2000]
            self._relay = PilotRelay()
            self._now_s = now_s

    @property
    def relay_closed(self) -> bool:
        """The board's own relay, in series with the contactor coil."""
        return self._relay.closed

    def sense(self, now_s: float, pilot: Pilot, current_a: float) -> None:
        """Measure the pilot and act on it: PWM, relay."""
        del current_a  # this board has no current sensor
        self._now_s = now_s
        self._pilot = pilot
        limit_a = self._limit_a()
        present = pilot in (Pilot.B, Pilot.C, Pilot.D)
        self.pwm_on = present and limit_a >= MIN_CURRENT_A and self._permits()
        self.offered_a = limit_a if self.pwm_on else 0.0
        asks = pilot is Pilot.C or (pilot is Pilot.D and self._has(_CONFIG_ALLOW_D))
        # Assumption: without PWM the relay stays until the vehicle leaves C; it only never closes.
        keep = asks and self._permits() and (self.pwm_on or self._relay.closed)
        self._relay.want(now_s, closed=keep)

    def due_s(self) -> float | None:
        """When relay or self-test move next."""
        times = [t for t in (self._relay.due_s(), self._test_end_s) if t is not None]
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Let relay and self-test move."""
        self._relay.fire(now_s)
        if self._test_end_s is not None and now_s >= self._test_end_s:
            self._test_end_s = None
            self._control &= ~_CONTROL_SELF_TEST

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3."""
        if fc != 3:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)
        own = self.conditions.board_firmware
        words = {
            1000: self._limit_word(),
            1001: int(self.offered_a),
            1002: _PILOT_CODE[self._pilot],
            1003: CABLE_LIMIT_A,
            1004: self._control,
            1005: FIRMWARE if own is None else own,
            1006: self._state_code(),
            1007: self._fault_bits(),
            **self._settings,
        }
        return block(words, (_STATUS, _FAULTS, _SETTINGS), addr, count)

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """FC 16; this board does not know FC 6."""
        if fc != 16:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)
        if any(addr + offset not in _WRITABLE for offset in range(len(values))):
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        for offset, value in enumerate(values):
            self._write(addr + offset, value)

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Faults visible in this block."""
        del fc
        found = []
        if touches(1002, addr, count) and self._pilot in (Pilot.E, Pilot.F, Pilot.INVALID):
            found.append("pilot_fault")
        if touches(1007, addr, count) and self.conditions.board_bits:
            found.append("board_error")
        if touches(1000, addr, count) and self._limit_a() > self._written_a():
            found.append("limit_not_obeyed")
        if touches(1005, addr, count) and self.conditions.board_firmware is not None:
            found.append("board_mismatch")
        if touches(1007, addr, count) and self._pilot is Pilot.D and self.conditions.ventilation:
            found.append("ventilation_required")
        return tuple(found)

    def _write(self, addr: int, value: int) -> None:
        if addr == 1000:
            if value > 80 * (100 if self._has(_CONFIG_CENTIAMPERE) else 1):
                raise Refusal(ExceptionCode.ILLEGAL_VALUE)
            self._written = value
        elif addr == 1004:
            self._control = value & (_CONTROL_OFF | _CONTROL_SELF_TEST)
            if value & _CONTROL_SELF_TEST:
                self._test_end_s = self._now_s + SELF_TEST_S
        elif addr == 2005:
            self._settings[2005] = value
        else:
            self._settings[addr] = value

    def _has(self, bit: int) -> bool:
        return bool(self._settings[2005] & bit)

    def _permits(self) -> bool:
        testing = self._test_end_s is not None
        return not (testing or self._control & _CONTROL_OFF or self._has(_CONFIG_DISABLE))

    def _written_a(self) -> float:
        return self._written / 100 if self._has(_CONFIG_CENTIAMPERE) else float(self._written)

    def _limit_a(self) -> float:
        written_a, stuck_a = self._written_a(), self.conditions.stuck_limit_a
        if stuck_a is None or (written_a == 0.0 and not self.conditions.stuck_off):
            return written_a
        return max(written_a, stuck_a)

    def _limit_word(self) -> int:
        return round(self._limit_a() * (100 if self._has(_CONFIG_CENTIAMPERE) else 1))

    def _state_code(self) -> int:
        if self.pwm_on:
            return 2
        return 1 if self._permits() and self._limit_a() >= MIN_CURRENT_A else 3

    def _fault_bits(self) -> int:
        bits = self.conditions.board_bits
        if self._relay.closed:
            bits |= _FAULT_RELAY
        if self._pilot is Pilot.D and not self._has(_CONFIG_ALLOW_D):
            bits |= _FAULT_VENTILATION
        return bits
