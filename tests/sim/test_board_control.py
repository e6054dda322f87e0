"""The control API over real HTTP, and the life of the processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from laddvakt_sim.faults import BOARD_KINDS
from laddvakt_sim.firmware.slave import seal
from sim.rawline import now_s, raw_line
from sim.running import ROOT, RunningBoard, alive, announced, running_board, start

pytestmark = pytest.mark.integration


async def test_index_names_everything(board: RunningBoard) -> None:
    """`GET /` says which faults there are and what they take."""
    index = await board.ask("GET", "/")
    assert set(index["faults"]) == set(BOARD_KINDS)
    phase = index["faults"]["phase_lost"]["parameters"]["phase"]
    assert phase == {"allowed": "a whole number 1 to 3", "default": 2}
    assert index["connectors"] == ["1", "2"]


async def test_plug_change_unplug(board: RunningBoard) -> None:
    """A vehicle comes, changes its mind and leaves."""
    vehicle = {"phases": 1, "max_current_a": 10, "demand_wh": None, "obeys_pwm_off": False}
    plugged = await board.ask("POST", "/connectors/2/plug", vehicle)
    assert (plugged["pilot"], plugged["vehicle"]["phases"]) == ("B", 1)
    changed = await board.ask("PATCH", "/connectors/2/vehicle", {"wants_charge": False})
    assert changed["vehicle"] == {**plugged["vehicle"], "wants_charge": False}
    left = await board.ask("POST", "/connectors/2/unplug")
    assert (left["pilot"], left["vehicle"]) == ("A", None)
    assert plugged["now_s"] <= changed["now_s"] <= left["now_s"] <= now_s()


async def test_state_has_what_a_check_needs(board: RunningBoard) -> None:
    """The contactor's movement carries its own time, not the time of looking."""
    await board.ask("POST", "/connectors/1/plug", {})
    with raw_line(board.port("line1")) as port:
        await port.ask(seal(1, bytes.fromhex("1003e80001020010")), length=8)
        await board.until("1", lambda view: view["pilot"] == "C")
        await port.ask(seal(3, bytes.fromhex("0502000005")), length=8)
    frames = (await board.ask("GET", "/trace"))["frames"]
    flash_s = frames[-2]["last_s"]
    assert frames[-2]["hex"].startswith("03050200")
    closed = await board.until("1", lambda view: view["closed_at_s"] is not None)
    opened = await board.until("1", lambda view: view["opened_at_s"] is not None)
    assert closed["closed_at_s"] - flash_s == pytest.approx(0.020, abs=0.06)
    assert opened["opened_at_s"] - flash_s == pytest.approx(0.520, abs=0.005)
    assert (opened["closures"], opened["contactor_closed"]) == (1, False)
    whole = await board.ask("GET", "/state")
    assert whole["lines"]["line1"] == {"frames": 4, "errors": 0}


BAD_REQUESTS: tuple[tuple[str, str, dict[str, object] | None, str], ...] = (
    ("POST", "/faults", {"name": "gremlin"}, "residual_current_dc"),
    ("POST", "/faults", {}, "allowed are"),
    ("POST", "/faults", {"name": "pilot_fault"}, "allowed are 1, 2"),
    ("POST", "/faults", {"name": "pilot_fault", "connector": "3"}, "1, 2"),
    ("POST", "/faults", {"name": "emergency_stop", "connector": "1"}, "none"),
    (
        "POST",
        "/faults",
        {"name": "pilot_fault", "connector": "1", "state": "G"},
        "one of E, F, invalid",
    ),
    ("POST", "/faults", {"name": "phase_lost", "phase": 4}, "1 to 3"),
    ("POST", "/faults", {"name": "phase_lost", "phase": 1.5}, "whole number"),
    ("POST", "/faults", {"name": "phase_lost", "fase": 1}, "allowed are phase"),
    ("POST", "/faults", {"name": "bus_down"}, "line1, line2, tcp1"),
    ("POST", "/faults", {"name": "crc_errors", "line": "tcp1"}, "line1, line2"),
    ("POST", "/faults", {"name": "contactor_welded", "connector": "1", "shut": 1}, "true or false"),
    ("DELETE", "/faults/gremlin", None, "allowed are"),
    ("DELETE", "/faults/pilot_fault?connector=9", None, "1, 2"),
    ("POST", "/connectors/3/plug", {}, "1, 2"),
    ("POST", "/connectors/1/plug", {"phases": 4}, "1 to 3"),
    ("POST", "/connectors/1/plug", {"colour": 1}, "max_current_a"),
    ("POST", "/connectors/1/plug", {"wants_charge": "yes"}, "true"),
    ("PATCH", "/connectors/1/vehicle", {}, "plug one first"),
    ("GET", "/trace?line=line9", None, "line1, line2, tcp1"),
    ("GET", "/trace?limit=0", None, "from 1"),
)


