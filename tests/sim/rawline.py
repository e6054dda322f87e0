"""A serial master in a few lines of termios: no library between the test and the characters."""

from __future__ import annotations

import asyncio
import os
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from laddvakt_sim.firmware.slave import intact


def now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class RawLine:
    """An open port; `ask` sends a frame and returns what comes until silence."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    async def ask(self, frame: bytes, *, length: int, timeout_s: float = 0.5) -> bytes:
        os.write(self.descriptor, frame)
        return await self.hear(length=length, timeout_s=timeout_s)

    async def hear(self, *, length: int, timeout_s: float = 0.5) -> bytes:
        """Collect `length` characters, or what came until the timeout."""
        loop, got, done = asyncio.get_running_loop(), bytearray(), asyncio.Event()

        def readable() -> None:
            got.extend(os.read(self.descriptor, 256))
            if len(got) >= length:
                done.set()

        loop.add_reader(self.descriptor, readable)
        try:
            async with asyncio.timeout(timeout_s):
                await done.wait()
        except TimeoutError:
            return bytes(got)
        finally:
            loop.remove_reader(self.descriptor)
        return bytes(got)


@contextmanager
def raw_line(port: str, speed: int = termios.B9600) -> Iterator[RawLine]:
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        attributes = termios.tcgetattr(descriptor)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        yield RawLine(descriptor)
    finally:
        os.close(descriptor)


def whole(frame: bytes, *, unit: int, function: int) -> bool:
    return intact(frame) and frame[0] == unit and frame[1] == function
