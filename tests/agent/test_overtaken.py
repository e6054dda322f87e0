"""Sessions left open of which one began after the other: the meter's register is the last one's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from agent.test_ledger_watch import turn
from agent.test_restart import TOKEN, last_word, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.sessions import Kept


def charged(b: Bench, from_wh: float, to_wh: float, at_s: float) -> Kept:
    """A session of connector 1 that charged for ten minutes, as it was last written down."""
    keeper = b.guard("1").keeper
    keeper.begin(TOKEN, "WHITELIST", metered(from_wh, at_s), at_s)
    keeper.observe(metered(from_wh, at_s + 1.0), at_s + 1.0, closed=True)
    keeper.observe(metered(to_wh, at_s + 600.0), at_s + 600.0, closed=True)
    kept, keeper.running = keeper.running, None
    assert kept is not None
    return kept


async def leave_two(directory: Path, *, newest_ended: bool = False) -> tuple[str, str]:
    """The ids of one that counted 1000…1010 Wh, and of one that counted 1012…1500 Wh after it.

    Written in the other order, as a renewed ledger may have them.
    """
    async with bench(directory) as b:
        now_s, journal = b.clock.now_s(), b.parts.journal
        older = charged(b, 1000.0, 1010.0, now_s - 2000.0)
        newer = charged(b, 1012.0, 1500.0, now_s - 601.0)
        if newest_ended:
            newer = replace(newer, session=core.end(newer.session, "stopped", now_s - 1.0))
        await turn(b)
        journal.ledger._store.execute("DELETE FROM sessions")
        for kept in (newer, older):
            journal.session(kept)
        await turn(b)
        run = journal.ledger.found.run
    last_word(directory, run, now_s)
    return older.session.id, newer.session.id


@pytest.mark.parametrize("ended", [False, True], ids=["the newer one open", "it had ended"])
async def test_no_energy_is_billed_to_two(tmp_path: Path, ended: bool) -> None:
    """The older one was settled from the register of now: it had all of the newer one's energy."""
    older, newer = await leave_two(tmp_path, newest_ended=ended)
    async with bench(tmp_path) as b:
        guard, keeper = b.guard("1"), b.guard("1").keeper
        assert (guard.found is not None) is not ended
        assert ended or (guard.found and guard.found.kept.session.id == newer)
        at_s = b.clock.now_s()
        for step in range(1, 90):
            keeper.observe(metered(1500.0, at_s + step), at_s + step, closed=False)
        bills = {cdr.id: cdr for cdr in b.parts.publisher.cdrs}
        assert bills[older].session.energy_wh == 12.0
        assert "another session began after it" in (bills[older].remark or "")
        if ended:
            assert bills[newer].session.energy_wh == 488.0


async def test_a_disk_that_returns_with_two_bills_each_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = await leave_two(tmp_path)
    monkeypatch.setattr(Ledger, "open", Ledger.without_disk)
    async with bench(tmp_path) as b:
        await turn(b)
        at_s = b.clock.now_s()
        for step in range(1, 90):
            b.guard("1").keeper.observe(metered(1500.0, at_s + step), at_s + step, closed=False)
        bills = {cdr.id: cdr.session.energy_wh for cdr in b.parts.publisher.cdrs}
        assert bills == {older: 12.0, newer: 488.0}
