"""Wall time for what others read: steady between corrections, so that nothing changes by jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from laddvakt_agent.published import TimeBasis

CORRECTION_S = 0.25  # smaller differences are the clocks' drift, larger ones a step to follow


@dataclass(slots=True, kw_only=True)
class Wall:
    """Maps boot seconds to wall time by one offset, renewed only when more became known.

    `take_step_s`: by how much the wall clock itself was stepped since it was last asked. That is
    not always followed: what was synchronised once is better known than what somebody sets.
    """

    wall_at: Callable[[float], datetime]
    take_step_s: Callable[[], float] | None = None
    boot_id: str = ""
    stepped_s: float = field(default=0.0, init=False)  # of the wall clock, at the last look
    _zero: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._zero = self.wall_at(0.0)

    @property
    def zero(self) -> datetime:
        """The wall time of this boot's second 0."""
        return self._zero

    @property
    def basis(self) -> TimeBasis:
        """What the times are made with now."""
        return TimeBasis(boot_id=self.boot_id, zero=self._zero)

    def at(self, boot_s: float) -> datetime:
        """The wall time of `boot_s`, to the millisecond."""
        return to_ms(self._zero + timedelta(seconds=boot_s))

    def follow(self) -> bool:
        """Look at the clock once more; True when the times of this boot have moved."""
        zero = self.wall_at(0.0)
        moved_s = (zero - self._zero).total_seconds()
        self.stepped_s = moved_s if abs(moved_s) > CORRECTION_S else 0.0
        if self.take_step_s is not None:
            self.stepped_s = self.take_step_s()
        if abs(moved_s) <= CORRECTION_S:
            return False
        self._zero = zero
        return True


def to_ms(moment: datetime) -> datetime:
    """A moment to the millisecond, as others are told it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
