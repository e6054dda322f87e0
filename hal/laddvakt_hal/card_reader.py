"""A card reader on a serial port of its own: opened, listened to, opened again when it was away.

Such readers only ever talk: one that is silent may have no card before it, or may be dead. What
can be known is whether its port is there and whether what it says makes sense.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.card_formats import FORMATS, Decoder, technology_of
from laddvakt_hal.errors import HalError
from laddvakt_hal.kernel import LINUX
from laddvakt_hal.port import Port, open_port
from laddvakt_hal.roles import Card
from laddvakt_hal.settings import SerialSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.kernel import Kernel

RETRY_S = 1.0  # a missing port is looked for so often
REPEAT_S = 2.0  # a card that stays, or is held on badly, is one presentation
_CHUNK = 256


@dataclass(slots=True, kw_only=True)
class SerialCardReader:
    """One reader; see `roles.CardReader`."""

    settings: SerialSettings
    format: str  # a name of `card_formats.FORMATS`
    clock: Callable[[], float]
    on_card: Callable[[Card], None]
    reverse: bool = False  # its makers write the bytes the other way round than the platforms
    kernel: Kernel = LINUX
    down: str = "not opened yet"  # why nobody can present a card; empty while the port is there
    heard_s: float | None = None  # when a card was last presented
    _decoder: Decoder = field(init=False)
    _last: tuple[bytes, float] | None = None

    def __post_init__(self) -> None:
        self._decoder = Decoder(format=FORMATS[self.format])

    @property
    def name(self) -> str:
        """In the configuration."""
        return self.settings.name

    @property
    def refused(self) -> int:
        """Messages that were no card: noise, a wrong format or speed."""
        return self._decoder.refused

    async def run(self) -> None:
        """Listen for as long as the agent lives; a port that goes is waited for."""
        while True:
            try:
                await self._listen(open_port(self.settings, self.kernel))
            except HalError as error:
                self.down = str(error)
            await asyncio.sleep(RETRY_S)

    async def _listen(self, port: Port) -> None:
        gone = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        self._decoder.forget()
        self.down = ""

        def readable() -> None:
            why = self._read(port.fd)
            if why and not gone.done():
                loop.remove_reader(port.fd)
                gone.set_result(why)

        loop.add_reader(port.fd, readable)
        try:
            why = await gone
            self.down = f"{self.settings.port}: {why}; check its cable, it is tried again"
        finally:
            loop.remove_reader(port.fd)
            port.close()

    def _read(self, fd: int) -> str:
        """Take what is there; why there will be no more, empty while there may be."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return ""
        except OSError as error:
            return f"port lost: {error.strerror}"
        if not data:
            return "port lost: hung up"
        for uid in self._decoder.feed(data):
            self._present(uid)
        return ""

    def _present(self, uid: bytes) -> None:
        now_s, last = self.clock(), self._last
        self._last = (uid, now_s)
        if last is not None and last[0] == uid and now_s - last[1] < REPEAT_S:
            return
        self.heard_s = now_s
        technology = technology_of(uid, FORMATS[self.format])
        shown = uid[::-1] if self.reverse else uid
        self.on_card(Card(uid=shown.hex().upper(), technology=technology, taken_at_s=now_s))
