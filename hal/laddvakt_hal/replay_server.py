"""Serves a recording to real masters: as a device on a pseudo-terminal or as a Modbus TCP peer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import tty
from typing import TYPE_CHECKING

from laddvakt_hal.frame import crc16

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from laddvakt_hal.replay import Answer, Replay

FORGET_S = 0.1  # characters that never became a request are forgotten after this silence
_MAX_ADU = 260
_HEAD = struct.Struct(">HHH")
_SIZED = {15: 6, 16: 6, 23: 10}  # where the byte count of a longer request stands


@contextlib.asynccontextmanager
async def serve_pty(replay: Replay, path: Path) -> AsyncIterator[None]:
    """A device at the end of the port `path`, a symlink that is made now and removed at the end.

    Raises:
        OSError: the symlink cannot be made; what stands there already is never replaced.
    """
    with _terminal(path) as master:
        device = _PtyDevice(replay, master)
        loop = asyncio.get_running_loop()
        loop.add_reader(master, device.read)
        try:
            yield
        finally:
            loop.remove_reader(master)
            device.stop()


@contextlib.asynccontextmanager
async def serve_tcp(replay: Replay, port: int, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A Modbus TCP peer on `port` (0: any free one); yields the port.

    Raises:
        OSError: the port cannot be had.
    """
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            await _serve_peer(replay, reader, writer)
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in tuple(writers):
            writer.transport.abort()
        await server.wait_closed()


@contextlib.contextmanager
def _terminal(path: Path) -> Iterator[int]:
    """A pseudo-terminal whose far end is `path`; yields the near end."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)  # characters nobody takes must not stop the device
        path.symlink_to(os.ttyname(slave))
        try:
            yield master
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(master)
        os.close(slave)


class _PtyDevice:
    """Finds requests among the characters and answers each after its recorded time."""

    def __init__(self, replay: Replay, fd: int) -> None:
        self._replay = replay
        self._fd = fd
        self._buffer = bytearray()
        self._forget: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.TimerHandle] = set()

    def read(self) -> None:
        """Take what came; answer what is whole."""
        loop = asyncio.get_running_loop()
        self._buffer += os.read(self._fd, 4096)
        if self._forget is not None:
            self._forget.cancel()
        while (length := _request_length(self._buffer)) and len(self._buffer) >= length:
            frame = bytes(self._buffer[:length])
            if crc16(frame):
                break  # out of step: the silence puts it right
            del self._buffer[:length]
            answer = self._replay.answer(frame)
            if answer is not None:
                self._send_later(answer)
        self._forget = loop.call_later(FORGET_S, self._buffer.clear)

    def stop(self) -> None:
        """Send nothing more."""
        for timer in (*self._sending, *([self._forget] if self._forget else [])):
            timer.cancel()

    def _send_later(self, answer: Answer) -> None:
        def send() -> None:
            self._sending.discard(timer)
            self._send(answer)

        timer = asyncio.get_running_loop().call_later(answer.delay_s, send)
        self._sending.add(timer)

    def _send(self, answer: Answer) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads: lost, as on a wire
            os.write(self._fd, answer.raw)


def _request_length(buffer: bytearray) -> int:
    """Characters of the request that begins the buffer, 0 while that cannot be told."""
    if len(buffer) < 2:
        return 0
    at = _SIZED.get(buffer[1])
    if at is None:
        return 8
    return at + 3 + buffer[at] if len(buffer) > at else 0


async def _serve_peer(
    replay: Replay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(_HEAD.size)
            transaction, protocol, length = _HEAD.unpack(head)
            if protocol or not 2 <= length <= _MAX_ADU:
                return  # no Modbus TCP: the stream cannot be found again
            body = await reader.readexactly(length)
            answer = replay.answer(body + crc16(body).to_bytes(2, "little"))
            if answer is not None:
                await asyncio.sleep(answer.delay_s)
                reply = answer.raw[:-2]
                writer.write(_HEAD.pack(transaction, 0, len(reply)) + reply)
                await writer.drain()
