"""Characters in and out of a serial port."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_hal import rs485
from laddvakt_hal.errors import BusDown
from laddvakt_hal.kernel import LINUX
from laddvakt_hal.port import Port, open_port
from laddvakt_hal.repeats import COPY_S
from laddvakt_hal.stream import CharacterStream, Pace
from laddvakt_hal.uart import UartCounts, read_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.kernel import Kernel
    from laddvakt_hal.settings import SerialSettings

# A hole inside a frame: USB adapters deliver in batches of up to 16 ms, busy hosts add theirs.
HOLE_S = 0.1
# Every character wakes a process that waits for its port, even when it asked for many. So it
# looks away while it knows that more must come, and back a little before the end.
_LOOK_AWAY = 32  # characters still to come that make it worth while
_LOOK_BACK = 0.95  # share of their time: an adapter's clock may run 2 % fast, batches come late
_CHUNK = 64  # a tty hands out at most so much per call when the kernel copies in pieces


class SerialStream(CharacterStream):
    """A serial port as a stream of characters."""

    def __init__(
        self,
        settings: SerialSettings,
        clock: Callable[[], float],
        wake: Callable[[], None],
        kernel: Kernel = LINUX,
    ) -> None:
        super().__init__(_pace(settings, is_wire=True), clock, wake)
        self._settings = settings
        self._kernel = kernel
        self._port: Port | None = None
        self._counts: UartCounts | None = None
        self._watched = False

    async def open(self) -> None:
        """See `CharacterStream.open`."""
        self.close()
        self._port = open_port(self._settings, self._kernel)
        self.notes = self._port.notes
        self.pace = replace(
            _pace(self._settings, is_wire=not self._port.is_pty), batch_s=self._port.batch_s
        )
        self._counts = read_counts(self._kernel, self._port.fd)
        self.lost = None
        self.buffer.clear()
        self._watch()
        self.last_character_s = self._clock()

    def close(self) -> None:
        """Give the port back."""
        if self._port is not None:
            self._look_away()
            self._port.close()
            self._port = None
        self.lost = self.lost or "closed"

    def uart(self) -> UartCounts | None:
        """See `CharacterStream.uart`."""
        if self._counts is None or self._port is None or self.lost is not None:
            return None
        now = read_counts(self._kernel, self._port.fd)
        return None if now is None else now.since(self._counts)

    async def write(self, frame: bytes) -> float:
        """See `CharacterStream.write`."""
        port = self._opened()
        if self._settings.direction != "rts":
            return self._put(port, frame)
        try:
            self._drive(port, sending=True)
            if self._settings.rts_before_s:
                await asyncio.sleep(self._settings.rts_before_s)
            sent_at_s = self._put(port, frame)
            await self._until_sent(port)
        finally:
            # Whatever happened: RTS outlives us, and nobody else could use the wires.
            with contextlib.suppress(BusDown):  # the loss is known, or shows at the next step
                self._drive(port, sending=False)
        self.last_character_s = max(self.last_character_s, self._clock())
        return sent_at_s

    def _put(self, port: Port, frame: bytes) -> float:
        """Hand the frame to the driver; the time its first character left, at the earliest."""
        looked_s = self._clock()
        self.discard()  # also what came while the wires were taken
        sent_at_s = self._clock()
        try:
            written = os.write(port.fd, frame)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error
        if written != len(frame):
            raise self._lose("the port takes no more characters; check the adapter")
        # A busy host may have put us to sleep on the way: what is owed counts from the latest, and
        # what came in so long a time may be older than the request.
        gone_s = self._clock()
        if self.pace.is_wire and gone_s - looked_s > COPY_S:
            self.discard()
        self.last_character_s = gone_s + len(frame) * self.pace.character_s
        return sent_at_s

    async def more(self, count: int, deadline_s: float) -> bool:
        """See `CharacterStream.more`."""
        before = len(self.buffer)
        self._pull()
        left = count - (len(self.buffer) - before)
        back_s = self._clock() + _LOOK_BACK * left * self.pace.character_s
        if left > _LOOK_AWAY and back_s < deadline_s:
            await self._rest_until(back_s)
            left = count - (len(self.buffer) - before)
        if left <= 0:
            return True
        return await super().more(left, deadline_s) or len(self.buffer) > before

    async def _rest_until(self, back_s: float) -> None:
        """Let characters come without being woken by each."""
        self._look_away()
        try:
            await asyncio.sleep(max(0.0, back_s - self._clock()))
        finally:
            self._watch()
        self._pull()

    async def _until_sent(self, port: Port) -> None:
        """Wait until the last character has left, and its turnaround is over."""
        await asyncio.sleep(max(0.0, self.last_character_s - self._clock()))
        give_up_s = self._clock() + 0.1  # a driver that never says so must not hold the wires
        try:
            while (  # noqa: ASYNC110 - a register of the UART, no event to wait for
                self._clock() < give_up_s and not rs485.is_sent(self._kernel, port.fd)
            ):
                await asyncio.sleep(self.pace.character_s / 2)
            if self._settings.rts_after_s:
                await asyncio.sleep(self._settings.rts_after_s)
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error

    def _drive(self, port: Port, *, sending: bool) -> None:
        try:
            rs485.drive(
                self._kernel, port.fd, sending=sending, rts_on_send=self._settings.rts_on_send
            )
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error

    def _on_readable(self) -> None:
        self._pull()
        self._tell()

    def _pull(self) -> None:
        if self._port is None or self.lost is not None:
            return
        while True:
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
            self._take(data)
            if len(data) < _CHUNK:
                return

    def _wake_at(self, count: int) -> None:
        try:
            self._opened().wake_at(count)
        except OSError as error:
            raise self._lose(f"port lost: {error.strerror}") from error

    def _watch(self) -> None:
        if self._port is not None and self.lost is None and not self._watched:
            asyncio.get_running_loop().add_reader(self._port.fd, self._on_readable)
            self._watched = True

    def _look_away(self) -> None:
        if self._port is not None and self._watched:
            asyncio.get_running_loop().remove_reader(self._port.fd)
            self._watched = False

    def _lose(self, reason: str) -> BusDown:
        self._look_away()
        self.lost = self.lost or f"{self._settings.port}: {reason}"
        return BusDown(self.lost)

    def _opened(self) -> Port:
        if self._port is None or self.lost is not None:
            raise BusDown(self.lost or "not open")
        return self._port


def _pace(settings: SerialSettings, *, is_wire: bool) -> Pace:
    return Pace(
        character_s=settings.character_s,
        silence_s=settings.silence_s,
        hole_s=HOLE_S,
        is_wire=is_wire,
    )
