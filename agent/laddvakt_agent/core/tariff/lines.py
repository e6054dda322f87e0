"""The account of a bill: what each component prices, line by line, with the step sizes taken in."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from laddvakt_agent.core.tariff.course import NOTHING, Period, Zone
from laddvakt_agent.core.tariff.cuts import Marks, Piece, marks_of, pieces
from laddvakt_agent.core.tariff.match import (
    Applied,
    applied,
    flow_of,
    moment_of,
    reserved,
)
from laddvakt_agent.core.tariff.model import Component, Dimension, Tariff, TaxIncluded
from laddvakt_agent.core.tariff.money import Amount

_WH = 1000
_HOUR_S = 3600


class Part(enum.Enum):
    """Where a cost is summed up; the CDR's field is total_…_cost."""

    FIXED = "fixed"
    ENERGY = "energy"
    TIME = "time"
    PARKING = "parking"
    RESERVATION = "reservation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One component over one stretch of one period; volumes in kWh, seconds or pieces.

    `element` None: nothing prices this, it is free of charge.
    """

    part: Part
    dimension: Dimension
    period: int  # counted from 0
    start_us: int
    end_us: int
    tariff: str
    element: int | None
    component: Component | None
    taxes: TaxIncluded
    volume: Fraction
    billed: Fraction  # with what the step size adds

    @property
    def price(self) -> Decimal | None:
        """For one kWh, one hour or once."""
        return None if self.component is None else self.component.price

    @property
    def vat(self) -> Decimal | None:
        """The tax rate in percent, where one is stated and taxes apply."""
        if self.component is None or self.taxes is TaxIncluded.NOT_APPLICABLE:
            return None
        return self.component.vat

    @property
    def amount(self) -> Amount | None:
        """What it costs; `None`: nothing prices it."""
        if self.component is None:
            return None
        stated = Fraction(self.component.price) * self.billed
        if self.dimension in (Dimension.TIME, Dimension.PARKING_TIME):
            stated /= _HOUR_S
        inclusive = self.taxes is TaxIncluded.YES
        return Amount(stated=stated, vat=self.vat, inclusive=inclusive)


def account(periods: Sequence[Period], zone: Zone, *, expired: bool) -> tuple[Line, ...]:
    """Every line, as measured, in the order of time."""
    own = (period.start_us for period in periods if not period.only_reserved)
    begun_us = periods[0].start_us if periods else 0
    walk = _Walk(zone=zone, expired=expired, begun_us=begun_us, stayed_us=next(own, begun_us))
    lines: list[Line] = []
    for place, period in enumerate(periods):
        tariff = period.tariff
        if tariff is not None:
            walk.turn(tariff)
            lines += _merged(_period(walk, place, period, tariff))
        walk.kwh += period.energy_kwh
    return tuple(lines)


def stepped(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with what the step sizes add; mod_cdrs, step_size.

    Once in a session for ENERGY and once for all that goes by time: the total of what was used and
    priced is rounded up to a multiple of the last component's step size, and what that adds is
    billed by that component. By time it is the parking time wherever parking was priced, else the
    charging time; that of a reservation only if nothing else was priced by time.
    """
    result = list(lines)
    timed = next(filter(None, (_used(lines, part) for part in _BY_TIME)), [])
    for places in (_used(lines, Part.ENERGY), timed):
        if places:
            last = lines[places[-1]]
            rest = _rest(sum((lines[place].volume for place in places), NOTHING), last)
            result[places[-1]] = replace(last, billed=last.billed + rest)
    return tuple(result)


_BY_TIME = (Part.PARKING, Part.TIME, Part.RESERVATION)


def _used(lines: Sequence[Line], part: Part) -> list[int]:
    """The lines that count for a step size."""
    return [
        place
        for place, line in enumerate(lines)
        if line.part is part
        and line.dimension is not Dimension.FLAT
        and line.component is not None
        and line.volume
    ]


