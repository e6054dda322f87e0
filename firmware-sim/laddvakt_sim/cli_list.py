"""`laddvakt-sim list`: which devices, faults and boards there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from laddvakt_sim.control_parts import kinds_view
from laddvakt_sim.faults import BOARD_KINDS
from laddvakt_sim.firmware import library
from laddvakt_sim.firmware.charx import Charx
from laddvakt_sim.firmware.rcmb300 import Rcmb300
from laddvakt_sim.firmware.sdm72 import Sdm72Meter
from laddvakt_sim.firmware.simpleevse import SimpleEvse
from laddvakt_sim.firmware.waveshare import WaveshareRelay
from laddvakt_sim.station import Station

if TYPE_CHECKING:
    from laddvakt_sim.fault_kinds import Kind
    from laddvakt_sim.firmware.library.model import Model
    from laddvakt_sim.firmware.slave import Device

SCHEMA_VERSION = 1
_BUILT_IN = {
    Charx: "phoenix-charx-sec",
    Rcmb300: "bender-rcmb300",
    Sdm72Meter: "eastron-sdm72d-m-v2",
    SimpleEvse: "simpleevse-wb-din",
    WaveshareRelay: "waveshare-modbus-rtu-relay",
}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def list_command(as_json: bool) -> None:
    """List the devices, faults and boards that can be simulated."""
    if as_json:
        click.echo(json.dumps(catalogue(), indent=2, ensure_ascii=False))
        return
    for model in _models():
        click.echo(_device_line(model))
    click.echo()
    for name, kind in BOARD_KINDS.items():
        click.echo(_fault_line(name, kind))
    click.echo()
    for line, devices in _lines().items():
        told = ", ".join(f"{device.name} (unit {device.unit})" for device in devices)
        click.echo(f"board  {line:6} {told}")


def catalogue() -> dict[str, object]:
    """Everything as JSON."""
    lines = {line: [_board_view(device) for device in devs] for line, devs in _lines().items()}
    return {
        "schema_version": SCHEMA_VERSION,
        "devices": [_device_view(model) for model in _models()],
        "faults": kinds_view(BOARD_KINDS),
        "boards": [{"name": "board", "command": "laddvakt-sim board", "lines": lines}],
    }


def _models() -> list[Model]:
    return [library.entry(name) for name in library.models()]


def _lines() -> dict[str, tuple[Device, ...]]:
    return Station(now_s=0.0, seed=1).lines


def _device_view(model: Model) -> dict[str, object]:
    serial, guard = model.serial, model.guard
    return {
        "id": model.id,
        "vendor": model.vendor,
        "model": model.name,
        "kind": model.kind,
        "unit": model.unit,
        "firmware": model.firmware or None,
        "link": {
            "rtu": None
            if serial is None
            else {"baud": serial.baud, "format": serial.format, "confirmed": serial.sure},
            "tcp": {"port": 502} if model.tcp else None,
        },
        "watchdog": None
        if guard is None
        else {
            "fed_by": guard.fed_by,
            "on_expiry": guard.on_expiry,
            "default_s": guard.default_s,
        },
    }


def _board_view(device: Device) -> dict[str, object]:
    known = (model for kind, model in _BUILT_IN.items() if isinstance(device, kind))
    return {"name": device.name, "unit": device.unit, "device": next(known)}


def _device_line(model: Model) -> str:
    links = [] if model.serial is None else [f"{model.serial.baud} {model.serial.format}"]
    links += ["TCP"] if model.tcp else []
    guard = model.guard
    watchdog = "" if guard is None else f"  watchdog: {guard.fed_by} → {guard.on_expiry}"
    told = f"{', '.join(links)}, unit {model.unit}"
    return f"{model.kind:6} {model.id:28} {told:28} {model.vendor} {model.name}{watchdog}"


def _fault_line(name: str, kind: Kind) -> str:
    parameters = ", ".join(kind.parameters)
    return f"fault  {name:28} {kind.about}{f' [{parameters}]' if parameters else ''}"
