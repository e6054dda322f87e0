"""Between a line and its devices: who hears a request, and what the wire does to the reply."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.slave import Device, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_sim.faults import Fault
    from laddvakt_sim.station import Station

# Devices fed from each connector's supply: silent too when power_lost takes them along.
_FED_BY = {"1": ("evse1", "meter1", "relay1", "rcm1"), "2": ("charx1",)}
_METER_OF = {"1": "meter1", "2": "charx1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A reply as the wire will carry it."""

    raw: bytes  # RTU: the whole frame; TCP: the PDU
    delay_s: float  # from the end of the request to the first character
    shows: tuple[str, ...]
    note: str


class Wire:
    """One line's devices under the faults of the wire."""

    def __init__(self, name: str, station: Station) -> None:
        self.name = name
        self._station = station
        self._devices: Sequence[Device] = station.lines[name]
        self._late: dict[int, Fault] = {}
        self._silent: frozenset[str] = frozenset()
        self._crc_rate = 0.0
        self._random = random.Random(0)
        self._noise: Fault | None = None
        self.gone = False

    def afflict(self, faults: Sequence[Fault]) -> None:
        """Make these the faults from now on."""
        mine = [fault for fault in faults if fault.parameters.get("line") == self.name]
        silent = {name for fault in faults for name in self._silenced(fault)}
        self._silent = frozenset(silent)
        late = {int(f.number("unit") or 0): f for f in mine if f.name == "late_reply"}
        self._late = late
        self.gone = any(fault.name == "adapter_gone" for fault in mine)
        noise = next((fault for fault in mine if fault.name == "crc_errors"), None)
        if noise is not None and noise != self._noise:
            self._random = random.Random(int(noise.number("seed") or 0))
        self._noise = noise
        self._crc_rate = 0.0 if noise is None else noise.number("rate") or 0.0

    def answer_rtu(self, frame: bytes, now_s: float) -> Returned | None:
        """Let the addressed device answer an intact RTU frame; None when nobody does."""
        unit, pdu = frame[0], frame[1:-2]
        if unit == 0:
            for device in self._devices:
                if device.name not in self._silent:
                    self._station.request(device, pdu, now_s)
            return None
        returned = self.answer(unit, pdu, now_s)
        if returned is None:
            return None
        raw, note = seal(unit, returned.raw), returned.note
        if self._random.random() < self._crc_rate:
            raw, note = self._damaged(raw), "damaged"
        # A damaged frame shows nothing to a reader that checks.
        shows = () if note == "damaged" else returned.shows
        return Returned(raw=raw, delay_s=returned.delay_s, shows=shows, note=note)

    def answer(self, unit: int, pdu: bytes, now_s: float) -> Returned | None:
        """Let the addressed device answer a PDU; None when nobody does."""
        device = self._addressed(unit)
        if device is None or device.name in self._silent:
            return None
        answer = self._station.request(device, pdu, now_s)
        delay_s, note = device.turnaround_s, ""
        if (late := self._late.get(unit)) is not None:
            delay_s, note = (late.number("delay_ms") or 0.0) / 1000, "late"
            if late.parameters["once"]:
                del self._late[unit]
        return Returned(raw=answer.pdu, delay_s=delay_s, shows=answer.shows, note=note)

    def spent(self, fault: Fault) -> bool:
        """True for a one-time fault of this line that has happened."""
        mine = fault.name == "late_reply" and fault.parameters.get("line") == self.name
        once = bool(fault.parameters.get("once"))
        return mine and once and int(fault.number("unit") or 0) not in self._late

    def _addressed(self, unit: int) -> Device | None:
        if self.name == "tcp1":  # the gateway answers any unit id
            return self._devices[0]
        return next((device for device in self._devices if device.unit == unit), None)

    def _silenced(self, fault: Fault) -> tuple[str, ...]:
        match fault.name:
            case "bus_down" if fault.parameters.get("line") == self.name:
                return tuple(device.name for device in self._devices)
            case "device_lost":
                return (str(fault.parameters["device"]),)
            case "meter_lost":
                return (_METER_OF[fault.connector or "1"],)
            case "power_lost" if fault.parameters["devices"]:
                fed = (_FED_BY[name] for name in _FED_BY if fault.touches(name))
                return tuple(device for devices in fed for device in devices)
            case _:
                return ()

    def _damaged(self, raw: bytes) -> bytes:
        hurt = bytearray(raw)
        hurt[self._random.randrange(len(raw))] ^= 1 << self._random.randrange(8)
        return bytes(hurt)
