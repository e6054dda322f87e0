"""Waveshare Modbus RTU Relay (D), 8 relays and 8 inputs, protocol V3.

The flash-on command is the dead-man: it closes a relay for a time, is re-sent without a glitch,
and lets go by itself when the master dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHANNELS = 8
SOFTWARE_VERSION = 300  # 3.00

_ON, _OFF, _TOGGLE = 0xFF00, 0x0000, 0x5500
_ALL, _ALL_TOGGLE = 0x00FF, 0x01FF
_FLASH_ON, _FLASH_OFF = 0x0200, 0x0400
_STEP_S = 0.1
_LONGEST = 0x7FFF


@dataclass(slots=True)
class _Channel:
    on: bool = False
    falls_back_s: float | None = None  # when a flash ends: the output inverts then


class WaveshareRelay(RefusingDevice):
    """Unit on the RS-485 line; `inputs` are contacts of the plant, `faults` what they show."""

    turnaround_s = 0.003  # assumption

    def __init__(self, *, name: str, unit: int) -> None:
        self.name = name
        self.unit = unit
        self.flash_holds_for_ever = False  # the dead-man does not work: an unguarded board
        self._channels = [_Channel() for _ in range(CHANNELS)]
        self._inputs: Mapping[int, Callable[[], bool]] = {}
        self._shows: Callable[[range], tuple[str, ...]] = lambda _inputs: ()
        self._now_s = 0.0

    def wire(
        self,
        inputs: Mapping[int, Callable[[], bool]],
        shows: Callable[[range], tuple[str, ...]],
    ) -> None:
        """Connect contacts to the inputs."""
        self._inputs = inputs
        self._shows = shows

    def output(self, channel: int) -> bool:
        """True while the relay is closed."""
        return self._channels[channel].on

    def tell_time(self, now_s: float) -> None:
        """Say what time a request arrives."""
        self._now_s = now_s

    def due_s(self) -> float | None:
        """When the next flash ends."""
        times = [c.falls_back_s for c in self._channels if c.falls_back_s is not None]
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """End the flashes that are due."""
        for channel in self._channels:
            if channel.falls_back_s is not None and now_s >= channel.falls_back_s:
                channel.falls_back_s = None
                channel.on = not channel.on

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        """FC 1 relays, FC 2 inputs."""
        if addr + count > CHANNELS:
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        channels = range(addr, addr + count)
        if fc == 1:
            return [self._channels[n].on for n in channels]
        return [self._inputs[n]() if n in self._inputs else False for n in channels]

    def write_bit(self, addr: int, raw: int) -> None:
        """FC 5: on, off, toggle, all, flash-on, flash-off."""
        if addr in (_ALL, _ALL_TOGGLE):
            for channel in self._channels:
                self._switch(channel, raw if addr == _ALL else _TOGGLE)
        elif addr < CHANNELS:
            self._switch(self._channels[addr], raw)
        elif addr - _FLASH_ON in range(CHANNELS):
            self._flash(self._channels[addr - _FLASH_ON], raw, on=True)
        elif addr - _FLASH_OFF in range(CHANNELS):
            self._flash(self._channels[addr - _FLASH_OFF], raw, on=False)
        else:
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)

    def write_bits(self, addr: int, values: list[bool]) -> None:
        """FC 15."""
        if addr + len(values) > CHANNELS:
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        for offset, value in enumerate(values):
            self._switch(self._channels[addr + offset], _ON if value else _OFF)

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3: unit address at 0x4000, software version at 0x8000, one at a time."""
        if fc != 3:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)
        values = {0x4000: self.unit, 0x8000: SOFTWARE_VERSION}
        if count != 1 or addr not in values:
            raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
        return [values[addr]]

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Faults visible in the inputs."""
        return self._shows(range(addr, addr + count)) if fc == 2 else ()

    def _switch(self, channel: _Channel, raw: int) -> None:
        match raw:
            case 0xFF00:
                channel.on = True
            case 0x0000:
                channel.on = False
            case 0x5500:
                channel.on = not channel.on
            case _:
                raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        channel.falls_back_s = None

    def _flash(self, channel: _Channel, raw: int, *, on: bool) -> None:
        if not 1 <= raw <= _LONGEST:
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        channel.on = on
        forever = on and self.flash_holds_for_ever
        channel.falls_back_s = None if forever else self._now_s + raw * _STEP_S
