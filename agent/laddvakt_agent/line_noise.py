"""How many replies of a line come broken, over the last minutes, and when they begin to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from laddvakt_hal.stats import DeviceStats

WINDOW_S = 300.0
EVERY_S = 10.0
FEW = 100  # requests; a share of fewer says nothing
BURST_APART_S = 5.0  # broken replies so close together are one burst
_BURSTS = 20


@dataclass(slots=True)
class LineNoise:
    """Counters of one line, kept for a window."""

    _marks: deque[tuple[float, int, int]] = field(default_factory=deque)  # when, asked, broken
    _bursts: deque[float] = field(default_factory=lambda: deque(maxlen=_BURSTS))
    _broken: int | None = None  # at the last look
    _broken_s: float | None = None  # when it last grew

    @property
    def bursts_s(self) -> tuple[float, ...]:
        """When bursts of broken replies were first seen, the newest last."""
        return tuple(self._bursts)

    def note(self, devices: Iterable[DeviceStats], now_s: float) -> None:
        """Take the counters down; to be called about once a second: so late are bursts seen."""
        asked = broken = 0
        for stats in devices:
            asked += stats.requests
            broken += stats.crc + stats.short
        self._note_burst(broken, now_s)
        if self._marks and now_s < self._marks[-1][0] + EVERY_S:
            return
        self._marks.append((now_s, asked, broken))
        while now_s - self._marks[0][0] > WINDOW_S:
            self._marks.popleft()

    def _note_burst(self, broken: int, now_s: float) -> None:
        before, self._broken = self._broken, broken
        if before is None or broken <= before:
            return
        if self._broken_s is None or now_s > self._broken_s + BURST_APART_S:
            self._bursts.append(now_s)
        self._broken_s = now_s

    def share(self) -> float | None:
        """Broken replies among those asked for, 0…1; `None` while too few were."""
        if not self._marks:
            return None
        asked = self._marks[-1][1] - self._marks[0][1]
        return (self._marks[-1][2] - self._marks[0][2]) / asked if asked >= FEW else None
