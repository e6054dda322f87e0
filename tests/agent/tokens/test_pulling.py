"""Pulling tokens: all of them or what changed, what is forgotten, what trouble leaves as it was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.tokens.token_kit import Lists, Platform, silent, token
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger.tokens import NAME, TokenFile
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import row_of
from laddvakt_agent.uplink.tokens.pulling import CHANGED_S, WHOLE_S, TokenPuller

OLD, NEW = "04A1B2C3", "11223344"


@dataclass
class Desk:
    puller: TokenPuller
    lists: Lists
    platform: Platform = field(default_factory=Platform)
    now_s: float = 0.0

    @property
    def file(self) -> TokenFile:
        return self.puller.book.file

    async def pull(self) -> bool:
        return await self.puller.pull("backend", self.platform)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    file, thread, lists = TokenFile(tmp_path), LedgerThread(lambda error: None), Lists()
    puller = TokenPuller(
        book=TokenBook(file=file, thread=thread),
        outwards=lambda: {"backend": built.platform},
        now_s=lambda: built.now_s,
        pulled=lists.pulled,
        rng=random.Random(5),
    )
    built = Desk(puller=puller, lists=lists)
    yield built
    await thread.close()
    file.close()


def known(desk: Desk, uid: str) -> bool:
    return bool(desk.file.find(uid))


async def test_all_at_the_start_then_what_changed_then_all_again(desk: Desk) -> None:
    desk.lists.objects = [token(OLD), token(NEW, last_updated="2027-01-31T12:30:00Z")]
    assert await desk.pull()
    assert desk.file.count() == 2
    desk.now_s += CHANGED_S
    desk.lists.objects = [token(NEW, valid=False, last_updated="2027-01-31T13:00:00Z")]
    assert await desk.pull()
    assert desk.file.count() == 2  # what did not change is not gone
    assert '"valid":false' in desk.file.find(NEW)[0].body
    desk.now_s += WHOLE_S
    assert await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (False, True)
    since = from_date_time("2027-01-31T12:30:00Z")
    assert desk.lists.calls == [None, since, None]


async def test_a_list_that_breaks_off_takes_nothing_away(desk: Desk) -> None:
    """What came is good; what did not come may still be there."""
    desk.lists.objects = [token(OLD)]
    await desk.pull()
    desk.now_s += WHOLE_S
    desk.lists.objects, desk.lists.error = [token(NEW)] * 101, silent()
    assert not await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (True, True)
    desk.lists.error = None
    assert await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (False, True)


async def test_a_push_during_the_pull_stays(desk: Desk) -> None:
    """It is newer than the list."""
    desk.lists.objects = [token(OLD)]
    desk.lists.between = lambda: desk.file.put(row_of(token(NEW), "backend")) and None
    await desk.pull()
    assert known(desk, NEW)


async def test_bad_objects_are_left_out_and_good_ones_kept(desk: Desk) -> None:
    desk.lists.objects = [None, "rubbish", token(OLD, valid="yes"), token(NEW), {"uid": 5}]
    assert await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (False, True)


async def test_another_platforms_tokens_are_not_touched(desk: Desk) -> None:
    desk.file.put(row_of(token(OLD), "other"))
    desk.lists.objects = [token(OLD, valid=False), token(NEW)]
    assert await desk.pull()
    assert desk.file.find(OLD)[0].platform == "other"
    assert '"valid":true' in desk.file.find(OLD)[0].body


async def test_a_file_that_broke_is_filled_again(desk: Desk) -> None:
    desk.lists.objects = [token(OLD)]
    await desk.pull()
    desk.file.close()
    (desk.file.path.parent / NAME).write_text("rubbish" * 1000)
    desk.now_s += CHANGED_S
    assert not await desk.pull()
    assert await desk.pull()
    assert desk.lists.calls[-1] is None
    assert known(desk, OLD)


async def test_one_that_serves_none_is_let_be(desk: Desk) -> None:
    desk.platform.serves_tokens = False
    assert await desk.pull()
    assert desk.lists.calls == []


async def test_it_begins_by_itself_and_delays_no_other(desk: Desk) -> None:
    """A platform whose list never ends keeps nobody else waiting."""
    gate = asyncio.Event()

    async def pulled(out: Platform, url: str, **more: object) -> AsyncIterator[object]:
        del url, more
        if out.name == "slow":
            await gate.wait()
        yield token(OLD)

    slow = Platform(name="slow")
    desk.puller.outwards = lambda: {"slow": slow, "backend": desk.platform}
    desk.puller.pulled = pulled  # type: ignore[assignment]
    desk.puller.spread_s = 0.0
    task = asyncio.create_task(desk.puller.run())
    async with asyncio.timeout(5.0):
        while not await desk.puller.book.find(OLD):  # noqa: ASYNC110 - it runs by itself
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


async def test_nobody_lists_the_tokens_of_another_platform(desk: Desk) -> None:
    """Not even first: its owner could never tell of them any more."""
    desk.lists.objects = [token(OLD), token(NEW, party_id="ABC")]
    desk.puller.claims = lambda: {"other": frozenset({Party.of("SE", "TNM")})}
    assert await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (False, True)


async def test_a_token_as_long_as_a_book_is_left_out(desk: Desk) -> None:
    desk.lists.objects = [token(OLD, novel="x" * 9000), token(NEW)]
    assert await desk.pull()
    assert (known(desk, OLD), known(desk, NEW)) == (False, True)


async def test_who_unregisters_takes_its_customers_along(desk: Desk) -> None:
    """Nobody would pay for them; a platform that is only out of reach keeps its own."""
    desk.lists.objects = [token(OLD)]
    desk.file.put(row_of(token(NEW), "other"))
    there = {"backend": desk.platform}
    desk.puller.outwards, desk.puller.spread_s = lambda: there, 0.0
    task = asyncio.create_task(desk.puller.run())
    async with asyncio.timeout(5.0):
        while not await desk.puller.book.find(OLD):  # noqa: ASYNC110 - it runs by itself
            await asyncio.sleep(0.01)
        there.clear()
        while await desk.puller.book.find(OLD):  # noqa: ASYNC110 - it runs by itself
            await asyncio.sleep(0.05)
    assert known(desk, NEW)
    task.cancel()
    await asyncio.wait([task])
