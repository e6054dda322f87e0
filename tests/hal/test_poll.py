"""The poller on a real pty: periods kept, silent devices kept out of the way."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.slave import Parts, PtySlave, framed, obey, registers, until
from hal.test_device import f32
from laddvakt_hal.adapters import Adapter, board, digital_input, meter, relay_contactor, watches
from laddvakt_hal.bus import Bus, SerialSettings
from laddvakt_hal.clock import boottime
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality

pytestmark = [pytest.mark.integration, pytest.mark.alone]  # periods on a real clock

EVSE_BLOCK = (16, 16, 3, 20, 0, 16, 2)  # 1000..1006: 16 A, vehicle asks, firmware 16, PWM on


class Station:
    """Board 1, meter 2, relay 3 on one line; `silent` units say nothing."""

    def __init__(self) -> None:
        self.silent: set[int] = set()

    def __call__(self, frame: bytes) -> Parts:
        unit, function = frame[0], frame[1]
        address, count = (int.from_bytes(frame[i : i + 2], "big") for i in (2, 4))
        if unit in self.silent:
            return []
        wire_s = (len(frame) + 5 + 2 * count) / 960
        if unit == 1 and address == 1000 and function == 3:
            return [(wire_s, registers(1, 3, EVSE_BLOCK[:count]))]
        if unit == 2 and function == 4:
            values = [word for _ in range(count // 2) for word in f32(10.0)]
            return [(wire_s, registers(2, 4, values))]
        if unit == 2 and address == 64514:
            return [(wire_s, framed(b"\x02\x83\x02"))]
        return [(wire_s, obey(frame))]


class Rig:
    """The station's line with its poller running."""

    def __init__(self, slave: PtySlave, station: Station, bus: Bus, periods: Periods) -> None:
        self.slave, self.station, self.bus = slave, station, bus
        evse, its_meter, relay = (
            Device(load_profile(name), bus, unit, name)
            for unit, name in enumerate(
                ("simpleevse-wb-din", "eastron-sdm72d-m-v2", "waveshare-modbus-rtu-relay"), 1
            )
        )
        self.board, self.meter = board(evse), meter(its_meter)
        self.contactor, self.stop = relay_contactor(relay, 0, 0), digital_input(relay, 1)
        self.updates: list[tuple[float, str]] = []
        roles: list[Adapter] = [self.board, self.meter, self.contactor, self.stop]
        self.poller = Poller(bus, watches(roles, bus), self._note, periods)

    def _note(self, device: Device) -> None:
        self.updates.append((boottime(), device.name))

    def reads(self, unit: int, address: int | None = None) -> list[float]:
        return [
            at
            for at, frame in self.slave.requests
            if frame[0] == unit and address in (None, int.from_bytes(frame[2:4], "big"))
        ]


@asynccontextmanager
async def rig(tmp_path: Path, *, plugged: bool = True, energy_s: float = 1.0) -> AsyncIterator[Rig]:
    station = Station()
    slave = PtySlave(tmp_path / "line1", station)
    if not plugged:
        slave.unplug()
    bus = Bus(SerialSettings(name="line1", port=str(slave.path)))
    its = Rig(slave, station, bus, Periods(safety_s=0.25, normal_s=energy_s))
    await bus.start()
    task = asyncio.create_task(its.poller.run())
    try:
        yield its
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await bus.close()
        slave.unplug()


async def test_round_brings_every_role_to_life(tmp_path: Path) -> None:
    async with rig(tmp_path) as its:
        async with asyncio.timeout(3):
            await its.poller.first_round.wait()
        assert its.board.pilot().value is not None
        assert its.board.limit_a().value == 16
        assert its.board.errors().value is not None
        assert its.meter.current_a().value == (10, 10, 10)
        assert its.meter.energy_wh().value == 10_000
        assert its.stop.closed().value is True
        assert its.contactor.feedback_closed().value is False
        assert its.meter.device.identity_matches() is None  # refused: not known, not wrong
        assert {name for _, name in its.updates} == {
            "simpleevse-wb-din",
            "eastron-sdm72d-m-v2",
            "waveshare-modbus-rtu-relay",
        }


async def test_plan_says_what_it_costs(tmp_path: Path) -> None:
    async with rig(tmp_path) as its:
        poller = its.poller
        spots = {
            kind: [(row.block.addr, row.block.count) for row in poller.plan if row.kind is kind]
            for kind in (ReadClass.SAFETY, ReadClass.STATUS)
        }
        assert spots[ReadClass.SAFETY] == [(1000, 7), (0, 2)]
        assert spots[ReadClass.STATUS] == [(1007, 1), (0, 18)]  # faults, and a slow meter
        assert poller.longest_transaction_s == max(row.wire_s for row in poller.plan)
        assert 0.06 < poller.longest_transaction_s < 0.08
        assert poller.utilisation == pytest.approx(0.51, abs=0.005)
        assert poller.safety_period_s == pytest.approx(0.35)


