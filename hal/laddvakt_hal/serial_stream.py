"""Characters in and out of a serial port on the event loop, with the time of the last one."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown
from laddvakt_hal.port import Port, open_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import SerialSettings


# A line that chatters on for so long has a wrong rate, swapped wires or a device gone mad.
MAX_CHATTER_S = 2.0


class SerialStream:
    """An open or closed port and what it delivered since the last `discard`."""

    def __init__(
        self, settings: SerialSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self.lost: str | None = "not open"
        self.buffer = bytearray()
        self.last_character_s = 0.0  # ours or theirs
        self.late_characters = 0  # came when nobody was owed any
        self.notes: tuple[str, ...] = ()
        self._settings = settings
        self._clock = clock
        self._wake = wake  # called when the port is lost while nobody waits
        self._port: Port | None = None
        self._waiter: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Open and set up the port.

        Raises:
            BusDown: it is not there.
            LineSetupError: it is there, but unusable.
        """
        self.close()
        self._port = open_port(self._settings)
        self.notes = self._port.notes
        self.lost = None
        self.buffer.clear()
        asyncio.get_running_loop().add_reader(self._port.fd, self._on_readable)
        self.last_character_s = self._clock()

    def close(self) -> None:
        """Give the port back."""
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port.fd)
            self._port.close()
            self._port = None
        self.lost = self.lost or "closed"

    def write(self, frame: bytes) -> float:
        """Send a frame; the time its first character left.

        Raises:
            BusDown: the port is gone or takes nothing any more.
        """
        port = self._require()
        sent_at_s = self._clock()
        try:
            written = os.write(port.fd, frame)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error
        if written != len(frame):
            raise self._lose("the port takes no more characters; check the adapter")
        self.last_character_s = sent_at_s + len(frame) * self._settings.character_s
        return sent_at_s

    async def more(self, count: int, deadline_s: float) -> bool:
        """Wait until about `count` more characters came; False when the deadline saw none.

        Raises:
            BusDown: the port is gone.
        """
        before = len(self.buffer)
        self._require().wake_at(count)
        self._pull()
        while len(self.buffer) == before:
            if not await self._wait(deadline_s):
                self._pull()
                break
        return len(self.buffer) > before

    async def drain(self, silence_s: float) -> None:
        """Throw characters away until there were none for `silence_s`.

        Raises:
            BusDown: the port is gone, or the line never falls silent.
        """
        self._require().wake_at(1)
        self.discard()
        give_up_s = self._clock() + silence_s + MAX_CHATTER_S
        while (now_s := self._clock()) < (until_s := self.last_character_s + silence_s):
            if now_s > give_up_s:
                raise self._lose(
                    "the line never falls silent; check baud rate, wiring, termination"
                )
            await self._wait(until_s)
            self.discard()

    def discard(self) -> None:
        """Empty buffer and port; count what nobody was waiting for.

        Raises:
            BusDown: the port is gone.
        """
        self._pull()
        self._require()
        self.late_characters += len(self.buffer)
        self.buffer.clear()

    async def _wait(self, deadline_s: float) -> bool:
        """True when the port became readable; False at the deadline."""
        self._require()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiter = waiter
        timer = loop.call_later(max(0.0, deadline_s - self._clock()), _release, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        self._require()
        return self._clock() < deadline_s

    def _on_readable(self) -> None:
        self._pull()
        if self._waiter is not None:
            _release(self._waiter)
        elif self.lost is not None:
            self._wake()

    def _pull(self) -> None:
        """Take what the port has; a port that ends is lost."""
        if self._port is None or self.lost is not None:
            return
        try:
            data = os.read(self._port.fd, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"port lost: {error.strerror}")
            return
        if not data:
            self._lose("port lost: hung up")
            return
        self.buffer += data
        self.last_character_s = self._clock()

    def _lose(self, reason: str) -> BusDown:
        """Note that the port is gone; it is read no more, and closed by `close`."""
        if self._port is not None and self.lost is None:
            asyncio.get_running_loop().remove_reader(self._port.fd)
        self.lost = self.lost or f"{self._settings.port}: {reason}"
        return BusDown(self.lost)

    def _require(self) -> Port:
        if self._port is None or self.lost is not None:
            raise BusDown(self.lost or "not open")
        return self._port


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
