"""Every trap of a serial line, against a scripted device on a real pty."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from hal.slave import Parts, Script, framed, obey, registers, reply_after, serial_bus, until
from laddvakt_hal.bus import Bus, Priority, Timing
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request

pytestmark = pytest.mark.integration

LATE = Timing(timeout_s=0.05, worst_latency_s=0.2)


def holding(address: int, count: int = 2, unit: int = 1) -> Request:
    return Request(unit=unit, function=Function.READ_HOLDING, address=address, count=count)


async def outcome(bus: Bus, request: Request) -> Sequence[int] | HalError:
    try:
        return (await bus.transact(request)).words
    except HalError as error:
        return error


def in_turn(*scripts: Script) -> Script:
    """Each request gets the next script; the last one stays."""
    left = list(scripts)

    def script(frame: bytes) -> Parts:
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return chosen(frame)

    return script


async def test_reads_and_confirms(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, _):
        assert (await bus.transact(holding(100, 5))).words == (100, 101, 102, 103, 104)
        coils = Request(unit=1, function=Function.READ_INPUTS, address=1, count=9)
        assert (await bus.transact(coils)).bits == tuple(i % 2 == 1 for i in range(1, 10))
        write = Request(
            unit=1, function=Function.WRITE_REGISTERS, address=7, count=2, values=(1, 2)
        )
        assert (await bus.transact(write)).words == ()
        assert bus.stats[1].ok == 3


@pytest.mark.parametrize("delay_s", [0.075, 0.12, 0.19], ids=["just", "later", "latest"])
async def test_late_reply_never_answers_the_next_request(tmp_path: Path, delay_s: float) -> None:
    """The reply to N comes when N+1, of the same shape, could be under way."""
    script = in_turn(reply_after(delay_s), reply_after(0.005))
    async with serial_bus(tmp_path, script, timing=LATE) as (bus, slave):
        first, second, third = await asyncio.gather(
            outcome(bus, holding(100)), outcome(bus, holding(200)), outcome(bus, holding(300))
        )
        assert isinstance(first, NoReply)
        assert (second, third) == ((200, 201), (300, 301))
        assert bus.late == 9  # the late reply was seen, and thrown away
        assert slave.requests[1][0] > slave.sent[0]


async def test_late_reply_of_another_shape_is_not_taken(tmp_path: Path) -> None:
    """A function-4 reply with 2 registers while function 3 with 10 is asked (row 1b)."""

    def script(frame: bytes) -> Parts:
        return [(0.002, registers(1, 4, [7, 8])), (0.02, obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(50, 10)) == tuple(range(50, 60))


async def test_reply_of_another_unit_is_passed_over(tmp_path: Path) -> None:
    """Row 1c: somebody else's late reply, then the right one."""

    def script(frame: bytes) -> Parts:
        return [(0.002, registers(2, 3, [7, 8])), (0.02, obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(50)) == (50, 51)


async def test_reply_without_request_is_dropped(tmp_path: Path) -> None:
    """Row 1d: characters on an idle line belong to nobody."""
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        slave.send(registers(1, 3, [666, 667]))
        await asyncio.sleep(0.02)
        assert await outcome(bus, holding(50)) == (50, 51)
        assert bus.late == 9


async def test_device_always_slower_than_the_timeout_never_gives_wrong_values(
    tmp_path: Path,
) -> None:
    """Row 1e: what library retries turn into shifted values is a row of plain failures here."""
    async with serial_bus(tmp_path, reply_after(0.08), timing=LATE) as (bus, _):
        results = [await outcome(bus, holding(a)) for a in (100, 200, 300)]
        assert [type(result) for result in results] == [NoReply] * 3
        assert bus.stats[1].no_reply == 3


async def test_cancelled_call_leaves_no_reply_behind(tmp_path: Path) -> None:
    """Row 1f: the caller gives up, the transaction does not."""
    async with serial_bus(tmp_path, reply_after(0.04)) as (bus, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await bus.transact(holding(100))
        assert await outcome(bus, holding(200)) == (200, 201)


async def test_cancelled_before_its_turn_is_never_sent(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.04)) as (bus, slave):
        running = asyncio.create_task(bus.transact(holding(100)))
        waiting = asyncio.create_task(bus.transact(holding(200)))
        await until(lambda: len(slave.requests) == 1)
        waiting.cancel()
        assert (await running).words == (100, 101)
        assert await outcome(bus, holding(300)) == (300, 301)
        assert len(slave.requests) == 2


@pytest.mark.parametrize("unit", [1, 2, 3])
@pytest.mark.parametrize(
    "garbage",
    [b"\x00", b"\x03", b"\x01\x03", b"\x01\x83\x02", b"\x55\xaa", b"\xff\xff\xff"],
    ids=lambda data: data.hex(),
)
async def test_garbage_before_a_good_frame_costs_nothing(
    tmp_path: Path, unit: int, garbage: bytes
) -> None:
    """Row 3."""

    def script(frame: bytes) -> Parts:
        return [(0.002, garbage + obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(100, 3, unit)) == (100, 101, 102)


async def test_hole_inside_a_frame_is_bridged(tmp_path: Path) -> None:
    """Row 3b: USB adapters deliver in batches."""

    def script(frame: bytes) -> Parts:
        reply = obey(frame)
        return [(0.002, reply[:3]), (0.04, reply[3:])]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(100, 3)) == (100, 101, 102)


def _flip(data: bytes) -> bytes:
    return data[:4] + bytes((data[4] ^ 0x10,)) + data[5:]


WRONG = [
    pytest.param(lambda f: registers(1, 3, [1, 2, 3, 4, 5]), "count", id="5-registers-for-2"),
    pytest.param(lambda f: framed(b"\x01\x03\x05abcde"), "count", id="odd-byte-count"),
    pytest.param(lambda f: framed(b"\x01\x03\x04\x00\x07"), "count", id="byte-count-lies"),
    pytest.param(lambda f: registers(2, 3, [1, 2]), "unit", id="other-unit"),
    pytest.param(lambda f: registers(1, 4, [1, 2]), "function", id="other-function"),
    pytest.param(lambda f: _flip(obey(f)), "crc", id="one-bit-wrong"),
    pytest.param(lambda f: obey(f)[:-1], "short", id="last-character-missing"),
    pytest.param(lambda f: obey(f) + obey(f), "count", id="two-replies-at-once"),
    pytest.param(lambda f: framed(b"\x01\x80\x01"), "function", id="function-0x80"),
]


@pytest.mark.parametrize(("wrong", "kind"), WRONG)
async def test_wrong_replies_are_told_apart(tmp_path: Path, wrong: Script, kind: str) -> None:
    """Rows 3c, 3g, 3h; the next request is answered rightly all the same."""

    def first(frame: bytes) -> Parts:
        return [(0.002, bytes(wrong(frame)))]  # type: ignore[arg-type] # gives the bytes alone

    async with serial_bus(tmp_path, in_turn(first, reply_after(0.002))) as (bus, _):
        error = await outcome(bus, holding(100))
        assert isinstance(error, Garbled)
        assert error.kind == kind
        assert await outcome(bus, holding(200)) == (200, 201)


async def test_glitch_of_the_transceiver_after_a_reply_is_harmless(tmp_path: Path) -> None:
    def script(frame: bytes) -> Parts:
        return [(0.002, obey(frame) + b"\x00")]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(100)) == (100, 101)


