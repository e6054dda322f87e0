"""The bus over hours of virtual time: pauses, back-off, memory, timeouts that learn."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest

from hal.slave import framed, obey
from hal.virtual.line import MemoryLine, pace_of
from hal.virtual.loop import VirtualLoop, run_virtual
from hal.virtual.net import Answer, MemoryTransport
from laddvakt_hal.bus import Bus, Priority, SerialSettings, TcpSettings, Timing
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.link import Link
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.tap import Frame

SETTINGS = SerialSettings(name="memory", port="/memory")
QUICK = Timing(timeout_s=0.2, worst_latency_s=0.2)
Test = Callable[["Rig"], Coroutine[object, object, None]]


class Rig:
    """A bus and its line in memory; `latency_s` of a unit, `None` for a dead one."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.latency_s: dict[int, float | None] = {}
        self.asked: list[
            tuple[float, int, int]
        ] = []  # when its first character left, unit, address
        self.ended_s: list[float] = []
        self.answer: Callable[[bytes], bytes] = obey
        self.bus = Bus(SETTINGS, loop.time, self._link)
        self.line.heard = self._heard

    def _link(self, wake: Callable[[], None]) -> Link:
        pace = pace_of(SETTINGS, is_wire=True, batches=False)
        self.line = MemoryLine(self.loop, wake, pace)
        return SerialLink(self.line, self.loop.time, echo=False)

    def _heard(self, frame: bytes, ended_s: float) -> None:
        character_s = self.line.pace.character_s
        address = int.from_bytes(frame[2:4], "big")
        self.asked.append((ended_s - len(frame) * character_s, frame[0], address))
        latency_s = self.latency_s.get(frame[0], 0.01)
        if latency_s is not None:
            reply = self.answer(frame)
            self.line.talk(ended_s + latency_s, reply)
            self.ended_s.append(ended_s + latency_s + len(reply) * character_s)

    async def outcome(
        self, unit: int, address: int = 0, priority: Priority = Priority.NORMAL, count: int = 2
    ) -> tuple[int, ...] | HalError:
        try:
            return (await self.bus.transact(holding(unit, address, count), priority)).words
        except HalError as error:
            return error


def holding(unit: int, address: int = 0, count: int = 2) -> Request:
    return Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)


def write(unit: int, address: int) -> Request:
    return Request(unit=unit, function=Function.WRITE_REGISTER, address=address, values=(1,))


def on_rig(test: Test, timing: Timing = QUICK) -> None:
    """Run a test on a bus that is up; units 1..3 share the timing."""

    async def work(loop: VirtualLoop) -> None:
        rig = Rig(loop)
        for unit in (1, 2, 3):
            rig.bus.set_timing(unit, timing)
        await rig.bus.start()
        while not rig.bus.up:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.01)
        await test(rig)
        await rig.bus.close()

    run_virtual(work)


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


def test_babble_nobody_asked_for_is_not_hoarded() -> None:
    async def test(rig: Rig) -> None:
        for _ in range(600):
            rig.line.talk(rig.loop.time(), bytes(100))
            rig.line._arm(1)
            await asyncio.sleep(0.2)
        assert len(rig.line.buffer) < 8192
        assert rig.bus.late > 20_000

    on_rig(test)


def test_line_statistics_add_up() -> None:
    async def test(rig: Rig) -> None:
        for address in range(10):
            await rig.outcome(1, 3 * address)
        rig.answer = lambda frame: framed(bytes((frame[0], frame[1] | 0x80, 2)))
        assert isinstance(await rig.outcome(1, 1), Refused)
        stats, line = rig.bus.stats[1], rig.bus.line_stats
        assert (stats.ok, stats.exceptions) == (10, {2: 1})
        assert (stats.bytes_sent, stats.bytes_received) == (11 * 8, 10 * 9 + 5)
        assert stats.p50_s is not None
        assert stats.p99_s is not None
        assert stats.p99_s >= stats.p50_s
        assert (line.requests, line.ok, line.late, line.copies, line.uart) == (11, 10, 0, 0, None)
        assert line.busy_s < rig.loop.time() - line.since_s
        assert 0.1 < line.utilisation < 1.0

    on_rig(test)


