"""The ledger's thread: in order, nothing lost, errors seen, the loop never held up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, fault_row, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import Conflict, LedgerAcks, LedgerThread
from laddvakt_agent.uplink.store import Acked


class Gate:
    """A disk that takes its time: a call hangs in it until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.done: list[int] = []

    def work(self, number: int) -> int:
        self._open.wait(timeout=10.0)
        self.done.append(number)
        return number

    def open(self) -> None:
        self._open.set()


def _never(error: BaseException) -> None:
    raise AssertionError(error)


async def test_calls_and_posts_keep_their_order() -> None:
    gate, thread = Gate(), LedgerThread(_never)
    for number in range(5):
        thread.post(gate.work, number)
    last = asyncio.create_task(thread.call(gate.work, 5))
    await asyncio.sleep(0)
    assert thread.backlog == 6
    assert gate.done == []  # and yet we are here: the loop is free
    gate.open()
    assert await last == 5
    assert gate.done == [0, 1, 2, 3, 4, 5]
    await thread.close()


async def test_closing_drains() -> None:
    gate, thread = Gate(), LedgerThread(_never)
    for number in range(100):
        thread.post(gate.work, number)
    gate.open()
    await thread.close()
    assert gate.done == list(range(100))
    assert thread.backlog == 0


async def test_errors_reach_who_asked(tmp_path: Path) -> None:
    seen: list[BaseException] = []
    thread = LedgerThread(seen.append)
    ledger = open_ledger(tmp_path, FakeTime())
    with pytest.raises(Conflict):
        await thread.call(ledger.update_fault, fault_row())
    assert seen == []
    thread.post(ledger.update_fault, fault_row())
    thread.post(ledger.raise_fault, fault_row())
    assert [row.id for row in await thread.call(ledger.open_faults)] == ["f1"]
    assert [type(error) for error in seen] == [Conflict]
    await thread.call(ledger.close)
    await thread.close()


async def test_who_stops_waiting_stops_nothing() -> None:
    seen: list[BaseException] = []
    gate, thread = Gate(), LedgerThread(seen.append)

    def fail() -> None:
        gate.work(2)
        raise Conflict("nobody waits for this")

    for work in (
        asyncio.create_task(thread.call(gate.work, 1)),
        asyncio.create_task(thread.call(fail)),
    ):
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    gate.open()
    await thread.close()
    assert gate.done == [1, 2]
    assert [str(error) for error in seen] == ["nobody waits for this"]


async def test_a_ledger_may_be_opened_here_and_used_there(tmp_path: Path) -> None:
    thread = LedgerThread(_never)
    ledger = open_ledger(tmp_path, FakeTime())
    await thread.call(ledger.heartbeat, 101.0, WALL, sessions=(session_row(),))
    assert await thread.call(ledger.open_sessions) == (session_row(),)
    await thread.call(ledger.close)
    await thread.close()


async def test_acknowledgements_survive(tmp_path: Path) -> None:
    acked = Acked(last_updated=WALL, body='{"id":"x"}', acknowledged=True, location_url="https://b")
    open_one = Acked(last_updated=WALL, body="", acknowledged=False)
    for expected in ({}, {("cdr", "c1"): acked, ("session", "s1"): open_one}):
        thread = LedgerThread(_never)
        ledger = open_ledger(tmp_path, FakeTime())
        acks = await LedgerAcks.open(ledger, thread)
        assert acks.load() == expected
        await acks.save("cdr", "c1", open_one)
        await acks.save("cdr", "c1", acked)
        await acks.save("session", "s1", open_one)
        await thread.call(ledger.close)
        await thread.close()
