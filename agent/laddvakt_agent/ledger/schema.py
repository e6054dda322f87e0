"""The shape of `ledger.db`, and how an older one becomes this one.

An update may be rolled back: the previous version of Laddvakt must be able to go on with what this
one wrote. So migrations only add, and the file carries two numbers. `meta.schema` says how far it
has been migrated; the header's `user_version` names the oldest schema whose readers can use it,
for a reader refuses a file whose header is newer than itself.

Every table carries when its row was last written (`w_*`).
"""

from __future__ import annotations

import sqlite3

from laddvakt_agent.ledger.schema_parties import PARTIES, WRITTEN
from laddvakt_agent.ledger.views import VIEWS

APPLICATION_ID = 0x4C56_4B4C  # "LVKL", in the file's header
SCHEMA_VERSION = 4
READABLE_FROM = 2  # the oldest schema whose readers can go on with this file

_FIRST = f"""
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    started_s REAL NOT NULL,
    started_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    last_s REAL NOT NULL,
    last_wall TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE syncs (
    boot_id TEXT PRIMARY KEY,
    sync_s REAL NOT NULL,
    sync_wall TEXT NOT NULL
) STRICT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    evse_uid TEXT NOT NULL,
    token TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    begun_s REAL NOT NULL,
    begun_wall TEXT NOT NULL,
    meter_id TEXT,
    start_wh REAL,
    last_wh REAL,
    last_taken_s REAL,
    last_wall TEXT,
    ended_s REAL,
    ended_wall TEXT,
    end_wh REAL,
    end_reason TEXT,
    settled INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    periods TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE faults (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    connector TEXT,
    act TEXT NOT NULL,
    evidence TEXT NOT NULL,
    cause TEXT NOT NULL,
    symptoms TEXT NOT NULL,
    locked_out INTEGER NOT NULL,
    mrec TEXT,
    ocpp16 TEXT,
    boot_id TEXT NOT NULL,
    since_s REAL NOT NULL,
    since_wall TEXT NOT NULL,
    cleared_s REAL,
    cleared_wall TEXT,
    changed_wall TEXT NOT NULL,
    raised_seq INTEGER NOT NULL,
    {WRITTEN}
) STRICT;
CREATE INDEX faults_raised ON faults(raised_seq);
CREATE INDEX faults_open ON faults(raised_seq) WHERE cleared_wall IS NULL;
CREATE TABLE intervals (
    number INTEGER PRIMARY KEY,
    evse_uid TEXT NOT NULL,
    status TEXT NOT NULL,
    cause_class TEXT NOT NULL,
    begun_boot_id TEXT NOT NULL,
    begun_s REAL NOT NULL,
    begun_wall TEXT NOT NULL,
    ended_boot_id TEXT,
    ended_s REAL,
    ended_wall TEXT,
    {WRITTEN}
) STRICT;
CREATE UNIQUE INDEX intervals_open ON intervals(evse_uid) WHERE ended_wall IS NULL;
CREATE TABLE cdrs (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions(id),
    body TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE acks (
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    body TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    location_url TEXT,
    {WRITTEN},
    PRIMARY KEY (kind, object_id)
) STRICT;
CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    who TEXT NOT NULL,
    verb TEXT NOT NULL,
    connector TEXT,
    detail TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE latches (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    copy TEXT NOT NULL,
    {WRITTEN}
) STRICT;
"""

_EVIDENCE = f"""
CREATE TABLE self_tests (
    number INTEGER PRIMARY KEY,
    connector TEXT NOT NULL,
    test TEXT NOT NULL,
    passed INTEGER NOT NULL,
    detail TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE contactors (
    connector TEXT PRIMARY KEY,
    operations INTEGER NOT NULL,
    load_openings INTEGER NOT NULL,
    motion TEXT NOT NULL,
    {WRITTEN}
) STRICT;
"""

_NOTHING_LOST = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
ALTER TABLE runs ADD COLUMN version TEXT;
ALTER TABLE sessions ADD COLUMN core TEXT;
ALTER TABLE sessions ADD COLUMN unbilled TEXT;
ALTER TABLE sessions ADD COLUMN moved TEXT;
ALTER TABLE intervals ADD COLUMN connector TEXT;
ALTER TABLE intervals ADD COLUMN cause TEXT;
ALTER TABLE intervals ADD COLUMN fault_id TEXT;
ALTER TABLE intervals ADD COLUMN mrec TEXT;
ALTER TABLE intervals ADD COLUMN evidence TEXT;
ALTER TABLE intervals ADD COLUMN would_have_worked TEXT;
CREATE TABLE clock_steps (
    number INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    at_s REAL NOT NULL,
    from_wall TEXT NOT NULL,
    to_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT 'step',
    {WRITTEN}
) STRICT;
CREATE TABLE security (
    number INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    who TEXT NOT NULL,
    detail TEXT NOT NULL,
    result TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TRIGGER security_no_update BEFORE UPDATE ON security
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE TRIGGER security_no_delete BEFORE DELETE ON security
WHEN OLD.number > coalesce(
    (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'security_prune'), 0)
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE TRIGGER security_only_at_the_end BEFORE INSERT ON security
WHEN NEW.number <= (SELECT max(number) FROM security)
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE TABLE dropped (
    class TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    {WRITTEN}
) STRICT;
{VIEWS}"""

# Number n leads from version n to n + 1.
_MIGRATIONS: tuple[str, ...] = (_FIRST, _EVIDENCE, _NOTHING_LOST, PARTIES)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older or empty database to `SCHEMA_VERSION`, each step in one transaction.

    One that a newer version has already brought further is left as it is.
    """
    version = schema_of(connection)
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n{_numbers(number)}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nCOMMIT;"
        )
    if version < SCHEMA_VERSION:
        # The header, not only the log, must show the version: see files.header_version.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def schema_of(connection: sqlite3.Connection) -> int:
    """How far this database has been migrated; 0 while it is empty."""
    (readable_from,) = connection.execute("PRAGMA user_version").fetchone()
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is None:
        return int(readable_from)
    (version,) = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return int(version)


def _numbers(version: int) -> str:
    if version < 3:  # there was no `meta` yet
        return f"PRAGMA user_version = {version};"
    return (
        f"INSERT OR REPLACE INTO meta VALUES ('schema', '{version}');\n"
        f"PRAGMA user_version = {READABLE_FROM};"
    )
