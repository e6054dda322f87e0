"""The charging profiles of running sessions, on the disk: a limit must outlive a restart."""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.ledger.rows import to_columns
from laddvakt_agent.ledger.store import STAMP, Store

_COLUMNS = ("session_id", "party", "body")
_PUT = (
    f"INSERT INTO profiles ({', '.join(_COLUMNS + STAMP)})"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS + STAMP)})"
    " ON CONFLICT(session_id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:] + STAMP)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """What was set for one session, and by whom; `body` is JSON."""

    session_id: str
    party: str  # the platform's name in the configuration
    body: str


class ProfileBook:
    """Reads and writes them; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, row: ProfileRow) -> None:
        """Write what holds for a session from now on.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            self._store.execute(_PUT, to_columns(row) | stamp)

    def forget(self, session_id: str) -> None:
        """The session is over.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write():
            self._store.execute("DELETE FROM profiles WHERE session_id = :id", {"id": session_id})

    def all(self) -> tuple[ProfileRow, ...]:
        """Everything kept, oldest first.

        Raises:
            StorageError: the disk does not give it.
        """
        return self._store.rows(
            ProfileRow, f"SELECT {', '.join(_COLUMNS)} FROM profiles ORDER BY w_seq"
        )
