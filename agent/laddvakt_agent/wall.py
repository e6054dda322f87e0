"""Wall time for what others read: steady between corrections, so that nothing changes by jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CORRECTION_S = 0.25  # smaller differences are the clocks' drift, larger ones a step to follow


@dataclass(slots=True, kw_only=True)
class Wall:
    """Maps boot seconds to wall time by one offset, renewed only when the wall clock moved."""

    wall_at: Callable[[float], datetime]
    stepped_s: float = field(default=0.0, init=False)  # by how much, the last time it was
    _zero: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._zero = self.wall_at(0.0)

    def at(self, boot_s: float) -> datetime:
        """The wall time of `boot_s`, to the millisecond."""
        moment = self._zero + timedelta(seconds=boot_s)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def follow(self) -> bool:
        """Take over a step of the wall clock; True when there was one."""
        zero = self.wall_at(0.0)
        if abs((zero - self._zero).total_seconds()) <= CORRECTION_S:
            return False
        self.stepped_s = (zero - self._zero).total_seconds()
        self._zero = zero
        return True
