"""Values of a TOML table, checked; mistakes are collected with their place and the remedy."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

Table = dict[str, object]


class Checks:
    """Takes values out of tables; a wrong one is replaced by a harmless one and noted."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def known(self, table: Table, allowed: Sequence[str], place: str) -> None:
        """Complain about keys nobody knows."""
        for key in sorted(set(table) - set(allowed)):
            self.wrong(place, f"unknown key {key!r}{near(key, allowed)}")

    def tables(self, table: Table, key: str, place: str, header: str) -> list[Table]:
        """The tables of a list, empty when there is none."""
        found = table.get(key, [])
        if isinstance(found, list) and all(isinstance(entry, dict) for entry in found):
            return cast("list[Table]", found)
        self.wrong(place, f"{key} must be a list of tables; begin each with {header}")
        return []

    def text(self, table: Table, key: str, place: str) -> str | None:
        """Text, None when it is not given."""
        value = table.get(key)
        if value is None or isinstance(value, str):
            return value
        self.wrong(place, f'{key} = {value!r}: allowed is text; write {key} = "{value}"')
        return None

    def flag(self, table: Table, key: str, place: str) -> bool:
        """True or false; false when it is not given."""
        value = table.get(key, False)
        if isinstance(value, bool):
            return value
        self.wrong(place, f"{key} = {value!r}: allowed are true and false")
        return False

    def one(
        self, table: Table, key: str, place: str, allowed: Sequence[str], default: str | None
    ) -> str:
        """One of a closed set; without a default it must be given."""
        value = table.get(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        given = "is missing" if value is None else f"= {value!r}"
        self.wrong(place, f"{key} {given}{near(str(value), allowed)}")
        return allowed[0]

    def whole(
        self, table: Table, key: str, place: str, span: tuple[int, int], default: int | None
    ) -> int:
        """A whole number in a span; without a default it must be given."""
        value = table.get(key, default)
        if type(value) is int and span[0] <= value <= span[1]:
            return value
        given = "is missing" if value is None else f"= {value!r}"
        self.wrong(place, f"{key} {given}: allowed is a whole number {span[0]} to {span[1]}")
        return span[0]

    def number(self, table: Table, key: str, place: str, span: tuple[float, float]) -> float:
        """A number in a span."""
        value = table.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and span[0] <= cast("float", value) <= span[1]:
            return float(cast("float", value))
        self.wrong(place, f"{key} = {value!r}: allowed is a number {span[0]:g} to {span[1]:g}")
        return span[0]

    def wrong(self, place: str, what: str) -> None:
        """Note a mistake."""
        self.mistakes.append(f"{place}: {what}")


def is_finite(value: object) -> bool:
    """False for nan and infinities, which no register can show."""
    return not isinstance(value, float) or math.isfinite(value)


def near(given: str, allowed: Sequence[str]) -> str:
    """What was probably meant, or everything allowed."""
    close = difflib.get_close_matches(given, allowed, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f": allowed are {_listed(allowed)}"


def _listed(allowed: Sequence[str]) -> str:
    return ", ".join(allowed)
