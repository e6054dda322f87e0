"""A card reader on a pty of its own: writes what real ones write when a card is held to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_sim.port import Port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UID = re.compile(r"(?:[0-9A-Fa-f]{2}){4,10}")
_STX, _ETX = b"\x02", b"\x03"


class CardError(ValueError):
    """This card cannot be held to this reader; the message says which could."""


def line(uid: bytes) -> bytes:
    """ELATEC TWN4 on a COM port, as it leaves the factory: hexadecimal, then CR LF."""
    return uid.hex().upper().encode() + b"\r\n"


def rdm6300(uid: bytes) -> bytes:
    """RDM6300: STX, five bytes in hexadecimal, their exclusive or, ETX.

    Raises:
        CardError: a 125 kHz card has five bytes.
    """
    if len(uid) != 5:
        raise CardError("an RDM6300 reads EM4100 cards of 5 bytes: write 10 hexadecimal digits")
    check = 0
    for part in uid:
        check ^= part
    return _STX + uid.hex().upper().encode() + f"{check:02X}".encode() + _ETX


def colon_sum(uid: bytes) -> bytes:
    """TWN3 IndiTag: a colon, the id, what makes the sum of all bytes zero, CR LF."""
    return b":" + (uid + bytes([-sum(uid) % 256])).hex().upper().encode() + b"\r\n"


FORMATS: Mapping[str, Callable[[bytes], bytes]] = {
    "uid-line": line,
    "rdm6300": rdm6300,
    "colon-sum": colon_sum,
}


@dataclass(slots=True)
class CardReader:
    """One reader; `link` is where its port appears."""

    link: str
    presented: int = 0  # cards so far
    _port: Port = field(init=False)
    _there: bool = False

    def __post_init__(self) -> None:
        self._port = Port(self.link)

    @property
    def there(self) -> bool:
        """Whether its port stands."""
        return self._there

    def plug_in(self) -> None:
        """Its port appears; harmless where it stands."""
        if not self._there:
            self._port.open()
            self._there = True

    def pull_out(self) -> None:
        """Its port vanishes, as when its cable is pulled; harmless where it is gone."""
        if self._there:
            self._port.close()
            self._there = False

    def hold(self, uid: str, how: str = "uid-line", times: int = 1) -> None:
        """Hold a card to it; many readers tell of it again and again while it stays.

        Raises:
            CardError: the reader is unplugged, or it is no card for it.
        """
        if not self._there:
            raise CardError("the reader is unplugged: plug it in first")
        if not _UID.fullmatch(uid):
            raise CardError(f"uid = {uid!r}: allowed are 4 to 10 bytes in hexadecimal")
        if how not in FORMATS:
            raise CardError(f"format = {how!r}: allowed are {', '.join(FORMATS)}")
        self._port.write(FORMATS[how](bytes.fromhex(uid)) * times)
        self.presented += 1

    def babble(self, text: str) -> None:
        """Write something that is no card, like the version string after a power-up.

        Raises:
            CardError: the reader is unplugged.
        """
        if not self._there:
            raise CardError("the reader is unplugged: plug it in first")
        self._port.write(text.encode())
