"""What a line offers the bus, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from laddvakt_hal.turns import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_hal.frame import Payload, Request
    from laddvakt_hal.settings import Timing
    from laddvakt_hal.tap import Frame
    from laddvakt_hal.uart import UartCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A verified reply; `taken_at_s` is the time of its last character.

    Its values were sampled after `sent_at_s - doubt_s`; see `repeats.py` for when that is not 0.
    """

    payload: Payload
    sent_at_s: float
    taken_at_s: float
    doubt_s: float = 0.0

    def reply(self) -> Reply:
        """What the caller gets."""
        return Reply(
            words=self.payload.words,
            bits=self.payload.bits,
            sent_at_s=self.sent_at_s,
            taken_at_s=self.taken_at_s,
            doubt_s=self.doubt_s,
        )


@dataclass(slots=True)
class Tally:
    """Bytes of the last exchange, and what came that was no reply."""

    sent: int = 0
    received: int = 0
    garbage: bytes = b""

    def clear(self) -> None:
        """An exchange begins."""
        self.sent, self.received, self.garbage = 0, 0, b""


class Link(Protocol):
    """One open or closed connection to a line; one exchange at a time."""

    tally: Tally
    on_frame: Callable[[Frame], None] | None  # told of every frame when set
    urgent: Callable[[], Iterable[Request]]  # commands that wait, to units that answer

    @property
    def notes(self) -> tuple[str, ...]:
        """What the line would not do and we can live with."""
        ...

    @property
    def late(self) -> int:
        """Characters or replies that came when none were owed."""
        ...

    @property
    def copies(self) -> int:
        """Good frames among them."""
        ...

    async def open(self, settle_s: float) -> None:
        """Connect; characters of an earlier life are waited out for `settle_s`.

        Raises:
            BusDown: not there.
            LineSetupError: there, but unusable.
        """
        ...

    def close(self) -> None:
        """Disconnect; may be called at any time."""
        ...

    async def exchange(self, request: Request, timing: Timing) -> Exchange:
        """Carry out one transaction, the silence a failure calls for included.

        Raises:
            HalError: BusDown, NoReply, Garbled or Refused.
        """
        ...

    def lost(self) -> str | None:
        """Why the connection is gone, `None` while it stands."""
        ...

    def duration_s(self, request: Request, timing: Timing) -> float:
        """How long the transaction will usually hold the line."""
        ...

    def turnaround_s(self, unit: int) -> float | None:
        """Median time from a request's end to its reply's first character, once measured."""
        ...

    def hold_until_s(self, request: Request, *, urgent: bool) -> float:
        """Before when this request must not be sent, because an older reply could answer it.

        An urgent one need not wait out the silence of another unit.
        """
        ...

    def rest_until_s(self, unit: int) -> float:
        """Before when nothing must be sent to the unit."""
        ...

    def hurry(self) -> None:
        """`urgent` has grown: a silence after another unit's failure may be cut short."""
        ...

    def uart(self) -> UartCounts | None:
        """The driver's error counters since opening, where it keeps them."""
        ...
