"""Several units behind one TCP connection, and RTU through a tunnel; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from hal.slave import obey
from hal.virtual.loop import VirtualLoop, run_virtual
from hal.virtual.net import Answer, MemoryTransport
from hal.virtual.rig import holding, on_gateway
from laddvakt_hal.bus import Bus, Priority, TcpSettings, Timing
from laddvakt_hal.errors import NoReply, Refused


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


def test_commands_to_a_unit_silent_behind_a_gateway_let_reads_through() -> None:
    """The gateway's own refusal costs as much time as a silence, and counts as one."""
    asked: list[int] = []

    def gateway(data: bytes) -> Answer:
        asked.append(data[6])
        if data[6] == 3:
            return [(0.15, data[:4] + b"\x00\x03\x03" + bytes((data[7] | 0x80, 11)))]
        body = obey(data[6:] + b"\0\0")[:-2]
        return [(0.01, data[:4] + len(body).to_bytes(2, "big") + body)]

    async def test(bus: Bus, loop: VirtualLoop) -> None:
        del loop
        calls = [bus.transact(holding(3, a), Priority.COMMAND) for a in range(3)]
        calls += [bus.transact(holding(1, a)) for a in range(3)]
        await asyncio.gather(*calls, return_exceptions=True)
        assert asked == [3, 1, 3, 1, 3, 1]

    on_gateway(gateway, test)
