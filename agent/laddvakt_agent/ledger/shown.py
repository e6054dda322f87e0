"""With which `last_updated` objects were shown to whom: the same content never gets another one.

A platform that asks must find what changed since it last asked, whatever the clock did meanwhile.
So what it was shown is written down before it is shown. Rows without a party hold the record's own
time, so that history can be listed without reading every object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from laddvakt_agent.ledger.rows import to_columns
from laddvakt_agent.ledger.store import STAMP, Store

OWN = ""  # in place of a party
_COLUMNS = ("party", "kind", "object_id", "stamp_ms", "digest", "body")
_PUT = (
    f"INSERT INTO shown ({', '.join(_COLUMNS + STAMP)})"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS + STAMP)})"
    " ON CONFLICT(kind, object_id, party) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[3:] + STAMP)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One object as it was last shown to a platform."""

    party: str  # the platform's name in the configuration, or `OWN`
    kind: str
    object_id: str
    stamp_ms: int  # `last_updated`, milliseconds since 1970 UTC
    digest: str = ""  # of the content
    body: str = ""  # JSON, where what changed inside must be known


class ShownBook:
    """Reads and writes them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, party: str, kind: str, object_ids: Iterable[str]) -> dict[str, ShownRow]:
        """What this platform was shown of these objects, by id.

        Raises:
            StorageError: the disk does not give it.
        """
        query = (
            f"SELECT {', '.join(_COLUMNS)} FROM shown"
            " WHERE kind = :kind AND object_id = :id AND party = :party"
        )
        found: dict[str, ShownRow] = {}
        for object_id in object_ids:
            asked = {"kind": kind, "id": object_id, "party": party}
            for row in self._store.rows(ShownRow, query, asked):
                found[object_id] = row
        return found

    def save(self, rows: Iterable[ShownRow]) -> None:
        """Write what is about to be shown, all of it or nothing; without rows nothing is written.

        Raises:
            StorageError: the disk does not take it.
        """
        todo = tuple(rows)
        if not todo:
            return
        with self._store.write() as stamp:
            for row in todo:
                self._store.execute(_PUT, to_columns(row) | stamp)
