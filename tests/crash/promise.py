"""What the ledger has promised: its whole content, taken at every commit that returned.

After a cut the file must hold exactly that, or, when the cut fell into a commit, exactly what that
commit would have made. Taken by a connection class that stands in for SQLite's own, so that it
does not matter which part of the ledger writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

Content = dict[str, dict[int, tuple[object, ...]]]  # table → row id → row
COMMITS = ("COMMIT", "END")


class Promise:
    """The content promised, and the one under way."""

    def __init__(self) -> None:
        self.kept: Content | None = None  # None: nothing was promised yet
        self.under_way: Content | None = None
        self.path: Path | None = None
        self.tick: Callable[[str], None] = lambda point: None
        self.checkpoint_pages: int | None = None  # oftener than SQLite's own 1000

    def broken_by(self, found: Content | None) -> str | None:
        """What a file with this content lacks of the promise, `None` when it keeps it."""
        if found == self.kept or (self.under_way is not None and found == self.under_way):
            return None
        if self.kept is None:
            return None  # the file was about to be made
        if found is None:
            return "the ledger is gone although rows were promised"
        return _difference(self.kept, found)


class Connection(sqlite3.Connection):
    """A connection that takes the promise of `PROMISE` when it is the ledger's own."""

    promise: Promise | None = None

    def __init__(self, database: str | Path, *arguments: object, **options: object) -> None:
        super().__init__(database, *arguments, **options)  # type: ignore[arg-type]  # passed on
        promise = Connection.promise
        self.own = promise is not None and str(database) == str(promise.path)
        if promise is not None and promise.checkpoint_pages is not None:
            super().execute(f"PRAGMA wal_autocheckpoint = {promise.checkpoint_pages}")

    def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
        promise = Connection.promise
        if not self.own or promise is None or sql.strip().upper() not in COMMITS:
            return super().execute(sql, *arguments)  # type: ignore[arg-type]
        promise.under_way = content(self)
        promise.tick("commit")
        cursor = super().execute(sql, *arguments)  # type: ignore[arg-type]
        promise.kept, promise.under_way = promise.under_way, None
        promise.tick("committed")
        return cursor

    def executescript(self, script: str) -> sqlite3.Cursor:
        cursor = super().executescript(script)
        if self.own and Connection.promise is not None and not self.in_transaction:
            Connection.promise.kept = content(self)
        return cursor

    def commit(self) -> None:
        if self.own and self.in_transaction:
            self.execute("COMMIT")


def content(connection: sqlite3.Connection) -> Content:
    """Every row of every table."""
    cursor = sqlite3.Connection.cursor(connection)
    cursor.row_factory = None  # plain tuples
    tables = cursor.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {
        name: {row[0]: row[1:] for row in cursor.execute(f'SELECT rowid, * FROM "{name}"')}
        for (name,) in tables
    }


def _difference(kept: Content, found: Content) -> str:
    for table, rows in kept.items():
        now = found.get(table, {})
        for row_id in rows.keys() | now.keys():
            if rows.get(row_id) != now.get(row_id):
                was, has = rows.get(row_id), now.get(row_id)
                return f"{table} row {row_id}: promised {was}, found {has}"[:600]
    return f"other tables: {sorted(found.keys() ^ kept.keys())}"
