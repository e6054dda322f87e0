"""The ledger as JSON lines: a header, then every row of every kind, oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TextIO

from laddvakt_agent.ledger.listing import KINDS, Row, listed
from laddvakt_agent.ledger.pseudonyms import Pseudonyms
from laddvakt_agent.ledger.reading import Reading

SCHEMA_VERSION = 1  # of these lines; told in the first one


def lines(
    reading: Reading, *, made_at: datetime, since: str | None = None, key: bytes | None = None
) -> Iterator[Row]:
    """The header, then each row with the name of its kind as `kind`.

    `key` replaces driver identifiers by names drawn with it; `None` leaves them.
    """
    names = None if key is None else Pseudonyms(reading.rows, key)
    yield {
        "schema_version": SCHEMA_VERSION,
        "kind": "header",
        "ledger": str(reading.path),
        "ledger_schema": reading.schema,
        "made_at": made_at.isoformat(),
        "since": since,
        "identifiers": "replaced" if names else "as stored",
    }
    for kind in KINDS:
        for row in listed(reading, kind, since=since):
            yield {"kind": kind, **(names.row(row) if names else row)}


def write_lines(rows: Iterator[Row], file: TextIO) -> int:
    """One line per row; how many."""
    count = 0
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count
