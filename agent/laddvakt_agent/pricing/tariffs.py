"""OCPI tariffs as the core prices by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from laddvakt_agent.core import tariff as core
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs import prices
from laddvakt_agent.uplink.structs import tariffs as ocpi
from laddvakt_agent.uplink.version import Version

_EPOCH = date(1970, 1, 1)
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A tariff as it was written, and what is made of it."""

    version: Version
    body: Mapping[str, object]  # as it came
    ocpi: ocpi.Tariff
    core: core.Tariff

    def valid_at(self, moment: datetime) -> bool:
        """Between its own start and end; mod_tariffs, start_date_time and end_date_time."""
        start, end = self.ocpi.start_date_time, self.ocpi.end_date_time
        return (start is None or start <= moment) and (end is None or moment <= end)


def known(body: Mapping[str, object], version: Version | None = None) -> Known:
    """A tariff, parsed from JSON; without a version it is the one it is written in.

    Raises:
        structs.Invalid: it breaks the tables of that version.
    """
    version = version or version_of(body)
    read = structs.decode(version, ocpi.Tariff, body)
    return Known(version=version, body=body, ocpi=read, core=_tariff(read))


def version_of(body: Mapping[str, object]) -> Version:
    """2.3.0 where a field is there that only it has; both are read alike otherwise."""
    limits = [body.get("min_price"), body.get("max_price")]
    new = "tax_included" in body or any(
        isinstance(limit, Mapping) and "before_taxes" in limit for limit in limits
    )
    return Version.V2_3_0 if new else Version.V2_2_1


def _tariff(read: ocpi.Tariff) -> core.Tariff:
    return core.Tariff(
        id=read.id,
        elements=tuple(_element(element) for element in read.elements),
        tax_included=core.TaxIncluded(read.tax_included or "NO"),
        min_price=_limit(read.min_price),
        max_price=_limit(read.max_price),
    )


def _element(read: ocpi.TariffElement) -> core.Element:
    components = tuple(
        core.Component(
            dimension=core.Dimension(part.type),
            price=part.price,
            vat=part.vat,
            step_size=part.step_size,
        )
        for part in read.price_components
    )
    if read.restrictions is None:
        return core.Element(components=components)
    return core.Element(components=components, restrictions=_restrictions(read.restrictions))


def _restrictions(read: ocpi.TariffRestrictions) -> core.Restrictions:
    return core.Restrictions(
        start_minute=_minute(read.start_time),
        end_minute=_minute(read.end_time),
        start_day=_day(read.start_date),
        end_day=_day(read.end_date),
        min_kwh=read.min_kwh,
        max_kwh=read.max_kwh,
        min_current_a=read.min_current,
        max_current_a=read.max_current,
        min_power_kw=read.min_power,
        max_power_kw=read.max_power,
        min_duration_s=read.min_duration,
        max_duration_s=read.max_duration,
        weekdays=frozenset(_DAYS.index(day) for day in read.day_of_week),
        reservation=None if read.reservation is None else core.Reserved(read.reservation),
    )


def _limit(read: prices.PriceLimit | None) -> core.Limit | None:
    if read is None:
        return None
    return core.Limit(before_taxes=read.before_taxes, after_taxes=read.after_taxes)


def _minute(text: str | None) -> int | None:
    if text is None:
        return None
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _day(text: str | None) -> int | None:
    return None if text is None else (date.fromisoformat(text) - _EPOCH).days
