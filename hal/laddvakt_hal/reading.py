"""A value from the hardware, with what makes it trustworthy: its quality and when it was taken."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Quality(enum.Enum):
    """How far a reading may be believed."""

    GOOD = "good"
    STALE = "stale"  # the last read failed; the value is the one before, with its own time
    IMPLAUSIBLE = "implausible"  # outside the range the profile allows
    REFUSED = "refused"  # the device answered with a Modbus exception
    ABSENT = "absent"  # never read, or the device says "no value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T_co]):
    """One value as it was taken; it can age, but never become new again.

    `taken_at_s` is CLOCK_BOOTTIME at the last character of the reply that carried the value.
    Value and time are both present or both `None`; only STALE and GOOD readings carry a value.
    """

    value: T_co | None
    quality: Quality
    taken_at_s: float | None

    def __post_init__(self) -> None:
        """Refuse a reading that could pass an old or missing value for a good one.

        Raises:
            ValueError: value and time are not both present, or the quality contradicts them.
        """
        carries = self.quality in (Quality.GOOD, Quality.STALE)
        if (self.value is None) != (self.taken_at_s is None) or (self.value is not None) != carries:
            raise ValueError(f"contradictory reading: {self!r}")

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the value was taken, `None` without a value."""
        return None if self.taken_at_s is None else now_s - self.taken_at_s


def good(value: T, taken_at_s: float) -> Reading[T]:
    """A value just taken from a verified reply."""
    return Reading(value=value, quality=Quality.GOOD, taken_at_s=taken_at_s)


def stale(previous: Reading[T]) -> Reading[T]:
    """The previous value after a failed read: same time, no longer good."""
    if previous.value is None:
        return previous
    return Reading(value=previous.value, quality=Quality.STALE, taken_at_s=previous.taken_at_s)


def missing(quality: Quality = Quality.ABSENT) -> Reading[T]:
    """No value: absent, refused or implausible."""
    return Reading(value=None, quality=quality, taken_at_s=None)
