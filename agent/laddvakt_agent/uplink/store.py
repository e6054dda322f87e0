"""What the uplink must remember over a restart, and who keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """What is known of one object at the receiver.

    `last_updated` is the youngest one ever sent. `body` is the JSON as the receiver last
    confirmed it, "" before that; of a CDR, as it was first sent: it never changes again.
    `acknowledged` False: something was sent since and nobody knows whether it arrived.
    """

    last_updated: datetime
    body: str
    acknowledged: bool
    location_url: str | None = None


class AckStore(Protocol):
    """Keeps the acknowledgements; a `StorageError` of the ledger is survived and told."""

    def load(self) -> dict[tuple[str, str], Acked]:
        """Everything kept, by kind and object id."""
        ...

    async def save(self, kind: str, object_id: str, acked: Acked) -> None:
        """Replace what is kept of one object; on the disk when it returns."""
        ...
