"""Rows that mean something else on another firmware: which meaning holds, pure.

A condition that was not read leaves the meaning open: such a row has no value at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A test of one row's value; everything given must hold.

    Bounds are numbers for numeric rows and version texts such as `5.22` for text rows.
    """

    quantity: str
    minimum: float | str | None = None
    maximum: float | str | None = None
    values: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()  # beginnings

    def holds(self, value: Value) -> bool:
        """True when the row's value fulfils the condition."""
        if self.values and value not in self.values:
            return False
        if self.texts and not str(value).startswith(self.texts):
            return False
        low = self.minimum is None or not _less(value, self.minimum)
        return low and (self.maximum is None or not _less(self.maximum, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What some rows are while a condition holds."""

    name: str
    when: Condition
    rows: Mapping[str, Row]


def conditions_of(variants: Sequence[Variant], quantity: str) -> tuple[str, ...]:
    """The rows that decide what a row means."""
    names = (variant.when.quantity for variant in variants if quantity in variant.rows)
    return tuple(dict.fromkeys(names))


def decided(
    variants: Sequence[Variant], base: Mapping[str, Row], known: Mapping[str, Value]
) -> Mapping[str, Row]:
    """The rows as they are with what is known; the first variant that holds has a row."""
    rows = dict(base)
    for variant in reversed(variants):
        value = known.get(variant.when.quantity)
        if value is not None and variant.when.holds(value):
            rows |= variant.rows
    return rows


def version(text: str) -> tuple[int, ...]:
    """The numbers in a version text, `V5.22-3` → (5, 22, 3)."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def _less(first: Value, second: Value) -> bool:
    if isinstance(first, str) or isinstance(second, str):
        return version(str(first)) < version(str(second))
    return first < second