def test_copy_is_counted_and_makes_its_unit_rest() -> None:
    async def test(rig: Rig) -> None:
        rig.answer = lambda frame: obey(frame) * 2
        assert await rig.outcome(1, 5) == (5, 6)
        rig.answer = obey
        await asyncio.sleep(0.05)
        assert await rig.outcome(2, 7) == (7, 8)
        assert rig.bus.line_stats.copies == 1
        await rig.outcome(1, 9)
        await rig.outcome(1, 9)
        pause_s = rig.asked[-1][0] - rig.asked[-2][0]
        assert pause_s >= 0.2
        await asyncio.sleep(61)
        await rig.outcome(1, 9)
        await rig.outcome(1, 9)
        assert rig.asked[-1][0] - rig.asked[-2][0] < 0.05

    on_rig(test)


def test_first_copy_that_breaks_its_promise_is_the_known_limit() -> None:
    """What `repeats.py` says cannot be told apart: pinned, so that nobody believes otherwise."""

    async def test(rig: Rig) -> None:
        await rig.outcome(1, 5)
        old = obey(bytes((1, 3, 0, 5, 0, 2, 0, 0)))
        rig.line.talk(rig.ended_s[-1] + 0.06, old)  # far later than promised
        await asyncio.sleep(0.05)
        rig.latency_s[1] = 0.1
        assert await rig.outcome(1, 9) == (5, 6)

    on_rig(test)


def test_adapter_that_knows_no_baud_rate_is_believed_all_the_same() -> None:
    """A device that speaks USB itself answers sooner than any wire could carry it."""

    async def test(rig: Rig) -> None:
        def heard(frame: bytes, ended_s: float) -> None:
            rig.loop.call_later(0.001, rig.line._take, obey(frame))
            rig.loop.call_later(0.001, rig.line._tell)

        rig.line.heard = heard
        for number in range(100):
            assert await rig.outcome(1, 3 * number) == (3 * number, 3 * number + 1)

    on_rig(test)


def test_what_was_under_way_before_the_request_left_is_no_reply() -> None:
    async def test(rig: Rig) -> None:
        for number in range(30):
            await rig.outcome(1, 3 * number)
        await asyncio.sleep(1)
        rig.line.talk(rig.loop.time() + 0.001, obey(bytes((1, 3, 0, 5, 0, 2, 0, 0))))
        assert await rig.outcome(1, 9) == (9, 10)
        assert rig.bus.late == 9
        assert rig.bus.line_stats.copies == 1

    on_rig(test)


def test_wrong_rate_is_hinted_at_until_anything_gets_through() -> None:
    async def test(rig: Rig) -> None:
        rig.answer = lambda frame: b"\x00\xf8\xe0\x00\xfe\x80"
        for unit in (1, 2, 3):
            for _ in range(3):
                assert isinstance(await rig.outcome(unit), Garbled)
        assert rig.bus.hint is not None
        assert "9600 baud 8N1" in rig.bus.hint
        rig.answer = obey
        await rig.outcome(2)
        assert rig.bus.hint is None

    on_rig(test)


def test_silent_line_is_no_wrong_rate() -> None:
    async def test(rig: Rig) -> None:
        rig.latency_s = dict.fromkeys((1, 2, 3))
        for unit in (1, 2, 3) * 4:
            assert isinstance(await rig.outcome(unit), NoReply)
        assert rig.bus.hint is None
        assert rig.bus.stats[1].suspects() == ()

    on_rig(test)


def test_listener_sees_every_frame_with_its_times() -> None:
    async def test(rig: Rig) -> None:
        frames: list[Frame] = []
        rig.bus.on_frame = frames.append
        await rig.outcome(1, 5)
        rig.answer = lambda frame: obey(frame)[:-1] + b"\x5a"
        await rig.outcome(1, 5)
        rig.bus.on_frame = None
        await rig.outcome(1, 5)
        assert [(f.direction, f.error) for f in frames] == [
            ("request", ""), ("reply", ""), ("request", ""), ("reply", "crc"),
        ]  # fmt: skip
        assert [f.raw for f in frames[:2]] == [
            framed(bytes((1, 3, 0, 5, 0, 2))), obey(bytes((1, 3, 0, 5, 0, 2, 0, 0))),
        ]  # fmt: skip
        request, reply = frames[:2]
        assert request.at_s == rig.asked[0][0]
        assert reply.at_s - request.last_s == pytest.approx(0.01)
        assert reply.last_s == pytest.approx(rig.ended_s[0])

    on_rig(test)


def test_counters_name_their_suspects() -> None:
    async def test(rig: Rig) -> None:
        rig.answer = lambda frame: obey(frame)[:-1] + b"\x5a"
        for _ in range(25):
            await rig.outcome(1)
        assert "baud rate" in rig.bus.stats[1].suspects()[0]

    on_rig(test)


