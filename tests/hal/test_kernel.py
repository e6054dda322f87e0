"""What no pty can show, against byte images of kernel structures: not verified on hardware."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hal.image_kernel import ENOTTY, ImageKernel
from laddvakt_hal import port, rs485
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, LineSetupError
from laddvakt_hal.kernel import LinuxKernel, adapter_file
from laddvakt_hal.port import open_port
from laddvakt_hal.repeats import COPY_S
from laddvakt_hal.serial_stream import SerialStream
from laddvakt_hal.settings import Direction, SerialSettings, TcpSettings
from laddvakt_hal.uart import UartCounts, read_counts

pytestmark = pytest.mark.integration

TIOCGICOUNT = 0x545D
TIOCEXCL = 0x540C
# struct serial_icounter_struct: cts dsr rng dcd rx tx frame overrun parity brk buf_overrun, 9 × 0
COUNTS = bytes.fromhex(
    "01000000 02000000 03000000 04000000 e8030000 64000000 07000000 08000000 09000000 0a000000"
    "0b000000" + "00000000" * 9
)
# struct serial_rs485: flags, 2 ms before, 1 ms after, five reserved words
ON = bytes.fromhex("03000000 02000000 01000000" + "00000000" * 5)


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def line(path: str, direction: Direction = "none", *, echo: bool | None = None) -> SerialSettings:
    return SerialSettings(
        name="l",
        port=path,
        baud=115200,
        direction=direction,
        rts_before_s=0.002,
        rts_after_s=0.001,
        echo=echo,
    )


def test_error_counters_are_read_from_their_places() -> None:
    counts = read_counts(ImageKernel({TIOCGICOUNT: COUNTS}), 0)
    assert counts == UartCounts(
        rx=1000, tx=100, frame=7, overrun=8, parity=9, brk=10, buf_overrun=11
    )
    assert counts is not None
    assert counts.errors == 45
    assert counts.since(counts).errors == 0


@pytest.mark.parametrize("code", [ENOTTY, errno.EINVAL], ids=errno.errorcode.get)
def test_driver_that_keeps_no_counters(code: int) -> None:
    assert read_counts(ImageKernel({TIOCGICOUNT: code}), 0) is None


def test_pty_keeps_no_counters(pty: tuple[int, str]) -> None:
    assert read_counts(LinuxKernel(), pty[0]) is None


def test_kernel_mode_is_asked_for_and_read_back(pty: tuple[int, str]) -> None:
    kernel = ImageKernel({rs485.TIOCSRS485: ON, rs485.TIOCGRS485: ON})
    opened = open_port(line(pty[1], "kernel"), kernel)
    opened.close()
    assert kernel.arguments(rs485.TIOCSRS485) == [ON]
    assert opened.notes == ("direction: switched by the kernel (not verified on hardware)",)


def test_kernel_mode_hears_itself_only_when_told(pty: tuple[int, str]) -> None:
    kernel = ImageKernel({rs485.TIOCSRS485: ON, rs485.TIOCGRS485: ON})
    open_port(line(pty[1], "kernel", echo=True), kernel).close()
    assert kernel.arguments(rs485.TIOCSRS485)[0][0] == ON[0] | rs485.RX_DURING_TX


def test_driver_that_rounds_the_delays_is_mentioned(pty: tuple[int, str]) -> None:
    rounded = ON[:4] + bytes(8) + ON[12:]
    kernel = ImageKernel({rs485.TIOCSRS485: ON, rs485.TIOCGRS485: rounded})
    opened = open_port(line(pty[1], "kernel"), kernel)
    opened.close()
    assert "waits 0 ms before and 0 ms after sending, asked were 2 and 1" in opened.notes[1]


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        pytest.param({rs485.TIOCSRS485: ENOTTY}, 'set direction to "none"', id="no-such-mode"),
        pytest.param(
            {rs485.TIOCSRS485: ON, rs485.TIOCGRS485: bytes(32)}, 'direction to "rts"', id="ignored"
        ),
    ],
)
def test_driver_without_the_mode_is_named_with_its_remedy(
    pty: tuple[int, str], images: dict[int, bytes | int], remedy: str
) -> None:
    with pytest.raises(LineSetupError, match=remedy):
        open_port(line(pty[1], "kernel"), ImageKernel(dict(images)))
    open_port(line(pty[1])).close()  # and the port is free again


def test_adapter_whose_rts_cannot_be_switched(pty: tuple[int, str]) -> None:
    with pytest.raises(LineSetupError, match='direction to "kernel"'):
        open_port(line(pty[1], "rts"), ImageKernel({rs485.TIOCMBIC: ENOTTY}))


@pytest.mark.parametrize("knows_when_sent", [True, False], ids=["line-status", "computed"])
async def test_rts_is_held_from_before_the_first_to_after_the_last_character(
    pty: tuple[int, str], knows_when_sent: bool
) -> None:
    at_s: dict[int, list[float]] = {rs485.TIOCMBIS: [], rs485.TIOCMBIC: []}

    def note(request: int) -> bytes:
        at_s[request].append(boottime())
        return rs485.RTS

    left = [b"\0\0\0\0", b"\0\0\0\0", b"\1\0\0\0"]  # the transmitter is empty at the third look
    status = (lambda _: left.pop(0)) if knows_when_sent else ENOTTY
    kernel = ImageKernel(
        {
            rs485.TIOCMBIS: lambda _: note(rs485.TIOCMBIS),
            rs485.TIOCMBIC: lambda _: note(rs485.TIOCMBIC),
            rs485.TIOCSERGETLSR: status,
        }
    )
    stream = SerialStream(line(pty[1], "rts"), boottime, lambda: None, kernel)
    await stream.open()
    sent_s = await stream.write(bytes(40))
    stream.close()
    (taken_s,), (_, given_s) = at_s[rs485.TIOCMBIS], at_s[rs485.TIOCMBIC]
    assert sent_s - taken_s >= 0.002
    assert given_s - sent_s >= 40 * 10 / 115200 + 0.001
    assert not (left and knows_when_sent)
    assert kernel.arguments(rs485.TIOCMBIS) == [b"\x04\0\0\0"]


async def test_wires_are_let_go_by_a_write_that_is_cancelled(pty: tuple[int, str]) -> None:
    """RTS stays as it is when the port is closed: held, it would block the line for everybody."""
    kernel = ImageKernel({rs485.TIOCMBIS: rs485.RTS, rs485.TIOCMBIC: rs485.RTS})
    settings = replace(line(pty[1], "rts"), rts_before_s=0.1)
    stream = SerialStream(settings, boottime, lambda: None, kernel)
    await stream.open()
    writing = asyncio.create_task(stream.write(b"hello"))
    await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.wait((writing,))
    stream.close()
    asked = [request for request, _ in kernel.asked]
    assert asked == [rs485.TIOCMBIC, rs485.TIOCMBIS, rs485.TIOCMBIC]


@pytest.mark.parametrize("direction", ["none", "rts"])
async def test_port_that_never_sends_is_given_up_and_its_wires_let_go(
    pty: tuple[int, str], direction: Direction
) -> None:
    """It takes characters until its buffer is full: nobody may wait for it."""
    kernel = ImageKernel({rs485.TIOCMBIS: rs485.RTS, rs485.TIOCMBIC: rs485.RTS})
    kernel.images[rs485.TIOCSERGETLSR] = b"\x01\0\0\0"
    stream = SerialStream(line(pty[1], direction), boottime, lambda: None, kernel)
    await stream.open()
    stream.pace = replace(stream.pace, character_s=0.0)

    async def insist() -> None:
        for _ in range(2000):  # nobody reads the far end
            await stream.write(bytes(256))

    with pytest.raises(BusDown, match=f"{pty[1]}: the port takes no more"):
        await insist()
    assert not kernel.asked or kernel.asked[-1][0] == rs485.TIOCMBIC
    stream.close()


async def test_what_is_owed_counts_from_when_the_driver_had_the_frame(
    pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy host that stops us just before the write must not shorten the silence after it."""
    put = os.write

    def late(fd: int, data: bytes) -> int:
        put(pty[0], b"a copy of an old reply")
        time.sleep(0.05)
        return put(fd, data)

    stream = SerialStream(line(pty[1]), boottime, lambda: None)
    await stream.open()
    stream.pace = replace(stream.pace, is_wire=True)
    monkeypatch.setattr(os, "write", late)
    sent_s = await stream.write(bytes(10))
    monkeypatch.undo()
    assert stream.last_character_s - sent_s >= 0.05
    assert (bytes(stream.buffer), stream.late_characters) == (b"", 22)
    stream.close()


