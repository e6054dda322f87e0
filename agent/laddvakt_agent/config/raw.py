"""Looks into TOML data that may still be wrong: what has not the expected type counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Row: TypeAlias = Mapping[str, object]


def rows(data: Row, table: str) -> list[tuple[int, Row]]:
    """The tables of an array of tables with their index."""
    found = data.get(table)
    if not isinstance(found, list):
        return []
    return [(index, row) for index, row in enumerate(found) if isinstance(row, dict)]


def sub(data: Row, name: str) -> Row:
    """A table inside; empty when there is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def text(row: Row, key: str) -> str | None:
    """A text."""
    found = row.get(key)
    return found if isinstance(found, str) else None


def number(row: Row, key: str) -> float | None:
    """A number."""
    found = row.get(key)
    return found if is_number(found) and isinstance(found, int | float) else None


def whole(row: Row, key: str) -> int | None:
    """A whole number."""
    found = row.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def is_number(value: object) -> bool:
    """Whether TOML wrote it as a number; `bool` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
