"""A serial line in memory: characters that take their time, an adapter, a port that can go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from laddvakt_hal.errors import BusDown
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.stream import CharacterStream, Pace

BATCH_S = 0.016
Heard = Callable[[bytes, float], None]  # a request and when its last character arrived


def pace_of(settings: SerialSettings, *, is_wire: bool, batches: bool) -> Pace:
    """A line whose characters' times tell something, or one behind a converter."""
    return Pace(
        character_s=settings.character_s,
        silence_s=settings.silence_s,
        hole_s=0.05,
        is_wire=is_wire,
        batch_s=BATCH_S if batches else 0.0,
    )


class _Talk:
    """Somebody's characters; the first is complete one character time after `begins_s`."""

    __slots__ = ("at_once", "begins_s", "character_s", "data", "taken")

    def __init__(self, begins_s: float, data: bytes, character_s: float, *, at_once: bool) -> None:
        self.begins_s = begins_s
        self.character_s = character_s
        self.data = data
        self.taken = 0
        self.at_once = at_once  # an adapter that delivers whole batches

    def ends_s(self) -> float:
        return self.begins_s + len(self.data) * self.character_s

    def here(self, now_s: float) -> int:
        """Characters delivered by now."""
        if self.at_once:
            return len(self.data) if now_s >= self.ends_s() - 1e-9 else 0
        complete = (now_s - self.begins_s) / self.character_s + 1e-6
        return max(0, min(len(self.data), int(complete)))

    def when(self, count: int) -> float:
        """When so many are complete."""
        return self.ends_s() if self.at_once else self.begins_s + count * self.character_s


class MemoryLine(CharacterStream):
    """`SerialStream` without a port: `heard` is told of every request, `talk` answers."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None], pace: Pace
    ) -> None:
        super().__init__(pace, loop.time, wake)
        self.heard: Heard | None = None
        self.echo = False
        self.plugged = True
        self.opened = 0
        self.batches = pace.batch_s > 0  # an adapter that hands out what it has every 16 ms
        self._loop = loop
        self._talks: list[_Talk] = []
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        if not self.plugged:
            raise BusDown("memory: port missing")
        self.lost = None
        self.opened += 1
        self.buffer.clear()
        self.last_character_s = self._clock()

    def close(self) -> None:
        self._cancel()
        self.lost = self.lost or "closed"

    async def write(self, frame: bytes) -> float:
        self._require()
        sent_at_s = self._clock()
        self.last_character_s = sent_at_s + len(frame) * self.pace.character_s
        if self.echo:
            self.talk(sent_at_s, frame)
        if self.heard is not None:
            self.heard(frame, self.last_character_s)
        return sent_at_s

    def talk(self, begins_s: float, data: bytes, *, at_once: bool = False) -> None:
        """Characters on the line from `begins_s` on; two that talk at once damage each other."""
        new = _Talk(begins_s, data, self.pace.character_s, at_once=at_once)
        for other in self._talks:
            _collide(other, new)
        self._talks.append(new)
        self._talks.sort(key=lambda talk: talk.begins_s)
        if self._waiter is not None:
            self._arm(1)

    def unplug(self) -> None:
        """The adapter is pulled out."""
        self.plugged = False
        self._lose("memory: port lost")
        self._tell()

    def plug(self) -> None:
        """It is back; what was said meanwhile is gone."""
        self.plugged = True
        self._drop()

    def _pull(self) -> None:
        if self.lost is not None:
            return
        now_s = self._seen_s()
        came = bytearray()
        for talk in self._talks:
            here = talk.here(now_s)
            if here > talk.taken:
                came += talk.data[talk.taken : here]
                talk.taken = here
        if came:
            self._talks = [talk for talk in self._talks if talk.taken < len(talk.data)]
            self._take(bytes(came))

    def _wake_at(self, count: int) -> None:
        self._arm(count)

    def _arm(self, count: int) -> None:
        """Tell when `count` characters more are here, whoever sends them."""
        self._cancel()
        missing = count
        when_s: float | None = None
        for talk in self._talks:
            left = len(talk.data) - talk.taken
            when_s = talk.when(talk.taken + min(left, missing))
            missing -= left
            if missing <= 0:
                break
        if when_s is not None and missing <= 0:
            if self.batches:
                when_s = (when_s // BATCH_S + 1) * BATCH_S + 1e-6
            self._timer = self._loop.call_at(when_s, self._arrived)

    def _arrived(self) -> None:
        self._pull()
        self._tell()
        self._arm(1)

    def _seen_s(self) -> float:
        """Until when the adapter has told us what came."""
        now_s = self._clock()
        return now_s // BATCH_S * BATCH_S if self.batches else now_s

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self) -> None:
        now_s = self._clock()
        for talk in self._talks:
            talk.taken = max(talk.taken, talk.here(now_s))
        self._talks = [talk for talk in self._talks if talk.taken < len(talk.data)]

    def _lose(self, reason: str) -> BusDown:
        self._cancel()
        self.lost = self.lost or reason
        return BusDown(self.lost)


def _collide(one: _Talk, two: _Talk) -> None:
    """Where both talk, neither is understood."""
    begins_s = max(one.begins_s, two.begins_s)
    ends_s = min(one.ends_s(), two.ends_s())
    character_s = one.character_s
    if ends_s - begins_s < character_s / 100:
        return
    for talk in (one, two):
        first = int((begins_s - talk.begins_s) / character_s)
        last = min(len(talk.data), int((ends_s - talk.begins_s) / character_s) + 1)
        spoilt = bytes(
            byte ^ (0x5B + index) & 0xFF for index, byte in enumerate(talk.data[first:last])
        )
        talk.data = talk.data[:first] + spoilt + talk.data[last:]
