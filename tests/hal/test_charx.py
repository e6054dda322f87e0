"""A CHARX on a real socket: lost replies, its watchdog, and what may follow an `open`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hal.slave import Parts, TcpSlave, until
from laddvakt_hal.adapters import Adapter, board, board_contactor, meter, watches
from laddvakt_hal.bus import Bus, TcpSettings
from laddvakt_hal.clock import boottime
from laddvakt_hal.device import Device
from laddvakt_hal.errors import NoReply
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality

pytestmark = pytest.mark.integration

RELEASE, LIMIT, FALLBACK, TIMER = 1300, 1301, 1306, 1307


class Charx:
    """Registers 1232..1308 behind a socket; `delays_s` says when the next replies come, if ever."""

    def __init__(self) -> None:
        self.registers = dict.fromkeys(range(1232, 1309), 0) | {1299: 0x4332}
        self.delays_s: list[float | None] = []
        self.releases: list[int] = []
        self.asked_s: list[float] = []

    def __call__(self, frame: bytes) -> Parts:
        self.asked_s.append(boottime())
        unit, function, address, count = struct.unpack(">BBHH", frame[6:12])
        if function == 16:
            values = struct.unpack(f">{count}H", frame[13:])
            self.registers.update(zip(range(address, address + count), values, strict=True))
            if address == RELEASE:
                self.releases.append(values[0])
            body = frame[6:12]
        else:
            words = [self.registers[address + index] for index in range(count)]
            body = struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)
        delay_s = self.delays_s.pop(0) if self.delays_s else 0.0
        if delay_s is None:
            return []
        return [(delay_s, frame[:4] + struct.pack(">H", len(body)) + body)]


class Rig:
    """A CHARX in its roles, on a connection that stands, and a poller to run."""

    def __init__(self, charx: Charx, bus: Bus) -> None:
        self.charx, self.bus = charx, bus
        self.device = Device(load_profile("phoenix-charx-sec"), bus, 255, "charx1")
        self.board, self.contactor = board(self.device), board_contactor(self.device)
        roles: list[Adapter] = [self.board, self.contactor, meter(self.device)]
        self.poller = Poller(bus, watches(roles, bus), self._note, Periods(safety_s=0.2))
        self.updates = 0

    def _note(self, device: Device) -> None:
        del device
        self.updates += 1


@asynccontextmanager
async def rig(*, polled: bool = False) -> AsyncIterator[Rig]:
    charx = Charx()
    slave = TcpSlave(charx)
    await slave.start()
    its = Rig(charx, Bus(TcpSettings(name="tcp1", host="127.0.0.1", port=slave.port)))
    await its.bus.start()
    task = asyncio.create_task(its.poller.run() if polled else asyncio.sleep(0))
    try:
        await until(lambda: its.bus.up)
        yield its
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await its.bus.close()
        await slave.stop()


@pytest.mark.parametrize("reply_s", [None, 0.45], ids=["lost", "late"])
async def test_nothing_releases_again_after_a_confirmed_open(reply_s: float | None) -> None:
    async with rig() as its:
        its.charx.delays_s = [reply_s]
        limit = asyncio.create_task(its.board.set_limit(16))
        await until(lambda: its.charx.releases == [1])
        await its.contactor.open()
        with pytest.raises(NoReply):
            await limit  # whoever still wants it must say so again
        await asyncio.sleep(0.3)
        assert its.charx.releases == [1, 0]
        assert its.charx.registers[LIMIT] == 0


async def test_limit_without_the_release_is_repeated() -> None:
    async with rig() as its:
        its.charx.delays_s = [None]
        await its.board.set_limit(0)
        assert its.charx.releases == []
        assert its.bus.stats[255].requests == 2


async def test_one_lost_reply_does_not_expire_the_watchdog() -> None:
    """Its second may pass neither after a reply that is lost nor while nothing is."""
    watchdog_s = load_profile("phoenix-charx-sec").watchdog.timeout_value or 0
    assert watchdog_s == 1
    async with rig(polled=True) as its:
        for _ in range(2):
            await until(lambda: its.board.pilot().quality is Quality.GOOD)
            before = len(its.charx.asked_s)
            its.charx.delays_s = [None]
            await until(lambda n=before: len(its.charx.asked_s) >= n + 4)  # type: ignore[misc] # bound now, on purpose
            assert not its.device.silent
        gaps_s = [b - a for a, b in itertools.pairwise(its.charx.asked_s)]
        assert max(gaps_s) < 0.8 * watchdog_s
        assert max(gaps_s) > 0.25  # a reply was lost indeed
        assert not its.poller.all_silent


async def test_second_lost_reply_in_a_row_is_silence() -> None:
    async with rig(polled=True) as its:
        await until(lambda: its.board.pilot().quality is Quality.GOOD)
        its.charx.delays_s = [None, None]
        await until(lambda: its.device.silent)
        assert its.poller.all_silent
        assert its.board.pilot().quality is Quality.STALE
        await until(lambda: not its.poller.all_silent, 1.5)
        assert its.board.pilot().quality is Quality.GOOD


async def test_watchdog_that_is_lost_is_seen_and_armed_again() -> None:
    async with rig(polled=True) as its:
        assert its.board.watchdog_armed().quality is Quality.ABSENT
        assert await its.board.prepare() is True
        await until(lambda: its.board.watchdog_armed().value is True)
        its.charx.registers[TIMER] = 65535  # the controller restarted
        assert await until(lambda: its.board.watchdog_armed().value is False) < 0.5
        assert await its.board.prepare() is True
        await until(lambda: its.board.watchdog_armed().value is True)
        assert its.charx.registers[TIMER] == 1
        its.charx.registers[FALLBACK] = 16
        await until(lambda: its.board.watchdog_armed().value is False)
