"""Everything received and every current object, in one SQLite file that survives a restart."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from laddvakt_sim.backend.validate import Json

MODULES = ("locations", "sessions", "cdrs", "faults")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s REAL NOT NULL,
    at TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    module TEXT NOT NULL,
    object_id TEXT NOT NULL,
    body TEXT NOT NULL,
    http_status INTEGER,
    status_code INTEGER,
    errors TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    module TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    UNIQUE (module, key)
);
CREATE TABLE IF NOT EXISTS state (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came and how it was answered; `at_s` is CLOCK_BOOTTIME."""

    at_s: float
    at: str
    method: str
    path: str
    module: str
    object_id: str
    body: Json  # parsed, or the text when it is not JSON
    http_status: int | None = None  # None: never answered
    status_code: int | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of a list and how many objects match altogether."""

    items: tuple[dict[str, Json], ...]
    total: int


class Storage:
    """The receiver's memory; used from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; sqlite3.Error when it is no database of this receiver."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; the storage is of no use afterwards."""
        self._db.close()

    def note(self, received: Received) -> int:
        """Keep one request; its sequence number."""
        row = asdict(received)
        row["body"] = json.dumps(received.body)
        row["errors"] = json.dumps(received.errors)
        cursor = self._db.execute(
            "INSERT INTO requests (at_s, at, method, path, module, object_id, body, http_status,"
            " status_code, errors) VALUES (:at_s, :at, :method, :path, :module, :object_id, :body,"
            " :http_status, :status_code, :errors)",
            row,
        )
        return cursor.lastrowid or 0

    def received(self, since: int, limit: int = 10_000) -> list[dict[str, Json]]:
        """Requests with a sequence number above `since`, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM requests WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        )
        return [_request(row) for row in rows]

    def latest(self, count: int) -> list[dict[str, Json]]:
        """The last requests, newest first."""
        rows = self._db.execute("SELECT * FROM requests ORDER BY seq DESC LIMIT ?", (count,))
        return [_request(row) for row in rows]

    def get(self, module: str, key: str) -> dict[str, Json] | None:
        """One current object, `None` when it never came."""
        row = self._db.execute(
            "SELECT body FROM objects WHERE module = ? AND key = ?", (module, key.lower())
        ).fetchone()
        return None if row is None else _parsed(row["body"])

    def put(self, module: str, key: str, body: dict[str, Json]) -> bool:
        """Create or replace an object; True when it is new."""
        is_new = self.get(module, key) is None
        self._db.execute(
            "INSERT INTO objects (module, key, body, last_updated) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (module, key) DO UPDATE SET body = excluded.body,"
            " last_updated = excluded.last_updated",
            (module, key.lower(), json.dumps(body), _comparable(str(body["last_updated"]))),
        )
        return is_new

    def remove(self, module: str, key: str | None = None) -> bool:
        """Take one object away, or without a key all of a module; False: there was none."""
        cursor = self._db.execute(
            "DELETE FROM objects WHERE module = ? AND key = coalesce(?, key)",
            (module, None if key is None else key.lower()),
        )
        return cursor.rowcount > 0

    def state(self, name: str) -> Json:
        """What `keep_state` kept under this name, `None` when nothing."""
        row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        value: Json = None if row is None else json.loads(row["value"])
        return value

    def keep_state(self, name: str, value: Json) -> None:
        """Remember one thing that is no OCPI object."""
        self._db.execute(
            "INSERT INTO state (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )

    def objects(self, module: str) -> list[dict[str, Json]]:
        """Every current object of a module, in order of creation."""
        rows = self._db.execute(
            "SELECT body FROM objects WHERE module = ? ORDER BY number", (module,)
        )
        return [_parsed(row["body"]) for row in rows]

    def page(
        self, module: str, *, date_from: str | None, date_to: str | None, offset: int, limit: int
    ) -> ListPage:
        """Objects with `date_from` ≤ last_updated < `date_to`, in order of creation."""
        where = "module = ? AND last_updated >= ? AND last_updated < ?"
        bounds = (module, _comparable(date_from or "0"), _comparable(date_to or "9999"))
        total = self._db.execute(f"SELECT count(*) FROM objects WHERE {where}", bounds).fetchone()
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE {where} ORDER BY number LIMIT ? OFFSET ?",
            (*bounds, limit, offset),
        )
        return ListPage(items=tuple(_parsed(row["body"]) for row in rows), total=total[0])


def _request(row: sqlite3.Row) -> dict[str, Json]:
    fields: dict[str, Json] = dict(row)
    fields["body"] = json.loads(row["body"])
    fields["errors"] = json.loads(row["errors"])
    return fields


def _parsed(text: str) -> dict[str, Json]:
    body: dict[str, Json] = json.loads(text)
    return body


def _comparable(date_time: str) -> str:
    """A DateTime in the one form whose text order is its time order."""
    whole, _, fraction = date_time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<3}"
