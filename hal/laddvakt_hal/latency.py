"""How soon a device usually answers, and how long it is worth waiting for it."""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_hal.settings import Timing

FLOOR_S = 0.1  # a busy host and a USB adapter together hold characters back for tens of ms
_FACTOR = 4.0
_KEPT = 32
_FEW = 8  # measurements before they are trusted
_GAIN = 1 / 8


class Latency:
    """The first-character latency of one unit, measured from its request's end."""

    def __init__(self) -> None:
        self._filtered_s = 0.0
        self._lasts_s: deque[float] = deque(maxlen=_KEPT)
        self._trusted = 0  # good replies since the last silence

    def note(self, latency_s: float) -> None:
        """A reply began `latency_s` after its request ended."""
        latency_s = max(0.0, latency_s)
        first = not self._lasts_s
        self._filtered_s += latency_s if first else _GAIN * (latency_s - self._filtered_s)
        self._lasts_s.append(latency_s)
        self._trusted += 1

    def note_silence(self) -> None:
        """No reply came: it may have become slow, so wait as long as its profile says again."""
        self._trusted = 0

    def timeout_s(self, timing: Timing) -> float:
        """How long to wait for the first character: never longer than the profile's timeout."""
        if self._trusted < _FEW:
            return timing.timeout_s
        wanted_s = _FACTOR * max(self._filtered_s, max(self._lasts_s) / 2)
        return min(timing.timeout_s, max(FLOOR_S, wanted_s))

    @property
    def median_s(self) -> float | None:
        """The usual latency, `None` before the first reply."""
        return statistics.median(self._lasts_s) if self._lasts_s else None
