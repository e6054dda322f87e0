"""A kernel made of byte images: every ioctl is recorded and answered from a table."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from laddvakt_hal.kernel import LINUX


@dataclass(slots=True)
class ImageKernel:
    """Requests in `images` are answered by it (bytes or an errno), others by the real one."""

    images: dict[int, bytes | int | Callable[[bytes], bytes]] = field(default_factory=dict)
    sysfs: Path = Path("/nonexistent")
    asked: list[tuple[int, bytes]] = field(default_factory=list)

    def ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        if request not in self.images:
            return LINUX.ioctl(fd, request, argument)
        self.asked.append((request, argument))
        image = self.images[request]
        if isinstance(image, int):
            raise OSError(image, os.strerror(image))
        return image(argument) if callable(image) else image

    def arguments(self, request: int) -> list[bytes]:
        """What was handed over with this request, in order."""
        return [argument for asked, argument in self.asked if asked == request]


ENOTTY = errno.ENOTTY
