"""What platforms have reserved, on the disk: a restart must not give a kept place away.

`body` is a reservation as JSON. Ended ones stay until every platform can have heard of their end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from laddvakt_agent.clock import Moment
from laddvakt_agent.ledger.rows import to_columns
from laddvakt_agent.ledger.store import STAMP, Store

KEPT = timedelta(days=7)  # after its end

_COLUMNS = ("party", "id", "connector", "body", "expires_wall", "ended")
_GET = f"SELECT {', '.join(_COLUMNS)} FROM reservations"
_PUT = (
    f"INSERT INTO reservations ({', '.join(_COLUMNS + STAMP)})"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS + STAMP)})"
    " ON CONFLICT(party, id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[2:] + STAMP)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """One reservation; `ended` None: it stands, unless its time is over."""

    party: str  # the platform's name in the configuration
    id: str  # in lower case: OCPI compares it without regard to case
    connector: str
    body: str
    expires_wall: datetime
    ended: datetime | None = None


class ReservationBook:
    """Reads and writes them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, row: ReservationRow) -> None:
        """Write it as it stands now; those that ended long ago go.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            self._store.execute(_PUT, to_columns(row) | stamp)
            self._prune(self._store.moment())

    def all(self) -> tuple[ReservationRow, ...]:
        """Those that stand and those that ended lately, oldest first.

        Raises:
            StorageError: the disk does not give them.
        """
        return self._store.rows(ReservationRow, f"{_GET} ORDER BY w_seq")

    def _prune(self, now: Moment) -> None:
        before = to_columns({"before": now.at_wall - KEPT})
        self._store.execute(
            "DELETE FROM reservations WHERE ended IS NOT NULL AND ended < :before", before
        )
