"""When every boot really was: steps of the wall clock, and corrected times over all boots.

For whoever reads rows (export, command line, resuming): `Ledger.times` is a `ClockBook`.

    for boot in ledger.times.boots():          # in the order of their runs
        boot.at(row.begun_s), boot.exactness   # the corrected wall time of an instant in it
    ledger.times.ago(row.boot_id, row.last_taken_s, now_s)   # how long ago, over boots: bounds

In SQL the same stands in the views `boots` and `<table>_corrected`, see `ledger.views`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from laddvakt_agent.ledger.rows import ClockStepRow, columns, to_columns
from laddvakt_agent.ledger.store import STAMP, Store

_STEP = columns(ClockStepRow)
_ALL = _STEP + STAMP
_ADD = (
    f"INSERT INTO clock_steps ({', '.join(_ALL)}) VALUES ({', '.join(f':{name}' for name in _ALL)})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Exactness(enum.Enum):
    """How well the wall time of a boot is known."""

    SYNCED = "synced"  # by a time source, to well under a second
    PEER = "peer"  # told by the backend, within a few seconds
    BOUNDED = "bounded"  # only that it lies between its bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class BootTime:
    """One boot of the machine in wall time. `None`: nothing is known on that side."""

    boot_id: str
    first_run: int
    last_run: int
    first_s: float  # the agent first started in it, CLOCK_BOOTTIME
    last_s: float  # the last it is known to have been up
    exactness: Exactness
    zero: datetime | None  # its second 0, the best guess; None: not even that
    not_before: datetime | None  # second 0 is not before, and not after
    not_after: datetime | None

    def at(self, boot_s: float) -> datetime | None:
        """The wall time of an instant of this boot, as well as it is known."""
        return None if self.zero is None else self.zero + timedelta(seconds=boot_s)

    def bounds(self, boot_s: float) -> tuple[datetime | None, datetime | None]:
        """Between which wall times an instant of this boot lies."""
        ago = timedelta(seconds=boot_s)
        low, high = self.not_before, self.not_after
        return (None if low is None else low + ago, None if high is None else high + ago)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ago:
    """How long ago something was, seconds; never negative and never less than `least_s`."""

    least_s: float  # as long as the machine is known to have been up since
    best_s: float
    most_s: float | None  # None: nobody knows how long the machine was off


class ClockBook:
    """The clock's own rows, and what they say about every boot."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_step(self, row: ClockStepRow) -> None:
        """Note a jump of the wall clock, or that it became known.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            self._store.execute(_ADD, to_columns(row) | stamp)

    def steps(self, limit: int = 100) -> tuple[ClockStepRow, ...]:
        """The newest steps, newest first."""
        newest = f"SELECT {', '.join(_STEP)} FROM clock_steps ORDER BY number DESC LIMIT :limit"
        return self._store.rows(ClockStepRow, newest, {"limit": limit})

    def boots(self) -> tuple[BootTime, ...]:
        """Every boot with a run of the agent, oldest first: by run, whatever the clocks said."""
        return tuple(
            BootTime(
                boot_id=record["boot_id"],
                first_run=record["first_run"],
                last_run=record["last_run"],
                first_s=record["first_s"],
                last_s=record["last_s"],
                exactness=Exactness(record["exactness"]),
                zero=_moment(record["zero"]),
                not_before=_moment(record["not_before"]),
                not_after=_moment(record["not_after"]),
            )
            for record in self._store.read("SELECT * FROM boots ORDER BY first_run")
        )

    def boot(self, boot_id: str) -> BootTime | None:
        """One boot; `None` when the ledger has no run of it."""
        return next((boot for boot in self.boots() if boot.boot_id == boot_id), None)

    def ago(self, boot_id: str, at_s: float, now_s: float) -> Ago | None:
        """How long before `now_s` of the present boot something was in that boot.

        `None` when the ledger does not know the boot: then nothing can be said.
        """
        boots = self.boots()
        places = {boot.boot_id: place for place, boot in enumerate(boots)}
        if boot_id not in places:
            return None
        there, here = boots[places[boot_id]], boots[-1]
        if boot_id == self._store.boot.boot_id:
            since_s = max(now_s - at_s, 0.0)
            return Ago(least_s=since_s, best_s=since_s, most_s=since_s)
        between = boots[places[boot_id] + 1 : -1]
        least_s = max(there.last_s - at_s, 0.0) + sum(boot.last_s for boot in between) + now_s
        known = Exactness.BOUNDED not in (there.exactness, here.exactness)
        if there.zero is None or here.zero is None:
            return Ago(least_s=least_s, best_s=least_s, most_s=None)
        apart_s = (here.zero - there.zero).total_seconds() + now_s - at_s
        best_s = max(apart_s, least_s)
        return Ago(least_s=least_s, best_s=best_s, most_s=best_s if known else None)


def _moment(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else _EPOCH + timedelta(seconds=unix_s)