async def test_exception_is_refused_with_its_code(tmp_path: Path) -> None:
    def script(frame: bytes) -> Parts:
        return [(0.002, framed(bytes((frame[0], frame[1] | 0x80, 2))))]

    async with serial_bus(tmp_path, script) as (bus, _):
        error = await outcome(bus, holding(100))
        assert isinstance(error, Refused)
        assert error.exception_code == 2
        assert bus.stats[1].exception == 1


def coil(value: int = 0) -> Request:
    return Request(unit=3, function=Function.WRITE_COIL, address=0, values=(value,))


async def test_write_is_not_confirmed_by_our_own_echo(tmp_path: Path) -> None:
    """Row 5: an adapter that hears itself, and no device."""
    async with serial_bus(tmp_path, lambda frame: [(0.001, frame)]) as (bus, _):
        with pytest.raises(Garbled) as first:
            await bus.transact(coil())
        assert first.value.kind == "echo"
        with pytest.raises(NoReply):
            await bus.transact(coil())
        assert (bus.stats[3].echo, bus.stats[3].no_reply, bus.stats[3].ok) == (1, 1, 0)


async def test_echo_is_told_from_the_reply(tmp_path: Path) -> None:
    def script(frame: bytes) -> Parts:
        return [(0.001, frame), (0.01, obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        assert await outcome(bus, holding(100)) == (100, 101)
        write = Request(
            unit=1, function=Function.WRITE_REGISTERS, address=7, count=2, values=(1, 2)
        )
        assert await outcome(bus, write) == ()
        assert (await bus.transact(coil())).words == ()


async def test_write_without_echo_is_confirmed(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        await bus.transact(coil(0xFF00))
        assert len(slave.requests) == 2  # one read proved that the line has no echo
        await bus.transact(coil())
        assert len(slave.requests) == 3


async def test_broadcast_waits_for_the_devices_not_for_a_reply(tmp_path: Path) -> None:
    timing = Timing(timeout_s=1.0, worst_latency_s=1.0, broadcast_turnaround_s=0.08)
    async with serial_bus(tmp_path, lambda frame: [], timing=timing) as (bus, slave):
        off = Request(unit=0, function=Function.WRITE_COIL, address=0, values=(0,))
        for _ in range(3):
            await bus.transact(off)
        times = [at for at, _ in slave.requests]
        assert all(b - a >= 0.08 for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("baud", "silence_s"), [(9600, 0.00364), (19200, 0.00182), (115200, 0.00175)]
)
async def test_silence_between_frames_is_kept(tmp_path: Path, baud: int, silence_s: float) -> None:
    """Row 6: from the last character of a reply to the first of the next request."""
    async with serial_bus(tmp_path, reply_after(0.002), baud=baud) as (bus, slave):
        for address in range(20):
            await bus.transact(holding(address))
        asked = [at for at, _ in slave.requests][1:]
        assert min(a - b for a, b in zip(asked, slave.sent, strict=False)) >= silence_s


async def test_port_that_vanishes_fails_at_once_and_comes_back(tmp_path: Path) -> None:
    """Row 7: mid-request; the same symlink leads to the new port."""
    slow = Timing(timeout_s=3.0, worst_latency_s=3.0)
    async with serial_bus(tmp_path, lambda frame: []) as (bus, slave):
        bus.set_timing(1, slow)
        changes: list[bool] = []
        bus.on_change = lambda changed: changes.append(changed.up)
        asked = asyncio.create_task(bus.transact(holding(100)))
        queued = asyncio.create_task(bus.transact(holding(200), Priority.COMMAND))
        await until(lambda: len(slave.requests) == 1)
        slave.unplug()
        for call in (asked, queued):
            with pytest.raises(BusDown):
                async with asyncio.timeout(0.5):
                    await call
        assert not bus.up
        with pytest.raises(BusDown, match="line1"):
            await bus.transact(holding(1))
        bus.set_timing(1, Timing(timeout_s=0.1, worst_latency_s=0.1))
        slave.script = reply_after(0.002)
        slave.plug()
        assert await until(lambda: bus.up) < 1.3
        assert await outcome(bus, holding(100)) == (100, 101)
        assert changes == [False, True]
        assert bus.stats[1].port_gone == 3


async def test_port_that_vanishes_while_idle_is_noticed(tmp_path: Path) -> None:
    async with serial_bus(tmp_path, reply_after(0.002)) as (bus, slave):
        slave.unplug()
        assert await until(lambda: not bus.up) < 0.5
        assert "port" in bus.down_reason


async def test_line_that_never_falls_silent_is_named_and_comes_back(tmp_path: Path) -> None:
    """A wrong baud rate or a device gone mad: callers are told, nobody waits for ever."""
    async with serial_bus(tmp_path, lambda frame: []) as (bus, slave):

        async def chatter() -> None:
            while True:
                slave.send(b"\x5a" * 8)
                await asyncio.sleep(0.01)

        noise = asyncio.create_task(chatter())
        async with asyncio.timeout(4):
            assert isinstance(await outcome(bus, holding(1)), Garbled | BusDown)
            await until(lambda: not bus.up)
        assert "never falls silent" in bus.down_reason
        noise.cancel()
        slave.script = reply_after(0.002)
        await until(lambda: bus.up, 3.0)
        assert await outcome(bus, holding(1)) == (1, 2)
