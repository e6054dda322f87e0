"""`laddvakt-sim list`: every device, fault and board, for people and for programs."""

from __future__ import annotations

import json

from click.testing import CliRunner

from laddvakt_sim.cli import main
from laddvakt_sim.firmware import library


def test_for_programs() -> None:
    """JSON with a schema version; a device tells its links and its watchdog."""
    result = CliRunner().invoke(main, ["list", "--json"])
    assert result.exit_code == 0
    told = json.loads(result.output)
    assert told["schema_version"] == 1
    devices = {device["id"]: device for device in told["devices"]}
    assert tuple(devices) == library.models()
    assert devices["vestel-evc04"] == {
        "id": "vestel-evc04",
        "vendor": "Vestel",
        "model": "EVC04",
        "kind": "board",
        "unit": 255,
        "firmware": "v3.187.0-1.0.156.0",
        "link": {"rtu": None, "tcp": {"port": 502}},
        "watchdog": {"fed_by": "heartbeat", "on_expiry": "less_current", "default_s": 20.0},
    }
    assert devices["bauer-bsm-ws36a"]["link"]["rtu"] == {
        "baud": 19200,
        "format": "8E1",
        "confirmed": True,
    }
    assert devices["simpleevse-wb-din"]["watchdog"] is None
    assert {"contactor_welded", "wire_late", "wire_unplugged"} <= told["faults"].keys()
    line1 = told["boards"][0]["lines"]["line1"]
    assert line1[1] == {"name": "meter1", "unit": 2, "device": "eastron-sdm72d-m-v2"}


def test_for_people() -> None:
    """One line per device, fault and line."""
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert all(any(f" {name} " in line for line in lines) for name in library.models())
    keba = next(line for line in lines if "keba-p30-p40" in line)
    assert keba.endswith("watchdog: any_request → more_current")
    assert any(line.startswith("fault  residual_current_dc") for line in lines)
    assert any(line.startswith("board  tcp1") for line in lines)
