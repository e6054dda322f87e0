"""Which link a line's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.rtu_tcp_link import RtuTcpStream
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.serial_stream import SerialStream
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings
from laddvakt_hal.tcp_link import TcpLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.link import Link


def link_for(settings: LineSettings, clock: Callable[[], float], wake: Callable[[], None]) -> Link:
    """The link that carries a line: RTU on a port, Modbus TCP, or RTU through TCP."""
    match settings:
        case SerialSettings():
            return SerialLink(SerialStream(settings, clock, wake), clock, echo=settings.echo)
        case TcpSettings(framing="rtu"):
            return SerialLink(RtuTcpStream(settings, clock, wake), clock, echo=False)
        case TcpSettings():
            return TcpLink(settings, clock, wake)
