"""The devices on a bench: each lives for itself, nothing joins them but the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.slave import Answer, Device, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.firmware.library import BenchDevice

RELAY = re.compile(r"relay_\d+")  # outputs, as the library names them


class BenchWorld:
    """Devices by line; a request first lets its device live until then."""

    def __init__(self, lines: Mapping[str, tuple[BenchDevice, ...]], now_s: float) -> None:
        self.devices = {d.name: d for devices in lines.values() for d in devices}
        self._lines = {name: tuple(devices) for name, devices in lines.items()}
        self.now_s = now_s
        self._relays = {
            name: tuple(q for q in device.quantities() if RELAY.fullmatch(q))
            for name, device in self.devices.items()
        }
        self._closed = {name: self._states(name) for name in self.devices}
        self.switched_s: dict[str, float] = {}  # when a relay of a device last changed

    @property
    def lines(self) -> Mapping[str, tuple[Device, ...]]:
        """Devices by line."""
        return self._lines

    def line_of(self, name: str) -> str:
        """The line a device hangs on."""
        device = self.devices[name]
        return next(line for line, devices in self._lines.items() if device in devices)

    def advance(self, now_s: float) -> None:
        """Let every device live until `now_s`."""
        self.now_s = max(now_s, self.now_s)
        for device in self.devices.values():
            device.tell_time(self.now_s)
            self._look(device.name)

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`."""
        self.now_s = max(now_s, self.now_s)
        self.devices[device.name].tell_time(self.now_s)
        answer = serve(pdu, device)
        self._look(device.name)
        return answer

    def _look(self, name: str) -> None:
        if self._relays[name] and (states := self._states(name)) != self._closed[name]:
            self._closed[name] = states
            self.switched_s[name] = self.now_s

    def _states(self, name: str) -> tuple[object, ...]:
        return tuple(self.devices[name].truth(quantity) for quantity in self._relays[name])
