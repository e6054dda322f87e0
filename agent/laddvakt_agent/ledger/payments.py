"""Payment terminals and captures that platforms told us of, on the disk; `body` is JSON."""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.ledger.rows import to_columns
from laddvakt_agent.ledger.store import STAMP, Store

KEPT = 1000  # captures of each platform, the newest

_COLUMNS = ("party", "kind", "id", "body", "told")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM payments"
_PUT = (
    f"INSERT INTO payments ({', '.join(_COLUMNS + STAMP)})"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS + STAMP)})"
    " ON CONFLICT(party, kind, id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[3:] + STAMP)}"
)
_PRUNE = (
    "DELETE FROM payments WHERE party = :party AND kind = :kind AND id NOT IN"
    " (SELECT id FROM payments WHERE party = :party AND kind = :kind"
    "  ORDER BY w_wall DESC, w_seq DESC LIMIT :kept)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """One object of the payments module."""

    party: str  # the platform's name in the configuration
    kind: str
    id: str  # in lower case: OCPI compares it without regard to case
    body: str
    told: bool = True  # False: the platform has yet to hear what we changed of it


class PaymentBook:
    """Reads and writes them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, row: PaymentRow) -> bool:
        """Write it as it is now; whether it was new.

        Raises:
            StorageError: the disk does not take it.
        """
        is_new = self.get(row.party, row.kind, row.id) is None
        with self._store.write() as stamp:
            self._store.execute(_PUT, to_columns(row) | stamp)
            self._store.execute(_PRUNE, {**to_columns(row), "kept": KEPT})
        return is_new

    def get(self, party: str, kind: str, id_: str) -> PaymentRow | None:
        """One of them.

        Raises:
            StorageError: the disk does not give it.
        """
        found = self._store.rows(
            PaymentRow,
            f"{_SELECT} WHERE party = :party AND kind = :kind AND id = :id",
            {"party": party, "kind": kind, "id": id_},
        )
        return found[0] if found else None

    def all(self, kind: str) -> tuple[PaymentRow, ...]:
        """Every object of a kind, oldest first.

        Raises:
            StorageError: the disk does not give them.
        """
        query = f"{_SELECT} WHERE kind = :kind ORDER BY w_wall, w_seq"
        return self._store.rows(PaymentRow, query, {"kind": kind})
