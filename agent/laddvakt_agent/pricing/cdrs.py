"""A CDR, or as little of one as prices need, as periods for the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.errors import NotPriceable
from laddvakt_agent.pricing.zones import micros
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs import sessions as ocpi
from laddvakt_agent.uplink.version import Version

_HOUR_S = 3600
_FOUR = Fraction(_HOUR_S, 2 * 10**4)  # half of what the fourth decimal of an hour stands for
_THREE = Fraction(_HOUR_S, 2 * 10**3)
_SECOND_US = 1_000_000
_TIMES = ("TIME", "PARKING_TIME", "RESERVATION_TIME")
LONGEST = timedelta(days=366)  # some tell 1970 for what they do not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a CDR says of its course."""

    started_at: datetime
    ended_at: datetime
    periods: tuple[ocpi.ChargingPeriod, ...]

    @property
    def length_s(self) -> Fraction:
        """Of the session: what total_time tells."""
        return Fraction(micros(self.ended_at) - micros(self.started_at), _SECOND_US)

    def ends(self) -> tuple[datetime, ...]:
        """Of each period: where the next begins, the last with the session."""
        return (*(period.start_date_time for period in self.periods[1:]), self.ended_at)


class _Frame(structs.Object, frozen=True, kw_only=True):
    """The fields of a CDR that make its price."""

    start_date_time: datetime
    end_date_time: datetime
    charging_periods: tuple[ocpi.ChargingPeriod, ...]


def told(body: Mapping[str, object]) -> Told:
    """The course of a CDR, parsed from JSON; all its other fields may be missing.

    Raises:
        structs.Invalid: what is there breaks OCPI's tables.
        NotPriceable: its times contradict each other.
    """
    frame = structs.decode(Version.V2_2_1, _Frame, body)
    course = Told(
        started_at=frame.start_date_time,
        ended_at=frame.end_date_time,
        periods=frame.charging_periods,
    )
    for wrong in _disorder(course):
        raise NotPriceable(wrong)
    return course


def periods(course: Told, tariffs: Sequence[core.Tariff | None]) -> tuple[core.Period, ...]:
    """The periods with the tariff of each."""
    pairs = zip(course.periods, course.ends(), tariffs, strict=True)
    return tuple(_period(period, end, tariff) for period, end, tariff in pairs)


def told_seconds(volume: Decimal, length_s: Fraction) -> Fraction:
    """A time told in hours, freed of the rounding to its decimals.

    Whole seconds are what they say. Else it is the length of its period, or a whole second, where
    it is that time rounded to four decimals (the length: also to three); otherwise exactly what it
    says. Without this, 10 minutes told as 0.1667 h would cost a second, or a whole step, more.
    """
    exact = Fraction(volume) * _HOUR_S
    if exact.denominator == 1:
        return exact
    coarse = int(volume.normalize().as_tuple().exponent) >= -3
    if abs(exact - length_s) <= (_THREE if coarse else _FOUR):
        return length_s
    whole = Fraction(round(exact))
    return whole if abs(exact - whole) <= _FOUR else exact


def _disorder(course: Told) -> Iterator[str]:
    before = course.started_at
    for place, period in enumerate(course.periods):
        if period.start_date_time < before:
            where = f"charging_periods[{place}].start_date_time"
            what = "the period before it" if place else "start_date_time"
            yield f"{where} is earlier than {what}: periods follow one another in time"
        before = period.start_date_time
        yield from _twice(period, place)
        yield from _negative(period, place)
    if course.ended_at - course.started_at > LONGEST:
        yield "end_date_time is more than a year after start_date_time: no session lasts so long"
    if course.ended_at < before:
        yield "end_date_time is earlier than the start of the last period: it ends that period"


def _twice(period: ocpi.ChargingPeriod, place: int) -> Iterator[str]:
    kinds = [dimension.type for dimension in period.dimensions]
    for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        yield f"charging_periods[{place}].dimensions has {kind} twice: add the volumes up"


def _negative(period: ocpi.ChargingPeriod, place: int) -> Iterator[str]:
    """Energy may flow back to the grid, and currents with it; time does not."""
    for dimension in period.dimensions:
        if dimension.type in _TIMES and dimension.volume < 0:
            yield f"charging_periods[{place}]: a {dimension.type} of less than 0 hours cannot be"


def _period(period: ocpi.ChargingPeriod, end: datetime, tariff: core.Tariff | None) -> core.Period:
    volumes: dict[str, Decimal] = {each.type: each.volume for each in period.dimensions}
    start_us, end_us = micros(period.start_date_time), micros(end)
    length_s = Fraction(end_us - start_us, _SECOND_US)

    def seconds(kind: str) -> Fraction:
        volume = volumes.get(kind)
        return Fraction(0) if volume is None else told_seconds(volume, length_s)

    def exact(kind: str) -> Fraction | None:
        volume = volumes.get(kind)
        return None if volume is None else Fraction(volume)

    return core.Period(
        start_us=start_us,
        end_us=end_us,
        tariff=tariff,
        energy_kwh=exact("ENERGY") or Fraction(0),
        charging_s=seconds("TIME"),
        parking_s=seconds("PARKING_TIME"),
        reserved_s=seconds("RESERVATION_TIME"),
        min_current_a=exact("MIN_CURRENT"),
        max_current_a=exact("MAX_CURRENT"),
        current_a=exact("CURRENT"),
        min_power_kw=exact("MIN_POWER"),
        max_power_kw=exact("MAX_POWER"),
        power_kw=exact("POWER"),
    )
