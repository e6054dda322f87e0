"""The configuration refuses exactly those roles the hardware layer cannot build."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from string import Template

import msgspec
import pytest

from agent.station_kit import PLACES
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, parse
from laddvakt_agent.hardware import build
from laddvakt_hal.errors import ProfileError

WHOLE = Template(
    (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
).substitute(PLACES, dir="/var/lib/laddvakt")
SECOND = WHOLE.index('[[connector]]\nid = "2"')
TEXT = WHOLE[:SECOND] + WHOLE[WHOLE.index("[[token]]") :]  # connector 1 alone
DEVICES = ("evse1", "meter1", "relay1", "rcm1", "charx1")
RELAY = 'contactor = { device = "relay1", coil = 0, mirror_input = 0 }\n'
STOP = 'emergency_stop = { device = "relay1", input = 1 }\n'


def variants() -> Iterator[tuple[str, str]]:
    for device in DEVICES:
        yield 'board = "evse1"', f'board = "{device}"'
        yield f'{RELAY}{STOP}residual_monitor = "rcm1"', f'residual_monitor = "{device}"'
        yield 'meter = "meter1"', f'meter = "{device}"'
        yield 'monitor = "rcm1"', f'monitor = "{device}"'
        yield RELAY, RELAY.replace("relay1", device)
        yield STOP, STOP.replace("relay1", device)
        yield (
            f'board = "evse1"\nmeter = "meter1"\n{RELAY}',
            f'board = "{device}"\nmeter = "meter1"\n',
        )
    for number in (7, 8, 31):
        yield RELAY, RELAY.replace("coil = 0", f"coil = {number}")
        yield RELAY, RELAY.replace("input = 0", f"input = {number}")
        yield STOP, STOP.replace("input = 1", f"input = {number}")


@pytest.mark.parametrize(("old", "new"), tuple(variants()))
def test_what_the_check_lets_through_can_be_built(old: str, new: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    data = tomllib.loads(text)
    unchecked = msgspec.convert({**data, "uplink": [data["uplink"]]}, Config)
    try:
        build(unchecked, lambda: 0.0, lambda device: None)
        builds = True
    except ProfileError:
        builds = False
    try:
        parse(text, "station.toml", profile)
        passes = True
    except ConfigError:
        passes = False
    assert passes is builds
