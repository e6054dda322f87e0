"""What the journal hands to the ledger's thread, and what it keeps until the disk has it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.session_desk import Desk
from agent.station_kit import Bench, bench
from agent.test_ledger_watch import turn
from agent.test_restart import TOKEN, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import SessionRow
from laddvakt_agent.published import CdrRecord


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


async def test_a_bill_that_finds_the_ledger_broken_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the new one with its session; a stand-in for that would refuse it for ever."""
    broken, close = [True], Ledger.close_session_with_cdr

    def refuse_once(ledger: Ledger, row: SessionRow, cdr: CdrRecord) -> None:
        if broken:
            raise StorageError(StorageKind.DAMAGED, ledger.path, f"malformed {broken.pop()}")
        close(ledger, row, cdr)

    async with bench(tmp_path) as b:
        journal, keeper = b.parts.journal, b.guard("1").keeper
        now_s = begin(b)
        keeper.observe(metered(1000.0, now_s + 1.0), now_s + 1.0, closed=True)
        keeper.end("stopped", now_s + 10.0, opened_s=now_s + 10.0)
        monkeypatch.setattr(Ledger, "close_session_with_cdr", refuse_once)
        for after_s in (10.5, 30.0):
            at_s = now_s + after_s
            keeper.observe(metered(1010.0, at_s), at_s, closed=False)
        for _ in range(2):
            await turn(b)
        assert not broken
        assert not journal.unsaved
        (cdr,) = journal.ledger.cdrs()
        row = journal.ledger.session(cdr.session.id)
        assert row is not None
        assert (cdr.session.energy_wh, row.boot_id, row.core is None) == (
            10.0, b.clock.boot_id, False,
        )  # fmt: skip


@pytest.mark.parametrize(("heard", "kept"), [(False, 15), (True, 10)], ids=["away", "there"])
def test_a_session_is_told_on_until_the_backend_has_its_end(heard: bool, kept: int) -> None:
    """However many end while the backend is away: what is no longer published is not told."""
    keeper = Desk().keeper()
    keeper.heard = lambda _: heard
    for number in range(15):
        at_s = 100.0 * number
        keeper.begin(TOKEN, "WHITELIST", metered(1000.0, at_s), at_s)
        keeper.end("stopped", at_s + 1.0, opened_s=at_s + 1.0)
        keeper.observe(metered(1000.0, at_s + 50.0), at_s + 50.0, closed=False)
    assert len(keeper.records()) == kept
