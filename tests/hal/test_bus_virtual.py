"""The bus through hours of virtual time: pauses, timeouts that learn, a port that is gone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
from dataclasses import replace

import pytest

from hal.virtual.rig import QUICK, Rig, holding, on_rig, write
from laddvakt_hal.bus import Priority, Timing
from laddvakt_hal.errors import BusDown, NoReply


def test_read_interval_holds_reads_back_and_lets_writes_through() -> None:
    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, replace(QUICK, read_interval_s=0.5))
        reads = [asyncio.create_task(rig.outcome(1, a)) for a in (0, 10)]
        await asyncio.sleep(0.1)
        assert rig.bus.ready_at_s(1) > rig.loop.time()
        await rig.bus.transact(write(1, 99), Priority.COMMAND)
        others = [asyncio.create_task(rig.outcome(2, a, count=9)) for a in (20, 30)]
        await asyncio.gather(*reads, *others)
        assert [address for _, _, address in rig.asked] == [0, 99, 20, 30, 10]
        first, last = rig.ended_s[0], rig.asked[-1][0]
        assert 0.5 <= last - first < 0.51

    on_rig(test)


def test_change_of_unit_gets_its_pause_and_is_not_starved() -> None:
    async def test(rig: Rig) -> None:
        rig.bus.set_timing(2, replace(QUICK, unit_change_s=0.2))
        await rig.outcome(1)
        began_s = rig.loop.time()

        async def busy() -> None:
            while rig.loop.time() < began_s + 3.0:
                await rig.outcome(1, 3, count=4)

        chatter = asyncio.create_task(busy())
        assert await rig.outcome(2, 7) == (7, 8)
        assert rig.loop.time() - began_s < 0.6
        index = [unit for _, unit, _ in rig.asked].index(2)
        assert rig.asked[index][0] - rig.ended_s[index - 1] >= 0.2
        assert index > 2  # the others used the time until it was its turn
        assert await rig.outcome(2, 9) == (9, 10)
        await chatter

    on_rig(test)


def test_change_of_unit_holds_for_commands_and_not_for_the_same_unit() -> None:
    async def test(rig: Rig) -> None:
        rig.bus.set_timing(2, replace(QUICK, unit_change_s=0.2))
        await rig.outcome(1)
        await rig.bus.transact(write(2, 5), Priority.COMMAND)
        await rig.outcome(2, 7)
        gaps_s = [s - e for (s, _, _), e in zip(rig.asked[1:], rig.ended_s, strict=False)]
        assert gaps_s[0] >= 0.2
        assert gaps_s[1] < 0.01

    on_rig(test)


def test_timeout_learns_from_latency_and_returns_to_the_profile() -> None:
    """A quick unit that dies is given up early once; after that it has its profile's time."""

    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, Timing(timeout_s=1.0, worst_latency_s=1.0))
        for address in range(20):
            assert isinstance(await rig.outcome(1, 3 * address), tuple)
        median_s = rig.bus.measured_turnaround_s(1)
        assert median_s == pytest.approx(0.01, abs=0.001)
        assert rig.bus.stats[1].turnaround_s == median_s
        rig.latency_s[1] = None
        errors = [await rig.outcome(1) for _ in range(2)]
        waits_s = [float(str(error).rsplit("silent for ", 1)[1].split()[0]) for error in errors]
        assert waits_s[0] < 0.2
        assert waits_s[1] > 1.0
        silent_s = rig.asked[-1][0] - rig.asked[-2][0]
        assert silent_s >= 1.0  # the line itself stays silent as long as the profile promises

    on_rig(test)


def test_slow_unit_keeps_its_whole_timeout() -> None:
    """Latencies near the profile's timeout must never cause a false silence."""

    async def test(rig: Rig) -> None:
        for number in range(40):
            rig.latency_s[1] = 0.19 if number % 10 == 9 else 0.06
            assert isinstance(await rig.outcome(1, 3 * number), tuple)

    on_rig(test)


