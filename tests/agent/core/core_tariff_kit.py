"""Tariffs and sessions for tests, written short; times are local, as people say them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from laddvakt_agent.core import tariff as core

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def us(moment: datetime) -> int:
    return (moment - _EPOCH) // _US


def local(text: str, zone: str = "Europe/Stockholm") -> int:
    """A local time as microseconds."""
    return us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def zone(name: str, first: str, days: int) -> core.Zone:
    """Local time around a day: found minute by minute, as slowly and surely as can be."""
    place, at = ZoneInfo(name), datetime.fromisoformat(first).replace(tzinfo=UTC)
    at -= timedelta(days=1)
    since: list[int] = []
    ahead: list[int] = []
    for quarter in range((days + 2) * 24 * 4):
        moment = at + quarter * timedelta(minutes=15)
        offset = moment.astimezone(place).utcoffset() or timedelta()
        if not ahead or ahead[-1] != offset // _US:
            since.append(us(moment))
            ahead.append(offset // _US)
    return core.Zone(since_us=tuple(since), ahead_us=tuple(ahead))


def component(kind: str, price: str, vat: str | None = None, step: int = 1) -> core.Component:
    return core.Component(
        dimension=core.Dimension(kind),
        price=Decimal(price),
        vat=None if vat is None else Decimal(vat),
        step_size=step,
    )


flat = "FLAT"
energy = "ENERGY"
time = "TIME"
parking = "PARKING_TIME"
WEEKDAYS = frozenset(range(5))


def element(
    *parts: tuple[str, str] | tuple[str, str, str | None] | tuple[str, str, str | None, int],
    when: core.Restrictions | None = None,
) -> core.Element:
    """Components as (type, price, vat, step size)."""
    made = tuple(component(*part) for part in parts)
    return core.Element(components=made, restrictions=when or core.Restrictions())


def tariff(
    *elements: core.Element,
    least: tuple[str, str | None] | None = None,
    most: tuple[str, str | None] | None = None,
    taxes: str = "NO",
    id: str = "T",
) -> core.Tariff:
    return core.Tariff(
        id=id,
        elements=elements,
        min_price=None if least is None else _limit(*least),
        max_price=None if most is None else _limit(*most),
        tax_included=core.TaxIncluded(taxes),
    )


def _limit(before: str, after: str | None) -> core.Limit:
    return core.Limit(
        before_taxes=Decimal(before), after_taxes=None if after is None else Decimal(after)
    )


def clock(text: str) -> int:
    """HH:MM as minutes."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One stretch of a session: what kind of time, how long, and how much energy."""

    kind: str  # charge, park, reserve, held
    minutes: Fraction | int
    kwh: str = "0"
    amps: tuple[int | None, int | None] = (None, None)  # least and most
    kw: tuple[int | None, int | None] = (None, None)


def session(tariff: core.Tariff | None, begun_us: int, stays: Sequence[Stay]) -> list[core.Period]:
    at, periods = begun_us, []
    for stay in stays:
        seconds = Fraction(stay.minutes) * 60
        to = at + int(seconds * 1_000_000)
        periods.append(
            core.Period(
                start_us=at,
                end_us=to,
                tariff=tariff,
                energy_kwh=Fraction(stay.kwh),
                charging_s=seconds if stay.kind == "charge" else Fraction(0),
                parking_s=seconds if stay.kind == "park" else Fraction(0),
                reserved_s=seconds if stay.kind == "reserve" else Fraction(0),
                min_current_a=_exact(stay.amps[0]),
                max_current_a=_exact(stay.amps[1]),
                min_power_kw=_exact(stay.kw[0]),
                max_power_kw=_exact(stay.kw[1]),
            )
        )
        at = to
    return periods


def _exact(value: int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def money(bill: core.Money | None) -> tuple[object, object] | None:
    """Before and after taxes."""
    return None if bill is None else (bill.before_taxes, bill.after_taxes)
