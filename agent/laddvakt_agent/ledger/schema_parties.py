"""The part of the ledger that is about other platforms: what they have, and what they gave us.

`body` is an object as JSON; `party` the platform's name in the configuration. Their tokens stand in
a file of their own, see `tokens`.
"""

from __future__ import annotations

from laddvakt_agent.ledger.views import corrected

WRITTEN = """
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
"""

# They refer to no session: an older version lets sessions go without knowing of these. `after_row`:
# the youngest of `cdrs` when it was made, for their common order.
# SQLite merges the view into a query only while its halves agree in type, and where that is ordered
# by what it selects; else every look at one row would read them all.
_LATER_CDRS = f"""
CREATE TABLE later_cdrs (
    id TEXT PRIMARY KEY CHECK (length(id) <= 39),
    session_id TEXT NOT NULL,
    follows TEXT NOT NULL UNIQUE,
    credits TEXT UNIQUE CHECK (credits = follows),
    after_row INTEGER NOT NULL,
    body TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE INDEX later_cdrs_session ON later_cdrs(session_id);
CREATE VIEW every_cdr AS
SELECT id, session_id, CAST(NULL AS TEXT) AS follows, CAST(NULL AS TEXT) AS credits, body,
    rowid << 24 AS place,
    w_boot_id, w_seq, w_s, w_wall, w_clock FROM cdrs
UNION ALL
SELECT id, session_id, follows, credits, body, (after_row << 24) + rowid,
    w_boot_id, w_seq, w_s, w_wall, w_clock FROM later_cdrs;
{corrected("every_cdr", (("w_boot_id", "w_s"),))}"""

PARTIES = f"""
ALTER TABLE sessions ADD COLUMN authorization_reference TEXT;
ALTER TABLE sessions ADD COLUMN tariff TEXT;
CREATE TABLE party_acks (
    party TEXT NOT NULL,
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    body TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    location_url TEXT,
    {WRITTEN},
    PRIMARY KEY (kind, object_id, party)
) STRICT;
CREATE TABLE audience (
    party TEXT PRIMARY KEY,
    cdrs INTEGER NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE reservations (
    party TEXT NOT NULL,
    id TEXT NOT NULL,
    connector TEXT NOT NULL,
    body TEXT NOT NULL,
    expires_wall TEXT NOT NULL,
    ended TEXT,
    {WRITTEN},
    PRIMARY KEY (party, id)
) STRICT;
CREATE TABLE profiles (
    session_id TEXT PRIMARY KEY,
    party TEXT NOT NULL,
    body TEXT NOT NULL,
    {WRITTEN}
) STRICT;
CREATE TABLE shown (
    party TEXT NOT NULL,
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    stamp_ms INTEGER NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    {WRITTEN},
    PRIMARY KEY (kind, object_id, party)
) STRICT;
CREATE TABLE payments (
    party TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    told INTEGER NOT NULL,
    {WRITTEN},
    PRIMARY KEY (party, kind, id)
) STRICT;
CREATE TABLE tariffs (
    party TEXT NOT NULL,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    {WRITTEN},
    PRIMARY KEY (party, id)
) STRICT;
{_LATER_CDRS}"""
