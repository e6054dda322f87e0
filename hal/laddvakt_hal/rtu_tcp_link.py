"""RTU frames through a TCP connection, as serial device servers in raw mode carry them.

The rules of the serial line hold: no transaction id, so old replies are waited out. Its rate and
silences are the device server's business; the network may tear frames apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown
from laddvakt_hal.stream import CharacterStream, Pace
from laddvakt_hal.tcp_peer import TcpPeer

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import TcpSettings

# Device servers gather characters for tens of ms; a lost segment is sent again after 200 ms.
HOLE_S = 0.25
ADDED_S = 0.1  # four conversions between Ethernet and the line


class RtuTcpStream(CharacterStream):
    """A TCP connection as a stream of characters."""

    def __init__(
        self, settings: TcpSettings, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        pace = Pace(character_s=0.0, silence_s=0.0, hole_s=HOLE_S, is_wire=False, added_s=ADDED_S)
        super().__init__(pace, clock, wake)
        self.peer = TcpPeer(settings, clock, self._on_bytes, self._on_lost)

    async def open(self) -> None:
        """See `CharacterStream.open`."""
        await self.peer.open()
        self.lost = None
        self.buffer.clear()
        self.last_character_s = self._clock()

    def close(self) -> None:
        """Disconnect."""
        self.peer.close()
        self.lost = self.lost or "closed"

    async def write(self, frame: bytes) -> float:
        """See `CharacterStream.write`."""
        self._require()
        sent_at_s = self._clock()
        self.peer.write(frame)
        self.last_character_s = self._clock()
        return sent_at_s

    def _on_bytes(self, data: bytes) -> None:
        self._take(data)
        self._tell()

    def _on_lost(self) -> None:
        self.lost = self.lost or self.peer.lost
        self._tell()

    def _pull(self) -> None:
        """Nothing to do: the connection hands over what comes."""

    def _wake_at(self, count: int) -> None:
        """Nothing to do: segments come whole."""

    def _lose(self, reason: str) -> BusDown:
        self.peer.lose(reason)
        self.lost = self.lost or self.peer.lost or reason
        return BusDown(self.lost)