def on_gateway(
    answer: Callable[[bytes], Answer],
    test: Callable[[Bus, VirtualLoop], Coroutine[object, object, None]],
    timing: Timing = QUICK,
    framing: str = "tcp",
) -> None:
    async def work(loop: VirtualLoop) -> None:
        loop.connect = lambda protocol: MemoryTransport(loop, protocol, answer)
        bus = Bus(
            TcpSettings(name="gw", host="memory", framing="rtu" if framing == "rtu" else "tcp"),
            loop.time,
        )
        for unit in range(1, 6):
            bus.set_timing(unit, timing)
        await bus.start()
        await asyncio.sleep(0.5)
        await test(bus, loop)
        await bus.close()

    run_virtual(work)


def test_dead_unit_behind_a_gateway_costs_the_others_no_more_than_its_timeout() -> None:
    """A gateway that itself waits 0.25 s for the dead one: the next reply is just later."""
    free_s = [0.0]
    clock: list[VirtualLoop] = []

    def gateway(data: bytes) -> Answer:
        now_s = clock[0].time()
        free_s[0] = max(free_s[0], now_s) + (0.25 if data[6] == 3 else 0.01)
        if data[6] == 3:
            reply = data[:4] + b"\x00\x03\x03" + bytes((data[7] | 0x80, 11))
        else:
            body = obey(data[6:] + b"\0\0")[:-2]
            reply = data[:4] + len(body).to_bytes(2, "big") + body
        return [(free_s[0] - now_s, reply)]

    async def test(bus: Bus, loop: VirtualLoop) -> None:
        clock.append(loop)
        for _ in range(5):
            began_s = loop.time()
            with pytest.raises(NoReply):
                await bus.transact(holding(3))
            for unit in (1, 2, 4, 5):
                assert (await bus.transact(holding(unit, 7))).words == (7, 8)
            assert loop.time() - began_s < 0.2 + 0.05 + 4 * 0.02

    on_gateway(gateway, test)


@pytest.mark.parametrize(("code", "words"), [(10, "unit table"), (11, "power, wiring")])
def test_gateway_exceptions_are_told_apart(code: int, words: str) -> None:
    def gateway(data: bytes) -> Answer:
        return [(0.01, data[:4] + b"\x00\x03" + data[6:7] + bytes((data[7] | 0x80, code)))]

    async def test(bus: Bus, loop: VirtualLoop) -> None:
        for _ in range(20):
            with pytest.raises(Refused, match=words):
                await bus.transact(holding(3))
        assert bus.stats[3].exceptions == {code: 20}
        assert "gateway" in bus.stats[3].suspects()[0]

    on_gateway(gateway, test)


def test_peer_that_closes_at_once_is_named_and_not_hammered() -> None:
    connections: list[float] = []

    async def work(loop: VirtualLoop) -> None:
        def connect(protocol: asyncio.BaseProtocol) -> asyncio.BaseTransport:
            connections.append(loop.time())
            transport = MemoryTransport(loop, protocol, lambda data: [])
            loop.call_later(0.001, transport.deliver, b"")
            return transport

        loop.connect = connect
        bus = Bus(TcpSettings(name="gw", host="memory"), loop.time)
        await bus.start()
        await asyncio.sleep(600)
        assert "one client only" in bus.down_reason
        assert len(connections) < 140
        loop.connect = lambda protocol: MemoryTransport(loop, protocol, lambda data: [])
        back_s = loop.time()
        while not bus.up:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.01)
        assert loop.time() - back_s <= 5.0
        await bus.close()

    run_virtual(work)


def test_rtu_through_tcp_follows_the_line_s_rules() -> None:
    """A late reply is waited out, torn frames are put together, nothing is believed twice."""
    delays = [0.01, 0.35, 0.01]

    def tunnel(data: bytes) -> Answer:
        reply, after_s = obey(data), delays.pop(0)
        return [(after_s, reply[:4]), (after_s + 0.1, reply[4:])]

    async def test(bus: Bus, loop: VirtualLoop) -> None:
        assert (await bus.transact(holding(1, 5))).words == (5, 6)
        with pytest.raises(NoReply):
            await bus.transact(holding(1, 15))
        assert (await bus.transact(holding(1, 25))).words == (25, 26)
        assert bus.late == 9

    on_gateway(tunnel, test, Timing(timeout_s=0.2, worst_latency_s=0.3), framing="rtu")