async def test_safety_period_is_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as its:
        await its.poller.first_round.wait()
        await asyncio.sleep(1.5)
        for unit, address, period_s in ((1, 1000, 0.25), (2, 0, 0.5), (3, 0, 0.25)):
            at = its.reads(unit, address)[1:]
            periods = [b - a for a, b in itertools.pairwise(at)]
            assert sorted(periods)[len(periods) // 2] < period_s + 0.08  # stalls of the machine
            assert max(periods) < period_s + 0.3  # the board's own 100 ms, a busy machine


async def test_board_errors_do_not_wait_for_the_energy(tmp_path: Path) -> None:
    async with rig(tmp_path, energy_s=60.0) as its:
        await its.poller.first_round.wait()
        await asyncio.sleep(1.7)
        at = its.reads(1, 1007)
        periods = [b - a for a, b in itertools.pairwise(at)]
        assert 2 <= len(periods) <= 4  # each 0.5 s, a late one is followed by an early one
        assert max(periods) < 0.9
        assert len(its.reads(2, 72)) == 1  # the energy


async def test_silent_device_leaves_the_line_to_the_others(tmp_path: Path) -> None:
    async with rig(tmp_path) as its:
        await its.poller.first_round.wait()
        its.station.silent = {2}
        began = boottime()
        await asyncio.sleep(3.6)
        probes = [at for at in its.reads(2) if at > began]
        assert 2 <= len(probes) <= 5  # one timeout each, then left alone
        board_reads = [at for at in its.reads(1, 1000) if at > began]
        periods = [b - a for a, b in itertools.pairwise(board_reads)]
        assert max(periods) < 0.6
        assert sorted(periods)[len(periods) // 2] < 0.3
        assert its.meter.current_a().quality is Quality.STALE
        assert its.meter.device.silent
        its.station.silent = set()
        assert await until(lambda: its.meter.current_a().quality is Quality.GOOD) < 3.2


async def _hammer(command: Callable[[], Awaitable[object]]) -> None:
    """Repeat a command as soon as it fails, as somebody does who must get it through."""
    while True:
        with contextlib.suppress(HalError):
            await command()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("silent", "worst_s"),
    [
        pytest.param({1, 2, 3}, 2.5, id="everybody"),  # a read of the silent takes its turn, too
        pytest.param({1}, 2.0, id="the-board"),  # the meter is asked twice a second, at best
    ],
)
async def test_hammered_commands_leave_the_poller_its_turns(
    tmp_path: Path, silent: set[int], worst_s: float
) -> None:
    async with rig(tmp_path) as its:
        await its.poller.first_round.wait()
        assert not its.poller.all_silent
        its.station.silent = silent
        began = boottime()
        commands = (lambda: its.board.set_limit(6), its.board.prepare, its.contactor.open)
        hammers = [asyncio.create_task(_hammer(command)) for command in commands]
        await asyncio.sleep(3.5)
        for task in hammers:
            task.cancel()
        await asyncio.wait(hammers)
        assert its.poller.all_silent is (silent == {1, 2, 3})
        told = {name: [began] for _, name in its.updates}
        for at, name in its.updates:
            if at > began:
                told[name].append(at)
        gaps = {n: max(b - a for a, b in itertools.pairwise(at)) for n, at in told.items()}
        assert max(gaps.values()) < worst_s, gaps
        its.station.silent = set()
        assert await until(lambda: its.board.pilot().quality is Quality.GOOD) < 1.5


async def test_line_missing_at_start_is_told_and_recovers(tmp_path: Path) -> None:
    async with rig(tmp_path, plugged=False) as its:
        async with asyncio.timeout(1):
            await its.poller.first_round.wait()
        assert len(its.updates) == 3
        assert its.board.pilot().quality is Quality.ABSENT
        its.slave.plug()
        await until(lambda: its.board.pilot().quality is Quality.GOOD, 3)


async def test_line_that_vanishes_makes_everything_stale_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as its:
        await its.poller.first_round.wait()
        its.slave.unplug()
        await until(lambda: its.stop.closed().quality is Quality.STALE, 1)
        assert its.board.pilot().quality is Quality.STALE
        told = len(its.updates)
        await asyncio.sleep(0.3)
        assert len(its.updates) == told  # told once
        its.slave.plug()
        await until(lambda: its.stop.closed().quality is Quality.GOOD, 3)


async def test_open_command_waits_for_one_transaction_at_most(tmp_path: Path) -> None:
    """From the call to the first character on the wire, with the line busy."""
    async with rig(tmp_path) as its:
        await its.poller.first_round.wait()
        waits = []
        for _ in range(10):
            await asyncio.sleep(0.07)
            began = boottime()
            await its.contactor.open()
            sent = next(at for at, f in its.slave.requests if at >= began and f[1] == 5)
            waits.append(sent - began)
        bound_s = its.poller.longest_transaction_s + 0.02
        assert sorted(waits)[8] <= bound_s
