"""What is known about one device itself: where its rows are, its firmware, which unit it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.profile_layout import meant, placed, same_place
from laddvakt_hal.profile_values import value_of, with_factor
from laddvakt_hal.profile_variants import conditions_of
from laddvakt_hal.reading import Quality, Reading, good, missing, stale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.codec import Value
    from laddvakt_hal.device_readings import Readings
    from laddvakt_hal.discovery import Found
    from laddvakt_hal.profile_model import Profile, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChange:
    """A row that tells which unit this is reads something else than before."""

    quantity: str
    before: Value
    now: Value
    at_s: float  # when it was read


class DeviceFacts:
    """What a device turned out to be; after a silence some of it must be learnt again."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile  # as it is on this device
        self.layout_version = 0
        self.resolved = profile.discovery is None
        self.changed: IdentityChange | None = None
        self._written = profile  # as the file says
        self._placed = profile  # where it was found, every variant still possible
        self._known: dict[str, Value] = {}  # the conditions of variants
        self._seen: dict[str, Value] = {}
        self._conditions = {variant.when.quantity for variant in profile.alternatives}
        self._factors = _factors(profile)
        self._telling = {point.quantity for point in profile.identity} | _serials(profile)

    def place(self, found: Found) -> None:
        """The registers were found.

        Raises:
            NotFound: the rows do not fit there.
        """
        self._placed = placed(self._written, found)
        self.resolved = True
        self._rebuild()

    def forget(self) -> None:
        """Somebody else may answer from now on: look again, learn again."""
        self.resolved = self._written.discovery is None
        self._known.clear()

    def open_conditions(self, quantity: str) -> tuple[str, ...]:
        """The rows that decide what this one means and have not been read."""
        names = conditions_of(self.profile.alternatives, quantity)
        return tuple(name for name in names if name not in self._known)

    def in_order(self, rows: Sequence[Row]) -> list[Row]:
        """Conditions first, then factors, then what depends on them."""
        return sorted(
            rows,
            key=lambda row: (
                row.quantity not in self._conditions,
                row.quantity not in self._factors,
            ),
        )

    def judge(
        self,
        planned: Row,
        words: tuple[int, ...],
        taken_at_s: float,
        readings: Readings,
    ) -> Reading[Value]:
        """The reading of a row that was just read; absent while its meaning is not known."""
        row = self.profile.rows[planned.quantity]
        if row.absent or self.open_conditions(row.quantity) or not same_place(planned, row):
            return missing()
        is_factor = row.quantity in self._factors
        value = value_of(self.profile, row, words, taken_at_s, is_factor=is_factor)
        if row.scale_from is None:
            return value
        factor = readings[row.scale_from]
        if factor.quality is Quality.STALE:
            return stale(readings[row.quantity])
        return with_factor(row, factor, value)

    def bit(self, planned: Row, value: bool, taken_at_s: float) -> Reading[Value]:
        """The reading of a coil or contact that was just read."""
        row = self.profile.rows[planned.quantity]
        if row.absent or self.open_conditions(row.quantity) or not same_place(planned, row):
            return missing()
        return good(value, taken_at_s)

    def note(self, quantity: str, reading: Reading[Value]) -> None:
        """Learn from a reading: the firmware, and whether it is still the same unit."""
        stale_or_none = reading.quality is not Quality.GOOD
        if stale_or_none or reading.value is None or reading.taken_at_s is None:
            return
        if quantity in self._telling:
            before = self._seen.get(quantity, reading.value)
            if before != reading.value:
                self.changed = IdentityChange(
                    quantity=quantity, before=before, now=reading.value, at_s=reading.taken_at_s
                )
            self._seen[quantity] = reading.value
        if quantity in self._conditions and self._known.get(quantity) != reading.value:
            self._known[quantity] = reading.value
            self._rebuild()

    def _rebuild(self) -> None:
        """Work out the rows; whoever planned reads must plan again when one moved."""
        before, self.profile = self.profile.rows, meant(self._placed, self._known)
        if any(not same_place(row, before[name]) for name, row in self.profile.rows.items()):
            self.layout_version += 1


def _serials(profile: Profile) -> set[str]:
    """The rows that hold the unit's own number."""
    named = {"serial"} & profile.rows.keys()
    return named | ({profile.meter.serial} if profile.meter and profile.meter.serial else set())


def _factors(profile: Profile) -> frozenset[str]:
    shapes = [profile.rows, *(variant.rows for variant in profile.alternatives)]
    rows = (row for shape in shapes for row in shape.values())
    return frozenset(row.scale_from for row in rows if row.scale_from is not None)
