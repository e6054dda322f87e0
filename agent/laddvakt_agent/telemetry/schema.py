"""The shape of `telemetry.db`.

As in the ledger, migrations only add: `meta.schema` says how far the file has come, the header's
`user_version` names the oldest schema whose readers can use it, so that a rolled back version
goes on with it. One newer than that is set aside like a damaged one: measurements may be lost.

Each row names its boot (a number in `boots`), its place in the order of all rows (`seq`), the
boot second of its end, the wall clock at that instant and what the clock was worth. Nothing is
ever judged old by a clock: the order alone says what goes first.
"""

from __future__ import annotations

import sqlite3

from laddvakt_agent.telemetry.means import FIGURES

APPLICATION_ID = 0x4C56_544D  # "LVTM", in the file's header
SCHEMA_VERSION = 1
READABLE_FROM = 1

_STAMP = """
    seq INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    at_s REAL NOT NULL,
    wall_ms INTEGER NOT NULL,
    clock TEXT NOT NULL
"""


def _column(name: str) -> str:
    return f"{name} {'INTEGER' if FIGURES[name].digits is None else 'REAL'}"


_MEANS = f"""
    {_STAMP},
    connector TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    state TEXT NOT NULL,
    {", ".join(_column(name) for name in FIGURES)}
"""

_FIRST = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE boots (boot INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE minutes ({_MEANS}) STRICT;
CREATE TABLE quarters ({_MEANS}) STRICT;
CREATE TABLE line_counts (
    {_STAMP},
    line TEXT NOT NULL,
    device TEXT NOT NULL,
    requests INTEGER NOT NULL,
    no_reply INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    short INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    exception INTEGER NOT NULL,
    port_gone INTEGER NOT NULL,
    p50_us INTEGER,
    p95_us INTEGER
) STRICT;
CREATE TABLE agent (
    {_STAMP},
    cpu_ms INTEGER NOT NULL,
    rss_kb INTEGER,
    late_max_ms INTEGER NOT NULL,
    written_bytes INTEGER
) STRICT;
CREATE TABLE events (
    {_STAMP},
    connector TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
CREATE TABLE snapshots (
    {_STAMP},
    reason TEXT NOT NULL,
    every_s INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
"""

TABLES = ("minutes", "quarters", "line_counts", "agent", "events", "snapshots")

# Number n leads from version n to n + 1.
_MIGRATIONS: tuple[str, ...] = (_FIRST,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older or empty file to `SCHEMA_VERSION`, each step in one transaction."""
    version = schema_of(connection)
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n"
            f"INSERT OR REPLACE INTO meta VALUES ('schema', '{number}');\n"
            f"PRAGMA user_version = {READABLE_FROM};\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nCOMMIT;"
        )


def schema_of(connection: sqlite3.Connection) -> int:
    """How far this file has been migrated; 0 while it is empty."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is None:
        return 0
    (version,) = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return int(version)
