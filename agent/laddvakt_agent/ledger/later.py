"""CDRs that follow a first one: what takes it back, and what is billed instead.

A CDR never changes. A credit CDR takes one back, once; a corrected CDR may come after that and may
be taken back in its turn: a chain, of which each has at most one successor. Whatever follows goes
to the platforms that were told the first one, and to no other.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laddvakt_agent.ledger.audience import COUNTED
from laddvakt_agent.ledger.errors import Conflict, StorageError, StorageKind
from laddvakt_agent.ledger.rows import SqlValue
from laddvakt_agent.ledger.store import STAMP, Store
from laddvakt_agent.published import CdrRecord

LONGEST_ID = 39  # characters; mod_cdrs, CDR.id

_STAMPED = ", ".join(f":{name}" for name in STAMP)
_ADD = (
    "INSERT INTO later_cdrs (id, session_id, follows, credits, after_row, body,"
    f" {', '.join(STAMP)})"
    f" VALUES (:id, :session_id, :follows, :credits, :after_row, :body, {_STAMPED})"
)
_COUNT = (
    "INSERT INTO {table} ({party}kind, object_id, last_updated, body, acknowledged, location_url,"
    f" {', '.join(STAMP)}) SELECT {{party}}'cdr', :id, :w_wall, '', 1, '{COUNTED}', {_STAMPED}"
    " FROM {table} WHERE kind = 'cdr' AND object_id = :follows AND acknowledged = 1"
    f" AND location_url = '{COUNTED}' ON CONFLICT DO NOTHING"
)


class LaterCdrs:
    """Writes and finds them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, *chain: CdrRecord) -> None:
        """Write a credit CDR, the corrected one after it, or both: all or nothing.

        What stands there already is left as it is.

        Raises:
            Conflict: it follows nothing that is here, or something else follows that already; it
                takes back a credit CDR; or its id is taken or too long.
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            for cdr in chain:
                known = self.successor(cdr.follows or "")
                if known is None:
                    self._put(cdr, stamp)
                elif known != cdr:
                    raise Conflict(f"CDR {cdr.follows}: CDR {known.id} follows it already")

    def cdr(self, cdr_id: str) -> CdrRecord | None:
        """Any CDR of the ledger, a first one or a later.

        Raises:
            StorageError: the disk does not give it, or what it gives is none.
        """
        return self._one("SELECT body FROM every_cdr WHERE id = :id", cdr_id)

    def successor(self, cdr_id: str) -> CdrRecord | None:
        """The one that follows a CDR: of a bill its credit, of a credit what is billed instead.

        Raises:
            StorageError: as `cdr`.
        """
        return self._one("SELECT body FROM later_cdrs WHERE follows = :id", cdr_id)

    def told_to_others_alone(self, cdr_id: str) -> bool:
        """Whether some platform only counts as told of it: it has none of its chain.

        Raises:
            StorageError: the disk does not give it.
        """
        of = f"WHERE kind = 'cdr' AND object_id = :id AND location_url = '{COUNTED}'"
        query = f"SELECT 1 FROM acks {of} UNION ALL SELECT 1 FROM party_acks {of}"
        return bool(self._store.read(query, {"id": cdr_id}))

    def _put(self, cdr: CdrRecord, stamp: Mapping[str, SqlValue]) -> None:
        if cdr.follows is None or cdr.credits not in (None, cdr.follows):
            raise Conflict(f"CDR {cdr.id}: it does not say what it follows")
        before = self.cdr(cdr.follows)
        if before is None:
            raise Conflict(f"CDR {cdr.id} follows CDR {cdr.follows}, which is unknown")
        if (before.credits is None) is (cdr.credits is None):
            raise Conflict(f"CDR {cdr.id}: a bill is followed by its credit, a credit by a bill")
        if before.session.id != cdr.session.id:
            raise Conflict(f"CDR {cdr.id}: CDR {before.id} is of another session")
        if len(cdr.id) > LONGEST_ID or self.cdr(cdr.id) is not None:
            raise Conflict(f"CDR {cdr.id}: this id is taken, or longer than {LONGEST_ID}")
        self._store.execute(_ADD, later_row(self._store, cdr, stamp))
        for table, party in (("acks", ""), ("party_acks", "party, ")):
            count = _COUNT.format(table=table, party=party)
            self._store.execute(count, {"id": cdr.id, "follows": cdr.follows, **stamp})

    def _one(self, query: str, cdr_id: str) -> CdrRecord | None:
        found = self._store.read(query, {"id": cdr_id})
        try:
            return msgspec.json.decode(found[0]["body"], type=CdrRecord) if found else None
        except msgspec.DecodeError as error:
            raise StorageError(StorageKind.DAMAGED, self._store.path, str(error)) from error


def later_row(store: Store, cdr: CdrRecord, stamp: Mapping[str, SqlValue]) -> dict[str, SqlValue]:
    """A row of `later_cdrs`, after everything that stands in the ledger now."""
    return {
        "id": cdr.id,
        "session_id": cdr.session.id,
        "follows": cdr.follows,
        "credits": cdr.credits,
        "after_row": youngest(store),
        "body": msgspec.json.encode(cdr).decode(),
        **stamp,
    }


def youngest(store: Store) -> int:
    """The number of the youngest first CDR; 0 without any."""
    (found,) = store.read("SELECT coalesce(max(rowid), 0) AS row FROM cdrs")
    return int(found["row"])
