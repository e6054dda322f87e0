"""Defects put into the product on purpose: a campaign that finds none of them is worth nothing.

Each is a function that breaks one promise in the process in which it is called. The cheap ones run
as tests; all of them by hand: `python -m crash --mutant NAME --points 60`, which must find wrongs.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from crash.promise import Connection
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger import latches
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.sessions import Kept
from laddvakt_agent.uplink.book import Book, Entry
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.store import Acked


def synchronous_off() -> None:
    """Commits return before they are on the disk."""
    real = Connection.execute

    def execute(self: Connection, sql: str, *arguments: object) -> sqlite3.Cursor:
        off = sql.upper().startswith("PRAGMA SYNCHRONOUS")
        return real(self, "PRAGMA synchronous = OFF" if off else sql, *arguments)

    Connection.execute = execute  # type: ignore[method-assign]


def latch_file_not_synced() -> None:
    """A latch file is renamed into its place before its bytes are on the disk."""

    def write(path: Path, data: bytes) -> None:
        beside = path.with_name(path.name + ".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        os.write(descriptor, data)
        os.close(descriptor)
        beside.rename(path)

    vars(latches)["_write_whole"] = write


def cdr_told_before_it_is_kept() -> None:
    """The backend gets the bill while the ledger does not have it yet."""
    real = Journal.session_closed

    def closed(self: Journal, kept: Kept, cdr: CdrRecord) -> None:
        self.publish_cdr(cdr)
        asyncio.get_running_loop().call_later(4.0, _keep, self, real, kept, cdr)

    Journal.session_closed = closed  # type: ignore[method-assign]


def _keep(
    journal: Journal, real: Callable[[Journal, Kept, CdrRecord], None], kept: Kept, cdr: CdrRecord
) -> None:
    publish, journal.publish_cdr = journal.publish_cdr, lambda cdr: None
    real(journal, kept, cdr)
    journal.publish_cdr = publish


def settled_twice() -> None:
    """A session is billed again under another id."""
    real = Journal.session_closed

    def closed(self: Journal, kept: Kept, cdr: CdrRecord) -> None:
        real(self, kept, cdr)
        self.publish_cdr(replace(cdr, id=f"{cdr.id[:34]}-2"))

    Journal.session_closed = closed  # type: ignore[method-assign]


def confirmed_before_it_is_sent() -> None:
    """What was about to be sent counts as confirmed after a crash."""
    real = Book._save

    async def save(self: Book, entry: Entry, acked: Acked) -> None:
        body: Content = entry.body(entry.content, acked.last_updated)
        told = acked.body or json.dumps(body)
        await real(self, entry, replace(acked, acknowledged=True, body=told))

    Book._save = save  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        synchronous_off,
        latch_file_not_synced,
        cdr_told_before_it_is_kept,
        settled_twice,
        confirmed_before_it_is_sent,
    )
}
