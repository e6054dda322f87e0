"""Faults of the wire and of devices, injected over HTTP and seen on real lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from laddvakt_sim.firmware.slave import intact, seal
from sim.rawline import now_s, raw_line, whole
from sim.running import RunningBoard, running_board

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STATUS = seal(1, bytes.fromhex("0303e80007"))
ERRORS = seal(1, bytes.fromhex("0303ef0001"))
METER = seal(2, bytes.fromhex("0400000012"))
INPUTS = seal(3, bytes.fromhex("0200000002"))
MONITOR = seal(100, bytes.fromhex("031f400010"))
LIMIT_16 = seal(1, bytes.fromhex("1003e80001020010"))
LIMIT_0 = seal(1, bytes.fromhex("1003e80001020000"))
OPEN = seal(3, bytes.fromhex("0500000000"))
FLASH = seal(3, bytes.fromhex("0502000014"))
POINT = bytes.fromhex("0001000000 06ff0304d0004d".replace(" ", ""))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBoard]:
    async with running_board(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def board(one_board: RunningBoard) -> RunningBoard:
    """Hand the module's board over healthy and idle."""
    await one_board.ask("DELETE", "/faults")
    await one_board.ask("POST", "/connectors/1/unplug")
    with raw_line(one_board.port("line1")) as port:
        await port.ask(OPEN, length=8)
        await port.ask(LIMIT_0, length=8)
    await one_board.until("1", lambda view: not view["contactor_closed"])
    return one_board


async def _next_frame(board: RunningBoard) -> int:
    return int((await board.ask("GET", "/trace?limit=40000"))["next"])


async def _charge(board: RunningBoard) -> None:
    await board.ask("POST", "/connectors/1/plug", {})
    with raw_line(board.port("line1")) as port:
        assert len(await port.ask(LIMIT_16, length=8)) == 8
        for _ in range(8):
            assert await port.ask(FLASH, length=8) == FLASH
            await asyncio.sleep(0.25)
            if (await board.state("1"))["contactor_closed"]:
                return
    pytest.fail("the contactor did not close")


