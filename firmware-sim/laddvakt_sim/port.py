"""A pty under a fixed name that can be opened again and again, and can vanish."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import struct
import termios
import tty

_IN_OPEN = 0x20
_TCGETS2 = 0x802C542A  # <asm-generic/ioctls.h>; gives rates as numbers, unusual ones too
_TERMIOS2 = struct.Struct("=4IB19s2I")  # flags, line discipline, characters, input and output rate


class Opened:
    """Tells by becoming readable that somebody has opened a file (inotify(7)).

    The master end of a pty cannot be waited on for that: it says "hung up" all the time.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _failed("inotify_init1")

    def watch(self, path: str) -> None:
        """Watch this file until it vanishes.

        Raises:
            OSError: it cannot be watched.
        """
        if self._libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_OPEN) < 0:
            raise _failed(path)

    def fileno(self) -> int:
        """What becomes readable."""
        return int(self._fd)

    def drain(self) -> None:
        """Forget what has happened so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fd, 4096):
                pass


class Port:
    """The pty: its master end, and a symlink to the other one."""

    def __init__(self, link: str) -> None:
        self.opened = Opened()
        self._link = link
        self._fd = -1
        self._path = ""

    def open(self) -> str:
        """Make a new pty under the link; return its path."""
        master, slave = os.openpty()
        self._path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        self._fd = master
        self.park()
        self.opened.watch(self._path)
        fresh = f"{self._link}.{os.getpid()}"
        os.symlink(self._path, fresh)
        os.replace(fresh, self._link)
        return self._path

    def close(self) -> None:
        """Let the pty vanish with its link."""
        if self._fd < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(self._link) == self._path:
                os.unlink(self._link)
        os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        """The master end, -1 while gone."""
        return self._fd

    def in_use(self) -> bool:
        """True while somebody has the port open."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def park(self) -> None:
        """Set raw mode at 50 baud.

        A pty drops the parity bit, and tcsetattr then fails with EINVAL unless something else
        changed: the speed always does when it comes from 50.
        """
        attributes = termios.tcgetattr(self._fd)
        if attributes[5] == termios.B50:
            return
        tty.setraw(self._fd)
        attributes = termios.tcgetattr(self._fd)
        attributes[4] = attributes[5] = termios.B50
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        termios.tcflush(self._fd, termios.TCIOFLUSH)

    def baud(self) -> int:
        """The rate whoever has it open has set; a pty knows it, and parity not."""
        raw = fcntl.ioctl(self._fd, _TCGETS2, bytes(_TERMIOS2.size))
        return int(_TERMIOS2.unpack(raw)[-1])

    def read(self) -> bytes:
        """What has arrived; empty when nothing did or nobody is there."""
        try:
            return os.read(self._fd, 512)
        except OSError:  # nothing there, or nobody has it open
            return b""

    def write(self, data: bytes) -> None:
        """Hand characters over; they are lost when nobody has the port open."""
        with contextlib.suppress(OSError):
            os.write(self._fd, data)


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
