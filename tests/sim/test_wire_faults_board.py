"""Faults of the wire on a running board: real ptys, a real socket, a real contactor."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from laddvakt_sim.firmware.slave import intact, seal
from sim.rawline import raw_line, whole
from sim.running import RunningBoard, running_board

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STATUS = seal(1, bytes.fromhex("0303e80007"))  # 19 characters come back
INPUTS = seal(3, bytes.fromhex("0200000002"))  # 6
LIMIT_16 = seal(1, bytes.fromhex("1003e80001020010"))
FLASH = seal(3, bytes.fromhex("0502000003"))  # 0.3 s
POINT = bytes.fromhex("000100000006ff030513 0001".replace(" ", ""))  # 11 bytes come back


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBoard]:
    async with running_board(tmp_path_factory.mktemp("wire")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def board(one_board: RunningBoard) -> RunningBoard:
    await one_board.ask("DELETE", "/faults")
    return one_board


async def _inject(board: RunningBoard, kind: str, line: str, **rest: object) -> None:
    await board.ask("POST", "/faults", {"name": f"wire_{kind}", "line": line, **rest})


async def _over_tcp(board: RunningBoard, expected: bytes) -> bytes:
    """What comes for one request; waits a little for more than is expected."""
    reader, writer = await asyncio.open_connection("127.0.0.1", board.tcp_port)
    got, ended = b"", False
    writer.write(POINT)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.6 if expected else 0.1):
            while len(got) < len(expected) and not ended:
                got, ended = await _more(reader, got)
        async with asyncio.timeout(0.03):
            while not ended:
                got, ended = await _more(reader, got)
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    return got


async def _more(reader: asyncio.StreamReader, got: bytes) -> tuple[bytes, bool]:
    try:
        data = await reader.read(300)
    except ConnectionResetError:
        data = b""
    return (got + data, False) if data else (got + b"end", True)


async def test_every_second_reply_is_lost(board: RunningBoard) -> None:
    """On a pty as by the rule; the fault's own view counts what it saw and struck."""
    await _inject(board, "lost", "line1", unit=1, every=2)
    with raw_line(board.port("line1")) as port:
        heard = [len(await port.ask(STATUS, length=19, timeout_s=0.2)) for _ in range(4)]
        assert len(await port.ask(INPUTS, length=6)) == 6
    assert heard == [19, 0, 19, 0]
    (fault,) = (await board.ask("GET", "/faults"))["faults"]
    assert (fault["seen"], fault["struck"]) == (4, 2)
    assert (await board.ask("DELETE", "/faults/wire_lost?line=line2"))["cleared"] == 0
    assert (await board.ask("DELETE", "/faults/wire_lost?line=line1"))["cleared"] == 1


async def test_once_is_gone_afterwards(board: RunningBoard) -> None:
    """The truncated reply comes once; then the list is empty."""
    await _inject(board, "truncated", "line1", unit=1, keep=7, once=True)
    with raw_line(board.port("line1")) as port:
        assert len(await port.ask(STATUS, length=19, timeout_s=0.2)) == 7
        assert whole(await port.ask(STATUS, length=19), unit=1, function=3)
    assert (await board.ask("GET", "/faults"))["faults"] == []


async def test_unplugged_and_plugged_again(board: RunningBoard) -> None:
    """Nothing comes while A/B are open, everything afterwards; the other line lives on."""
    await _inject(board, "unplugged", "line1")
    with raw_line(board.port("line1")) as port:
        assert await port.ask(STATUS, length=1, timeout_s=0.1) == b""
        await board.ask("DELETE", "/faults")
        assert whole(await port.ask(STATUS, length=19), unit=1, function=3)


async def test_babble_on_a_pty(board: RunningBoard) -> None:
    """Half the time is about 480 characters a second at 9600 baud."""
    with raw_line(board.port("line1")) as port:
        await _inject(board, "babble", "line1", duty=0.5, chars=10)
        heard = await port.hear(length=10_000, timeout_s=0.5)
        await board.ask("DELETE", "/faults")
        await port.hear(length=1000, timeout_s=0.05)
        assert whole(await port.ask(STATUS, length=19), unit=1, function=3)
    assert 150 < len(heard) < 330


async def test_noise_comes_with_the_contactor(board: RunningBoard) -> None:
    """Frames around a movement are damaged, those before and long after are not."""
    await board.ask("POST", "/connectors/1/plug", {})
    with raw_line(board.port("line1")) as port:
        assert len(await port.ask(LIMIT_16, length=8)) == 8
        await board.until("1", lambda view: view["pilot"] == "C")
        noise = {"connector": "1", "within_ms": 15, "rate": 1}
        await _inject(board, "noise", "line1", **noise)
        assert len(await port.ask(INPUTS, length=6)) == 6
        since = (await board.ask("GET", "/trace"))["next"]
        await port.ask(FLASH, length=8)
        for _ in range(30):
            await port.ask(INPUTS, length=6, timeout_s=0.05)
    view = await board.state("1")
    frames = (await board.ask("GET", f"/trace?line=line1&since={since}&limit=40000"))["frames"]
    moves = [view["closed_at_s"], view["opened_at_s"]]
    assert None not in moves
    noisy = [frame for frame in frames if "noise" in frame["note"]]
    assert noisy
    for frame in noisy:
        begins_s, ends_s = frame["first_s"] - 0.015, frame["last_s"] + 0.015
        assert any(begins_s < at_s < ends_s for at_s in moves), frame
    assert len(noisy) < len(frames) / 2
    await board.ask("POST", "/connectors/1/unplug")


async def test_tcp(board: RunningBoard) -> None:
    """What goes wrong on Modbus TCP, frame by frame."""
    good = await _over_tcp(board, bytes(11))
    assert (len(good), good[:6]) == (11, bytes.fromhex("000100000005"))
    after_tid = good[2:]
    cases: tuple[tuple[str, dict[str, object], bytes], ...] = (
        ("tid_zero", {}, b"\0\0" + after_tid),
        ("wrong_tid", {"by": 5}, b"\0\6" + after_tid),
        ("closed", {}, b"end"),
        ("closed", {"after": 4}, good[:4] + b"end"),
        ("lost", {}, b""),
        ("lost", {"direction": "request"}, b""),
        ("truncated", {"keep": 8}, good[:8]),
        ("duplicated", {"gap_ms": 20}, good + good),
        ("wrong_unit", {"to": 3}, good[:6] + b"\3" + good[7:]),
        ("exception", {"code": 10}, struct.pack(">3HBBB", 1, 0, 3, 0xFF, 0x83, 10)),
        ("garbage_after", {"chars": 1}, good),
    )
    for kind, parameters, expected in cases:
        await _inject(board, kind, "tcp1", once=True, **parameters)
        got = await _over_tcp(board, expected)
        assert got[: len(expected)] == expected, kind
        extra = 1 if kind == "garbage_after" else 0
        assert len(got) == len(expected) + extra, kind
        assert await _over_tcp(board, good) == good
        await board.ask("DELETE", "/faults")


async def test_crc_of_damaged_frames(board: RunningBoard) -> None:
    """Bit errors at a rate are seen as CRC errors, the same number as the fault says."""
    await _inject(board, "bit_errors", "line1", rate=0.4, seed=3)
    with raw_line(board.port("line1")) as port:
        sound = [intact(await port.ask(INPUTS, length=6)) for _ in range(20)]
    (fault,) = (await board.ask("GET", "/faults"))["faults"]
    assert fault["struck"] == sound.count(False)
    assert 2 <= sound.count(False) <= 16
