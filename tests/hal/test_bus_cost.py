"""What a transaction costs the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.slave import Parts, obey, serial_bus
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.serial_stream import SerialStream

pytestmark = pytest.mark.integration


@pytest.mark.alone
async def test_a_reply_wakes_the_process_three_times_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head, its end, and once to look back in between; not once per character."""
    wakes: list[int] = []
    pulled = SerialStream._pull

    def pull(self: SerialStream) -> None:
        before = len(self.buffer)
        pulled(self)
        if len(self.buffer) > before:
            wakes.append(len(self.buffer) - before)

    def script(frame: bytes) -> Parts:
        return [(0.01 + 0.0011 * n, bytes((byte,))) for n, byte in enumerate(obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        monkeypatch.setattr(SerialStream, "_pull", pull)
        for address in range(3):
            assert (await bus.transact(holding(address))).words == tuple(
                range(address, address + 60)
            )
        assert sum(wakes) == 3 * 125
        assert sorted(len(part) for part in _replies(wakes))[1] <= 3


def _replies(wakes: list[int]) -> list[list[int]]:
    """Wake-ups of each reply of 125 characters; takes in one call count once."""
    replies: list[list[int]] = [[]]
    for size in wakes:
        replies[-1].append(size)
        if sum(replies[-1]) >= 125:
            replies.append([])
    return replies[:-1]


def holding(address: int) -> Request:
    return Request(unit=1, function=Function.READ_HOLDING, address=address, count=60)
