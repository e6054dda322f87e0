"""`last_updated` over a restart: of what is in doubt the disk knows the first one, not the last."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import open_ledger
from agent.uplink.test_uplink_pushes import ACTIVE, OK, SETTINGS, Script
from agent.uplink.uplink_kit import T0, MemoryStore, TestClock, fault
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import LedgerAcks, LedgerThread
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.book import Book, Kind
from laddvakt_agent.uplink.errors import Unanswered
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.pushes import Pushes
from laddvakt_agent.uplink.store import AckStore
from laddvakt_agent.uplink.text import from_date_time

STANDING = objects.fault(SETTINGS, fault())
FIVE, TEN, ELEVEN = (T0 + timedelta(minutes=minutes) for minutes in (5, 10, 11))
LATE = Unanswered("late")


class Run:
    """The uplink from one start to the next; its wall clock stands at `wall`."""

    def __init__(self, store: AckStore, wall: datetime) -> None:
        self.book = Book(store, random.Random(1), retry_min_s=1.0, retry_max_s=10.0)
        self.book.load()
        self.clock = TestClock(wall)

    async def tell(
        self, kind: Kind, content: Content, changed_at: datetime, *, lost: bool = False
    ) -> datetime:
        """Push one content; the `last_updated` it was sent with."""
        object_id = str(content["id"])
        entry = self.book.want(kind, object_id, content, changed_at=changed_at, source=content)
        script = Script(LATE if lost else OK)
        pushes = Pushes(SETTINGS, self.book, script, self.clock)
        if lost:
            with pytest.raises(Unanswered):
                await pushes.push(entry)
        else:
            await pushes.push(entry)
        (body,) = script.bodies
        assert body is not None
        return from_date_time(str(body["last_updated"]))


KINDS = pytest.mark.parametrize(
    ("kind", "first", "then"),
    [
        pytest.param(Kind.SESSION, ACTIVE, {**ACTIVE, "kwh": 1.0}, id="session"),
        pytest.param(Kind.FAULT, STANDING, {**STANDING, "symptoms": []}, id="fault"),
    ],
)


def _never(error: BaseException) -> None:
    raise error


@KINDS
async def test_it_never_goes_back_over_a_restart(
    tmp_path: Path, kind: Kind, first: Content, then: Content
) -> None:
    """The ledger has an older change than the one sent last: of a running session, say."""
    thread = LedgerThread(_never)
    ledger = open_ledger(tmp_path, FakeTime())
    before = Run(await LedgerAcks.open(ledger, thread), T0)
    await before.tell(kind, first, T0)
    last = await before.tell(kind, then, TEN)
    after = Run(await LedgerAcks.open(ledger, thread), ELEVEN)
    assert await after.tell(kind, then, FIVE) > last == TEN
    await thread.call(ledger.close)
    await thread.close()


@KINDS
async def test_in_doubt_since_this_run_it_is_repeated_as_it_was(
    kind: Kind, first: Content, then: Content
) -> None:
    """What was sent last is known: the same content keeps its time, another one has its own."""
    run = Run(MemoryStore(), ELEVEN)
    assert await run.tell(kind, first, T0, lost=True) == T0
    assert await run.tell(kind, first, T0) == T0
    assert await run.tell(kind, then, FIVE, lost=True) == FIVE
    assert await run.tell(kind, first, TEN) == TEN


@KINDS
async def test_what_was_confirmed_before_the_restart_changes_when_it_changed(
    kind: Kind, first: Content, then: Content
) -> None:
    store = MemoryStore()
    await Run(store, T0).tell(kind, first, T0)
    assert await Run(store, ELEVEN).tell(kind, then, FIVE) == FIVE


@KINDS
async def test_a_clock_behind_the_change_does_not_make_it_older(
    kind: Kind, first: Content, then: Content
) -> None:
    store = MemoryStore()
    await Run(store, T0).tell(kind, first, T0, lost=True)
    assert await Run(store, T0).tell(kind, then, FIVE) == FIVE
