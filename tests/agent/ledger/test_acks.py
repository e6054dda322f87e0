"""How often the uplink's memory reaches the disk: a running session once, whatever is reported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, open_ledger
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger, LedgerAcks, LedgerThread
from laddvakt_agent.uplink.store import Acked


def _never(error: BaseException) -> None:
    raise error


RUNNING, OVER = '"status":"ACTIVE"', '"status":"COMPLETED"'
STANDING, CLEARED = '"symptoms":[]', '"cleared_at":"2027-01-01T12:00:00Z"'


def report(number: int, *, word: str = RUNNING, confirmed: bool) -> Acked:
    return Acked(
        last_updated=WALL + timedelta(minutes=number),
        body=f'{{"kwh":{number},{word}}}',
        acknowledged=confirmed,
    )


@pytest.mark.parametrize(
    ("kind", "going_on", "final"),
    [
        pytest.param("session", RUNNING, OVER, id="session"),
        pytest.param("session", RUNNING, '"status":"INVALID"', id="session never billed"),
        pytest.param("fault", STANDING, CLEARED, id="fault"),
    ],
)
async def test_what_goes_on_is_written_at_its_first_and_its_last_report(
    tmp_path: Path, kind: str, going_on: str, final: str
) -> None:
    """In between it is in doubt on the disk: after a crash the backend is told all of it."""
    thread = LedgerThread(_never)
    ledger = open_ledger(tmp_path, FakeTime())
    writes: list[AckRow] = []
    save = Ledger.save_ack

    def counted(self: Ledger, row: AckRow) -> None:
        writes.append(row)
        save(self, row)

    ledger.save_ack = counted.__get__(ledger)  # type: ignore[method-assign]  # counts, then writes
    acks = await LedgerAcks.open(ledger, thread)
    for number in range(10):
        await acks.save(kind, "s1", report(number, word=going_on, confirmed=False))
        await acks.save(kind, "s1", report(number, word=going_on, confirmed=True))
        assert acks.load()[kind, "s1"] == report(number, word=going_on, confirmed=True)
        assert [row.acknowledged for row in ledger.acks()] == [False]
    last = report(10, word=final, confirmed=True)
    await acks.save(kind, "s1", report(10, word=going_on, confirmed=False))
    await acks.save(kind, "s1", last)
    assert [row.acknowledged for row in writes] == [False, True]
    assert ledger.acks()[0].body == last.body
    await thread.call(ledger.close)
    await thread.close()


async def test_everything_else_is_written_each_time(tmp_path: Path) -> None:
    thread = LedgerThread(_never)
    ledger = open_ledger(tmp_path, FakeTime())
    acks = await LedgerAcks.open(ledger, thread)
    for kind in ("evse", "cdr", "location"):
        for confirmed in (False, True, False):
            await acks.save(kind, "x", report(1, confirmed=confirmed))
            found = {(row.kind, row.acknowledged) for row in ledger.acks() if row.kind == kind}
            assert found == {(kind, confirmed)}
    await thread.call(ledger.close)
    await thread.close()
