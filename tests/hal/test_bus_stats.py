"""Counters, percentiles, timeouts and RTS levels, each by itself."""

from __future__ import annotations

import pytest

from hal.image_kernel import ImageKernel
from hal.slave import registers
from laddvakt_hal import rs485
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.latency import FLOOR_S, Latency
from laddvakt_hal.repeats import CAUTIOUS_S, Repeats
from laddvakt_hal.settings import Timing
from laddvakt_hal.stats import DeviceStats

TIMING = Timing(timeout_s=1.0, worst_latency_s=2.0)


@pytest.mark.parametrize(
    ("error", "counter"),
    [
        (NoReply("x"), "no_reply"),
        (Garbled("crc", "x"), "crc"),
        (Garbled("short", "x"), "short"),
        (Garbled("unit", "x"), "wrong_unit"),
        (Garbled("echo", "x"), "echo"),
        (Garbled("function", "x"), "wrong_reply"),
        (Garbled("count", "x"), "wrong_reply"),
        (Refused(2, "x"), "exception"),
        (BusDown("x"), "port_gone"),
    ],
    ids=str,
)
def test_each_end_has_its_own_counter(error: HalError, counter: str) -> None:
    stats = DeviceStats()
    stats.count_error(error)
    names = ("no_reply", "crc", "short", "wrong_unit", "wrong_reply", "echo", "exception")
    counts = {name: getattr(stats, name) for name in (*names, "port_gone", "ok")}
    assert {name for name, count in counts.items() if count} == {counter}


@pytest.mark.parametrize(
    ("count", "p50_s", "p95_s", "p99_s"),
    [(1, 1, 1, 1), (2, 2, 2, 2), (20, 11, 20, 20), (100, 51, 96, 100), (1000, 745, 975, 995)],
)
def test_percentiles(count: int, p50_s: int, p95_s: int, p99_s: int) -> None:
    """The value that so large a share of the last 512 does not exceed, or the next above."""
    stats = DeviceStats()
    assert stats.latency_s(0.5) is None
    for value in range(1, count + 1):
        stats.count_ok(value)
    assert (stats.p50_s, stats.p95_s, stats.p99_s) == (p50_s, p95_s, p99_s)


def test_timeout_has_a_floor_and_never_exceeds_the_profile_s() -> None:
    latency = Latency()
    for _ in range(7):
        latency.note(0.01)
        assert latency.timeout_s(TIMING) == TIMING.timeout_s
    latency.note(0.01)
    assert latency.timeout_s(TIMING) == FLOOR_S
    latency.note(0.2)  # one late answer: twice its latency, as long as it is remembered
    assert latency.timeout_s(TIMING) == pytest.approx(0.4)
    for _ in range(20):
        latency.note(0.5)
    assert latency.timeout_s(TIMING) == TIMING.timeout_s
    latency.note_silence()
    assert latency.timeout_s(TIMING) == TIMING.timeout_s


@pytest.mark.parametrize("rts_on_send", [True, False])
@pytest.mark.parametrize("sending", [True, False])
def test_level_of_rts(rts_on_send: bool, sending: bool) -> None:
    kernel = ImageKernel({rs485.TIOCMBIS: rs485.RTS, rs485.TIOCMBIC: rs485.RTS})
    rs485.drive(kernel, 0, sending=sending, rts_on_send=rts_on_send)
    level = rs485.TIOCMBIS if rts_on_send == sending else rs485.TIOCMBIC
    assert kernel.asked == [(level, rs485.RTS)]


def _read(address: int) -> Request:
    return Request(unit=1, function=Function.READ_HOLDING, address=address)


def _answered(repeats: Repeats, request: Request, frame: bytes, now_s: float) -> bool:
    repeats.asking(request, now_s)
    repeats.sent(request, now_s + 1.0)
    return repeats.believe(request, frame, now_s, now_s + 0.006)


def test_what_an_old_refusal_fits_waits_as_what_an_old_value_fits() -> None:
    repeats = Repeats()
    _answered(repeats, _read(5), b"\x01\x83\x02\x00\x00", 10.0)
    wider = Request(unit=1, function=Function.READ_HOLDING, address=5, count=2)
    assert repeats.hold_until_s(wider, 10.001) == pytest.approx(10.006)
    assert repeats.hold_until_s(_read(5), 10.001) == 0.0  # the very same may go


def test_equal_answer_to_the_same_request_may_be_a_copy() -> None:
    """It is doubted, and nothing it would fit is sent until nothing old can begin."""
    repeats = Repeats()
    assert _answered(repeats, _read(5), b"\x01\x03\x02\x00\x07\x00\x00", 10.0)
    assert not _answered(repeats, _read(5), b"\x01\x03\x02\x00\x07\x00\x00", 10.002)
    assert repeats.hold_until_s(_read(9), 10.5) == pytest.approx(11.002)
    assert _answered(repeats, _read(9), b"\x01\x03\x02\x00\x07\x00\x00", 11.1)


def test_caught_unit_is_trusted_again_after_a_while() -> None:
    repeats = Repeats()
    repeats.asking(_read(5), 10.0)
    repeats.overheard(registers(1, 3, [5]), 10.0)
    assert repeats.copies == 1
    assert repeats.is_caught(1, 10.0 + CAUTIOUS_S - 1)
    assert not repeats.is_caught(1, 10.0 + CAUTIOUS_S)
