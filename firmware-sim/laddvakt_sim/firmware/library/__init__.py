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
    from laddvakt_sim.firmware.slave import Device

__all__ = ["BenchDevice", "World", "entry", "make", "models"]

_MODULES = {
    "abb": ("abb-b23-b24",),
    "alfen": ("alfen-ng910",),
    "bauer": ("bauer-bsm-ws36a",),
    "bender": ("bender-cc612-cc613",),
    "charx": ("phoenix-charx-sec",),
    "eastron": (
        "eastron-sdm120",
        "eastron-sdm230",
        "eastron-sdm630",
        "eastron-sdm72d-m-v2",
    ),
    "evse_din": ("simpleevse-wb-din",),
    "gavazzi": (
        "cg-em24-din-rtu",
        "cg-em24-e1-tcp",
        "cg-em300-et300",
        "cg-em530-em540",
        "phoenix-eem-350-d-mcb",
    ),
    "heidelberg": ("heidelberg-energy-control",),
    "janitza": (
        "janitza-umg604",
        "janitza-umg96rm",
    ),
    "keba": ("keba-p30-p40",),
    "meters": (
        "dzg-dvh4013",
        "inepro-pro380",
        "orno-or-we-516-517",
        "phoenix-eem-ma37x",
    ),
    "phoenix": (
        "phoenix-em-cp-pp-eth",
        "phoenix-ev-cc-ac1-m3-eth",
        "phoenix-ev-cc-basic-ser",
    ),
    "relays": (
        "c0135-relay-board",
        "eletechsup-r4d3b16",
        "kmtronic-relay",
        "waveshare-modbus-rtu-relay",
    ),
    "residual": (
        "bender-rcmb300",
        "bender-rcms150",
    ),
    "schneider": ("schneider-iem3155-iem3255",),
    "siemens": (
        "siemens-pac1600",
        "siemens-pac2200",
    ),
    "signing": (
        "cg-em580-ocmf",
        "iskra-wm3m4c",
    ),
    "sunspec": (
        "sunspec-meter-20x",
        "sunspec-meter-21x",
    ),
    "vestel": ("vestel-evc04",),
    "wallboxes": (
        "abb-terra-ac",
        "etrel-inch",
    ),
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
    if firmware is not None and not found.firmware:
        raise ValueError(f"{model} comes with one firmware only; leave firmware out")
    build = found.build or BenchDevice
    chosen = found.firmware if firmware is None else firmware
    try:
        return build(found, name=name, unit=unit, now_s=now_s, firmware=chosen)
    except ValueError as error:
        raise ValueError(
            f"{model} cannot have firmware {chosen!r}; one like {found.firmware!r} is expected"
        ) from error


class World:
    """Devices on lines, without a plant between them."""

    def __init__(self, lines: Mapping[str, tuple[Device, ...]]) -> None:
        self.lines = lines

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`; no PDU back: it is silent."""
        if isinstance(device, BenchDevice):
            device.tell_time(now_s)
        return serve(pdu, device)
