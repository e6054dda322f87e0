"""Scripted Modbus devices on a real pty and a real socket: they do exactly what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import time
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from laddvakt_hal.bus import Bus, SerialSettings, TcpSettings, Timing
from laddvakt_hal.clock import boottime

Parts = Sequence[tuple[float, bytes]]
Script = Callable[[bytes], Parts]
QUICK = Timing(timeout_s=0.06, worst_latency_s=0.15, turnaround_s=0.005)


def crc(data: bytes) -> bytes:
    """Bit by bit, on purpose not the way the HAL does it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            low = value & 1
            value >>= 1
            if low:
                value ^= 0xA001
    return bytes((value & 0xFF, value >> 8))


def framed(body: bytes) -> bytes:
    return body + crc(body)


def registers(unit: int, function: int, values: Sequence[int]) -> bytes:
    data = struct.pack(f">{len(values)}H", *values)
    return framed(bytes((unit, function, len(data))) + data)


def obey(frame: bytes) -> bytes:
    """A well-behaved device: every register holds its own address, every bit is its parity."""
    unit, function, address, count = struct.unpack(">BBHH", frame[:6])
    if function in (1, 2):
        bits = bytearray((count + 7) // 8)
        for index in range(count):
            bits[index // 8] |= ((address + index) & 1) << index % 8
        return framed(bytes((unit, function, len(bits))) + bytes(bits))
    if function in (3, 4):
        return registers(unit, function, [(address + i) & 0xFFFF for i in range(count)])
    return framed(frame[:6])


def reply_after(delay_s: float) -> Script:
    return lambda frame: [(delay_s, obey(frame))]


class PtySlave:
    """The far end of a serial line; `path` is a symlink, as udev would make it."""

    def __init__(self, path: Path, script: Script) -> None:
        self.path = path
        self.script = script
        self.requests: list[tuple[float, bytes]] = []
        self.sent: list[float] = []
        self._fds: tuple[int, int] | None = None
        self._buffer = bytearray()
        self.plug()

    def plug(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        self._fds = (master, slave)
        self._buffer.clear()
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        asyncio.get_running_loop().add_reader(master, self._on_data)

    def unplug(self) -> None:
        if self._fds is not None:
            asyncio.get_running_loop().remove_reader(self._fds[0])
            for fd in self._fds:
                os.close(fd)
            self._fds = None
            self.path.unlink(missing_ok=True)

    def send(self, data: bytes) -> None:
        if self._fds is not None:
            os.write(self._fds[0], data)
            self.sent.append(boottime())

    def _on_data(self) -> None:
        assert self._fds is not None
        with contextlib.suppress(BlockingIOError):
            self._buffer += os.read(self._fds[0], 4096)
        while len(self._buffer) >= 8:
            writes_many = self._buffer[1] in (15, 16)
            length = 9 + self._buffer[6] if writes_many else 8
            frame = bytes(self._buffer[:length])
            del self._buffer[:length]
            self.requests.append((boottime(), frame))
            for delay_s, data in self.script(frame):
                asyncio.get_running_loop().call_later(delay_s, self.send, data)


class TcpSlave:
    """A Modbus TCP peer; the script gets and gives whole frames, `b""` closes the connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(6)
                frame = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                self.requests.append(frame)
                for delay_s, data in self.script(frame):
                    asyncio.get_running_loop().call_later(delay_s, self._send, writer, data)
        self._writers.discard(writer)
        writer.close()

    def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not data:
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(data)


def tcp_reply(frame: bytes, *, transaction: int | None = None) -> bytes:
    """The well-behaved answer, with another transaction id if asked."""
    own = int.from_bytes(frame[:2], "big") if transaction is None else transaction
    body = obey(frame[6:] + b"\0\0")[:-2]
    return struct.pack(">HHH", own, 0, len(body)) + body


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> float:
    """Wait until the condition holds; seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - looks at plain attributes, no event to wait for
            await asyncio.sleep(0.005)
    return time.monotonic() - began


@asynccontextmanager
async def serial_bus(
    tmp_path: Path,
    script: Script,
    *,
    baud: int = 9600,
    parity: str = "N",
    timing: Timing = QUICK,
) -> AsyncIterator[tuple[Bus, PtySlave]]:
    """A bus and a scripted device on a pty, up and running; units 1..3 share the timing."""
    slave = PtySlave(tmp_path / "line1", script)
    bus = Bus(SerialSettings(name="line1", port=str(slave.path), baud=baud, parity=parity))
    for unit in (0, 1, 2, 3):
        bus.set_timing(unit, timing)
    await bus.start()
    try:
        await until(lambda: bus.up)
        yield bus, slave
    finally:
        await bus.close()
        slave.unplug()


@asynccontextmanager
async def tcp_bus(script: Script, *, timing: Timing = QUICK) -> AsyncIterator[tuple[Bus, TcpSlave]]:
    """A bus and a scripted TCP peer, connected."""
    slave = TcpSlave(script)
    await slave.start()
    bus = Bus(TcpSettings(name="tcp1", host="127.0.0.1", port=slave.port))
    bus.set_timing(1, timing)
    await bus.start()
    try:
        await until(lambda: bus.up)
        yield bus, slave
    finally:
        await bus.close()
        await slave.stop()