async def test_bad_requests(board: RunningBoard) -> None:
    """400 with what is allowed, and nothing has changed."""
    for method, path, body, says in BAD_REQUESTS:
        answer = await board.ask(method, path, body, status=400)
        assert says in answer["error"], (method, path, body)
    assert (await board.ask("GET", "/faults"))["faults"] == []


async def test_two_connectors_have_the_same_fault(board: RunningBoard) -> None:
    """Faults are told apart by connector and cleared by it."""
    for connector in ("1", "2"):
        await board.ask("POST", "/faults", {"name": "meter_frozen", "connector": connector})
    answer = await board.ask("DELETE", "/faults/meter_frozen?connector=1")
    assert answer["cleared"] == 1
    left = (await board.ask("GET", "/faults"))["faults"]
    assert [(f["name"], f["connector"]) for f in left] == [("meter_frozen", "2")]


async def test_trace_pages(board: RunningBoard) -> None:
    """`next` continues without a gap and without a repetition."""
    with raw_line(board.port("line1")) as port:
        for _ in range(5):
            await port.ask(seal(3, bytes.fromhex("0200000002")), length=6)
    seen, following = [], 1
    while True:
        page = await board.ask("GET", f"/trace?since={following}&limit=3")
        if not page["frames"]:
            break
        seen += [frame["seq"] for frame in page["frames"]]
        following = page["next"]
    assert seen == list(range(1, 11))


@pytest.mark.parametrize("how", ["stdin", "term", "int", "kill"])
async def test_nothing_outlives_the_board(tmp_path: Path, how: str) -> None:
    """However the main process ends, no line process and no symlink is left."""
    process = await start(tmp_path)
    await announced(process, tmp_path)
    async with RunningBoard(process, tmp_path) as board:
        lines = [int(pid) for pid in board.config["pids"]][1:]
        assert len(lines) == 2
        with raw_line(board.port("line1")):  # even with a port open
            if how == "stdin" and process.stdin is not None:
                process.stdin.close()
            else:
                process.send_signal(
                    {"term": signal.SIGTERM, "int": signal.SIGINT}.get(how, signal.SIGKILL)
                )
            code = await asyncio.wait_for(process.wait(), 5)
        async with asyncio.timeout(3):
            while any(alive(pid) for pid in lines):  # noqa: ASYNC110  other processes
                await asyncio.sleep(0.01)
    assert code == (-signal.SIGKILL if how == "kill" else 0)
    left = sorted(os.listdir(tmp_path))  # what was killed took no file away
    assert left == (["board.json", "reader"] if how == "kill" else [])


async def test_a_dead_line_ends_the_board(tmp_path: Path) -> None:
    """A board with half its lines would lie; it ends with exit code 1."""
    async with running_board(tmp_path) as board:
        os.kill(int(board.config["pids"][1]), signal.SIGKILL)
        assert await asyncio.wait_for(board.process.wait(), 5) == 1


async def run_to_end(*options: str) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr of a board that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "laddvakt_sim", "board", "--exit-with-stdin", *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "firmware-sim")},
    )
    out, err = await asyncio.wait_for(process.communicate(), 10)
    return process.returncode, out.decode(), err.decode()


async def refused(*options: str) -> tuple[int | None, str]:
    code, out, err = await run_to_end(*options)
    assert out == ""
    assert "Traceback" not in err
    assert "Errno" not in err
    return code, err


async def test_it_says_when_it_is_ready(tmp_path: Path) -> None:
    code, out, err = await run_to_end("--dir", str(tmp_path))
    assert (code, err) == (0, "")
    assert out == f"board ready: {tmp_path / 'board.json'}\n"


async def test_a_folder_that_cannot_be_made_is_a_sentence() -> None:
    code, said = await refused("--dir", "/proc/nope")
    assert code == 75
    assert "--dir /proc/nope: this folder cannot be made" in said
    assert "choose one in a place you can write to" in said


async def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    async with running_board(tmp_path / "one") as board:
        taken = str(board.tcp_port)
        code, said = await refused("--dir", str(tmp_path / "two"), "--tcp-port", taken)
    assert code == 75
    assert taken in said
    assert "choose another --control-port, --tcp-port or --dir" in said


async def test_second_board_in_one_directory(tmp_path: Path) -> None:
    """It says so and leaves the first one alone."""
    async with running_board(tmp_path) as board:
        code, said = await refused("--dir", str(tmp_path))
        assert code == 75
        assert f"another board runs in {tmp_path}; end it, or choose another --dir" in said
        assert (await board.ask("GET", "/faults"))["faults"] == []


async def test_backend_is_found_by_name() -> None:
    """The other command loads when it is asked for."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "laddvakt_sim", "--help"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "firmware-sim")},
    )
    out, _ = await process.communicate()
    assert b"board" in out
    assert b"backend" in out
