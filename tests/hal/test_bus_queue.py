"""Who goes first on a line, and who is held back."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from hal.slave import QUICK, Parts, reply_after, serial_bus, until
from laddvakt_hal.bus import Bus, Priority, SerialSettings
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, NoReply
from laddvakt_hal.frame import Function, Request

pytestmark = pytest.mark.integration


def holding(address: int, unit: int = 1, count: int = 2) -> Request:
    return Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)


def _address(frame: bytes) -> int:
    return int.from_bytes(frame[2:4], "big")


async def test_command_overtakes_planned_reads_at_the_next_boundary(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.01)) as (bus, slave):
        reads = [asyncio.create_task(bus.transact(holding(a))) for a in range(5)]
        safety = asyncio.create_task(bus.transact(holding(50), Priority.SAFETY))
        await until(lambda: len(slave.requests) == 1)
        command = asyncio.create_task(bus.transact(holding(99), Priority.COMMAND))
        await asyncio.gather(command, safety, *reads)
        assert [_address(frame) for _, frame in slave.requests] == [50, 99, 0, 1, 2, 3, 4]


async def test_commands_to_a_silent_unit_let_planned_reads_through(tmp_path: Path) -> None:
    """One read for each command that failed; commands that are answered still go first."""

    def script(frame: bytes) -> Parts:
        return [] if frame[0] == 2 else reply_after(0.002)(frame)

    async with serial_bus(tmp_path, script) as (bus, slave):
        calls = [bus.transact(holding(a, 2), Priority.COMMAND) for a in (90, 91, 92)]
        calls += [bus.transact(holding(a), Priority.NORMAL) for a in range(3)]
        tasks = [asyncio.create_task(call) for call in calls]
        await until(lambda: len(slave.requests) == 1)
        tasks.append(asyncio.create_task(bus.transact(holding(99), Priority.COMMAND)))
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [_address(frame) for _, frame in slave.requests] == [90, 99, 0, 91, 1, 92, 2]


async def test_unit_that_answers_again_has_its_commands_first_again(tmp_path: Path) -> None:
    silent = [2]

    def script(frame: bytes) -> Parts:
        return [] if frame[0] in silent else reply_after(0.002)(frame)

    async with serial_bus(tmp_path, script) as (bus, slave):
        with pytest.raises(NoReply):
            await bus.transact(holding(90, 2), Priority.COMMAND)
        silent.clear()
        await bus.transact(holding(91, 2), Priority.COMMAND)  # nothing waits: at once
        reads = [asyncio.create_task(bus.transact(holding(a))) for a in range(2)]
        await until(lambda: len(slave.requests) == 3)
        command = asyncio.create_task(bus.transact(holding(92, 2), Priority.COMMAND))
        await asyncio.gather(command, *reads)
        assert [_address(frame) for _, frame in slave.requests] == [90, 91, 0, 92, 1]


async def test_commands_keep_their_order(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        calls = [asyncio.create_task(bus.transact(holding(a), Priority.COMMAND)) for a in range(4)]
        await asyncio.gather(*calls)
        assert [_address(frame) for _, frame in slave.requests] == [0, 1, 2, 3]


async def test_delay_of_one_device_leaves_the_line_to_the_others(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        bus.set_timing(1, replace(QUICK, min_delay_s=0.15))
        slow = [asyncio.create_task(bus.transact(holding(a, 1))) for a in range(2)]
        fast = [asyncio.create_task(bus.transact(holding(a, 2))) for a in range(3)]
        await asyncio.gather(*slow, *fast)
        assert [frame[0] for _, frame in slave.requests] == [1, 2, 2, 2, 1]
        ends, starts = slave.sent[0], slave.requests[-1][0]
        assert starts - ends >= 0.15


async def test_line_is_kept_free_for_a_command_that_waits_for_its_device(tmp_path: Path) -> None:
    """A read that would still run when the device is ready must not start."""
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        bus.set_timing(1, replace(QUICK, min_delay_s=0.1))
        await bus.transact(holding(0, 1))
        long_reads = [asyncio.create_task(bus.transact(holding(a, 2, 60))) for a in range(3)]
        command = asyncio.create_task(bus.transact(holding(9, 1), Priority.COMMAND))
        await asyncio.gather(command, *long_reads)
        order = [frame[0] for _, frame in slave.requests]
        assert order == [1, 1, 2, 2, 2]  # 60 registers take 150 ms: none fits before the command
        began = next(at for at, frame in slave.requests if _address(frame) == 9)
        assert began - slave.sent[0] < 0.12


async def test_statistics_are_kept_per_device(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.01)) as (bus, _):
        for address in range(4):
            await bus.transact(holding(address, 2))
        stats = bus.stats[2]
        assert (stats.requests, stats.ok) == (4, 4)
        assert stats.p50_s is not None
        assert stats.p95_s is not None
        assert 0.01 <= stats.p50_s <= stats.p95_s < 0.2
        assert bus.progress_s is not None
        assert boottime() - bus.progress_s < 1.0


async def test_missing_port_never_stops_the_start(tmp_path: Path) -> None:
    """Row 7b: the port appears later; until then every request fails at once."""
    path = tmp_path / "line1"
    bus = Bus(SerialSettings(name="line1", port=str(path)))
    await bus.start()
    await until(lambda: bus.tried)
    assert not bus.up
    assert "port missing" in bus.down_reason
    with pytest.raises(BusDown, match="port missing"):
        await bus.transact(holding(1))
    await bus.close()


@pytest.mark.parametrize("parity", ["N", "E"])
async def test_open_close_open_at_19200(tmp_path: Path, parity: str) -> None:
    """A pty drops parity; a second open with the same settings must work all the same."""
    for _ in range(3):
        async with serial_bus(tmp_path, reply_after(0.002), baud=19200, parity=parity) as (bus, _s):
            assert (await bus.transact(holding(5))).words == (5, 6)


async def test_same_port_opened_three_times(tmp_path: Path) -> None:
    """The very same pty, opened, closed and opened again by new buses."""
    async with serial_bus(tmp_path, reply_after(0.002), baud=19200, parity="E") as (bus, slave):
        await bus.close()
        for _ in range(2):
            again = Bus(SerialSettings(name="x", port=str(slave.path), baud=19200, parity="E"))
            again.set_timing(1, QUICK)
            await again.start()
            await until(lambda bus=again: bus.up)  # type: ignore[misc] # bound now, on purpose
            assert (await again.transact(holding(5))).words == (5, 6)
            await again.close()


async def test_second_user_of_a_port_is_told_who_is_in_the_way(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        second = Bus(SerialSettings(name="two", port=str(slave.path)))
        await second.start()
        await until(lambda: second.tried)
        assert "another program has it open" in second.down_reason
        assert (await bus.transact(holding(5))).words == (5, 6)
        await second.close()


async def test_pairs_of_requests_never_overlap(tmp_path: Path) -> None:
    """Ten callers at once: the line still sees one request after the other's reply."""
    async with serial_bus(tmp_path, reply_after(0.003)) as (bus, slave):
        replies = await asyncio.gather(*(bus.transact(holding(a * 10)) for a in range(10)))
        assert [reply.words[0] for reply in replies] == [a * 10 for a in range(10)]
        events = sorted(
            [(at, "ask") for at, _ in slave.requests] + [(t, "say") for t in slave.sent]
        )
        assert [what for _, what in events] == ["ask", "say"] * 10
        assert all(a < b for a, b in itertools.pairwise(at for at, _ in events))
