"""Cuts a period where a restriction may change within it.

Energy and times are taken to flow evenly through a period, so each piece gets the share of them
that it has of the period; the shares are exact and add up to the period's volumes. mod_cdrs,
ChargingPeriod: such a moment may be calculated from the values before and after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from laddvakt_agent.core.tariff.course import DAY_US, MINUTE_US, SECOND_US, Period, Zone
from laddvakt_agent.core.tariff.model import Restrictions, Tariff

WHOLE = Fraction(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Everything at which some element of a tariff may begin or end to be active."""

    minutes: frozenset[int]  # of the local day
    durations_s: frozenset[int]
    kwh: tuple[Fraction, ...]  # ascending, as those that follow
    currents_a: tuple[Fraction, ...] = ()
    powers_kw: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a period in which no restriction changes."""

    period: Period
    share: Fraction  # of the period
    start_us: Fraction | int
    end_us: Fraction | int
    kwh: Fraction  # drawn in the session by the middle of this piece


def marks_of(tariff: Tariff) -> Marks:
    """Where its elements may begin or end."""
    restrictions = [element.restrictions for element in tariff.elements]
    durations = (s for r in restrictions for s in (r.min_duration_s, r.max_duration_s))
    return Marks(
        minutes=frozenset(minute for r in restrictions for minute in _minutes(r)),
        durations_s=frozenset(s for s in durations if s is not None),
        kwh=_ascending(kwh for r in restrictions for kwh in (r.min_kwh, r.max_kwh)),
        currents_a=_ascending(a for r in restrictions for a in (r.min_current_a, r.max_current_a)),
        powers_kw=_ascending(kw for r in restrictions for kw in (r.min_power_kw, r.max_power_kw)),
    )


def pieces(
    period: Period, marks: Marks, zone: Zone, begun_us: int, kwh: Fraction
) -> Iterator[Piece]:
    """The period in pieces; `begun_us` is when the session began, `kwh` what it had drawn so far.

    A period that ends before it begins has no length.
    """
    start_us = period.start_us
    length_us = max(period.end_us - start_us, 0)
    shares = {Fraction(0), WHOLE}
    for moment_us in moments(marks, zone, start_us, start_us + length_us, begun_us):
        shares.add(Fraction(moment_us - start_us, length_us))
    if period.energy_kwh:
        low, high = sorted((kwh, kwh + period.energy_kwh))
        crossed = marks.kwh[bisect_right(marks.kwh, low) : bisect_left(marks.kwh, high)]
        shares.update((mark - kwh) / period.energy_kwh for mark in crossed)
    if len(shares) == 2:  # the usual case
        half = kwh + period.energy_kwh / 2
        end_us = start_us + length_us
        yield Piece(period=period, share=WHOLE, start_us=start_us, end_us=end_us, kwh=half)
        return
    ordered = sorted(shares)
    for low, high in pairwise(ordered):
        yield Piece(
            period=period,
            share=high - low,
            start_us=start_us + low * length_us,
            end_us=start_us + high * length_us,
            kwh=kwh + period.energy_kwh * (low + high) / 2,
        )


def moments(marks: Marks, zone: Zone, from_us: int, to_us: int, begun_us: int) -> set[int]:
    """When, between two moments, an element may begin or end by time alone."""
    found = {begun_us + s * SECOND_US for s in marks.durations_s}
    if marks.minutes:
        for start, end, ahead in zone.stretches(from_us, to_us):
            found.add(start)
            found |= set(_daily(marks.minutes, start + ahead, end + ahead, ahead))
    return {moment for moment in found if from_us < moment < to_us}


def _daily(minutes: Iterable[int], from_us: int, to_us: int, ahead_us: int) -> Iterator[int]:
    """The moments of these times of day between two local ones, in UTC."""
    for day in range(from_us // DAY_US, to_us // DAY_US + 1):
        for minute in minutes:
            yield day * DAY_US + minute * MINUTE_US - ahead_us


def _ascending(values: Iterable[Decimal | None]) -> tuple[Fraction, ...]:
    return tuple(sorted({Fraction(value) for value in values if value is not None}))


def _minutes(r: Restrictions) -> Iterator[int]:
    """Times of day at which it may change; days and dates change at midnight."""
    if r.start_minute is not None or r.end_minute is not None:
        yield r.start_minute or 0
        yield r.end_minute or 0
    if r.weekdays or r.start_day is not None or r.end_day is not None:
        yield 0