def test_port_lost_for_an_hour_costs_no_memory_and_comes_back_at_once() -> None:
    async def test(rig: Rig) -> None:
        async def poll() -> None:
            while True:
                await rig.outcome(1, 5)
                await asyncio.sleep(0.25)

        polling = asyncio.create_task(poll())
        await asyncio.sleep(10)
        rig.line.unplug()
        await asyncio.sleep(60)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        await asyncio.sleep(3600)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 20_000
        with pytest.raises(BusDown, match="port missing"):
            await rig.bus.transact(holding(1))
        rig.line.plug()
        back_s = rig.loop.time()
        while not rig.bus.up:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.01)
        assert rig.loop.time() - back_s < 1.3
        assert await rig.outcome(1, 7) == (7, 8)
        polling.cancel()

    on_rig(test)


def test_command_to_another_unit_does_not_wait_out_the_ill_one_s_worst_latency() -> None:
    """Neither when it waits already nor when it comes during the silence; reads do wait."""

    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, Timing(timeout_s=0.1, worst_latency_s=2.0))
        rig.latency_s[1] = None
        for early in (True, False):
            began_s = rig.loop.time()
            del rig.asked[:]
            dead = asyncio.create_task(rig.outcome(1))
            read = asyncio.create_task(rig.outcome(3, 5))
            await asyncio.sleep(0.05 if early else 1.0)
            asked_s = rig.loop.time()
            await rig.bus.transact(write(2, 7), Priority.COMMAND)
            assert rig.loop.time() - asked_s < 0.15
            assert isinstance(await dead, NoReply)
            assert await read == (5, 6)
            assert [unit for _, unit, _ in rig.asked] == [1, 2, 3]
            assert rig.asked[-1][0] - began_s >= 2.0

    on_rig(test)


@pytest.mark.parametrize("unit", [1, 2], ids=["the-ill-unit", "a-read"])
def test_what_an_old_reply_could_fit_waits_it_out_even_as_a_command(unit: int) -> None:
    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, Timing(timeout_s=0.1, worst_latency_s=1.0))
        rig.latency_s[1] = None
        dead = asyncio.create_task(rig.outcome(1))
        await asyncio.sleep(0.05)
        command = write(1, 7) if unit == 1 else holding(2)
        later = asyncio.create_task(rig.bus.transact(command, Priority.COMMAND))
        await asyncio.sleep(0.5)
        rig.latency_s[1] = 0.01
        await later
        assert isinstance(await dead, NoReply)
        assert rig.asked[1][0] - rig.asked[0][0] >= 1.0

    on_rig(test)


def test_late_reply_after_a_command_went_first_is_nobody_s() -> None:
    """It comes while reads of the same shape wait: they wait until the line was silent again."""

    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, Timing(timeout_s=0.1, worst_latency_s=0.5))
        rig.latency_s[1] = 0.4
        dead = asyncio.create_task(rig.outcome(1, 50))
        reads = [asyncio.create_task(rig.outcome(1, 90)), asyncio.create_task(rig.outcome(2, 70))]
        await asyncio.sleep(0.05)
        await rig.bus.transact(write(2, 7), Priority.COMMAND)
        rig.latency_s[1] = 0.01
        assert isinstance(await dead, NoReply)
        assert await asyncio.gather(*reads) == [(90, 91), (70, 71)]
        late_s = rig.ended_s[0]
        assert all(at_s - late_s >= 0.5 for at_s, _, _ in rig.asked[2:])
        assert rig.bus.late == 9

    on_rig(test)


def test_commands_without_an_answer_do_not_put_off_reads_for_ever() -> None:
    async def test(rig: Rig) -> None:
        rig.bus.set_timing(1, Timing(timeout_s=0.1, worst_latency_s=2.0))
        rig.latency_s |= {1: None, 2: None}

        async def insist() -> None:
            while True:
                with contextlib.suppress(NoReply):
                    await rig.bus.transact(write(2, 7), Priority.COMMAND)

        dead = asyncio.create_task(rig.outcome(1))
        await asyncio.sleep(0.01)
        commands = asyncio.create_task(insist())
        assert isinstance(await dead, NoReply)
        began_s = rig.loop.time()
        assert await rig.outcome(3, 5) == (5, 6)
        assert rig.loop.time() - began_s < 2.5
        commands.cancel()

    on_rig(test)
