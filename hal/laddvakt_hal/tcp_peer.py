"""One TCP connection to a Modbus peer: how it begins, how it ends, and what to say of it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import TcpSettings

CONNECT_TIMEOUT_S = 1.0
# Without an acknowledgement for this long the peer has lost power: reconnect rather than wait
# for the kernel's many minutes.
UNACKNOWLEDGED_MS = 2000
AT_ONCE_S = 1.0  # a connection that ends sooner, without a byte, was not wanted


class TcpPeer(asyncio.Protocol):
    """A connection whose bytes and end are told to two callbacks."""

    def __init__(
        self,
        settings: TcpSettings,
        clock: Callable[[], float],
        on_bytes: Callable[[bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.lost: str | None = "not open"
        self._settings = settings
        self._clock = clock
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._made_s = 0.0
        self._heard = False

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return f"{self._settings.host}:{self._settings.port}"

    async def open(self) -> None:
        """Connect.

        Raises:
            BusDown: nobody answers there.
        """
        self.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(lambda: self, self._settings.host, self._settings.port)
        except TimeoutError as error:
            raise BusDown(f"{self.where}: no answer; check cable and address") from error
        except UnicodeError as error:
            raise BusDown(f"{self.where}: this is no host name; correct it") from error
        except OSError as error:
            why = error.strerror or error
            raise BusDown(f"{self.where}: {why}; check host and port") from error

    def close(self) -> None:
        """Disconnect; may be called at any time."""
        transport, self._transport = self._transport, None
        self.lost = self.lost or "closed"
        if transport is not None:
            transport.abort()

    def write(self, data: bytes) -> None:
        """Send.

        Raises:
            BusDown: the connection is gone.
        """
        if self._transport is None or self.lost is not None:
            raise BusDown(self.lost or "not open")
        self._transport.write(data)

    def lose(self, reason: str) -> None:
        """Give the connection up; whoever waits is told at once."""
        if self.lost is not None:
            return
        self.close()
        self.lost = f"{self.where}: {reason}"
        self._on_lost()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer accepted."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport was asked for")
        self._transport = transport
        self.lost = None
        self._heard = False
        self._made_s = self._clock()
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer, or the network, ended it."""
        if exc is None and not self._heard and self._clock() - self._made_s < AT_ONCE_S:
            self.lose(
                "it closes the connection at once; it may serve one client only: close the other"
            )
        self.lose(str(exc) if exc else "closed by the peer")

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._heard = True
        if self.lost is None:
            self._on_bytes(data)
