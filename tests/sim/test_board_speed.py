"""A board whose plant lives faster than its lines, and one on another supply."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from laddvakt_sim.clock import PlantClock
from laddvakt_sim.firmware.slave import seal
from sim.rawline import now_s, raw_line
from sim.running import RunningBoard, running_board

pytestmark = pytest.mark.integration

LIMIT_16 = seal(1, bytes.fromhex("1003e80001020010"))


async def _close(board: RunningBoard) -> None:
    await board.ask("POST", "/connectors/1/plug", {})
    with raw_line(board.port("line1")) as port:
        await port.ask(LIMIT_16, length=8)
        await port.ask(seal(3, bytes.fromhex("050000ff00")), length=8)


async def test_the_plant_runs_ahead_of_the_lines(tmp_path: Path) -> None:
    """At ×100 a second of the lines is 100 s of charging; frames take the time they take."""
    async with running_board(tmp_path, "--speed", "100") as board:
        await _close(board)
        await board.until("1", lambda view: view["current_a"][0] == 16.0)
        first, before_s = await board.ask("GET", "/state"), now_s()
        await asyncio.sleep(0.5)
        last, after_s = await board.ask("GET", "/state"), now_s()
        frames = (await board.ask("GET", "/trace"))["frames"]
    lived_s = last["now_s"] - first["now_s"]
    energy_wh = (
        last["connectors"]["1"]["plant_energy_wh"] - first["connectors"]["1"]["plant_energy_wh"]
    )
    assert last["speed"] == 100.0
    assert 50.0 <= lived_s <= 100.0 * (after_s - before_s + 0.5)
    assert energy_wh == pytest.approx(11_040.0 * lived_s / 3600.0, rel=1e-6)
    assert frames[0]["last_s"] - frames[0]["first_s"] >= 9 * 10 / 9600  # its characters


async def test_supply_grid_and_climate(tmp_path: Path) -> None:
    """`--supply`, PATCH /grid and PATCH /climate; a fault that ends by itself is gone."""
    async with running_board(tmp_path, "--supply", "it-tt-3x230") as board:
        state = await board.state("1")
        assert state["supply"]["line_voltage_v"] == pytest.approx([230.0] * 3)
        assert state["voltage_v"] == pytest.approx([132.79] * 3, abs=0.01)
        grid = await board.ask("PATCH", "/grid", {"supply": "1ph", "house_a": [5, 0, 0]})
        assert (grid["supply"], grid["house_a"]) == ("1ph", [5.0, 0.0, 0.0])
        assert (await board.state("1"))["voltage_v"] == [230.0, 0.0, 0.0]
        climate = await board.ask("PATCH", "/climate", {"ambient_c": -30})
        assert climate == {"ambient_c": -30, "sun_w": 0.0}
        refused = await board.ask("PATCH", "/grid", {"supply": "dc"}, status=400)
        assert "tn-tt-230-400" in refused["error"]
        sag = {"name": "under_voltage", "share": 0.8, "seconds": 1.0}
        await board.ask("POST", "/faults", sag)
        for volts in (184.0, 230.0):
            await board.until("1", lambda view, v=volts: view["voltage_v"][0] == pytest.approx(v))  # type: ignore[misc]
        assert (await board.ask("GET", "/faults"))["faults"] == []


async def test_a_locked_plug_stays(tmp_path: Path) -> None:
    """Connector 2 locks by register 1303; then only force pulls."""
    async with running_board(tmp_path) as board:
        await board.ask("POST", "/connectors/2/plug", {})
        reader, writer = await asyncio.open_connection("127.0.0.1", board.tcp_port)
        writer.write(bytes.fromhex("000100000009ff1005170001020001"))
        await reader.readexactly(12)
        writer.close()
        await board.until("2", lambda view: bool(view["plug"]["locked"]))
        refused = await board.ask("POST", "/connectors/2/unplug", status=400)
        assert "the plug is locked" in refused["error"]
        left = await board.ask("POST", "/connectors/2/unplug", {"force": True})
        assert left["vehicle"] is None


@pytest.mark.parametrize("speed", [1.0, 0.5, 1000.0])
def test_clock(speed: float) -> None:
    """There and back; at ×1 not a bit changes."""
    clock = PlantClock(100.0, speed)
    assert clock.plant_s(103.0) == 100.0 + 3.0 * speed
    assert clock.line_s(clock.plant_s(123.456789)) == pytest.approx(123.456789, abs=1e-9)
    if speed == 1.0:
        assert clock.plant_s(0.1 + 0.2) == 0.1 + 0.2
