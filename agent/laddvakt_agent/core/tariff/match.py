"""Which price component applies: for each dimension the first element whose restrictions hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from laddvakt_agent.core.tariff.course import (
    DAY_US,
    MINUTE_US,
    NOTHING,
    SECOND_US,
    Period,
    Zone,
    weekday,
)
from laddvakt_agent.core.tariff.cuts import Piece
from laddvakt_agent.core.tariff.model import Component, Dimension, Reserved, Restrictions, Tariff

_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A component, and where in the tariff it stands."""

    element: int
    component: Component
    only_parking: bool  # its element prices parking and nothing else that is metered


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How strongly a period charged: the least and the most that is known; `None`: nothing is."""

    least_a: Fraction | None
    most_a: Fraction | None
    least_kw: Fraction | None
    most_kw: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What restrictions are held against."""

    minute: int  # of the local day
    day: int
    duration_s: Fraction
    kwh: Fraction
    flow: Flow


def moment_of(piece: Piece, zone: Zone, begun_us: int, flow: Flow) -> Moment:
    """The beginning of a piece; no restriction changes within it."""
    local_us = piece.start_us + zone.ahead_at(piece.start_us)
    return Moment(
        minute=int(local_us % DAY_US // MINUTE_US),
        day=int(local_us // DAY_US),
        duration_s=Fraction(piece.start_us - begun_us) / SECOND_US,
        kwh=piece.kwh,
        flow=flow,
    )


def flow_of(period: Period) -> Flow:
    """Least and most, else the mean, else the other of the two.

    Where no power is known it is energy by time. What does not charge has a flow of 0.
    """
    idle = None if period.charged else NOTHING
    other_kw = idle if idle is not None else _mean_kw(period)
    least_a, most_a, mean_a = period.min_current_a, period.max_current_a, period.current_a
    least_kw, most_kw, mean_kw = period.min_power_kw, period.max_power_kw, period.power_kw
    return Flow(
        least_a=_first(least_a, mean_a, most_a, idle),
        most_a=_first(most_a, mean_a, least_a, idle),
        least_kw=_first(least_kw, mean_kw, most_kw, other_kw),
        most_kw=_first(most_kw, mean_kw, least_kw, other_kw),
    )


def applied(
    tariff: Tariff, at: Moment, wanted: Collection[Dimension]
) -> Mapping[Dimension, Applied]:
    """What a session pays by, one component for each wanted dimension at most."""
    found: dict[Dimension, Applied] = {}
    for place, component, parking in _components(tariff, None, at, wanted):
        if component.dimension not in found:
            found[component.dimension] = Applied(
                element=place, component=component, only_parking=parking
            )
            if len(found) == len(wanted):
                break
    return found


def reserved(tariff: Tariff, at: Moment, *, expired: bool) -> Mapping[Dimension, Applied]:
    """What a reservation pays by: FLAT and TIME of the elements for reservations.

    mod_tariffs, ReservationRestrictionType: the time of an expired one is priced by
    RESERVATION_EXPIRES where both price it; the rest by the order of the elements.
    """
    kinds = (Reserved.EXPIRES, Reserved.RESERVATION) if expired else (Reserved.RESERVATION,)
    found: dict[Dimension, Applied] = {}
    for kind in kinds:
        for place, component, parking in _components(tariff, kind, at, _OF_RESERVATIONS):
            this = Applied(element=place, component=component, only_parking=parking)
            known = found.get(component.dimension)
            if known is None or (component.dimension is Dimension.FLAT and place < known.element):
                found[component.dimension] = this
    return found


def holds(r: Restrictions, at: Moment) -> bool:
    """Whether all restrictions but that to reservations hold."""
    return (
        _in_day(r, at)
        and _on_day(r, at)
        and _between(r.min_kwh, at.kwh, at.kwh, r.max_kwh)
        and _between(r.min_duration_s, at.duration_s, at.duration_s, r.max_duration_s)
        and _between(r.min_current_a, at.flow.least_a, at.flow.most_a, r.max_current_a)
        and _between(r.min_power_kw, at.flow.least_kw, at.flow.most_kw, r.max_power_kw)
    )


_OF_RESERVATIONS = (Dimension.FLAT, Dimension.TIME)


def _components(
    tariff: Tariff, kind: Reserved | None, at: Moment, wanted: Collection[Dimension]
) -> Iterator[tuple[int, Component, bool]]:
    for place, element in enumerate(tariff.elements):
        r = element.restrictions
        if r.reservation is not kind:
            continue
        parts = [part for part in element.components if part.dimension in wanted]
        if parts and holds(r, at):
            parking = _only_parking(element.components)
            for component in parts:
                yield place, component, parking


def _only_parking(components: Iterable[Component]) -> bool:
    metered = {part.dimension for part in components} - {Dimension.FLAT}
    return metered == {Dimension.PARKING_TIME}


def _in_day(r: Restrictions, at: Moment) -> bool:
    """mod_tariffs: an end before the start is one on the next day; 00:00 ends the day."""
    start, end = r.start_minute or 0, r.end_minute or 0
    if start < end:
        return start <= at.minute < end
    return at.minute >= start or at.minute < end


def _on_day(r: Restrictions, at: Moment) -> bool:
    if r.weekdays and weekday(at.day) not in r.weekdays:
        return False
    after = r.start_day is None or at.day >= r.start_day
    return after and (r.end_day is None or at.day < r.end_day)


def _between(
    low: Decimal | int | None,
    least: Fraction | None,
    most: Fraction | None,
    high: Decimal | int | None,
) -> bool:
    """What is not known meets no restriction."""
    if low is not None and (least is None or least < _exact(low)):
        return False
    return high is None or (most is not None and most < _exact(high))


def _exact(value: Decimal | int) -> Fraction | int:
    return value if isinstance(value, int) else Fraction(value)


def _first(*values: Fraction | None) -> Fraction | None:
    return next((value for value in values if value is not None), None)


def _mean_kw(period: Period) -> Fraction | None:
    length_s = period.charging_s or Fraction(max(period.end_us - period.start_us, 0), SECOND_US)
    return period.energy_kwh * _HOUR_S / length_s if length_s else None
