"""Ledgers as older versions left them: dumps of files their own code wrote, as SQL text."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

DATA = Path(__file__).parents[2] / "data" / "ledger"
Value: TypeAlias = str | int | float | None
Table: TypeAlias = list[tuple[Value, ...]]
Said: TypeAlias = list[tuple[str, dict[str, Value], list[list[Value]]]]


def put(directory: Path, schema: int) -> Path:
    """A `ledger.db` of that schema in the folder: sessions, bills, faults, an agent cut off."""
    path = directory / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((DATA / f"schema_{schema}.sql").read_text("utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    path.chmod(0o640)
    return path


def tables(connection: sqlite3.Connection) -> dict[str, Table]:
    """Every row of every table."""
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return {
        name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()
        for (name,) in names.fetchall()
    }


def said_by_schema_2() -> Said:
    """Every statement of an agent of schema 2, from its start to its end, and what it got."""
    told = json.loads((DATA / "statements_of_schema_2.json").read_text("utf-8"))
    return [(told["texts"][number], values, rows) for number, values, rows in told["said"]]
