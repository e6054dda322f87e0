"""The simulator's only clock."""

from __future__ import annotations

import time


def now_s() -> float:
    """CLOCK_BOOTTIME seconds: monotonic, comparable between processes of one machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class PlantClock:
    """The plant's time: the simulator's, `speed` times faster from `start_s` on."""

    def __init__(self, start_s: float, speed: float) -> None:
        self.speed = speed
        self._start_s = start_s

    def plant_s(self, at_s: float) -> float:
        """The plant's time at `at_s` of the simulator."""
        if self.speed == 1.0:
            return at_s  # to the last bit: nothing is rounded
        return self._start_s + (at_s - self._start_s) * self.speed

    def line_s(self, at_s: float) -> float:
        """The simulator's time at `at_s` of the plant."""
        if self.speed == 1.0:
            return at_s
        return self._start_s + (at_s - self._start_s) / self.speed
