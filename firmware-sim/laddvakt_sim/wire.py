"""Between a line and its devices: who hears a request, and what the wire does to the reply."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from laddvakt_sim.firmware.slave import Answer, Device
from laddvakt_sim.wire_damage import Adu, parse
from laddvakt_sim.wire_faults import LineFaults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from laddvakt_sim.faults import Fault

# Devices fed from each connector's supply: silent too when power_lost takes them along.
_FED_BY = {"1": ("evse1", "meter1", "relay1", "rcm1"), "2": ("charx1",)}
_METER_OF = {"1": "meter1", "2": "charx1"}
_TARGET_SILENT = 0x0B  # gateway target device failed to respond, Application Protocol 1.1b3 §7
# A device that loses the first request after others were asked hears it again after this silence.
UNIT_CHANGE_PAUSE_S = 0.15


class World(Protocol):
    """The devices behind the lines."""

    @property
    def lines(self) -> Mapping[str, tuple[Device, ...]]:
        """Devices by line."""
        ...

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSpec:
    """What the wire knows of its line."""

    name: str
    rtu: bool = True
    baud: int | None = 9600  # None: characters take no time
    form: str = "8N1"
    char_s: float = 10 / 9600
    any_unit: bool = False  # the only device answers whatever unit is asked
    gateway_s: float | None = None  # after so long a gateway says that the device is silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A reply as the wire will carry it."""

    raw: bytes  # the whole frame
    delay_s: float  # from the end of the request to the first character
    shows: tuple[str, ...] = ()
    note: str = ""
    patient: bool = False  # waits until the line is free, instead of colliding
    again_s: float | None = None  # comes a second time so long after its end
    closes: bool = False  # TCP: the connection ends after it
    lost: bool = False  # nothing of it comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of a request: how it was disturbed, and what comes back."""

    replies: tuple[Returned, ...] = ()
    note: str = ""


class Wire:
    """One line's devices under the faults of the wire."""

    def __init__(self, spec: WireSpec, world: World) -> None:
        self.spec = spec
        self.name = spec.name
        self.faults = LineFaults(spec.name, rtu=spec.rtu, baud=spec.baud, form=spec.form)
        self._world = world
        self._devices: Sequence[Device] = world.lines[spec.name]
        self._late: dict[int, Fault] = {}
        self._silent: frozenset[str] = frozenset()
        self._crc_rate = 0.0
        self._random = random.Random(0)
        self._noise: Fault | None = None
        self._last_unit: int | None = None
        self._quiet_s = -1e9  # since when nothing has been on the line
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
        self.faults.afflict(faults)

    def serve(self, raw: bytes, times_s: tuple[float, float]) -> Served:
        """Let the devices answer a sound request whose characters took `times_s`, first to last."""
        heard = self.faults.request(raw)
        replies: list[Returned] = []
        notes = [heard.note]
        offset_s = 0.0  # a request that comes twice is answered one after the other
        for frame in heard.frames:
            adu = parse(frame, rtu=self.spec.rtu)
            returned = None if adu is None else self._answer(adu, times_s)
            if returned is None:
                continue
            if returned.lost:
                notes.append(f"reply {returned.note}")
                continue
            later_s = returned.delay_s + offset_s
            replies.append(replace(returned, delay_s=later_s))
            offset_s = later_s + len(returned.raw) * self.spec.char_s
        if replies:
            self._quiet_s = times_s[1] + offset_s
        else:
            self._quiet_s = max(self._quiet_s, times_s[1])
        return Served(replies=tuple(replies), note=", ".join(filter(None, notes)))

    def spent(self, fault: Fault) -> bool:
        """True for a fault of this line that cannot happen any more."""
        if (trigger := self.faults.trigger(fault)) is not None:
            return trigger.spent
        mine = fault.name == "late_reply" and fault.parameters.get("line") == self.name
        once = bool(fault.parameters.get("once"))
        return mine and once and int(fault.number("unit") or 0) not in self._late

    def _answer(self, adu: Adu, times_s: tuple[float, float]) -> Returned | None:
        if adu.unit == 0 and self.spec.rtu:
            self._broadcast(adu.pdu, times_s[1])
            return None
        device = self._addressed(adu.unit)
        lost = device is not None and self._loses(device, adu.unit, times_s[0])
        self._last_unit = adu.unit
        if device is None or device.name in self._silent or lost:
            return self._nobody(adu)
        return self._carried(adu, device, times_s[1])

    def _carried(self, adu: Adu, device: Device, now_s: float) -> Returned | None:
        if (code := self.faults.refusal(adu.unit)) is not None:
            answer = Answer(pdu=bytes((adu.pdu[0] | 0x80, code)))
        else:
            answer = self._world.request(device, adu.pdu, now_s)
        if not answer.pdu:  # the device keeps silent on purpose
            return self._nobody(adu)
        raw = Adu(unit=adu.unit, pdu=answer.pdu, tid=adu.tid).raw()
        carried = self.faults.reply(adu.unit, raw, device.turnaround_s)
        note = ", ".join(filter(None, ("exception" if code is not None else "", carried.note)))
        returned = Returned(
            raw=carried.raw,
            delay_s=carried.delay_s,
            shows=answer.shows if carried.readable else (),
            note=note,
            again_s=carried.again_s,
            closes=carried.closes,
            lost=carried.lost,
        )
        return returned if carried.lost else self._older_faults(returned, adu.unit)

    def _older_faults(self, returned: Returned, unit: int) -> Returned:
        delay_s, note, patient = returned.delay_s, returned.note, False
        raw, shows = returned.raw, returned.shows
        if (late := self._late.get(unit)) is not None:
            delay_s, note, patient = (late.number("delay_ms") or 0.0) / 1000, "late", True
            if late.parameters["once"]:
                del self._late[unit]
        if self.spec.rtu and self._random.random() < self._crc_rate:
            # A damaged frame shows nothing to a reader that checks.
            raw, note, shows = self._damaged(raw), "damaged", ()
        return replace(returned, raw=raw, delay_s=delay_s, shows=shows, note=note, patient=patient)

    def _broadcast(self, pdu: bytes, now_s: float) -> None:
        self._last_unit = 0
        for device in self._devices:
            if device.name not in self._silent:
                self._world.request(device, pdu, now_s)

    def _nobody(self, adu: Adu) -> Returned | None:
        if self.spec.gateway_s is None:
            return None
        pdu = bytes((adu.pdu[0] | 0x80, _TARGET_SILENT))
        raw = Adu(unit=adu.unit, pdu=pdu, tid=adu.tid).raw()
        carried = self.faults.reply(adu.unit, raw, self.spec.gateway_s)
        return Returned(
            raw=carried.raw, delay_s=carried.delay_s, note=carried.note, lost=carried.lost
        )

    def _loses(self, device: Device, unit: int, first_s: float) -> bool:
        changed = self._last_unit not in (None, unit)
        sensitive = bool(getattr(device, "loses_first_after_change", False))
        return sensitive and changed and first_s - self._quiet_s < UNIT_CHANGE_PAUSE_S

    def _addressed(self, unit: int) -> Device | None:
        if self.spec.any_unit:
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
