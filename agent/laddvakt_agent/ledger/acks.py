"""The uplink's memory of what one platform has, kept in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial

from laddvakt_agent.ledger.audience import BACKEND, party_of
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow, PartyAckRow
from laddvakt_agent.ledger.tables import FAULT_KIND, SESSION_KIND
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.uplink.store import Acked

# What an object's body has that will not change any more, as msgspec writes it.
_FINAL = {
    SESSION_KIND: ('"status":"COMPLETED"', '"status":"INVALID"'),  # OCPI SessionStatus
    FAULT_KIND: ('"cleared_at":',),
}


class LedgerAcks:
    """An `AckStore`: read once when opened, written through the ledger's thread."""

    def __init__(
        self,
        ledger: Ledger,
        thread: LedgerThread,
        known: dict[tuple[str, str], Acked],
        party: str = BACKEND,
    ) -> None:
        self._ledger = ledger
        self._thread = thread
        self._known = known
        self._party = party
        self._written = dict(known)  # what the disk has, or is about to get

    @classmethod
    async def open(
        cls, ledger: Ledger, thread: LedgerThread, party: str = BACKEND, *, cdrs: bool = True
    ) -> LedgerAcks:
        """A platform is told from now on, `cdrs` as well or not: read what it has already.

        Raises:
            StorageError: the disk does not give it.
        """
        thread.post(partial(ledger.audience.join, cdrs=cdrs), party)
        rows = await thread.call(ledger.acks, party)
        known = {(row.kind, row.object_id): _acked(row) for row in rows}
        return cls(ledger, thread, known, party)

    @property
    def party(self) -> str:
        """The platform's name."""
        return self._party

    def remember(self, rows: tuple[AckRow, ...]) -> None:
        """The ledger knows these too since it has found its disk; what this run knows is newer.

        Those of other platforms are theirs.
        """
        own = (row for row in rows if party_of(row) == self._party)
        found = {(row.kind, row.object_id): _acked(row) for row in own}
        self._known, self._written = found | self._known, found

    def delivered(self) -> frozenset[str]:
        """The CDRs that this platform has."""
        return frozenset(
            object_id
            for (kind, object_id), acked in self._known.items()
            if kind == "cdr" and acked.acknowledged
        )

    def load(self) -> dict[tuple[str, str], Acked]:
        """Everything kept, by kind and object id."""
        return dict(self._known)

    def over(self, kind: str, object_id: str) -> bool:
        """Whether the backend has confirmed the end of an object."""
        acked = self._known.get((kind, object_id))
        return acked is not None and _final(kind, acked)

    async def save(self, kind: str, object_id: str, acked: Acked) -> None:
        """Replace what is kept of one object; on the disk when it returns.

        A running session is reported over and over, a standing fault with each change. The disk
        has them "in doubt" from the first report to the last and need not know each: after a
        restart the backend is told all of it.

        Raises:
            StorageError: the disk does not take it yet; `load` has it all the same.
        """
        self._known[kind, object_id] = acked
        written = self._written.get((kind, object_id))
        in_doubt = written is not None and not written.acknowledged
        if kind in _FINAL and in_doubt and not _final(kind, acked):
            # What it is about must be on the disk all the same: an end is told only once billed.
            await self._thread.call(_nothing)
            return
        self._written[kind, object_id] = acked
        await self._thread.persist(self._ledger.save_ack, self._row(kind, object_id, acked))

    def _row(self, kind: str, object_id: str, acked: Acked) -> AckRow:
        row = AckRow(
            kind=kind,
            object_id=object_id,
            last_updated=acked.last_updated,
            body=acked.body,
            acknowledged=acked.acknowledged,
            location_url=acked.location_url,
        )
        return row if self._party == BACKEND else PartyAckRow(**asdict(row), party=self._party)


def delivered(parties: Iterable[LedgerAcks]) -> frozenset[str]:
    """The CDRs that all of these platforms have; none where there is no platform."""
    each = [acks.delivered() for acks in parties]
    return frozenset.intersection(*each) if each else frozenset()


def _nothing() -> None:
    """Everything asked for before this has been done."""


def _final(kind: str, acked: Acked) -> bool:
    """Whether the backend has confirmed an object that will not change any more."""
    return acked.acknowledged and any(word in acked.body for word in _FINAL[kind])


def _acked(row: AckRow) -> Acked:
    return Acked(
        last_updated=row.last_updated,
        body=row.body,
        acknowledged=row.acknowledged,
        location_url=row.location_url,
    )
