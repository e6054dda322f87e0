"""One library device without a line: PDUs go straight to it, time is a number."""

from __future__ import annotations

from laddvakt_sim.firmware import library
from laddvakt_sim.firmware.library import BenchDevice, World

START_S = 1000.0
LONG_S = 5.0  # longer than any device takes to renew its registers


class Asked:
    """One device and the time."""

    def __init__(self, model: str, firmware: str | None = None, unit: int = 1) -> None:
        self.now_s = START_S
        self.device: BenchDevice = library.make(
            model, name="it", unit=unit, now_s=START_S, firmware=firmware
        )
        self._world = World({"line": (self.device,)})

    def ask(self, request: str, after_s: float = LONG_S) -> str:
        """The reply's PDU in hex, empty when the device is silent."""
        self.now_s += after_s
        pdu = bytes.fromhex(request)
        return self._world.request(self.device, pdu, self.now_s).pdu.hex(" ", 2)


def load(device: BenchDevice, volts: float, amps: float, pf: float) -> None:
    """The same load on every phase it measures."""
    for phase in device.physics.phases:
        device.set(f"voltage_l{phase}", volts)
        device.set(f"current_l{phase}", amps)
        device.set(f"pf_l{phase}", pf)


def plain(text: str) -> str:
    return text.replace(" ", "")
