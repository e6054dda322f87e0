"""Every trap of Modbus TCP, against a scripted peer on a real socket."""

from __future__ import annotations

import asyncio

import pytest

from hal.slave import Parts, Script, TcpSlave, tcp_bus, tcp_reply, until
from laddvakt_hal.bus import Bus, TcpSettings, Timing
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request

pytestmark = pytest.mark.integration


def holding(address: int, count: int = 2) -> Request:
    return Request(unit=1, function=Function.READ_HOLDING, address=address, count=count)


def answer(delay_s: float = 0.0) -> Script:
    return lambda frame: [(delay_s, tcp_reply(frame))]


def in_turn(*scripts: Script) -> Script:
    left = list(scripts)

    def script(frame: bytes) -> Parts:
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return chosen(frame)

    return script


async def outcome(bus: Bus, address: int) -> tuple[int, ...] | HalError:
    try:
        return (await bus.transact(holding(address))).words
    except HalError as error:
        return error


async def test_late_reply_is_dropped_by_its_transaction_id() -> None:
    """Row T1: the reply to N arrives while N+1 is pending."""
    async with tcp_bus(in_turn(answer(0.08), answer(0.04))) as (bus, _):
        assert isinstance(await outcome(bus, 100), NoReply)
        assert await outcome(bus, 200) == (200, 201)
        assert bus.late == 1


async def test_transaction_id_zero_is_never_accepted() -> None:
    """Row T2: neither a stale reply nor a device that does not copy the id is believed."""
    async with tcp_bus(lambda frame: [(0.0, tcp_reply(frame, transaction=0))]) as (bus, _):
        assert isinstance(await outcome(bus, 100), NoReply)
        assert bus.late == 1


async def test_ids_are_never_zero_and_never_repeated() -> None:
    async with tcp_bus(answer()) as (bus, slave):
        for address in range(5):
            await bus.transact(holding(address))
        ids = [int.from_bytes(frame[:2], "big") for frame in slave.requests]
        assert 0 not in ids
        assert len(set(ids)) == 5


async def test_peer_closing_mid_request_fails_at_once_and_reconnects() -> None:
    """Row T3: no timeout is waited out."""
    async with tcp_bus(in_turn(lambda frame: [(0.01, b"")], answer())) as (bus, slave):
        bus.set_timing(1, Timing(timeout_s=5.0, worst_latency_s=5.0))
        with pytest.raises(BusDown):
            async with asyncio.timeout(0.5):
                await bus.transact(holding(100))
        await until(lambda: bus.up, 1.0)
        assert await outcome(bus, 200) == (200, 201)
        assert slave.connections == 2


async def test_peer_missing_at_start_is_found_later() -> None:
    slave = TcpSlave(answer())
    await slave.start()
    await slave.stop()  # keeps its port number, refuses connections
    bus = Bus(TcpSettings(name="tcp1", host="127.0.0.1", port=slave.port))
    await bus.start()
    await until(lambda: bus.tried)
    assert not bus.up
    assert "check host and port" in bus.down_reason
    await slave.start()
    assert await until(lambda: bus.up) < 1.3
    assert await outcome(bus, 7) == (7, 8)
    await bus.close()
    await slave.stop()


def _other_unit(frame: bytes) -> Parts:
    reply = tcp_reply(frame)
    return [(0.0, reply[:6] + b"\x02" + reply[7:])]


def _exception(frame: bytes) -> Parts:
    return [(0.0, frame[:4] + b"\x00\x03" + frame[6:7] + bytes((frame[7] | 0x80, 6)))]


def _too_many(frame: bytes) -> Parts:
    return [(0.0, frame[:4] + b"\x00\x07" + frame[6:8] + b"\x04\x00\x01\x00\x02")]


@pytest.mark.parametrize(
    ("script", "error", "kind"),
    [
        pytest.param(_other_unit, Garbled, "unit", id="other-unit"),
        pytest.param(_too_many, Garbled, "count", id="more-than-asked"),
        pytest.param(_exception, Refused, None, id="exception"),
    ],
)
async def test_wrong_replies_are_told_apart(
    script: Script, error: type[HalError], kind: str | None
) -> None:
    async with tcp_bus(in_turn(script, answer())) as (bus, _):
        with pytest.raises(error) as caught:
            await bus.transact(holding(100, 1))
        assert not isinstance(caught.value, Garbled) or caught.value.kind == kind
        assert await outcome(bus, 5) == (5, 6)


async def test_stream_that_is_not_modbus_is_dropped_and_opened_again() -> None:
    """An HTTP server, say: the stream has no frame to find, so the connection is renewed."""
    html = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    async with tcp_bus(in_turn(lambda frame: [(0.0, html)], answer())) as (bus, slave):
        assert isinstance(await outcome(bus, 100), BusDown)
        await until(lambda: bus.up, 1.0)
        assert await outcome(bus, 5) == (5, 6)
        assert slave.connections == 2


async def test_reply_in_pieces_is_put_together() -> None:
    def script(frame: bytes) -> Parts:
        reply = tcp_reply(frame)
        return [(0.0, reply[:5]), (0.01, reply[5:9]), (0.02, reply[9:])]

    async with tcp_bus(script) as (bus, _):
        assert await outcome(bus, 100) == (100, 101)


async def test_closing_the_bus_tells_whoever_waits() -> None:
    async with tcp_bus(lambda frame: []) as (bus, slave):
        bus.set_timing(1, Timing(timeout_s=5.0, worst_latency_s=5.0))
        calls = [asyncio.create_task(bus.transact(holding(a))) for a in (1, 2)]
        await until(lambda: len(slave.requests) == 1)
        await bus.close()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [BusDown, BusDown]
