"""The last quarter of an hour, second by second, in memory: what a fault's snapshot is cut from."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 900
MOST_BYTES = 2 * 1024 * 1024  # with very many channels the ring becomes shorter
_BYTES = 8  # of one double


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of the ring, oldest second first; NaN where there was no reading to believe."""

    at_s: array[float]  # CLOCK_BOOTTIME
    columns: dict[str, array[float]]


class Ring:
    """One double for each second and channel; memory is taken once and never grows."""

    def __init__(self, names: Sequence[str], *, seconds: int = SECONDS) -> None:
        fits = MOST_BYTES // (_BYTES * (len(names) + 1))
        self.seconds = max(1, min(seconds, fits))
        self._names = tuple(names)
        self._at_s = array("d", bytes(_BYTES * self.seconds))
        self._columns = tuple(array("d", bytes(_BYTES * self.seconds)) for _ in names)
        self._count = 0  # seconds ever added

    @property
    def size_bytes(self) -> int:
        """What the numbers take."""
        return _BYTES * self.seconds * (len(self._names) + 1)

    def add(self, at_s: float, values: Sequence[float]) -> None:
        """One second's values, in the order of the names."""
        place = self._count % self.seconds
        self._at_s[place] = at_s
        for column, value in zip(self._columns, values, strict=True):
            column[place] = value
        self._count += 1

    def window(self) -> Window:
        """A copy of all it holds."""
        return Window(
            at_s=self._ordered(self._at_s),
            columns={
                name: self._ordered(column)
                for name, column in zip(self._names, self._columns, strict=True)
            },
        )

    def _ordered(self, column: array[float]) -> array[float]:
        if self._count <= self.seconds:
            return column[: self._count]
        oldest = self._count % self.seconds
        return column[oldest:] + column[:oldest]
