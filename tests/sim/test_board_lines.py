"""The board's lines as an independent Modbus library and bare termios see them."""

from __future__ import annotations

import asyncio
import statistics
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import serial
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from laddvakt_sim.firmware.slave import seal
from sim.rawline import raw_line, whole
from sim.running import RunningBoard

pytestmark = pytest.mark.integration

STATUS = seal(1, bytes.fromhex("0303e80007"))  # 19 characters come back
METER = seal(2, bytes.fromhex("0400000012"))  # 41
INPUTS = seal(3, bytes.fromhex("0200000002"))  # 6
MONITOR = seal(100, bytes.fromhex("031f400010"))  # 37


@asynccontextmanager
async def _serial(board: RunningBoard, line: str, baud: int) -> AsyncIterator[Any]:
    # Parity stays off: the library configures the port twice, which a pty refuses at 8E1.
    client = AsyncModbusSerialClient(board.port(line), baudrate=baud, timeout=0.5, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def _tcp(board: RunningBoard) -> AsyncIterator[Any]:
    client = AsyncModbusTcpClient("127.0.0.1", port=board.tcp_port, timeout=1, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def test_five_devices_answer_an_independent_library(board: RunningBoard) -> None:
    """Every device through pymodbus' own client."""
    async with _serial(board, "line1", 9600) as line1:
        status = await line1.read_holding_registers(1000, count=7, device_id=1)
        meter = await line1.read_input_registers(0, count=18, device_id=2)
        inputs = await line1.read_discrete_inputs(0, count=2, device_id=3)
        refused = await line1.read_holding_registers(1000, count=8, device_id=1)
    async with _serial(board, "line2", 19200) as line2:
        pattern = await line2.read_holding_registers(1000, count=2, device_id=100)
    async with _tcp(board) as tcp:
        point = await tcp.read_holding_registers(1232, count=77, device_id=255)
        written = await tcp.write_registers(1306, [0, 2], device_id=255)
    assert status.registers == [6, 0, 1, 32, 0, 18, 1]
    volts = struct.unpack(">f", struct.pack(">2H", *meter.registers[:2]))[0]
    assert volts == pytest.approx(230, abs=1)
    assert inputs.bits[:2] == [False, True]
    assert refused.isError()
    assert refused.exception_code == 2
    assert pattern.registers == [0x1234, 0x5678]
    assert struct.pack(">H", point.registers[67]) == b"A1"
    assert not written.isError()


@pytest.mark.alone
async def test_pacing(board: RunningBoard) -> None:
    """Every transaction takes its characters' time plus turnaround: median within 3 %."""
    cases = (
        ("line1", termios.B9600, STATUS, 19, 10 / 9600, 0.008),
        ("line1", termios.B9600, METER, 41, 10 / 9600, 0.005),
        ("line2", termios.B19200, MONITOR, 37, 11 / 19200, 0.005),
    )
    for line, speed, request, length, char_s, turnaround_s in cases:
        with raw_line(board.port(line), speed) as port:
            await asyncio.sleep(0.02)  # an idle line looks at its port every 5 ms
            since = (await board.ask("GET", "/trace?since=1"))["next"]
            for _ in range(25):
                assert len(await port.ask(request, length=length)) == length
                await asyncio.sleep(0.005)
        frames = (await board.ask("GET", f"/trace?line={line}&since={since}"))["frames"]
        computed_s = (len(request) + length) * char_s + turnaround_s
        measured_s = [
            after["last_s"] - before["first_s"]
            for before, after in pairwise(frames)
            if before["dir"] == "request"
        ]
        assert len(measured_s) == 25
        assert statistics.median(measured_s) / computed_s == pytest.approx(1.0, abs=0.03)


async def test_open_close_open_at_19200_8e1(board: RunningBoard) -> None:
    """A pty drops parity; parked between two openings it can be opened again all the same."""
    for _ in range(3):
        with serial.Serial(board.port("line2"), 19200, parity="E", timeout=1) as port:
            port.write(MONITOR)
            frame = await asyncio.to_thread(port.read, 37)
            assert whole(frame, unit=100, function=3)
        await asyncio.sleep(0.02)  # parking follows the close, in another process


async def test_silence_for_what_is_not_addressed(board: RunningBoard) -> None:
    """Unknown units, damaged and cut frames get no reply; the next good one does."""
    damaged = STATUS[:-1] + bytes((STATUS[-1] ^ 1,))
    with raw_line(board.port("line1")) as port:
        for silent in (
            seal(9, STATUS[1:-2]),
            damaged,
            STATUS[:5],
            seal(0, b"\x05\x00\x00\xff\x00"),
        ):
            assert await port.ask(silent, length=1, timeout_s=0.06) == b""
        assert whole(await port.ask(STATUS, length=19), unit=1, function=3)
        on = await port.ask(seal(3, bytes.fromhex("0100000001")), length=6)
    assert on[3] == 1, "broadcast is carried out, without a reply"
    lines = (await board.ask("GET", "/state"))["lines"]
    assert lines["line1"]["errors"] == 2


async def test_function_of_unknown_length_ends_by_silence(board: RunningBoard) -> None:
    """FC 43 is refused once the line has been silent."""
    with raw_line(board.port("line1")) as port:
        reply = await port.ask(seal(1, bytes.fromhex("2b0e0100")), length=5)
    assert reply == seal(1, bytes.fromhex("ab01"))


async def test_split_request(board: RunningBoard) -> None:
    """A request in two writes without a gap between them is one frame."""
    with raw_line(board.port("line1")) as port:
        for _ in range(3):  # a loaded machine may make a gap of its own
            assert await port.ask(STATUS[:3], length=1, timeout_s=0.002) == b""
            if whole(await port.ask(STATUS[3:], length=19), unit=1, function=3):
                return
    pytest.fail("two pieces were never taken for one frame")


@pytest.mark.alone
async def test_talking_into_a_reply_loses_both(board: RunningBoard) -> None:
    """The line is half-duplex: request and reply at once destroy each other."""
    with raw_line(board.port("line1")) as port:
        first = await port.ask(METER, length=8, timeout_s=0.2)
        rest = await port.ask(STATUS, length=41 - len(first), timeout_s=0.2)
        assert not whole(first + rest, unit=2, function=4)
        assert len(first + rest) == 41
    notes = [frame["note"] for frame in (await board.ask("GET", "/trace?line=line1"))["frames"]]
    assert notes == ["", "collision", "collision"]


async def test_garbage_on_tcp_closes_that_connection_alone(board: RunningBoard) -> None:
    """What is no Modbus header ends the connection; a second master is not disturbed."""
    async with _tcp(board) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", board.tcp_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        reply = await client.read_holding_registers(1299, count=1, device_id=1)
        assert not reply.isError()
