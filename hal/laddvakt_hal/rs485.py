"""Who may drive the two wires, and when: the kernel's RS-485 mode, or RTS by hand.

Most adapters switch by themselves. With the kernel's mode the driver switches at the last stop bit.
By hand the process switches, late by what the scheduler makes of it: a device that answers within
a millisecond loses its first characters. Source: linux/serial.h, `struct serial_rs485`, and
ioctl_tty(2). Not verified on hardware.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from laddvakt_hal.errors import LineSetupError

if TYPE_CHECKING:
    from laddvakt_hal.kernel import Kernel
    from laddvakt_hal.settings import SerialSettings

TIOCGRS485 = 0x542E
TIOCSRS485 = 0x542F
TIOCMBIS = 0x5416
TIOCMBIC = 0x5417
TIOCSERGETLSR = 0x5459
RTS = struct.pack("=i", 0x004)
_RS485 = struct.Struct("=III20s")  # flags, delay before, delay after in ms, reserved
ENABLED = 1 << 0
RTS_ON_SEND = 1 << 1
RTS_AFTER_SEND = 1 << 2
RX_DURING_TX = 1 << 4
_ASKED = ENABLED | RTS_ON_SEND | RTS_AFTER_SEND
_TEMPTY = struct.pack("=I", 0x01)


def set_kernel_direction(kernel: Kernel, fd: int, settings: SerialSettings) -> tuple[str, ...]:
    """Let the driver switch direction; what it made of the request, as notes.

    Raises:
        LineSetupError: the driver cannot, or did something else without an error.
    """
    on_send = RTS_ON_SEND if settings.rts_on_send else RTS_AFTER_SEND
    flags = ENABLED | on_send | (RX_DURING_TX if settings.echo else 0)
    before_ms, after_ms = round(1e3 * settings.rts_before_s), round(1e3 * settings.rts_after_s)
    try:
        kernel.ioctl(fd, TIOCSRS485, _RS485.pack(flags, before_ms, after_ms, bytes(20)))
        raw = kernel.ioctl(fd, TIOCGRS485, bytes(_RS485.size))
    except OSError as error:
        raise LineSetupError(
            f"{settings.port}: the driver has no RS-485 mode ({error.strerror}); set direction to "
            '"none" for an adapter that switches by itself, or "rts"'
        ) from error
    got, got_before_ms, got_after_ms, _ = _RS485.unpack(raw)
    if got & _ASKED != flags & _ASKED:
        raise LineSetupError(
            f"{settings.port}: the driver set RS-485 flags {got:#x} instead of {flags:#x}; "
            'set direction to "rts" or use another adapter'
        )
    notes = ["direction: switched by the kernel (not verified on hardware)"]
    if (got_before_ms, got_after_ms) != (before_ms, after_ms):
        notes.append(
            f"the driver waits {got_before_ms} ms before and {got_after_ms} ms after sending, "
            f"asked were {before_ms} and {after_ms}"
        )
    return tuple(notes)


def drive(kernel: Kernel, fd: int, *, sending: bool, rts_on_send: bool) -> None:
    """Take the wires, or let them go, by RTS.

    Raises:
        OSError: the port is gone or has no such line.
    """
    kernel.ioctl(fd, TIOCMBIS if sending is rts_on_send else TIOCMBIC, RTS)


def let_go_at_start(kernel: Kernel, fd: int, settings: SerialSettings) -> tuple[str, ...]:
    """Let the wires go for the first time, which also proves that RTS can be switched.

    Raises:
        LineSetupError: it cannot.
    """
    try:
        drive(kernel, fd, sending=False, rts_on_send=settings.rts_on_send)
    except OSError as error:
        raise LineSetupError(
            f"{settings.port}: RTS cannot be switched ({error.strerror}); set direction to "
            '"kernel" or use an adapter that switches by itself'
        ) from error
    return ("direction: RTS switched by this process (not verified on hardware)",)


def is_sent(kernel: Kernel, fd: int) -> bool:
    """True when the last stop bit has left; drivers that cannot tell count as done."""
    try:
        return kernel.ioctl(fd, TIOCSERGETLSR, bytes(4)) == _TEMPTY
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            return True  # the computed wire time is all there is
        raise
