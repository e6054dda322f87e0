"""What a line is, and what goes over it besides requests."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Message = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSpec:
    """What the line is called and how fast it is; `baud` 0 means characters take no time."""

    name: str
    baud: int
    format: str = "8N1"  # "8N1", "8E1", …
    echo: bool = False  # the adapter hears what it sends
    link: str = ""
    strict_baud: bool = False  # a master that has opened the port at another rate hears garbage

    @property
    def char_s(self) -> float:
        """Seconds per character: start bit, data, parity, stop bits."""
        bits = 1 + int(self.format[0]) + (self.format[1] != "N") + int(self.format[2])
        return bits / self.baud if self.baud else 0.0

    @property
    def silence_s(self) -> float:
        """3.5 characters; fixed above 19200 baud (Modbus over Serial Line §2.5.1.1)."""
        if not self.baud:
            return 0.02  # frames come in packets: what is not whole by then will not become so
        return 0.00175 if self.baud > 19200 else 3.5 * self.char_s


@dataclass(slots=True, kw_only=True)
class Sending:
    """Something on its way to the master."""

    ident: int
    raw: bytearray
    note: str = ""
    patient: bool = False  # waits for the end of other replies instead of colliding with them
    again_s: float | None = None
    babble: bool = False
    hurt: bool = False  # collided
    first_s: float = 0.0
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Bits turn over in `rate` of the characters between two times."""

    from_s: float
    to_s: float
    rate: float
    seed: int


class Babble:
    """A device that talks by itself."""

    def __init__(self, order: Mapping[str, object]) -> None:
        self.order = order
        self.next_s = 0.0
        self._duty = float(str(order["duty"]))
        self._chars = int(str(order["chars"]))
        self._random = random.Random(int(str(order["seed"])))

    def burst(self, at_s: float, char_s: float) -> Sending:
        """The characters it says now; when it speaks next follows from its duty."""
        self.next_s = at_s + max(self._chars * char_s, 0.001) / self._duty
        raw = bytearray(self._random.randbytes(self._chars))
        return Sending(ident=0, raw=raw, note="babble", babble=True)
