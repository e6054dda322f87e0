"""Characters of a line on the event loop, whatever carries them, with the time of the last one."""

from __future__ import annotations

import abc
import asyncio
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown
from laddvakt_hal.repeats import COPY_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.settings import Timing
    from laddvakt_hal.uart import UartCounts

# A line that chatters on for so long has a wrong rate, swapped wires or a device gone mad.
MAX_CHATTER_S = 2.0
LEAST_WAIT_S = 1e-4  # rounding must not turn a wait into a spin
_MAX_IDLE = 4096  # characters nobody asked for are counted, not hoarded
# An FTDI adapter holds characters back for up to 16 ms; one character takes 8 ms at 1200 baud.
HELD_S = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast characters move, and how far their times can be believed."""

    character_s: float
    silence_s: float  # between two frames
    hole_s: float  # the longest pause inside a frame
    is_wire: bool  # characters take their time: what comes sooner was under way before
    batch_s: float = 0.0  # how long the adapter is known to hold characters back, usually
    held_s: float = HELD_S  # from a character's beginning until we see it, at worst
    added_s: float = 0.0  # what the way there and back adds to a device's latency

    @property
    def copy_s(self) -> float:
        """From a reply's last character until the first one of a copy would have been seen."""
        return COPY_S + 2 * self.character_s + self.batch_s

    def duration_s(self, characters: int, turnaround_s: float) -> float:
        """How long a request and its reply usually hold the line, the silence after included."""
        waits_s = max(turnaround_s, self.silence_s) + self.silence_s
        return characters * self.character_s + waits_s

    def stretch(self, timing: Timing) -> Timing:
        """The device's timing as it is seen from here."""
        return _stretch(timing, self.added_s, self.held_s)


class CharacterStream(abc.ABC):
    """An open or closed line and what it delivered since the last `discard`."""

    def __init__(self, pace: Pace, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self.lost: str | None = "not open"
        self.buffer = bytearray()
        self.last_character_s = 0.0  # ours or theirs
        self.late_characters = 0  # came when nobody was owed any
        self.notes: tuple[str, ...] = ()
        self.pace = pace
        self._clock = clock
        self._wake = wake  # called when the line is lost while nobody waits
        self._waiter: asyncio.Future[bool] | None = None

    @abc.abstractmethod
    async def open(self) -> None:
        """Open and set up the line.

        Raises:
            BusDown: it is not there.
            LineSetupError: it is there, but unusable.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Give the line back."""

    @abc.abstractmethod
    async def write(self, frame: bytes) -> float:
        """Send a frame; the time its first character left.

        Raises:
            BusDown: the line is gone or takes nothing any more.
        """

    def uart(self) -> UartCounts | None:
        """The driver's error counters since the port was opened, where it keeps them."""
        return None

    async def more(self, count: int, deadline_s: float) -> bool:
        """Wait until about `count` more characters came; False when the deadline saw none.

        Raises:
            BusDown: the line is gone.
        """
        before = len(self.buffer)
        self._require()
        self._pull()
        while len(self.buffer) == before:
            self._wake_at(count)
            if not await self._wait(deadline_s):
                self._pull()
                break
        return len(self.buffer) > before

    async def drain(self, silence_s: float, pressed: Callable[[], bool] = lambda: False) -> bool:
        """Throw characters away until there were none for `silence_s`; False if cut short.

        `pressed` is asked at the beginning, when characters came and after `look`.

        Raises:
            BusDown: the line is gone, or never falls silent.
        """
        self._require()
        self._wake_at(1)
        self.discard()
        give_up_s = self._clock() + silence_s + MAX_CHATTER_S
        while (now_s := self._clock()) < (until_s := self.last_character_s + silence_s):
            if now_s > give_up_s:
                raise self.never_silent()
            if pressed():
                return False
            await self._wait(until_s)
            self.discard()
        return True

    def look(self) -> None:
        """Let whoever waits look again whether it must."""
        if self._waiter is not None:
            _release(self._waiter, True)

    def never_silent(self) -> BusDown:
        """Give the line up as one that chatters on and on."""
        return self._lose("the line never falls silent; check baud rate, wiring, termination")

    def discard(self) -> bytes:
        """Empty buffer and line; what nobody was waiting for is counted and returned.

        Raises:
            BusDown: the line is gone.
        """
        self._pull()
        self._require()
        if not self.buffer:
            return b""
        unsolicited = bytes(self.buffer)
        self.late_characters += len(unsolicited)
        self.buffer.clear()
        return unsolicited

    def _take(self, data: bytes) -> None:
        """Add what came, note when, and tell whoever waits."""
        if self._waiter is None and len(self.buffer) > _MAX_IDLE:
            self.late_characters += len(self.buffer)
            self.buffer.clear()
        self.buffer += data
        self.last_character_s = self._clock()

    async def _wait(self, deadline_s: float) -> bool:
        """True when characters came; False at the deadline."""
        self._require()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiter = waiter
        wait_s = max(LEAST_WAIT_S, deadline_s - self._clock())
        timer = loop.call_later(wait_s, _release, waiter, False)
        try:
            came = await waiter
        finally:
            timer.cancel()
            self._waiter = None
        self._require()
        return came

    def _tell(self) -> None:
        """Release whoever waits; a line lost while nobody waits wakes the bus."""
        if self._waiter is not None:
            _release(self._waiter, True)
        elif self.lost is not None:
            self._wake()

    @abc.abstractmethod
    def _pull(self) -> None:
        """Take what is there without waiting; a line that ends is lost."""

    @abc.abstractmethod
    def _wake_at(self, count: int) -> None:
        """Let `_wait` return when about so many characters are there."""

    @abc.abstractmethod
    def _lose(self, reason: str) -> BusDown:
        """Note that the line is gone; it is read no more, and closed by `close`."""

    def _require(self) -> None:
        if self.lost is not None:
            raise BusDown(self.lost)


def _release(waiter: asyncio.Future[bool], came: bool) -> None:
    if not waiter.done():
        waiter.set_result(came)


@lru_cache(maxsize=256)
def _stretch(timing: Timing, added_s: float, held_s: float) -> Timing:
    return replace(
        timing,
        timeout_s=timing.timeout_s + added_s,
        worst_latency_s=timing.worst_latency_s + added_s + held_s,
    )
