"""How many replies of a line come broken, over the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from laddvakt_hal.stats import DeviceStats

WINDOW_S = 300.0
EVERY_S = 10.0
FEW = 100  # requests; a share of fewer says nothing


@dataclass(slots=True)
class LineNoise:
    """Counters of one line, kept for a window."""

    _marks: deque[tuple[float, int, int]] = field(default_factory=deque)  # when, asked, broken

    def note(self, devices: Iterable[DeviceStats], now_s: float) -> None:
        """Take the counters down; more often than each 10 s is not needed."""
        if self._marks and now_s < self._marks[-1][0] + EVERY_S:
            return
        asked = broken = 0
        for stats in devices:
            asked += stats.requests
            broken += stats.crc + stats.short
        self._marks.append((now_s, asked, broken))
        while now_s - self._marks[0][0] > WINDOW_S:
            self._marks.popleft()

    def share(self) -> float | None:
        """Broken replies among those asked for, 0…1; `None` while too few were."""
        if not self._marks:
            return None
        asked = self._marks[-1][1] - self._marks[0][1]
        return (self._marks[-1][2] - self._marks[0][2]) / asked if asked >= FEW else None
