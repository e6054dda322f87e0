"""What the journal hands to the ledger's thread, and what it keeps until the disk has it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from agent.test_restart import TOKEN, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import SessionRow


def begin(b: Bench) -> float:
    """A session at connector 1; the moment it began."""
    now_s = b.clock.now_s()
    b.guard("1").keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s), now_s)
    return now_s


async def written(b: Bench) -> SessionRow:
    """The one open session, once everything asked for has been carried out."""
    for _ in range(2):
        await b.parts.journal.thread.call(lambda: None)
    (row,) = b.parts.journal.ledger.open_sessions()
    return row


async def test_what_changes_while_the_disk_is_busy_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older row's write ends after the newer one was noted: it must not pass for that one."""
    busy, go_on, save = threading.Event(), threading.Event(), Ledger.save_session

    def slow(ledger: Ledger, row: SessionRow) -> None:
        save(ledger, row)
        busy.set()
        assert go_on.wait(30.0)

    async with bench(tmp_path) as b:
        monkeypatch.setattr(Ledger, "save_session", slow)
        now_s = begin(b)
        assert await asyncio.to_thread(busy.wait, 30.0)
        b.guard("1").keeper.end("stopped", now_s, opened_s=now_s)
        go_on.set()
        assert (await written(b)).end_reason == "stopped"
        assert not b.parts.journal.unsaved_rows


async def test_a_sign_of_life_is_not_undone_by_what_waited(tmp_path: Path) -> None:
    """A row the disk had refused is older than the sign of life that it took meanwhile."""
    async with bench(tmp_path) as b:
        journal, guard = b.parts.journal, b.guard("1")
        journal.ledger._store.execute("PRAGMA query_only = ON")
        now_s = begin(b)
        await journal.thread.call(lambda: None)
        assert journal.thread.waiting
        journal.ledger._store.execute("PRAGMA query_only = OFF")
        guard.keeper.observe(metered(1000.0, now_s + 1.0), now_s + 1.0, closed=True)
        running = guard.keeper.running
        assert running is not None
        later = core.MeterValue(wh=1005.0, taken_s=now_s + 60.0)
        journal.heartbeat([replace(running, session=replace(running.session, last=later))])
        journal.thread.retry()
        assert (await written(b)).last_wh == 1005.0
