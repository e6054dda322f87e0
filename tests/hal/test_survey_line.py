"""Lines that a survey opens itself: what is wrong with them is named, and nothing hangs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.slave import PtySlave, framed, obey
from laddvakt_hal.bus import SerialSettings, TcpSettings
from laddvakt_hal.errors import BusDown, LineSetupError
from laddvakt_hal.settings import LineSettings, Timing
from laddvakt_hal.survey import Stop, probe, settings_in_order, steps, sweep
from laddvakt_hal.survey_line import (
    LineTrouble,
    Trouble,
    hears_itself,
    holders,
    latency_timer_ms,
    open_line,
    trouble_now,
)

pytestmark = pytest.mark.integration
QUICK = Timing(timeout_s=0.08, worst_latency_s=0.08)


async def trouble_of(settings: LineSettings) -> LineTrouble:
    with pytest.raises(LineTrouble) as caught:
        async with asyncio.timeout(8), open_line(settings):
            pass
    return caught.value


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    port = str(tmp_path / "none")
    found = await trouble_of(SerialSettings(name="x", port=port))
    assert found.trouble is Trouble.MISSING
    assert str(found).startswith(f"{port}: port missing")


async def test_what_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = await trouble_of(SerialSettings(name="x", port=str(tmp_path / "file")))
    assert found.trouble is Trouble.NOT_SERIAL


async def test_a_port_somebody_else_has_is_named_with_its_holder(tmp_path: Path) -> None:
    slave = PtySlave(tmp_path / "line1", lambda _: [])
    process = await asyncio.create_subprocess_exec(
        "sleep", "60", stdin=os.open(slave.path, os.O_RDWR | os.O_NOCTTY)
    )
    fd = os.open(slave.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        found = await trouble_of(SerialSettings(name="x", port=str(slave.path)))
        assert found.trouble is Trouble.IN_USE
        assert f"sleep 60, process {process.pid}" in str(found)
        assert [who.pid for who in holders(str(slave.path))] == [process.pid]
    finally:
        os.close(fd)
        process.kill()
        await process.wait()
        slave.unplug()


def test_no_permission_is_told_from_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may open everything, so the kernel's answer is played here."""

    def refuse(settings: SerialSettings) -> None:
        error = LineSetupError(f"{settings.port}: no permission; add the agent's user")
        raise error from PermissionError(13, "Permission denied")

    monkeypatch.setattr("laddvakt_hal.survey_line.open_port", refuse)
    found = asyncio.run(trouble_of(SerialSettings(name="x", port="/dev/x")))
    assert found.trouble is Trouble.NO_PERMISSION


async def test_a_line_that_never_falls_silent(tmp_path: Path) -> None:
    slave = PtySlave(tmp_path / "line1", lambda _: [])

    async def babble() -> None:
        while True:
            slave.send(b"\x55\xaa")
            await asyncio.sleep(0.02)

    babbling = asyncio.create_task(babble())
    try:
        found = await trouble_of(SerialSettings(name="x", port=str(slave.path)))
    finally:
        babbling.cancel()
        slave.unplug()
    assert found.trouble is Trouble.BABBLE


async def test_a_peer_nobody_listens_at() -> None:
    found = await trouble_of(TcpSettings(name="x", host="127.0.0.1", port=9))
    assert found.trouble is Trouble.REFUSED
    assert str(found).startswith("127.0.0.1:9: nobody listens")


@asynccontextmanager
async def hanging_up() -> AsyncIterator[TcpSettings]:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield TcpSettings(name="gw", host="127.0.0.1", port=port)


async def test_a_gateway_that_hangs_up_at_once_is_told_and_never_hangs() -> None:
    async with hanging_up() as settings, asyncio.timeout(8):
        try:
            async with open_line(settings) as bus:
                with pytest.raises(BusDown) as lost:
                    await bus.transact(probe(1))
            found = trouble_now(settings, str(lost.value))
        except LineTrouble as error:
            found = error
    assert found.trouble is Trouble.CLOSES
    assert "; it " in str(found)


def test_an_adapter_that_went_is_told_from_one_that_babbles(tmp_path: Path) -> None:
    port = tmp_path / "port"
    settings = SerialSettings(name="x", port=str(port))
    assert trouble_now(settings, "port lost").trouble is Trouble.LOST
    port.write_text("")
    assert trouble_now(settings, "never silent").trouble is Trouble.BABBLE


@pytest.mark.parametrize("echo", [True, False])
async def test_an_adapter_that_hears_itself_is_found_out(tmp_path: Path, echo: bool) -> None:
    slave = PtySlave(
        tmp_path / "line1", lambda frame: [(0.0, frame)] if echo else [(0.01, obey(frame))]
    )
    try:
        settings = SerialSettings(name="x", port=str(slave.path))
        assert await hears_itself(settings, probe(1)) is echo
    finally:
        slave.unplug()


def test_the_latency_timer_is_read_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ttyUSB7" / "device").mkdir(parents=True)
    (tmp_path / "ttyUSB7" / "device" / "latency_timer").write_text("16\n")
    monkeypatch.setattr("laddvakt_hal.survey_line._SYSFS", tmp_path)
    assert latency_timer_ms("/dev/ttyUSB7") == 16
    assert latency_timer_ms("/dev/ttyS0") is None


async def test_a_sweep_finds_the_speed_at_which_a_device_answers(tmp_path: Path) -> None:
    """A pseudo-terminal keeps the speed it was set to: this device listens to one only."""
    slave = PtySlave(tmp_path / "line1", lambda _: [])
    own = os.open(slave.path, os.O_RDWR | os.O_NOCTTY)

    def answer(frame: bytes) -> list[tuple[float, bytes]]:
        if _speed(own) != 38400:
            return []
        if frame[0] == 3:
            return [(0.005, framed(bytes((3, frame[1] | 0x80, 2))))]
        return [(0.005, obey(frame))] if frame[0] == 1 else []

    slave.script = answer
    line = SerialSettings(name="x", port=str(slave.path))
    plan = steps(settings_in_order(line, (), (9600, 38400), ("8N1",)), (1, 2, 3), ())
    try:
        result = await sweep(plan, open_line, stop=Stop.LINE, timing=QUICK)
    finally:
        os.close(own)
        slave.unplug()
    told = [(f.settings.baud, f.unit, f.exception) for f in result.clear]  # type: ignore[union-attr]
    assert told == [(38400, 1, None), (38400, 3, 2)]
    assert result.complete


def _speed(fd: int) -> int:
    """What the line was set to, read the way the kernel keeps it: any number."""
    raw = fcntl.ioctl(fd, 0x802C542A, bytes(44))  # TCGETS2
    return int(struct.unpack("=IIIIB19sII", raw)[7])
