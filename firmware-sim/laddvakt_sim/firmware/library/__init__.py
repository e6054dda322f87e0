"""Every device the simulator can put on a bench, transcribed on its own from the vendors' facts.

`models()` names them, `make` builds one, `World` holds the devices of several lines.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.slave import Answer, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.firmware.library.model import Model

__all__ = ["BenchDevice", "World", "entry", "make", "models"]

_MODULES = {
    "abb": ("abb-b23-b24",),
    "bender": ("bender-cc612-cc613",),
    "charx": ("phoenix-charx-sec",),
    "eastron": ("eastron-sdm120", "eastron-sdm230", "eastron-sdm630", "eastron-sdm72d-m-v2"),
    "evse_din": ("simpleevse-wb-din",),
    "gavazzi": (
        "cg-em24-din-rtu",
        "cg-em24-e1-tcp",
        "cg-em300-et300",
        "cg-em530-em540",
        "phoenix-eem-350-d-mcb",
    ),
    "keba": ("keba-p30-p40",),
    "relays": (
        "c0135-relay-board",
        "eletechsup-r4d3b16",
        "kmtronic-relay",
        "waveshare-modbus-rtu-relay",
    ),
    "sunspec": ("sunspec-meter-20x", "sunspec-meter-21x"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def models() -> tuple[str, ...]:
    """Ids of every device, sorted."""
    return tuple(sorted(_WHERE))


def entry(model: str) -> Model:
    """What is known about a kind of device.

    Raises:
        ValueError: there is no such device.
    """
    if model not in _WHERE:
        raise ValueError(f"device {model!r} is unknown; known: {', '.join(models())}")
    module = importlib.import_module(f"laddvakt_sim.firmware.library.{_WHERE[model]}")
    found: Mapping[str, Model] = {one.id: one for one in module.MODELS}
    return found[model]


def make(
    model: str, *, name: str, unit: int, now_s: float, firmware: str | None = None
) -> BenchDevice:
    """A device of that kind at unit `unit`, its clock at `now_s`.

    `firmware` chooses among variants where a model has them: a version (SimpleEVSE "16", Bender
    "5.21"), an EM24-DIN's application ("H"), a SunSpec chain's base ("50000").

    Raises:
        ValueError: there is no such device, or the firmware cannot be one.
    """
    found = entry(model)
    build = found.build or BenchDevice
    return build(found, name=name, unit=unit, now_s=now_s, firmware=firmware or found.firmware)


class World:
    """Devices on lines, without a plant between them."""

    def __init__(self, lines: Mapping[str, tuple[BenchDevice, ...]]) -> None:
        self.lines = lines

    def request(self, device: BenchDevice, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`; no PDU back: it is silent."""
        device.tell_time(now_s)
        return serve(pdu, device)

    def advance(self, now_s: float) -> None:
        """Let every device live until `now_s`."""
        for devices in self.lines.values():
            for device in devices:
                device.tell_time(now_s)
