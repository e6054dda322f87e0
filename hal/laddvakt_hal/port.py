"""Opening and setting up a serial port without a library between us and the kernel.

`TCSETS2` takes any baud rate, and what the port made of the request is read back: adapters can
ignore settings without an error. A pseudo-terminal keeps speed and stop bits but drops parity.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal import rs485
from laddvakt_hal.errors import BusDown, LineSetupError
from laddvakt_hal.kernel import LINUX, adapter_file

if TYPE_CHECKING:
    from pathlib import Path

    from laddvakt_hal.kernel import Kernel
    from laddvakt_hal.settings import SerialSettings

# asm-generic: the same on x86-64, arm and arm64.
_TCGETS2 = 0x802C542A
_TCSETS2 = 0x402C542B
_TERMIOS2 = struct.Struct("=IIIIB19sII")
_BOTHER = 0o010000
_CBAUD = 0o010017
_CIBAUD = _CBAUD << 16
_CMSPAR = 0o10000000000
_TIOCEXCL = 0x540C
_PTY_MAJORS = range(136, 144)
_BAUD_TOLERANCE = 0.02  # receivers lose the last bit of a character beyond about 4 % in sum
_GONE = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)


@dataclass(slots=True, kw_only=True)
class Port:
    """An open port, set up and ours alone."""

    fd: int
    kernel: Kernel
    is_pty: bool
    notes: tuple[str, ...]  # what the port would not do and we can live with
    batch_s: float  # how long the adapter holds characters back
    state: _Termios2  # as last set
    minimum: int = 1  # VMIN now in force

    def wake_at(self, characters: int) -> None:
        """Let the port become readable when this many characters are there, 1..255.

        Raises:
            OSError: the port is gone.
        """
        wanted = min(max(characters, 1), 255)
        if wanted == self.minimum:
            return
        control = bytearray(self.state[5])
        control[termios.VMIN], control[termios.VTIME] = wanted, 0
        self.state = (*self.state[:5], bytes(control), *self.state[6:])
        _set(self.kernel, self.fd, self.state)
        self.minimum = wanted

    def close(self) -> None:
        """Give the port back; harmless when it is gone."""
        os.close(self.fd)


def open_port(settings: SerialSettings, kernel: Kernel = LINUX) -> Port:
    """Open, lock and set up the port; a by-id link is followed anew each time.

    Raises:
        BusDown: it is not there (yet).
        LineSetupError: it is there but in use, forbidden, no serial port or refuses a setting.
    """
    try:
        fd = os.open(settings.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _explain(error, settings) from error
    try:
        return _claim(fd, settings, kernel)
    except BaseException:
        os.close(fd)
        raise


def _claim(fd: int, settings: SerialSettings, kernel: Kernel) -> Port:
    try:
        # root ignores TIOCEXCL, so the lock is what keeps a second agent out.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_pty = os.major(os.fstat(fd).st_rdev) in _PTY_MAJORS
        if not is_pty:  # a pty would stay locked while its far end keeps it open
            with contextlib.suppress(OSError):  # keeps out programs that know no flock
                kernel.ioctl(fd, _TIOCEXCL, b"")
        before = _get(kernel, fd)
        _set(kernel, fd, _wanted(before, settings))
        after = _get(kernel, fd)
        termios.tcflush(fd, termios.TCIOFLUSH)
    except BlockingIOError as error:
        raise LineSetupError(
            f"{settings.port}: another program has it open; stop that one"
        ) from error
    except (OSError, termios.error) as error:
        raise _explain(error, settings) from error
    batch_ms = _quicken(kernel, settings.port)
    notes = [
        *_format_notes(after, settings, is_pty=is_pty),
        *_direction(kernel, fd, settings),
        *_latency_notes(kernel, settings.port, batch_ms),
    ]
    return Port(
        fd=fd,
        kernel=kernel,
        is_pty=is_pty,
        notes=tuple(notes),
        batch_s=1e-3 * batch_ms,
        state=after,
    )


def _format_notes(after: _Termios2, settings: SerialSettings, *, is_pty: bool) -> list[str]:
    """What the port made of speed and format.

    Raises:
        LineSetupError: it ignored something that matters.
    """
    refused = _differences(after, settings)
    hard = [what for what in refused if not (is_pty and what.startswith("parity"))]
    if hard:
        raise LineSetupError(
            f"{settings.port}: the port does not take {', '.join(hard)}; "
            "use settings this adapter can do, or another adapter"
        )
    return ["pseudo-terminal: parity is not on the wire"] if refused else []


def _direction(kernel: Kernel, fd: int, settings: SerialSettings) -> tuple[str, ...]:
    match settings.direction:
        case "kernel":
            return rs485.set_kernel_direction(kernel, fd, settings)
        case "rts":
            return rs485.let_go_at_start(kernel, fd, settings)
        case "none":
            return ()


def _quicken(kernel: Kernel, port: str) -> int:
    """FTDI adapters hold characters back for `latency_timer` ms; make it 1, the least they can.

    Returns what it is now, 0 for every other adapter.
    """
    timer = adapter_file(kernel, port, "latency_timer")
    latency_ms = _read_ms(timer)
    if latency_ms > 1:
        with contextlib.suppress(OSError):  # read back: the note is the answer
            timer.write_text("1\n")
        latency_ms = _read_ms(timer)
    return latency_ms


def _latency_notes(kernel: Kernel, port: str, batch_ms: int) -> list[str]:
    if batch_ms <= 1:
        return []
    timer = adapter_file(kernel, port, "latency_timer")
    return [
        f"the adapter holds characters back for {batch_ms} ms: let a udev rule write 1 to {timer}"
    ]


def _read_ms(timer: Path) -> int:
    try:
        return min(int(timer.read_text()), 255)
    except (OSError, ValueError):
        return 0  # no such adapter


_Termios2 = tuple[int, int, int, int, int, bytes, int, int]


def _get(kernel: Kernel, fd: int) -> _Termios2:
    raw = kernel.ioctl(fd, _TCGETS2, bytes(_TERMIOS2.size))
    iflag, oflag, cflag, lflag, line, chars, ispeed, ospeed = _TERMIOS2.unpack(raw)
    return iflag, oflag, cflag, lflag, line, chars, ispeed, ospeed


def _set(kernel: Kernel, fd: int, value: _Termios2) -> None:
    kernel.ioctl(fd, _TCSETS2, _TERMIOS2.pack(*value))


def _wanted(before: _Termios2, settings: SerialSettings) -> _Termios2:
    """Raw, 8 bits, no flow control, the line's own speed and parity."""
    cflag = before[2] & ~(
        _CBAUD
        | _CIBAUD
        | termios.CSIZE
        | termios.PARENB
        | termios.PARODD
        | _CMSPAR
        | termios.CSTOPB
        | termios.CRTSCTS
        | termios.HUPCL  # DTR must not drop between two runs of the agent
    )
    cflag |= _BOTHER | termios.CS8 | termios.CREAD | termios.CLOCAL | _format_flags(settings)
    control = bytearray(before[5])
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    # IGNPAR keeps no character back: a parity error shows as a wrong check sum.
    iflag = termios.IGNPAR if settings.parity == "N" else termios.INPCK
    return (iflag, 0, cflag, 0, before[4], bytes(control), settings.baud, settings.baud)


