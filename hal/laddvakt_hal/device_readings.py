"""The latest readings of one device: they age and are lost, but never become new again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.reading import Quality, Reading, missing, stale

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Row


class Readings:
    """One reading for each quantity, absent before the first."""

    def __init__(self) -> None:
        self._found: dict[str, Reading[Value]] = {}

    def __getitem__(self, quantity: str) -> Reading[Value]:
        return self._found.get(quantity) or missing()

    def __setitem__(self, quantity: str, reading: Reading[Value]) -> None:
        self._found[quantity] = reading

    def age(self, rows: Iterable[Row]) -> None:
        """Their read failed: the old values stay with their old time."""
        for row in rows:
            self._found[row.quantity] = stale(self[row.quantity])

    def age_all(self) -> None:
        """Nothing read so far is good any more."""
        for quantity, reading in self._found.items():
            self._found[quantity] = stale(reading)

    def refuse(self, rows: Iterable[Row]) -> None:
        """The device answered that it will not say."""
        for row in rows:
            self._found[row.quantity] = missing(Quality.REFUSED)

    def drop(self, but: Iterable[str]) -> None:
        """Nothing but these was what it seemed."""
        for quantity in self._found.keys() - set(but):
            self._found[quantity] = missing()
