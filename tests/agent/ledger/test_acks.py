"""How often the uplink's memory reaches the disk: a running session once, whatever is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger, LedgerAcks, LedgerThread
from laddvakt_agent.uplink.store import Acked

P = ParamSpec("P")
T = TypeVar("T")


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


class SlowDisk(Executor):
    """Does nothing until it is told to; then everything, in order."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


async def kept_now(disk: SlowDisk, saving: asyncio.Task[None]) -> None:
    """Let the disk work until this is saved."""
    async with asyncio.timeout(5.0):
        while not saving.done():
            await asyncio.sleep(0)
            disk.work()
    await saving


@pytest.mark.parametrize("known", [False, True], ids=["never told", "in doubt"])
@pytest.mark.parametrize("kind", ["session", "fault"])
async def test_nothing_is_told_before_the_disk_has_what_it_is_about(
    tmp_path: Path, kind: str, known: bool
) -> None:
    """A session's end before its bill: a crash in between would bill it anew, and otherwise."""
    disk, ledger = SlowDisk(), open_ledger(tmp_path, FakeTime())
    thread, row = LedgerThread(_never, executor=disk), ended(session_row())
    ledger.save_session(session_row())
    ledger.raise_fault(fault_row())
    acks = LedgerAcks(ledger, thread, {})
    if known:
        running = acks.save(kind, "x", report(1, confirmed=False))
        await kept_now(disk, asyncio.create_task(running))
    thread.post(ledger.close_session_with_cdr, row, cdr_of(row))
    thread.post(ledger.clear_fault, "f1", at_s=500.0, at_wall=WALL)
    over = report(2, word=OVER if kind == "session" else CLEARED, confirmed=False)
    saving = asyncio.create_task(acks.save(kind, "x", over))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not saving.done(), "only when it returns the report is sent"
    assert (ledger.cdrs(), len(ledger.open_faults())) == ((), 1)
    await kept_now(disk, saving)
    assert (len(ledger.cdrs()), ledger.open_faults()) == (1, ())
    ledger.close()
