"""What a line offers the bus, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from laddvakt_hal.frame import Payload, Request
    from laddvakt_hal.settings import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A verified reply; `taken_at_s` is the time of its last character."""

    payload: Payload
    sent_at_s: float
    taken_at_s: float


class Link(Protocol):
    """One open or closed connection to a line; one exchange at a time."""

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