async def test_port_lost_while_waiting_is_named(pty: tuple[int, str]) -> None:
    kernel = ImageKernel()
    stream = SerialStream(line(pty[1]), boottime, lambda: None, kernel)
    await stream.open()
    kernel.images[0x402C542B] = errno.EIO  # TCSETS2
    with pytest.raises(BusDown, match=f"{pty[1]}: port lost"):
        await stream.more(20, boottime() + 1.0)
    stream.close()


def test_real_port_is_ours_alone_and_a_pty_is_not_locked_for_good(
    pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TIOCEXCL outlives us on a pty whose far end stays open, so only real ports get it."""
    kernel = ImageKernel({TIOCEXCL: b""})
    open_port(line(pty[1]), kernel).close()
    assert kernel.asked == []
    monkeypatch.setattr(port, "_PTY_MAJORS", range(0))
    open_port(line(pty[1]), kernel).close()
    assert kernel.arguments(TIOCEXCL) == [b""]


async def test_adapter_that_holds_back_gets_a_longer_gap_before_like_requests(
    pty: tuple[int, str], tmp_path: Path
) -> None:
    """A copy it still holds must be seen before anything leaves that the copy would fit."""
    timer = tmp_path / Path(pty[1]).name / "device" / "latency_timer"
    timer.parent.mkdir(parents=True)
    gaps_s = []
    for content in (None, "/proc/sys/kernel/ngroups_max"):  # none; one that cannot be changed
        if content is not None:
            timer.symlink_to(content)
        stream = SerialStream(line(pty[1]), boottime, lambda: None, LinuxKernel(sysfs=tmp_path))
        await stream.open()
        gaps_s.append(stream.pace.copy_s)
        stream.close()
    assert gaps_s[0] == pytest.approx(COPY_S + 2 * 10 / 115200)
    assert gaps_s[1] - gaps_s[0] == pytest.approx(0.255)


async def test_counters_are_those_since_opening(pty: tuple[int, str]) -> None:
    kernel = ImageKernel({TIOCGICOUNT: COUNTS})
    stream = SerialStream(line(pty[1]), boottime, lambda: None, kernel)
    await stream.open()
    later = bytearray(COUNTS)
    later[24] += 5  # frame
    kernel.images[TIOCGICOUNT] = bytes(later)
    counts = stream.uart()
    assert counts is not None
    assert (counts.frame, counts.errors, counts.rx) == (5, 5, 0)
    stream.close()
    assert stream.uart() is None


def test_by_id_link_is_followed_anew(tmp_path: Path) -> None:
    """An adapter plugged in again may be ttyUSB1: its link says so."""
    link = tmp_path / "by-id"
    for name in ("ttyUSB0", "ttyUSB1"):
        link.unlink(missing_ok=True)
        link.symlink_to(f"/dev/{name}")
        found = adapter_file(LinuxKernel(), str(link), "latency_timer")
        assert found == Path(f"/sys/class/tty/{name}/device/latency_timer")


async def test_port_returns_under_another_number(tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    stream = SerialStream(line(str(link)), boottime, lambda: None)
    for _ in range(2):
        master, slave = os.openpty()
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        await stream.open()
        await stream.write(b"hello")
        await asyncio.sleep(0.01)
        assert os.read(master, 16) == b"hello"
        os.close(slave)
        os.close(master)
    stream.close()


@pytest.mark.parametrize(
    "wrong",
    [{"direction": "both"}, {"rts_after_s": 0.2}, {"rts_before_s": -0.001}, {"baud": 10}],
    ids=str,
)
def test_settings_no_port_can_have(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "l", "port": "/dev/null"}
    with pytest.raises(ValueError, match=r"direction|delays|baud"):
        SerialSettings(**(good | wrong))  # type: ignore[arg-type] # wrong on purpose


def test_framing_no_connection_can_have() -> None:
    with pytest.raises(ValueError, match="framing"):
        TcpSettings(name="t", host="h", framing="ascii")  # type: ignore[arg-type] # wrong on purpose
