"""What serial card readers write when a card is held to them, as the bytes of its id. Pure.

Formats, each as its makers describe it (not verified on hardware):

- `uid-line`: the id in hexadecimal, then CR, LF or both. ELATEC TWN3 and TWN4 on RS-232 or as a
  virtual COM port, and most readers that can be set to "ASCII".
- `rdm6300`: STX, ten hexadecimal digits, two more for the exclusive or of the five bytes, ETX;
  again and again while the card is there. RDM6300, RDM630; ID-12LA and ID-20LA (with CR LF before
  the ETX).
- `colon-sum`: a colon, the id, two digits that make the sum of all bytes zero, CR LF. ELATEC TWN3
  IndiTag in transparent mode.

Whatever else comes is counted and thrown away: version strings, noise, halves of lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_STX, _ETX = 0x02, 0x03
_LINE_ENDS = frozenset(b"\r\n")
_MOST = 64  # characters of one message; a longer one is none
_SHORTEST, _LONGEST = 4, 10  # bytes of an id: ISO 14443 has 4, 7 and 10, ISO 15693 8, EM4100 5
_ISO14443 = frozenset({4, 7, 10})


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFormat:
    """How one message is told from the next, and what it says."""

    starts: frozenset[int]  # a message begins after one of these; empty: after the last one's end
    ends: frozenset[int]
    parse: Callable[[bytes], bytes | None]  # the card's id, `None` where it is no message
    technology: str = ""  # the only one this reader knows


@dataclass(slots=True, kw_only=True)
class Decoder:
    """Cuts characters into messages and keeps the good ones."""

    format: CardFormat
    refused: int = 0  # messages that were none
    _buffer: bytearray = field(default_factory=bytearray)
    _inside: bool = False

    def feed(self, data: bytes) -> list[bytes]:
        """The ids of the cards that these characters complete."""
        found = (self._take(character) for character in data)
        return [uid for uid in found if uid is not None]

    def forget(self) -> None:
        """The port was away: half a message is worth nothing."""
        self._buffer.clear()
        self._inside = False

    def _take(self, character: int) -> bytes | None:
        if character in self.format.starts:
            self.refused += bool(self._buffer)
            self._buffer.clear()
            self._inside = True
            return None
        if character in self.format.ends:
            return self._ended()
        if len(self._buffer) <= _MOST and (self._inside or not self.format.starts):
            self._buffer.append(character)
        return None

    def _ended(self) -> bytes | None:
        message, self._inside = bytes(self._buffer), False
        self._buffer.clear()
        if not message:
            return None  # the LF after a CR
        uid = self.format.parse(message) if len(message) <= _MOST else None
        self.refused += uid is None
        return uid


def technology_of(uid: bytes, card_format: CardFormat) -> str:
    """What kind of card it is, as far as its id tells."""
    if card_format.technology:
        return card_format.technology
    if len(uid) in _ISO14443:
        return "ISO14443"
    return {5: "EM4100", 8: "ISO15693"}.get(len(uid), "unknown")


def _plain(message: bytes) -> bytes | None:
    return _sized(_hex(message.strip()))


def _xored(message: bytes) -> bytes | None:
    whole = _hex(message.strip(b"\r\n"))
    if whole is None or len(whole) != 6 or reduce(xor, whole) != 0:
        return None
    return whole[:-1]


def _summed(message: bytes) -> bytes | None:
    whole = _hex(message)
    if whole is None or len(whole) < 2 or sum(whole) % 256 != 0:
        return None
    return _sized(whole[:-1])


def _hex(message: bytes) -> bytes | None:
    if not message.isalnum():  # fromhex would skip spaces
        return None
    try:
        return bytes.fromhex(message.decode("ascii"))
    except ValueError:
        return None


def _sized(uid: bytes | None) -> bytes | None:
    return uid if uid is not None and _SHORTEST <= len(uid) <= _LONGEST else None


FORMATS: Mapping[str, CardFormat] = {
    "uid-line": CardFormat(starts=frozenset(), ends=_LINE_ENDS, parse=_plain),
    "rdm6300": CardFormat(
        starts=frozenset({_STX}), ends=frozenset({_ETX}), parse=_xored, technology="EM4100"
    ),
    "colon-sum": CardFormat(starts=frozenset(b":"), ends=_LINE_ENDS, parse=_summed),
}
