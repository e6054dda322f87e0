"""Readings made from readings, pure: never newer or better than what they are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from laddvakt_hal.reading import Quality, Reading, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

S = TypeVar("S")
T = TypeVar("T")


def derive(reading: Reading[S], convert: Callable[[S], T]) -> Reading[T]:
    """The same reading with another value; quality and time stay."""
    if reading.value is None:
        return missing(reading.quality)
    return Reading(
        value=convert(reading.value), quality=reading.quality, taken_at_s=reading.taken_at_s
    )


def together(readings: Sequence[Reading[S]]) -> Reading[tuple[S | None, ...]]:
    """Several readings as one: the oldest time, the worst quality.

    A value the device declares absent is `None`; one that is refused or implausible spoils all.
    """
    for quality in (Quality.REFUSED, Quality.IMPLAUSIBLE):
        if any(reading.quality is quality for reading in readings):
            return missing(quality)
    times = [reading.taken_at_s for reading in readings if reading.taken_at_s is not None]
    if not times:
        return missing()
    old = any(reading.quality is Quality.STALE for reading in readings)
    return Reading(
        value=tuple(reading.value for reading in readings),
        quality=Quality.STALE if old else Quality.GOOD,
        taken_at_s=min(times),
    )


def total(readings: Sequence[Reading[float]]) -> Reading[float]:
    """The sum; absent as soon as one part is."""
    parts = together(readings)
    if parts.value is None or any(part is None for part in parts.value):
        return missing(parts.quality if parts.value is None else Quality.ABSENT)
    return derive(parts, lambda values: sum(value for value in values if value is not None))


def number(reading: Reading[bool | int | float | str]) -> Reading[float]:
    """A reading known to be numeric, as a float."""
    return derive(reading, float)


def whole(reading: Reading[bool | int | float | str]) -> Reading[int]:
    """A reading known to be a whole number."""
    return derive(reading, int)
