"""Lines that are down or noisy, addresses that two devices share."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.core.core_detect import brisk, charging
from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.detect.lines import troubles
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, LineHealth, Role
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.model import FaultRaised, State
from laddvakt_agent.core.scene import Scene

BOARD = DeviceHealth(name="evse1", role=Role.BOARD, line="line1", heard_s=999.0)


def _said(inputs: Inputs) -> dict[tuple[str, str], bool | None]:
    scene = Scene(ONE, Life(), Memory(), inputs, 1000.0)
    return {(code, subject): finding.present for code, subject, finding in troubles(scene)}


@pytest.mark.parametrize(
    ("up", "error_share", "down", "noisy"),
    [
        (True, 0.0, False, False),
        (True, 0.02, False, False),
        (True, 0.021, False, True),
        (True, 1.0, False, True),
        (True, None, False, None),
        (True, math.nan, False, None),
        (False, 0.5, True, None),
        (False, 0.0, True, None),
    ],
)  # fmt: skip
def test_lines(up: bool, error_share: float | None, down: bool, noisy: bool | None) -> None:
    """A line that is down says nothing about its noise; no share is not a quiet line."""
    line = LineHealth(name="line1", up=up, error_share=error_share)
    said = _said(Inputs(lines=(line, LineHealth(name="line2", up=True, error_share=0.0))))
    assert said["bus_down", "line1"] is down
    assert said["bus_noisy", "line1"] is noisy
    assert said["bus_noisy", "line2"] is False


@pytest.mark.parametrize(
    ("devices", "present"),
    [
        ((BOARD,), False),
        ((replace(BOARD, heard_s=None),), None),
        ((replace(BOARD, doubled="two serial numbers alternate"),), True),
        ((replace(BOARD, doubled="x"), replace(BOARD, role=Role.CONTACTOR)), True),
        ((replace(BOARD, role=Role.CONTACTOR), replace(BOARD, doubled="x")), True),
        ((), "unsaid"),
    ],
    ids=["well", "never heard", "two", "told of one role", "of the other", "no such device"],
)
def test_addresses(devices: tuple[DeviceHealth, ...], present: object) -> None:
    """One device in two roles is one address."""
    said = _said(Inputs(devices=devices))
    assert said.get(("two_devices_one_address", "evse1"), "unsaid") == present


def _lines(world: World, **changes: float | str) -> None:
    lines = tuple(replace(line, error_share=0.0) for line in world.inputs.lines)
    world.override = {"lines": (replace(lines[0], **changes), *lines[1:])}  # type: ignore[arg-type]  # fields of LineHealth


def test_noise_for_five_minutes() -> None:
    """Not a moment sooner; it does nothing, and is over half an hour after it was quiet."""
    world = brisk(World(), 6.0)
    _lines(world, error_share=0.03)
    brisk(world, 299.0, 13.0)
    assert world.faults == {}
    brisk(world, 26.0, 13.0)
    assert world.faults["bus_noisy"].act is Act.NONE
    assert world.faults["bus_noisy"].subject == "line1"
    assert "3.0%" in world.faults["bus_noisy"].evidence
    assert world.at(State.AVAILABLE)
    _lines(world, error_share=0.0)
    world.step(1.0)
    world.step(1799.0)
    assert "bus_noisy" in world.faults
    world.step(1.0)
    assert "bus_noisy" not in world.faults


def test_single_broken_replies() -> None:
    """A burst that fills a minute's window again and again, and leaves it: normal."""
    world = brisk(World(), 6.0)
    for _ in range(10):
        _lines(world, error_share=0.05)
        brisk(world, 60.0, 10.0)
        _lines(world, error_share=0.01)
        brisk(world, 30.0, 10.0)
    assert world.since(FaultRaised) == []


def test_an_unknown_share_begins_the_time_anew() -> None:
    world = brisk(World(), 6.0)
    for _ in range(3):
        _lines(world, error_share=0.5)
        brisk(world, 250.0, 5.0)
        world.override = {}
        world.step(1.0)
    assert world.faults == {}


def test_two_at_one_address() -> None:
    """10 s, then ramped; it stays until a person has looked, and until the replies are clean."""
    world = charging(World())
    world.step(0.25)
    devices = world.inputs.devices
    doubled = tuple(replace(device, doubled="two identities alternate") for device in devices[:1])

    def tell(*, both: bool) -> None:
        heard = tuple(replace(d, heard_s=world.now_s + 0.25) for d in devices)
        lied = tuple(replace(d, heard_s=world.now_s + 0.25) for d in doubled)
        world.override = {"devices": (*(lied if both else heard[:1]), *heard[1:])}
        world.step(0.25)

    first_s = world.now_s + 0.25
    while world.now_s < first_s + 9.75:
        tell(both=True)
        assert world.faults == {}
    tell(both=True)
    (fault,) = machine.active_faults(world.connector)
    assert (fault.code, fault.subject) == ("two_devices_one_address", "evse1")
    assert fault.act is Act.RAMP
    for _ in range(40):
        tell(both=False)
    assert "two_devices_one_address" in world.faults


@pytest.mark.parametrize("reason", ["port missing", ""])
def test_a_line_down(reason: str) -> None:
    """The reason is told; without one, that it is down."""
    world = brisk(World(), 6.0)
    down = tuple(replace(line, up=False, reason=reason) for line in world.inputs.lines)
    world.override = {"lines": down}
    brisk(world, 3.5)
    assert world.faults["bus_down"].evidence == (reason or "line is down")
