"""Words that the rows of the catalogue share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HOUR_S = 3600.0
DAY_S = 86400.0
WEEK_S = 7 * DAY_S

Limits = tuple[float, float]


def values(**named: float) -> Mapping[str, float]:
    """A detector's thresholds by name; the name ends in the unit."""
    return MappingProxyType(named)


def limits(**named: Limits) -> Mapping[str, Limits]:
    """How far the configuration may move each parameter: lowest and highest."""
    return MappingProxyType(named)


def choices(**named: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """The words the configuration may say for each parameter, the default first."""
    return MappingProxyType(named)


def budget(retries: int, window_s: float) -> dict[str, Limits]:
    """The limits of a budget: fewer reclosures or a longer window are allowed, never more."""
    longest_s = DAY_S if window_s < DAY_S else WEEK_S
    return {"retries": (0.0, float(retries)), "window_s": (window_s, longest_s)}
