"""A session's cost by the tariff that was in force when it began."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import structlog

from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.cdrs import LONGEST, told_seconds
from laddvakt_agent.pricing.errors import NotPriceable, ZoneUnknown
from laddvakt_agent.pricing.tariffs import Known, known
from laddvakt_agent.pricing.zones import micros, zone
from laddvakt_agent.published import (
    CostRecord,
    MoneyRecord,
    PeriodRecord,
    SessionRecord,
    TaxRecord,
)
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.text import hours, kwh
from laddvakt_agent.uplink.version import Version

TAX_NAME = "VAT"  # PriceComponent.vat; OCPI tariffs name no other tax

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricer:
    """Prices the sessions of one station."""

    time_zone: str  # IANA

    def priced(self, record: SessionRecord, tariff: str | None) -> SessionRecord:
        """The session with its cost so far; `tariff` is what `text_of` wrote.

        A tariff that cannot be applied takes nothing from the session: it stays to be billed by
        its energy and its times, without a cost, and says why.
        """
        if tariff is None or not record.periods:
            return record
        try:
            return replace(record, cost=self._cost(record, read(tariff)), unpriced=None)
        except (NotPriceable, ZoneUnknown, structs.Invalid, ArithmeticError) as error:
            log.error("session_not_priced", session=record.id, reason=str(error))
            return replace(record, cost=None, unpriced=str(error))

    def again(self, record: SessionRecord) -> SessionRecord:
        """A session whose times were corrected, by the tariff that it carries."""
        if record.cost is None or record.cost.tariff is None:
            return record
        version = Version(record.cost.tariff_version)
        body = json.loads(record.cost.tariff, parse_float=Decimal)
        return self.priced(record, text_of(known(body, version)))

    def _cost(self, record: SessionRecord, tariff: Known) -> CostRecord:
        periods = tuple(_periods(record, tariff.core))
        last = record.periods[-1]
        if last.started_at - record.started_at > LONGEST:
            raise NotPriceable("its periods are more than a year apart: the clock was wrong")
        local = zone(self.time_zone, record.started_at, last.started_at)
        bill = core.price(periods, local, expired=record.expired)
        parts = {part.value: _money(money) for part, money in bill.parts.items()}
        return CostRecord(
            currency=tariff.ocpi.currency,
            total=_money(bill.total),
            fixed=parts.get("fixed"),
            energy=parts.get("energy"),
            time=parts.get("time"),
            parking=parts.get("parking"),
            reservation=parts.get("reservation"),
            tariff=_json(tariff.body),
            tariff_version=tariff.version.value,
            period_tariff_ids=(tariff.core.id,) * len(periods),
        )


def text_of(tariff: Known) -> str:
    """A tariff as it is kept with a session."""
    return _json({"version": tariff.version.value, "tariff": tariff.body})


@lru_cache(maxsize=64)
def read(text: str) -> Known:
    """What `text_of` wrote.

    Raises:
        NotPriceable: it is something else.
        structs.Invalid: the tariff breaks OCPI's tables.
    """
    try:
        data = json.loads(text, parse_float=Decimal)
        version, body = Version(data["version"]), data["tariff"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotPriceable(f"the session's tariff cannot be read: {error}") from error
    return known(body, version)


Chosen = Callable[[datetime, str], str | None]  # by when, and by the token's type


def _periods(record: SessionRecord, tariff: core.Tariff) -> Iterator[core.Period]:
    """As they are told: energies rounded as a running sum, times in hours."""
    counted_mwh, told = 0, 0.0
    for place, period in enumerate(record.periods):
        start = record.started_at if place == 0 else period.started_at
        counted_mwh += round(period.energy_wh * 1000)
        told_before, told = told, kwh(counted_mwh / 1000)
        start_us, length_us = micros(start), round(period.duration_s * 1000) * 1000
        yield core.Period(
            start_us=start_us,
            end_us=start_us + length_us,
            tariff=tariff,
            energy_kwh=Fraction(str(told)) - Fraction(str(told_before)),
            max_current_a=None if period.max_a is None else Fraction(str(round(period.max_a, 4))),
            **_time(period, _told_s(period.duration_s, length_us)),
        )


def _told_s(duration_s: float, length_us: int) -> Fraction:
    """The time as whoever reads the CDR takes it."""
    return told_seconds(Decimal(str(hours(duration_s))), Fraction(length_us, 1_000_000))


def _time(period: PeriodRecord, length_s: Fraction) -> dict[str, Fraction]:
    """Held back by the station is neither charging nor parking: it costs nothing."""
    if period.charging:
        return {"charging_s": length_s}
    if period.reserved:
        return {"reserved_s": length_s}
    return {} if period.held else {"parking_s": length_s}


def _money(money: core.Money) -> MoneyRecord:
    return MoneyRecord(
        before_taxes=money.before_taxes,
        after_taxes=money.after_taxes,
        taxes=tuple(
            TaxRecord(name=TAX_NAME, amount=tax.amount, percentage=tax.percent)
            for tax in money.taxes
        ),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_number)


def _number(value: object) -> int | float:
    """A Decimal has at most as many digits as a float holds: OCPI's numbers have four decimals."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is no JSON")
    return int(value) if value == value.to_integral_value() else float(value)
