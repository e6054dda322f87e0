"""A recorded meter answers again: as a bus in a test, on a pty, over TCP."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hal.slave import until
from hal.test_recording import SDM630, checked, frame
from laddvakt_hal.bus import Bus, SerialSettings, TcpSettings, Timing
from laddvakt_hal.device import Device
from laddvakt_hal.errors import Garbled, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.identify import Confidence, identify
from laddvakt_hal.plan import Block
from laddvakt_hal.profile import load_profile
from laddvakt_hal.recording import Recording, load
from laddvakt_hal.replay import Replay, ReplayBus
from laddvakt_hal.replay_server import serve_pty, serve_tcp
from laddvakt_hal.settings import LineSettings
from laddvakt_hal.turns import Priority

METER = load_profile("eastron-sdm630")
CALM = Timing(timeout_s=1.0, worst_latency_s=1.0)


def ask(address: int, count: int, *, unit: int = 1, function: int = 4) -> Request:
    return Request(unit=unit, function=Function(function), address=address, count=count)


def rtu(request: Request) -> bytes:
    head = (request.unit, int(request.function), request.address, request.count)
    return checked(struct.pack(">BBHH", *head))


def test_the_recorded_time_is_kept() -> None:
    answer = Replay(load(SDM630)).answer(rtu(ask(0, 18)))
    assert answer is not None
    assert len(answer.raw) == 5 + 36
    assert 0.002 < answer.delay_s < 0.1


def test_replies_to_the_same_question_come_in_turn_and_again() -> None:
    question = checked(b"\1\3\0\0\0\1")
    frames = []
    for number in (7, 8):
        frames += [
            frame(number, question),
            frame(number + 0.1, checked(bytes((1, 3, 2, 0, number))), reply=True),
        ]
    frames.append(frame(9, question))  # the third time nobody answered
    replay = Replay(Recording(framing="rtu", frames=tuple(frames)))
    answers = [replay.answer(question) for _ in range(4)]
    assert [answer and answer.raw[4] for answer in answers] == [7, 8, None, 7]
    assert replay.given == 3


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(ask(2, 2), b"\1\x84\2"), (ask(0, 2, unit=9), None), (ask(0, 2, unit=5), None)],
    ids=["not recorded", "recorded as silent", "unknown unit"],
)
def test_what_was_not_recorded_is_refused_or_silent(
    request_: Request, expected: bytes | None
) -> None:
    answer = Replay(load(SDM630)).answer(rtu(request_))
    assert (answer and answer.raw) == (expected and checked(expected))


async def test_a_device_reads_its_profile_from_a_recording() -> None:
    """What a profile makes of real frames can be pinned without a wire."""
    bus = ReplayBus(Replay(load(SDM630)))
    device = Device(METER, bus, 1, "meter")  # type: ignore[arg-type] # all of a bus it needs
    rows = tuple(METER.rows[name] for name in ("voltage_l1", "voltage_l2", "current_l1"))
    block = Block(function=Function(4), addr=0, count=18, rows=rows)
    assert await device.read_block(block, Priority.NORMAL) is None
    assert device.reading("voltage_l1").value == pytest.approx(230.4, abs=3)
    assert device.reading("current_l1").value == pytest.approx(10, abs=10)
    assert await device.fetch("meter_code") == 0x70


async def test_a_recorded_meter_is_identified() -> None:
    found = await identify(ReplayBus(Replay(load(SDM630))), 1, (METER,))
    assert found.best is not None
    assert found.best.confidence is Confidence.CERTAIN


async def test_a_recording_fails_as_the_line_did() -> None:
    question = checked(b"\1\4\0\0\0\1")
    frames = (frame(0, question), frame(0.1, b"\1\4\2\xff", reply=True, error="short"))
    bus = ReplayBus(Replay(Recording(framing="rtu", frames=frames)))
    with pytest.raises(Garbled, match="short"):
        await bus.transact(ask(0, 1))
    with pytest.raises(Refused):
        await bus.transact(ask(1, 1))
    with pytest.raises(NoReply):
        await bus.transact(ask(0, 1, unit=2))


def test_a_tcp_recording_answers_whatever_the_transaction() -> None:
    """Transaction ids count up: they are no part of the question."""
    frames = (
        frame(0, b"\0\x09\0\0\0\6" + b"\1\4\0\0\0\1"),
        frame(0.1, b"\0\x09\0\0\0\5" + b"\1\4\2\0\7", reply=True),
    )
    answer = Replay(Recording(framing="tcp", frames=frames)).answer(checked(b"\1\4\0\0\0\1"))
    assert answer is not None
    assert answer.raw == checked(b"\1\4\2\0\7")


@asynccontextmanager
async def bus_on(settings: LineSettings) -> AsyncIterator[Bus]:
    bus = Bus(settings)
    for unit in (1, 9):
        bus.set_timing(unit, CALM)
    await bus.start()
    try:
        await until(lambda: bus.up)
        yield bus
    finally:
        await bus.close()


async def meets_the_meter(bus: Bus) -> None:
    for _ in range(2):
        reply = await bus.transact(ask(0, 18))
        assert struct.unpack(">f", struct.pack(">2H", *reply.words[:2]))[0] > 200
    assert (await bus.transact(ask(64514, 1, function=3))).words == (0x70,)
    with pytest.raises(Refused):
        await bus.transact(ask(0, 60))


@pytest.mark.integration
async def test_on_a_pty_it_is_a_device(tmp_path: Path) -> None:
    port = tmp_path / "meter"
    settings = SerialSettings(name="line1", port=str(port))
    async with serve_pty(Replay(load(SDM630)), port), bus_on(settings) as bus:
        await meets_the_meter(bus)
    assert not port.is_symlink()


@pytest.mark.integration
async def test_what_stands_at_the_path_is_never_replaced(tmp_path: Path) -> None:
    port = tmp_path / "meter"
    port.write_text("mine")
    with pytest.raises(FileExistsError):
        async with serve_pty(Replay(load(SDM630)), port):
            pass
    assert port.read_text() == "mine"


@pytest.mark.integration
async def test_over_tcp_it_is_a_peer() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve_tcp(Replay(load(SDM630)), 0))
        settings = TcpSettings(name="gw", host="127.0.0.1", port=port)
        await meets_the_meter(await stack.enter_async_context(bus_on(settings)))
