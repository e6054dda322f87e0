"""A card reader on its own port: each presentation once, and a port that goes and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from laddvakt_hal import card_reader
from laddvakt_hal.card_reader import REPEAT_S, SerialCardReader
from laddvakt_hal.roles import Card
from laddvakt_hal.settings import SerialSettings

pytestmark = pytest.mark.integration


@dataclass
class Bench:
    """A reader, the far end of its port, and a clock that is turned by hand."""

    reader: SerialCardReader
    link: Path
    cards: list[Card]
    now_s: float = 100.0
    fds: list[int] = field(default_factory=list)

    def plug_in(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        self.fds = [master, slave]

    def pull_out(self) -> None:
        self.link.unlink(missing_ok=True)
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def says(self, data: bytes) -> None:
        os.write(self.fds[0], data)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not true():  # noqa: ASYNC110 - the far end is a port
                await asyncio.sleep(0.005)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(card_reader, "RETRY_S", 0.05)
    cards: list[Card] = []
    link = tmp_path / "reader"
    settings = SerialSettings(name="front", port=str(link))
    reader = SerialCardReader(
        settings=settings, format="uid-line", clock=lambda: built.now_s, on_card=cards.append
    )
    built = Bench(reader=reader, link=link, cards=cards)
    task = asyncio.create_task(reader.run())
    try:
        yield built
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        built.pull_out()


async def test_a_card_is_told_once_per_presentation(bench: Bench) -> None:
    bench.plug_in()
    await bench.until(lambda: not bench.reader.down)
    bench.says(b"04A1B2C3\r\n" * 3)
    await bench.until(lambda: len(bench.cards) == 1)
    bench.now_s += REPEAT_S - 0.1  # it is still held there
    bench.says(b"04A1B2C3\r\n")
    bench.says(b"11223344\r\n")  # another one at once
    await bench.until(lambda: len(bench.cards) == 2)
    bench.now_s += REPEAT_S + 0.1
    bench.says(b"11223344\r\n")
    await bench.until(lambda: len(bench.cards) == 3)
    assert [card.uid for card in bench.cards] == ["04A1B2C3", "11223344", "11223344"]
    assert bench.cards[0] == Card(uid="04A1B2C3", technology="ISO14443", taken_at_s=100.0)


async def test_a_port_that_goes_is_told_and_waited_for(bench: Bench) -> None:
    await bench.until(lambda: "port missing" in bench.reader.down)
    bench.plug_in()
    await bench.until(lambda: not bench.reader.down)
    bench.says(b"04A1")
    bench.pull_out()
    await bench.until(lambda: bool(bench.reader.down))
    assert str(bench.link) in bench.reader.down
    bench.plug_in()
    await bench.until(lambda: not bench.reader.down)
    bench.says(b"B2C3\r\n")  # half a message of before is worth nothing
    bench.says(b"AABBCCDD\r\n")
    await bench.until(lambda: bool(bench.cards))
    assert [card.uid for card in bench.cards] == ["AABBCCDD"]
    assert bench.reader.refused == 1


async def test_bytes_the_other_way_round(bench: Bench) -> None:
    bench.reader.reverse = True
    bench.plug_in()
    await bench.until(lambda: not bench.reader.down)
    bench.says(b"04A1B2C3\r\n")
    await bench.until(lambda: bool(bench.cards))
    assert bench.cards[0].uid == "C3B2A104"
