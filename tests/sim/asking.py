"""A station without lines: requests go straight to the devices, time is a number."""

from __future__ import annotations

import struct

from laddvakt_sim.faults import parse
from laddvakt_sim.firmware.slave import Answer, Device
from laddvakt_sim.plant.words import VehicleSpec
from laddvakt_sim.station import Station

START_S = 1000.0
FLASH = (20, 0.5)  # 2.0 s, re-sent each 0.5 s


class Bench:
    """A station and the time; `ask` sends a PDU, `charge` brings a connector to full current."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.station = Station(now_s=START_S, seed=3)
        self._devices = {d.name: d for devices in self.station.lines.values() for d in devices}

    def device(self, name: str) -> Device:
        return self._devices[name]

    def ask(self, device: str, pdu: bytes) -> Answer:
        return self.station.request(self._devices[device], pdu, self.now_s)

    def read(self, device: str, fc: int, addr: int, count: int) -> tuple[int, ...]:
        pdu = self.ask(device, struct.pack(">BHH", fc, addr, count)).pdu
        assert pdu[:2] == bytes((fc, 2 * count)), pdu.hex()
        return struct.unpack(f">{count}H", pdu[2:])

    def float_at(self, device: str, fc: int, addr: int) -> float:
        words = self.read(device, fc, addr, 2)
        return float(struct.unpack(">f", struct.pack(">2H", *words))[0])

    def write(self, device: str, addr: int, *values: int) -> bytes:
        head = struct.pack(">BHHB", 16, addr, len(values), 2 * len(values))
        return self.ask(device, head + struct.pack(f">{len(values)}H", *values)).pdu

    def coil(self, addr: int, raw: int) -> bytes:
        return self.ask("relay1", struct.pack(">BHH", 5, addr, raw)).pdu

    def inputs(self) -> int:
        return self.ask("relay1", struct.pack(">BHH", 2, 0, 2)).pdu[2]

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.station.advance(self.now_s)

    def hold(self, seconds: float) -> None:
        """Let time pass with the dead-man held on connector 1 and the watchdog fed on 2."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-9:
            self.coil(0x0200, 20)
            self.read("charx1", 3, 1299, 1)
            self.wait(min(0.5, end_s - self.now_s))

    def inject(self, name: str, connector: str | None = None, **parameters: object) -> None:
        body: dict[str, object] = {"name": name, **parameters}
        if connector is not None:
            body["connector"] = connector
        self.station.afflict((parse(body, self.now_s),), self.now_s)

    def heal(self) -> None:
        self.station.afflict((), self.now_s)

    def charge(self, spec: VehicleSpec | None = None) -> None:
        """Charge on both connectors at 16 A, every timer settled."""
        for connector in ("1", "2"):
            self.station.plug(connector, spec or VehicleSpec(), self.now_s)
        self.write("evse1", 1000, 16)
        self.write("charx1", 1306, 0, 2)
        self.write("charx1", 1300, 1, 16)
        self.hold(6.0)
