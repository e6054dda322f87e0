"""The UART's own error counters, where the driver keeps them.

Source: linux/serial.h, `struct serial_icounter_struct`: eleven counters and nine reserved words.
Not verified on hardware.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_hal.kernel import Kernel

_TIOCGICOUNT = 0x545D
_IMAGE = struct.Struct("=11i36x")  # cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk, buf


@dataclass(frozen=True, slots=True, kw_only=True)
class UartCounts:
    """Characters and errors since the port was opened."""

    rx: int
    tx: int
    frame: int  # no stop bit: wrong rate or format, or noise
    overrun: int  # the UART's own buffer ran over
    parity: int
    brk: int  # line held low for a whole character: A and B open or swapped
    buf_overrun: int  # the kernel's buffer ran over

    @property
    def errors(self) -> int:
        """Everything that cost a character."""
        return self.frame + self.overrun + self.parity + self.brk + self.buf_overrun

    def since(self, before: UartCounts) -> UartCounts:
        """What came after `before`."""
        return UartCounts(
            rx=self.rx - before.rx,
            tx=self.tx - before.tx,
            frame=self.frame - before.frame,
            overrun=self.overrun - before.overrun,
            parity=self.parity - before.parity,
            brk=self.brk - before.brk,
            buf_overrun=self.buf_overrun - before.buf_overrun,
        )


def read_counts(kernel: Kernel, fd: int) -> UartCounts | None:
    """The driver's counters; `None` when it keeps none, as many USB adapters and all ptys."""
    try:
        raw = kernel.ioctl(fd, _TIOCGICOUNT, bytes(_IMAGE.size))
    except OSError:
        return None
    rx, tx, frame, overrun, parity, brk, buf_overrun = _IMAGE.unpack(raw)[4:]
    return UartCounts(
        rx=rx,
        tx=tx,
        frame=frame,
        overrun=overrun,
        parity=parity,
        brk=brk,
        buf_overrun=buf_overrun,
    )
