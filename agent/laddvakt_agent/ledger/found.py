"""What the ledger knows of the sessions a start finds open: who watched them last, and until when.

Not the last row of the session counts but the last of the run that wrote it: as long as that run
lived it watched the vehicle. A later run that died before it had any proof says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from laddvakt_agent.ledger.store import Store

_LAST = (
    "SELECT r.run, r.boot_id, r.last_s, y.sync_s, y.sync_wall FROM sessions s"
    " JOIN runs r ON r.run = (s.w_seq >> 32) AND r.run < :run"
    " LEFT JOIN syncs y ON y.boot_id = r.boot_id WHERE s.id = :id"
)
_STOPPED = (
    "SELECT 1 FROM commands c JOIN sessions s ON s.id = :id WHERE c.connector = s.connector"
    " AND c.verb = 'stop' AND c.outcome = 'done'"
    " AND c.w_boot_id = s.boot_id AND c.at_s >= s.begun_s LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSign:
    """The last sign of life of a run that watched a session."""

    run: int
    boot_id: str
    at_s: float  # CLOCK_BOOTTIME of that boot
    at_wall: datetime | None  # `None` unless the clock had been synchronised by then


class FoundSessions:
    """Questions about the sessions that were open when this run began."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def run(self) -> int:
        """The number of this run; none before it had it."""
        return self._store.run

    def last_sign(self, session_id: str) -> LastSign | None:
        """When an earlier run certainly watched this session; `None`: nobody knows.

        Raises:
            StorageError: the disk does not give it.
        """
        found = self._store.read(_LAST, {"id": session_id, "run": self._store.run})
        if not found:
            return None
        (record,) = found
        at_s, sync_s = float(record["last_s"]), record["sync_s"]
        at_wall = None
        if sync_s is not None and sync_s <= at_s:
            # By that boot's own seconds since the synchronisation: whoever set the clock later on
            # has not moved it.
            synced = msgspec.convert(record["sync_wall"], datetime)
            at_wall = synced + timedelta(seconds=at_s - sync_s)
        return LastSign(run=record["run"], boot_id=record["boot_id"], at_s=at_s, at_wall=at_wall)

    def stopped(self, session_id: str) -> bool:
        """Whether somebody has stopped it by hand since it began.

        Raises:
            StorageError: the disk does not give it.
        """
        return bool(self._store.read(_STOPPED, {"id": session_id}))
