"""A charging profile as a ceiling: what it allows at a moment, when that changes, what is planned.

A profile allows less, never more: where it says nothing it is no limit. Times within it are
seconds since it began. Pure and total. Source: OCPI mod_charging_profiles, ChargingProfile.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core.life.limits import MIN_OFFER_A, amps
from laddvakt_agent.core.settings import Settings, Supply

_TENTH = 10.0  # limits are told with one decimal


class Unit(enum.Enum):
    """What the limits of a profile are; OCPI ChargingRateUnit."""

    WATT = "W"  # of all phases together
    AMPERE = "A"  # of each phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `start_s` on, until the next one, so much is allowed."""

    start_s: float
    limit: float  # in the profile's unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The limits over time; `steps` ascend."""

    unit: Unit
    steps: tuple[Step, ...] = ()
    duration_s: float | None = None  # it is over then; `None`: the last step goes on
    least: float | None = None  # the vehicle charges with no less: less than this is a pause


def allowed(profile: Profile, elapsed_s: float) -> float | None:
    """What it allows so long after it began, in its unit; `None`: it says nothing."""
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None
    begun = [step for step in profile.steps if step.start_s <= elapsed_s]
    if not begun:
        return None
    limit = begun[-1].limit
    return 0.0 if profile.least is not None and limit < profile.least else limit


def next_change_s(profile: Profile, elapsed_s: float) -> float | None:
    """The first moment after this one, in its own time, at which it may allow something else."""
    moments = [step.start_s for step in profile.steps]
    if profile.duration_s is not None:
        moments = [at_s for at_s in moments if at_s < profile.duration_s] + [profile.duration_s]
    return min((at_s for at_s in moments if at_s > elapsed_s), default=None)


def watt_per_ampere(settings: Settings, phases: int) -> float:
    """The power of one ampere on each of so many phases, at the nominal voltage."""
    if settings.supply is Supply.IT_3X230 and phases > 1:
        return math.sqrt(3.0) * settings.nominal_voltage_v
    return phases * settings.nominal_voltage_v


def limit_a(profile: Profile, elapsed_s: float, settings: Settings, phases: int) -> float | None:
    """What it allows on each phase, in ampere; `None`: it says nothing."""
    limit = allowed(profile, elapsed_s)
    if limit is None or profile.unit is Unit.AMPERE:
        return limit
    return limit / watt_per_ampere(settings, phases)


def holds_back(profile: Profile, settings: Settings, phases: int) -> bool:
    """Whether it begins with a pause: nobody could charge, so waiting for that has no end."""
    first_a = limit_a(profile, 0.0, settings, phases)
    return first_a is not None and amps(first_a) < MIN_OFFER_A


def planned_a(
    profile: Profile | None,
    elapsed_s: float,
    horizon_s: float,
    others_a: float,
    settings: Settings,
    phases: int,
) -> tuple[Step, ...]:
    """What will be offered if nothing but the profile changes, in ampere on each phase.

    `others_a`: what all other reasons allow now. Times count from now; the first is 0.
    """
    steps: list[Step] = []
    for at_s in _moments(profile, elapsed_s, horizon_s):
        own_a = None
        if profile is not None:
            own_a = limit_a(profile, elapsed_s + at_s, settings, phases)
        offered_a = amps(others_a if own_a is None else min(others_a, own_a))
        offered_a = offered_a if offered_a >= MIN_OFFER_A else 0.0
        if not steps or steps[-1].limit != offered_a:
            steps.append(Step(start_s=at_s, limit=offered_a))
    return tuple(steps)


def told(limit: float) -> float:
    """A limit with one decimal, never more than it is."""
    return math.floor(limit * _TENTH + 1e-6) / _TENTH if math.isfinite(limit) else 0.0


def _moments(profile: Profile | None, elapsed_s: float, horizon_s: float) -> Iterator[float]:
    yield 0.0
    at_s = None if profile is None else next_change_s(profile, elapsed_s)
    while profile is not None and at_s is not None and at_s - elapsed_s < horizon_s:
        yield at_s - elapsed_s
        at_s = next_change_s(profile, at_s)
