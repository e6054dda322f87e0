"""Tariffs pulled from platforms, on the disk: a restart without a network prices as before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from laddvakt_agent.ledger.rows import to_columns
from laddvakt_agent.ledger.store import STAMP, Store

_COLUMNS = ("party", "id", "version", "body", "last_updated")
_PUT = (
    f"INSERT INTO tariffs ({', '.join(_COLUMNS + STAMP)})"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS + STAMP)})"
    " ON CONFLICT(party, id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[2:] + STAMP)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRow:
    """One tariff as a platform gave it."""

    party: str  # the platform's name in the configuration
    id: str  # in lower case: OCPI compares it without regard to case
    version: str  # OCPI's, that `body` is written in
    body: str  # JSON
    last_updated: datetime


class TariffTable:
    """Reads and writes them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, rows: Iterable[TariffRow]) -> None:
        """Write them as they are now, in one transaction.

        Raises:
            StorageError: the disk does not take them.
        """
        with self._store.write() as stamp:
            for row in rows:
                self._store.execute(_PUT, to_columns(row) | stamp)

    def all(self) -> tuple[TariffRow, ...]:
        """All of them, oldest first.

        Raises:
            StorageError: the disk does not give them.
        """
        query = f"SELECT {', '.join(_COLUMNS)} FROM tariffs ORDER BY w_seq"
        return self._store.rows(TariffRow, query)
