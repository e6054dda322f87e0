"""Buses with one defence taken out each: the schedules must notice every one of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from hal.virtual.line import MemoryLine
from hal.virtual.schedule import ALL, Focus, Parts
from laddvakt_hal import echo, repeats, rtu_turn, serial_link, silence
from laddvakt_hal.bus import Bus
from laddvakt_hal.frame import (
    Found,
    Missing,
    Request,
    crc16,
    rtu_reply_length,
)
from laddvakt_hal.turns import Entry

Mutant = Callable[[], contextlib.AbstractContextManager[Parts]]


@contextmanager
def no_drain_after_timeout() -> Iterator[Parts]:
    """The next request leaves while the last reply is still owed."""

    class Impatient(MemoryLine):
        async def drain(
            self, silence_s: float, pressed: Callable[[], bool] = lambda: False
        ) -> bool:
            self.discard()
            return True

    yield Parts(line=Impatient)


@contextmanager
def no_drain_after_cancel() -> Iterator[Parts]:
    """A caller that gives up takes its transaction with it, as most libraries do."""

    class Fickle(Bus):
        async def _carry_out(self, entry: Entry) -> None:
            work = asyncio.ensure_future(super()._carry_out(entry))
            gone = asyncio.Event()
            entry.future.add_done_callback(lambda _: gone.set())
            waiting = asyncio.ensure_future(gone.wait())
            try:
                await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if entry.future.cancelled() and not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
            else:
                await work

    yield Parts(bus=Fickle)


def _lax(*, unit: bool, function: bool) -> Callable[[bytes | bytearray, Request], Found | Missing]:
    """A frame search that compares only what it is told to."""

    def scan(buffer: bytes | bytearray, request: Request) -> Found | Missing:
        length = rtu_reply_length(request)
        for start in range(len(buffer) - length + 1):
            frame = bytes(buffer[start : start + length])
            right_unit = frame[0] == request.unit or not unit
            right_function = frame[1] == request.function or not function
            if right_unit and right_function and crc16(frame) == 0:
                pdu = bytes((request.function,)) + frame[2:-2]
                return Found(start, start + length, pdu)
        return Missing(1)

    return scan


@contextmanager
def any_unit() -> Iterator[Parts]:
    with patch.object(serial_link, "scan", _lax(unit=False, function=True)):
        yield Parts()


@contextmanager
def any_function() -> Iterator[Parts]:
    with patch.object(serial_link, "scan", _lax(unit=True, function=False)):
        yield Parts()


@contextmanager
def no_trailing_check() -> Iterator[Parts]:
    with patch.object(serial_link, "trailing_is_glitch", lambda rest: True):
        yield Parts()


@contextmanager
def never_cautious() -> Iterator[Parts]:
    """A unit caught repeating itself is trusted as before."""

    class Forgiving(repeats.Repeats):
        def rest_until_s(self, unit: int, now_s: float) -> float:
            return self._rest_s.get(unit, 0.0)

    with patch.object(serial_link, "Repeats", Forgiving):
        yield Parts()


@contextmanager
def no_gap_for_copies() -> Iterator[Parts]:
    """A request may leave while a copy of a reply that fits it is about to come."""

    class Hasty(repeats.Repeats):
        def hold_until_s(self, request: Request, now_s: float) -> float:
            return self.rest_until_s(request.unit, now_s)

    with patch.object(serial_link, "Repeats", Hasty):
        yield Parts()


@contextmanager
def nothing_is_too_soon() -> Iterator[Parts]:
    """What was under way before the request had left is taken for its reply."""
    with patch.object(rtu_turn.Turn, "is_too_soon", lambda self, found: False):
        yield Parts()


@contextmanager
def echo_is_a_reply() -> Iterator[Parts]:
    """The first read is taken for the proof that there is no echo."""

    def learn(self: echo.Echo, turn: rtu_turn.Turn, found: Found) -> None:
        self.known = False

    with patch.object(echo.Echo, "learn", learn):
        yield Parts()


@contextmanager
def everything_passes_a_silence() -> Iterator[Parts]:
    """Any command cuts the silence after a failure short, not only what no old reply can fit."""
    with patch.object(silence, "may_pass", lambda command, failed: True):
        yield Parts()


COPIES = Focus(kinds=("copied",), baud=115200, units=(1, 2), alike=True, plain=True)
MUTANTS: dict[Mutant, Focus] = {
    no_drain_after_timeout: ALL,
    no_drain_after_cancel: ALL,
    any_unit: ALL,
    any_function: ALL,
    no_trailing_check: ALL,
    never_cautious: COPIES,
    no_gap_for_copies: COPIES,
    nothing_is_too_soon: replace(COPIES, baud=9600, is_wire=True, copy_within_s=0.011),
    everything_passes_a_silence: Focus(kinds=("late", "wrong_unit"), alike=True, plain=True),
    echo_is_a_reply: Focus(kinds=("request_lost",), is_wire=False, echo=True, alike=True),
}
