"""Which serial number a device tells the core: only one it has said since it was last silent."""

from __future__ import annotations

import pytest

from agent.test_config import TEXT, good
from laddvakt_agent.core.inputs import Role
from laddvakt_agent.hardware import Hardware, build
from laddvakt_hal import reading

CONFIG = good(TEXT)


def told(hardware: Hardware) -> dict[Role, str | None]:
    (first, *_) = CONFIG.connector
    return {health.role: health.serial for health in hardware.device_health(first.id)}


@pytest.mark.parametrize(
    ("said", "serial"), [("ABC123", "ABC123"), (17004211, "17004211")], ids=["text", "number"]
)
def test_a_meter_tells_its_serial_number(said: str | int, serial: str) -> None:
    """After a silence it must be read again: somebody else may answer."""
    hardware = build(CONFIG, lambda: 5.0, lambda _: None)
    meter = hardware.devices[CONFIG.connector[0].meter]
    assert meter.profile.meter is not None
    assert meter.profile.meter.serial is not None
    assert told(hardware)[Role.METER] is None, "not read yet"
    meter._readings[meter.profile.meter.serial] = reading.good(said, 4.0)
    assert told(hardware)[Role.METER] == serial
    meter.mark_down()
    assert told(hardware)[Role.METER] is None


def test_a_device_without_one_tells_none() -> None:
    hardware = build(CONFIG, lambda: 5.0, lambda _: None)
    (first, *_) = CONFIG.connector
    assert "serial" not in hardware.devices[first.board].profile.rows
    assert told(hardware)[Role.BOARD] is None
