"""What the bus notices, counts and says of its line; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from hal.slave import framed, obey
from hal.virtual.rig import Rig, on_rig, write
from laddvakt_hal.echo import Echo
from laddvakt_hal.errors import Garbled, NoReply, Refused
from laddvakt_hal.tap import Frame


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


@pytest.mark.parametrize(
    ("before", "kind"), [(b"", None), (b"\x00", None), (b"\x01\x03\x5a", "echo")], ids=repr
)
def test_write_is_confirmed_once_no_echo_is_certain(before: bytes, kind: str | None) -> None:
    """What stands before a reply may be the rest of a damaged echo, but for a transceiver's."""

    async def test(rig: Rig) -> None:
        rig.link._echo = Echo(None)
        rig.answer = lambda frame: obey(frame) if frame[1] == 6 else before + obey(frame)
        if kind is None:
            await rig.bus.transact(write(1, 7))
            assert rig.link._echo.known is False
            return
        with pytest.raises(Garbled) as caught:
            await rig.bus.transact(write(1, 7))
        assert caught.value.kind == kind
        before_it = rig.answer
        rig.answer = obey
        await rig.bus.transact(write(1, 7))
        rig.answer = before_it
        await rig.bus.transact(write(1, 7))

    on_rig(test)
