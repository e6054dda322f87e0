"""When a device may be asked again: its own delays, and the pause a change of unit needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_hal.frame import Request
    from laddvakt_hal.settings import Timing


class Readiness:
    """The delays that run on one line; times are the bus's clock, in seconds."""

    def __init__(self) -> None:
        self._ready_s: dict[int, float] = {}
        self._read_s: dict[int, float] = {}
        self._last_unit: int | None = None
        self._ended_s = 0.0

    def unit_s(self, unit: int) -> float:
        """When the unit's own delays allow the next planned read."""
        return max(self._ready_s.get(unit, 0.0), self._read_s.get(unit, 0.0))

    def request_s(self, request: Request) -> float:
        """When the unit's own delays allow this request: writes do not wait between reads."""
        if request.is_read:
            return self.unit_s(request.unit)
        return self._ready_s.get(request.unit, 0.0)

    def change_s(self, unit: int, timing: Timing) -> float:
        """When the line has paused long enough for a unit that was not the last one asked."""
        if not timing.unit_change_s or self._last_unit in (None, unit):
            return 0.0
        return self._ended_s + timing.unit_change_s

    def done(self, request: Request, timing: Timing, now_s: float) -> None:
        """A transaction ended."""
        self._last_unit, self._ended_s = request.unit, now_s
        if timing.min_delay_s:
            self._ready_s[request.unit] = now_s + timing.min_delay_s
        if timing.read_interval_s and request.is_read:
            self._read_s[request.unit] = now_s + timing.read_interval_s
