"""The door to the kernel: `ioctl` and sysfs, so that tests can hold byte images against it.

A pseudo-terminal knows no RS-485 mode, no modem lines, no error counters and no latency timer. All
of these go through a `Kernel`. Numbers are asm-generic: the same on x86-64, arm and arm64.
"""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Kernel(Protocol):
    """What the serial code needs of the operating system."""

    @property
    def sysfs(self) -> Path:
        """The folder with one folder per tty, `/sys/class/tty` on a real system."""
        ...

    def ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        """The structure after the call.

        Raises:
            OSError: the driver refuses, ENOTTY when it does not know the request.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxKernel:
    """The real one."""

    sysfs: Path = Path("/sys/class/tty")

    def ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        """See `Kernel.ioctl`."""
        return fcntl.ioctl(fd, request, argument)


LINUX = LinuxKernel()


def adapter_file(kernel: Kernel, port: str, name: str) -> Path:
    """A file of the adapter behind `port`; by-id links are followed anew each time."""
    return kernel.sysfs / Path(port).resolve().name / "device" / name
