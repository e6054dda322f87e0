"""Setting a port up: what is refused, by whom, and what the message says."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from laddvakt_hal import port
from laddvakt_hal.errors import BusDown, HalError, LineSetupError
from laddvakt_hal.kernel import LINUX, LinuxKernel
from laddvakt_hal.port import open_port
from laddvakt_hal.settings import SerialSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def line(path: str, baud: int = 9600, parity: str = "N", stop_bits: int = 1) -> SerialSettings:
    return SerialSettings(name="l", port=path, baud=baud, parity=parity, stop_bits=stop_bits)


@pytest.mark.parametrize("baud", [1200, 9600, 19200, 31250, 115200, 256000])
@pytest.mark.parametrize(("parity", "stop_bits"), [("N", 1), ("N", 2), ("E", 1), ("O", 1)])
def test_any_rate_and_format_twice(
    pty: tuple[int, str], baud: int, parity: str, stop_bits: int
) -> None:
    for _ in range(2):
        opened = open_port(line(pty[1], baud, parity, stop_bits))
        assert opened.is_pty
        assert bool(opened.notes) == (parity != "N")
        speed = port._get(LINUX, pty[0])[7]
        opened.close()
        assert speed == baud  # the far end of the pty sees it


def test_port_is_raw(pty: tuple[int, str]) -> None:
    opened = open_port(line(pty[1]))
    every = bytes(range(256))
    os.write(opened.fd, every)
    assert os.read(pty[0], 512) == every
    os.write(pty[0], every)
    assert os.read(opened.fd, 512) == every
    opened.close()


@pytest.mark.parametrize(
    ("make", "error", "remedy"),
    [
        pytest.param(lambda p: p / "none", BusDown, "check the adapter", id="missing"),
        pytest.param(lambda p: p / "file", LineSetupError, "correct the path", id="file"),
        pytest.param(lambda p: p, LineSetupError, "correct the path", id="directory"),
    ],
)
def test_wrong_paths_are_explained(
    tmp_path: Path, make: object, error: type[HalError], remedy: str
) -> None:
    assert callable(make)
    (tmp_path / "file").write_text("no port")
    with pytest.raises(error, match=remedy):
        open_port(line(str(make(tmp_path))))


def test_locked_port_is_explained(pty: tuple[int, str]) -> None:
    first = open_port(line(pty[1]))
    with pytest.raises(LineSetupError, match="another program"):
        open_port(line(pty[1]))
    first.close()
    open_port(line(pty[1])).close()


@pytest.mark.parametrize(
    ("code", "error", "remedy"),
    [
        pytest.param(errno.EINVAL, LineSetupError, "settings this adapter can do", id="EINVAL"),
        pytest.param(errno.EACCES, LineSetupError, "dialout", id="EACCES"),
        pytest.param(errno.EBUSY, LineSetupError, "another program", id="EBUSY"),
        pytest.param(errno.EIO, BusDown, "check the adapter", id="EIO"),
        pytest.param(errno.ENODEV, BusDown, "check the adapter", id="ENODEV"),
        pytest.param(errno.EPROTO, LineSetupError, "check the adapter", id="other"),
    ],
)
def test_drivers_that_refuse_are_explained(
    pty: tuple[int, str],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    error: type[HalError],
    remedy: str,
) -> None:
    """A pty takes everything, so the ioctl is made to fail as a driver's would."""

    def refuse(kernel: object, fd: int, value: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(port, "_set", refuse)
    with pytest.raises(error, match=remedy):
        open_port(line(pty[1]))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param(lambda t: (*t[:6], 9600, 9600), "baud", id="baud"),
        pytest.param(lambda t: (*t[:2], t[2] & ~termios.PARENB, *t[3:]), "parity E", id="parity"),
        pytest.param(lambda t: (*t[:2], t[2] | termios.CSTOPB, *t[3:]), "stop bits", id="stop"),
        pytest.param(lambda t: (*t[:2], t[2] | termios.CRTSCTS, *t[3:]), "raw mode", id="flow"),
    ],
)
def test_adapter_that_silently_ignores_a_setting_is_found_out(
    pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch, change: object, what: str
) -> None:
    """Reading back is what counts; on hardware parity must be real."""
    assert callable(change)
    settings = line(pty[1], 19200, "E")
    asked = port._wanted(port._get(LINUX, pty[0]), settings)
    assert port._differences(asked, settings) == []
    found = port._differences(change(asked), settings)
    assert len(found) == 1
    assert what in found[0]
    monkeypatch.setattr(port, "_PTY_MAJORS", range(0))
    with pytest.raises(LineSetupError, match="parity E"):
        open_port(settings)


def test_wake_at_holds_small_arrivals_back(pty: tuple[int, str]) -> None:
    opened = open_port(line(pty[1]))
    opened.wake_at(7)
    assert port._get(LINUX, opened.fd)[5][termios.VMIN] == 7
    opened.wake_at(1000)
    assert port._get(LINUX, opened.fd)[5][termios.VMIN] == 255
    opened.close()


def test_lock_is_given_back_with_the_port(pty: tuple[int, str]) -> None:
    open_port(line(pty[1])).close()
    fd = os.open(pty[1], os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


@pytest.mark.parametrize(
    ("latency_ms", "left"), [("1\n", "1\n"), ("16\n", "1\n"), ("x", "x"), (None, None)]
)
def test_slow_usb_adapter_is_made_quick(
    pty: tuple[int, str], tmp_path: Path, latency_ms: str | None, left: str | None
) -> None:
    """The kernel's file of an FTDI adapter, written by the test: not verified on hardware."""
    timer = tmp_path / Path(pty[1]).name / "device" / "latency_timer"
    timer.parent.mkdir(parents=True)
    if latency_ms is not None:
        timer.write_text(latency_ms)
    opened = open_port(line(pty[1]), LinuxKernel(sysfs=tmp_path))
    opened.close()
    assert opened.notes == ()
    assert (timer.read_text() if timer.exists() else None) == left


def test_slow_usb_adapter_that_cannot_be_changed_is_mentioned(
    pty: tuple[int, str], tmp_path: Path
) -> None:
    timer = tmp_path / Path(pty[1]).name / "device" / "latency_timer"
    timer.parent.mkdir(parents=True)
    timer.symlink_to("/proc/sys/kernel/ngroups_max")  # a number nobody may write, not even root
    opened = open_port(line(pty[1]), LinuxKernel(sysfs=tmp_path))
    opened.close()
    assert len(opened.notes) == 1
    assert "udev" in opened.notes[0]
