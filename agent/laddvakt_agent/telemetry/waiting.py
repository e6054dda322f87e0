"""Rows on their way to the disk: as many as an hour of refusal leaves, the newest."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.telemetry.sampler import Cut
from laddvakt_agent.telemetry.store import Row

MOST_ROWS = 1000
MOST_CUTS = 3  # each a megabyte at most until it is made small


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one commit writes."""

    rows: tuple[Row, ...]
    cuts: tuple[Cut, ...]

    def __len__(self) -> int:
        return len(self.rows) + len(self.cuts)

    def all_rows(self) -> list[Row]:
        """Everything as rows; making a snapshot small takes a while."""
        return [*self.rows, *(cut.row() for cut in self.cuts)]


@dataclass(slots=True)
class Waiting:
    """What the next commit will write."""

    rows: list[Row] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    _dropped: int = 0

    def add(self, row: Row) -> None:
        """One more."""
        self.rows.append(row)

    def take(self) -> Batch:
        """Everything, the oldest of too many left out."""
        self._shorten()
        batch = Batch(rows=tuple(self.rows), cuts=tuple(self.cuts))
        self.rows.clear()
        self.cuts.clear()
        return batch

    def put_back(self, batch: Batch) -> None:
        """It was not taken: it goes first the next time."""
        self.rows[:0] = batch.rows
        self.cuts[:0] = batch.cuts
        self._shorten()

    def take_dropped(self) -> int:
        """How many have gone unwritten since this was last asked."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _shorten(self) -> None:
        for kept, most in ((self.rows, MOST_ROWS), (self.cuts, MOST_CUTS)):
            if excess := max(len(kept) - most, 0):
                self._dropped += excess
                del kept[:excess]
