"""Money in the form of each version: Price, the costs of a CDR, its tariffs. Pure."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import msgspec

from laddvakt_agent.published import MoneyRecord
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs.prices import Price, TaxAmount
from laddvakt_agent.uplink.structs.tariffs import Tariff
from laddvakt_agent.uplink.text import number, string
from laddvakt_agent.uplink.version import Version

if TYPE_CHECKING:
    from laddvakt_agent.published import CostRecord, TaxRecord
    from laddvakt_agent.uplink.text import Content, Json

# Nothing is nothing with any tax; some receivers refuse a price that does not say so.
_FREE = MoneyRecord(before_taxes=Decimal(0), after_taxes=Decimal(0))
_AMOUNTS = frozenset({"excl_vat", "incl_vat", "before_taxes", "amount"})
_PLACES = Decimal("0.0001")  # types, number


def price(version: Version, money: MoneyRecord) -> Content:
    """An amount; without a stated tax there is none in it."""
    after = money.after_taxes
    made = Price(
        before_taxes=_told(money.before_taxes),
        after_taxes=None if after is None else _told(after),
        taxes=tuple(_tax(tax) for tax in money.taxes),
    )
    return structs.encode(version, made)


def total(version: Version, cost: CostRecord | None, *, credit: bool = False) -> Content:
    """Of a CDR: nothing where no tariff applied, and taken back in a credit CDR."""
    money = _FREE if cost is None else cost.total
    return price(version, _negated(money) if credit else money)


def turned(price: Content) -> Content:
    """A told price with its amounts, also those of its taxes, taken back."""
    back: Content = dict(price)
    for name in _AMOUNTS & price.keys():
        amount = price[name]
        if isinstance(amount, int | float):
            back[name] = number(-amount)
    if isinstance(taxes := price.get("taxes"), list):
        back["taxes"] = [turned(tax) if isinstance(tax, dict) else tax for tax in taxes]
    return back


def parts(version: Version, cost: CostRecord | None) -> Content:
    """The other costs that a CDR names, under their names; a credit CDR keeps them as they were."""
    if cost is None:
        return {}
    named = {
        "total_fixed_cost": cost.fixed,
        "total_energy_cost": cost.energy,
        "total_time_cost": cost.time,
        "total_parking_cost": cost.parking,
        "total_reservation_cost": cost.reservation,
    }
    return {name: price(version, money) for name, money in named.items() if money is not None}


def tariffs(version: Version, cost: CostRecord | None) -> list[Json]:
    """The tariff that applied, if it can be said in this version.

    One that others wrote and we must not send on is left out: `tariffs` may be empty, and a bill
    without its tariff is better than none. That it is wrong is told where tariffs are.
    """
    if cost is None or cost.tariff is None:
        return []
    body = msgspec.json.decode(cost.tariff)
    try:
        made = tariff(version, body, Version(cost.tariff_version))
        return [] if made is None else [structs.checked(version, Tariff, made)]
    except structs.Invalid:
        return []


def tariff(version: Version, body: object, written: Version) -> Content | None:
    """A Tariff of version `written` in another one; `None` when that cannot say it.

    2.2.1 knows prices without taxes alone: one with them would be read as dearer than it is.

    Raises:
        Invalid: it is no Tariff of the version it is said to be of.
    """
    made = structs.decode(written, Tariff, body)
    if version is Version.V2_2_1 and made.tax_included == "YES":
        return None
    if made.tax_included is None:
        made = structs.decode(
            Version.V2_3_0,
            Tariff,
            {**structs.encode(Version.V2_3_0, made), "tax_included": "NO"},
        )
    return structs.encode(version, made)


def _tax(tax: TaxRecord) -> TaxAmount:
    return TaxAmount(
        name=string(tax.name, 255),
        percentage=None if tax.percentage is None else _told(tax.percentage),
        amount=_told(tax.amount),
    )


def _negated(money: MoneyRecord) -> MoneyRecord:
    return MoneyRecord(
        before_taxes=-money.before_taxes,
        after_taxes=None if money.after_taxes is None else -money.after_taxes,
        taxes=tuple(replace(tax, amount=-tax.amount) for tax in money.taxes),
    )


def _told(amount: Decimal) -> Decimal:
    return amount.quantize(_PLACES, ROUND_HALF_UP)