def _format_flags(settings: SerialSettings) -> int:
    flags = termios.CSTOPB if settings.stop_bits == 2 else 0
    if settings.parity != "N":
        flags |= termios.PARENB
    if settings.parity == "O":
        flags |= termios.PARODD
    return flags


def _differences(after: _Termios2, settings: SerialSettings) -> list[str]:
    cflag, lflag = after[2], after[3]
    wrong = []
    if any(abs(speed / settings.baud - 1) > _BAUD_TOLERANCE for speed in after[6:8]):
        wrong.append(f"{settings.baud} baud (it says {after[7]})")
    if cflag & termios.CSIZE != termios.CS8:
        wrong.append("8 data bits")
    if cflag & termios.CSTOPB != _format_flags(settings) & termios.CSTOPB:
        wrong.append(f"{settings.stop_bits} stop bits")
    parity = termios.PARENB | (termios.PARODD if settings.parity != "N" else 0)
    if cflag & parity != _format_flags(settings) & parity:
        wrong.append(f"parity {settings.parity}")
    if cflag & termios.CRTSCTS or lflag & (termios.ICANON | termios.ECHO):
        wrong.append("raw mode without flow control")
    return wrong


def _explain(error: Exception, settings: SerialSettings) -> BusDown | LineSetupError:
    code = error.args[0] if error.args else None
    if code in _GONE:
        return BusDown(f"{settings.port}: port missing; check the adapter and its udev rule")
    if code in (errno.EACCES, errno.EPERM):
        return LineSetupError(
            f"{settings.port}: no permission; add the agent's user to the port's group (dialout)"
        )
    if code == errno.EBUSY:
        return LineSetupError(f"{settings.port}: another program has it open; stop that one")
    if code in (errno.ENOTTY, errno.EISDIR):
        return LineSetupError(f"{settings.port}: not a serial port; correct the path")
    if code == errno.EINVAL:
        return LineSetupError(
            f"{settings.port}: the driver refuses {settings.baud} baud {settings.format}; "
            "use settings this adapter can do"
        )
    return LineSetupError(f"{settings.port}: {error}; check the adapter and its driver")