def _rest(used: Fraction, last: Line) -> Fraction:
    """What is missing to a whole number of steps, in kWh or seconds."""
    if last.component is None or last.component.step_size <= 0:
        return NOTHING
    step = Fraction(last.component.step_size, _WH if last.part is Part.ENERGY else 1)
    return -(-used // step) * step - used


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Where the walk through the periods is."""

    zone: Zone
    expired: bool
    begun_us: int
    stayed_us: int  # when the customer's own session began, after any reservation
    kwh: Fraction = NOTHING
    tariff: Tariff | None = None
    marks: Marks | None = None
    flat: set[Part] = field(default_factory=set)  # whose FLAT is charged: once each

    def turn(self, tariff: Tariff) -> Marks:
        """The marks of the tariff that holds now."""
        if self.marks is None or self.tariff is not tariff:
            self.tariff, self.marks = tariff, marks_of(tariff)
        return self.marks


def _period(walk: _Walk, place: int, period: Period, tariff: Tariff) -> Iterator[Line]:
    begun_us = walk.begun_us if period.only_reserved else walk.stayed_us
    flow = flow_of(period)
    for piece in pieces(period, walk.turn(tariff), walk.zone, begun_us, walk.kwh):
        at = moment_of(piece, walk.zone, begun_us, flow)
        if period.reserved_s:
            found = reserved(tariff, at, expired=walk.expired)
            volumes = {Dimension.TIME: period.reserved_s}
            yield from _lines(walk, place, piece, tariff, found, volumes, Part.RESERVATION)
        if not period.only_reserved:
            volumes = {
                Dimension.ENERGY: period.energy_kwh,
                Dimension.TIME: period.charging_s,
                Dimension.PARKING_TIME: period.parking_s,
            }
            wanted = [dimension for dimension, volume in volumes.items() if volume]
            if Part.FIXED not in walk.flat:
                wanted.append(Dimension.FLAT)
            found = applied(tariff, at, wanted)
            yield from _lines(walk, place, piece, tariff, found, volumes, None)


_PARTS = {
    Dimension.FLAT: Part.FIXED,
    Dimension.ENERGY: Part.ENERGY,
    Dimension.TIME: Part.TIME,
    Dimension.PARKING_TIME: Part.PARKING,
}


def _lines(
    walk: _Walk,
    place: int,
    piece: Piece,
    tariff: Tariff,
    found: Mapping[Dimension, Applied],
    volumes: Mapping[Dimension, Fraction],
    only: Part | None,
) -> Iterator[Line]:
    """The lines of one piece; `only`: all of them belong to this part."""
    once = only or Part.FIXED
    flat = found.get(Dimension.FLAT)
    if flat is not None and once not in walk.flat:
        walk.flat.add(once)
        part = only or (Part.PARKING if flat.only_parking else Part.FIXED)
        yield _line(place, piece, tariff, part, Dimension.FLAT, flat, Fraction(1))
    for dimension, volume in volumes.items():
        if volume:
            part = only or _PARTS[dimension]
            share = volume * piece.share
            yield _line(place, piece, tariff, part, dimension, found.get(dimension), share)


def _line(
    place: int,
    piece: Piece,
    tariff: Tariff,
    part: Part,
    dimension: Dimension,
    by: Applied | None,
    volume: Fraction,
) -> Line:
    return Line(
        part=part,
        dimension=dimension,
        period=place,
        start_us=int(piece.start_us),
        end_us=int(piece.end_us),
        tariff=tariff.id,
        element=None if by is None else by.element,
        component=None if by is None else by.component,
        taxes=tariff.tax_included,
        volume=volume,
        billed=volume,
    )


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Lines of one period, pieces that the same component prices in one go as one line."""
    result: list[Line] = []
    open_at: dict[tuple[Part, Dimension], int] = {}
    for line in lines:
        place = open_at.get((line.part, line.dimension))
        before = None if place is None else result[place]
        if place is not None and before is not None and before.component is line.component:
            volume = before.volume + line.volume
            result[place] = replace(before, end_us=line.end_us, volume=volume, billed=volume)
        else:
            open_at[line.part, line.dimension] = len(result)
            result.append(line)
    return result
