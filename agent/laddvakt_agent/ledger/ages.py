"""Which rows are surely older than a given time: by bounds, never by what a clock merely said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from laddvakt_agent.clock import Moment
from laddvakt_agent.ledger.clock_book import BootTime, ClockBook
from laddvakt_agent.ledger.store import Store

_RUN_BITS = 32  # of a row's sequence number, the upper half is its run: see store.Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Oldness:
    """Rows written before `seq` are old, and those of boot `boot_id` from before its `at_s`."""

    seq: int = 0
    boot_id: str = ""
    at_s: float = 0.0

    def covers(self, seq: int, boot_id: str, at_s: float) -> bool:
        """Whether a row with this stamp is surely old."""
        return seq < self.seq or (boot_id == self.boot_id and at_s < self.at_s)


NOTHING = Oldness()


def oldness(store: Store, age: timedelta) -> Oldness:
    """What is surely older than `age` now; nothing where no clock was ever right.

    Raises:
        StorageError: the disk does not give it.
    """
    boots = ClockBook(store).boots()
    now = _not_before(store, boots, store.moment())
    if now is None:
        return NOTHING
    cutoff = now - age
    for boot in reversed(boots):
        if boot.not_after is None:
            continue
        at_s = (cutoff - boot.not_after).total_seconds()
        if at_s > boot.first_s:  # all before it is older still, whatever it says of itself
            return Oldness(seq=boot.first_run << _RUN_BITS, boot_id=boot.boot_id, at_s=at_s)
    return NOTHING


def _not_before(store: Store, boots: tuple[BootTime, ...], now: Moment) -> datetime | None:
    """The earliest time that it can be now.

    A clock set ahead later in this boot does not count: its seconds since the first
    synchronisation say better how late it is.
    """
    here = boots[-1]
    if here.not_before is None:
        return None
    told = here.not_before + timedelta(seconds=now.at_s)
    first = store.read(
        "SELECT sync_s, sync_wall FROM syncs WHERE boot_id = :boot_id", {"boot_id": here.boot_id}
    )
    if not first:
        return told
    synced = msgspec.convert(first[0]["sync_wall"], datetime)
    return min(told, synced + timedelta(seconds=now.at_s - first[0]["sync_s"]))