@asynccontextmanager
async def _connection(
    board: RunningBoard,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", board.tcp_port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.alone
async def test_late_reply_comes_after_the_next_request(board: RunningBoard) -> None:
    """Once: one reply comes 300 ms after its request, in full, whatever the master did since."""
    late = {"name": "late_reply", "line": "line1", "unit": 1, "delay_ms": 300}
    since = await _next_frame(board)
    await board.ask("POST", "/faults", late)
    with raw_line(board.port("line1")) as port:
        asked_s = now_s()
        assert await port.ask(STATUS, length=19, timeout_s=0.1) == b""
        assert whole(await port.ask(METER, length=41, timeout_s=0.15), unit=2, function=4)
        assert whole(await port.hear(length=19), unit=1, function=3)
        assert now_s() - asked_s == pytest.approx(0.300 + 27 * 10 / 9600, abs=0.02)
        assert len(await port.ask(STATUS, length=19, timeout_s=0.1)) == 19
    frames = (await board.ask("GET", f"/trace?since={since}"))["frames"]
    assert [f["note"] for f in frames if f["dir"] == "reply"] == ["", "late", ""]
    assert (await board.ask("GET", "/faults"))["faults"] == []


async def test_crc_errors_at_a_rate(board: RunningBoard) -> None:
    """About the asked share of the replies is damaged, the same ones with the same seed."""
    runs = []
    for _ in range(2):
        noise = {"name": "crc_errors", "line": "line1", "rate": 0.5, "seed": 11}
        await board.ask("POST", "/faults", noise)
        with raw_line(board.port("line1")) as port:
            runs.append([intact(await port.ask(INPUTS, length=6)) for _ in range(20)])
        await board.ask("DELETE", "/faults/crc_errors")
    assert runs[0] == runs[1]
    assert 4 <= runs[0].count(False) <= 16


@pytest.mark.parametrize(
    ("fault", "status_heard", "meter_heard", "monitor_heard"),
    [
        pytest.param({"name": "device_lost", "device": "evse1"}, False, True, True, id="device"),
        pytest.param({"name": "meter_lost", "connector": "1"}, True, False, True, id="meter"),
        pytest.param({"name": "bus_down", "line": "line1"}, False, False, True, id="line1"),
        pytest.param({"name": "bus_down", "line": "line2"}, True, True, False, id="line2"),
        pytest.param({"name": "power_lost"}, True, True, True, id="power alone"),
        pytest.param({"name": "power_lost", "devices": True}, False, False, False, id="all power"),
    ],
)
async def test_silence(
    board: RunningBoard,
    fault: dict[str, object],
    status_heard: bool,
    meter_heard: bool,
    monitor_heard: bool,
) -> None:
    """Who is silent under which fault; everybody is back when it is cleared."""
    await board.ask("POST", "/faults", fault)
    with raw_line(board.port("line1")) as one, raw_line(board.port("line2")) as two:

        async def heard() -> tuple[bool, bool, bool]:
            return (
                len(await one.ask(STATUS, length=19, timeout_s=0.2)) == 19,
                len(await one.ask(METER, length=41, timeout_s=0.2)) == 41,
                len(await two.ask(MONITOR, length=37, timeout_s=0.2)) == 37,
            )

        assert await heard() == (status_heard, meter_heard, monitor_heard)
        assert (await board.ask("DELETE", "/faults"))["cleared"] == 1
        assert await heard() == (True, True, True)


async def test_adapter_gone_and_back(board: RunningBoard) -> None:
    """The symlink and the pty vanish under an open port; a new one stands under the same name."""
    port_path = board.port("line1")
    before = os.readlink(port_path)
    with raw_line(port_path) as port:
        assert len(await port.ask(STATUS, length=19)) == 19
        await board.ask("POST", "/faults", {"name": "adapter_gone", "line": "line1"})
        assert sorted(os.listdir(board.directory)) == ["board.json", "line2", "reader"]
        with pytest.raises(OSError, match="Input/output error"):
            os.write(port.descriptor, STATUS)
        # The old end stays open meanwhile, so that the new pty cannot get its number.
        await board.ask("DELETE", "/faults/adapter_gone")
    assert os.readlink(port_path) != before
    with raw_line(port_path) as port:
        assert whole(await port.ask(STATUS, length=19), unit=1, function=3)


async def test_tcp_gone_and_back(board: RunningBoard) -> None:
    """Connections drop, new ones are refused; later it listens on the same port again."""
    async with _connection(board) as (reader, writer):
        writer.write(POINT)
        assert len(await reader.readexactly(9 + 154)) == 163
        await board.ask("POST", "/faults", {"name": "adapter_gone", "line": "tcp1"})
        assert await _ended(reader)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", board.tcp_port)
    await board.ask("DELETE", "/faults")
    async with _connection(board) as (reader, writer):
        writer.write(POINT)
        assert len(await reader.readexactly(163)) == 163


@pytest.mark.parametrize(
    ("fault", "line", "request_frame", "length"),
    [
        pytest.param({"name": "emergency_stop"}, "line1", INPUTS, 6, id="emergency stop"),
        pytest.param(
            {"name": "contactor_opened_alone", "connector": "1"}, "line1", INPUTS, 6, id="opened"
        ),
        pytest.param({"name": "pilot_fault", "connector": "1"}, "line1", STATUS, 19, id="pilot"),
        pytest.param({"name": "board_error", "connector": "1"}, "line1", ERRORS, 7, id="board"),
        pytest.param(
            {"name": "limit_not_obeyed", "connector": "1"}, "line1", STATUS, 19, id="limit"
        ),
        pytest.param({"name": "phase_lost", "connector": "1"}, "line1", METER, 41, id="phase"),
        pytest.param(
            {"name": "residual_current_dc", "connector": "1", "ma": 7},
            "line2", MONITOR, 37, id="residual",
        ),
    ],
)  # fmt: skip
async def test_trace_names_what_a_reply_shows(
    board: RunningBoard, fault: dict[str, object], line: str, request_frame: bytes, length: int
) -> None:
    """The first reply that carries the fault says so, none before it does."""
    since = await _next_frame(board)
    await _charge(board)
    injected = await board.ask("POST", "/faults", fault)
    with raw_line(board.port(line)) as port:
        for _ in range(12):
            await port.ask(request_frame, length=length)
            await asyncio.sleep(0.05)
    frames = (await board.ask("GET", f"/trace?since={since}"))["frames"]
    replies = [frame for frame in frames if frame["dir"] == "reply" and frame["line"] == line]
    showing = [frame for frame in replies if fault["name"] in frame["shows"]]
    assert showing
    assert all(frame["first_s"] > injected["injected_at_s"] for frame in showing)
    assert not any(frame["shows"] for frame in replies if frame["last_s"] < showing[0]["first_s"])


@pytest.mark.alone
async def test_weld_shows_after_the_open_command(board: RunningBoard) -> None:
    """While closed is commanded a welded contactor looks healthy."""
    await _charge(board)
    since = await _next_frame(board)
    await board.ask("POST", "/faults", {"name": "contactor_welded", "connector": "1"})
    with raw_line(board.port("line1")) as port:
        await port.ask(FLASH, length=8)
        await port.ask(INPUTS, length=6)
        await port.ask(OPEN, length=8)
        reply = await port.ask(INPUTS, length=6)
    assert reply[3] & 1
    frames = (await board.ask("GET", f"/trace?since={since}"))["frames"]
    shows = [f["shows"] for f in frames if f["dir"] == "reply" and f["fc"] == 2]
    assert shows == [[], ["contactor_welded"]]


@pytest.mark.alone
async def test_late_reply_on_tcp(board: RunningBoard) -> None:
    """Modbus TCP can be late too; the transaction id stays the request's own."""
    late = {"name": "late_reply", "line": "tcp1", "unit": 255, "delay_ms": 200}
    await board.ask("POST", "/faults", late)
    async with _connection(board) as (reader, writer):
        asked_s = now_s()
        for number in (b"\x00\x01", b"\x00\x02"):
            writer.write(number + POINT[2:])
            assert (await reader.readexactly(163))[:2] == number
        assert 0.2 <= now_s() - asked_s < 0.35
