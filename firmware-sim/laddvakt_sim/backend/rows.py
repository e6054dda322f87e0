"""How a table of the specification is written down here: property, type, cardinality.

Cardinality as the specification writes it: `1` required, `?` optional, `*` a list that may be
missing or empty, `+` a list with at least one entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row of a table; `limit` is the greatest length of a string, `None` for other types."""

    name: str
    kind: str
    limit: int | None
    card: str


_ROW: Final = re.compile(r"(?P<name>\w+)\s+(?P<kind>\w+)(?:\((?P<limit>\d+)\))?\s+(?P<card>[1?*+])")


def table(text: str) -> tuple[Field, ...]:
    """Read a table; ValueError names a row that is none."""
    fields = []
    for line in filter(None, (row.strip() for row in text.splitlines())):
        match = _ROW.fullmatch(line)
        if match is None:
            raise ValueError(f"not a table row: {line!r}")
        limit = None if match["limit"] is None else int(match["limit"])
        fields.append(
            Field(name=match["name"], kind=match["kind"], limit=limit, card=match["card"])
        )
    return tuple(fields)


def amended(rows: tuple[Field, ...], text: str) -> tuple[Field, ...]:
    """The table of an earlier version with the rows of `text` put in place of their namesakes.

    Rows without a namesake are added at the end; ValueError names a line that is no row.
    """
    changes = {row.name: row for row in table(text)}
    kept = tuple(changes.pop(row.name, row) for row in rows)
    return (*kept, *changes.values())
