"""Amounts with their taxes, rounded once.

OCPI leaves rounding to law and contract and allows four decimals (mod_tariffs, types): each part
of a bill is summed up exactly and then rounded half away from zero to four decimals, before taxes
and tax by tax (after taxes, where the tariff's prices hold them). Everything else is a sum of what
was rounded, so whoever adds up the parts comes to the total.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from laddvakt_agent.core.tariff.model import Limit

DECIMALS = 4
_UNIT = 10**DECIMALS
_WHOLE = Fraction(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One tax on an amount; `percent` None: it follows from a limit, at no rate."""

    percent: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount; `after_taxes` None: no tax was stated."""

    before_taxes: Decimal
    after_taxes: Decimal | None = None
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one line costs, exactly, in the way its tariff states prices."""

    stated: Fraction
    vat: Decimal | None
    inclusive: bool  # of the taxes

    @property
    def tax(self) -> Fraction:
        """The tax on it, or in it."""
        if not self.vat:
            return Fraction(0)
        vat = Fraction(self.vat)
        return self.stated * vat / (_WHOLE + vat if self.inclusive else _WHOLE)


def rounded(value: Fraction) -> Decimal:
    """To four decimals, half away from zero; never a negative zero."""
    twice = abs(value.numerator) * _UNIT * 2 + value.denominator
    units = twice // (2 * value.denominator)
    return Decimal(units if value >= 0 else -units).scaleb(-DECIMALS)


def part(amounts: Iterable[Amount], *, taxed: bool) -> Money:
    """One part of a bill; `taxed`: somewhere in the bill a tax is stated."""
    amounts = tuple(amounts)
    rates: dict[Decimal, Fraction] = {}
    for amount in amounts:
        if amount.vat is not None:
            rates[amount.vat] = rates.get(amount.vat, Fraction(0)) + amount.tax
    taxes = tuple(Tax(percent=vat, amount=rounded(rates[vat])) for vat in sorted(rates))
    tax = sum((one.amount for one in taxes), Decimal(0))
    if amounts and all(amount.inclusive for amount in amounts):
        after = rounded(sum((amount.stated for amount in amounts), Fraction(0)))
        return Money(before_taxes=after - tax, after_taxes=after if taxed else None, taxes=taxes)
    exact = (a.stated - a.tax if a.inclusive else a.stated for a in amounts)
    before = rounded(sum(exact, Fraction(0)))
    return Money(before_taxes=before, after_taxes=before + tax if taxed else None, taxes=taxes)


def total(parts: Iterable[Money]) -> Money:
    """The sum of parts, tax by tax."""
    before, after = Decimal(0), None
    taxes: dict[Decimal | None, Decimal] = {}
    for money in parts:
        before += money.before_taxes
        if money.after_taxes is not None:
            after = (after or Decimal(0)) + money.after_taxes
        for tax in money.taxes:
            taxes[tax.percent] = taxes.get(tax.percent, Decimal(0)) + tax.amount
    return Money(before_taxes=before, after_taxes=after, taxes=_taxes(taxes))


def limited(money: Money, least: Limit | None, most: Limit | None) -> Money:
    """Not less than `least` and not more than `most`, before and after taxes each for itself.

    Where they contradict each other `most` stands. A limit that says nothing of taxes leaves them
    in proportion.
    """
    if least is not None:
        money = _to(money, least, below=True)
    return money if most is None else _to(money, most, below=False)


def _to(money: Money, limit: Limit, *, below: bool) -> Money:
    bitten = _beyond(money.before_taxes, limit.before_taxes, below=below)
    before = limit.before_taxes if bitten else money.before_taxes
    after = _after(money, limit, below=below) if bitten else money.after_taxes
    if after is not None and limit.after_taxes is not None:
        after = limit.after_taxes if _beyond(after, limit.after_taxes, below=below) else after
    if after is None:
        return Money(before_taxes=before)
    if 0 <= after < before:  # no bill has negative taxes
        before, after = (before, before) if below else (after, after)
    return Money(before_taxes=before, after_taxes=after, taxes=_spread(money, after - before))


def _beyond(value: Decimal, bound: Decimal, *, below: bool) -> bool:
    return value < bound if below else value > bound


def _after(money: Money, limit: Limit, *, below: bool) -> Decimal | None:
    """After taxes, where the amount before taxes becomes the limit's; the limit is still to come.

    Where no tax was stated a least amount brings its own; a greatest one invents none.
    """
    if money.after_taxes is None:
        return limit.after_taxes if below else None
    if limit.after_taxes is not None:
        return money.after_taxes
    if not money.before_taxes:
        return None  # nothing says at which rate
    ratio = Fraction(money.after_taxes) / Fraction(money.before_taxes)
    return rounded(ratio * Fraction(limit.before_taxes))


def _spread(money: Money, tax: Decimal) -> tuple[Tax, ...]:
    """So much tax, in the proportions of before; what rounding leaves goes to the last one."""
    known = sum((one.amount for one in money.taxes), Decimal(0))
    if known == tax:
        return money.taxes
    if not known:
        return (Tax(percent=None, amount=tax),)
    ratio = Fraction(tax) / Fraction(known)
    *most, last = money.taxes
    spread = [
        Tax(percent=one.percent, amount=rounded(Fraction(one.amount) * ratio)) for one in most
    ]
    rest = tax - sum((one.amount for one in spread), Decimal(0))
    return (*spread, Tax(percent=last.percent, amount=rest))


def _taxes(amounts: Mapping[Decimal | None, Decimal]) -> tuple[Tax, ...]:
    """By rate; what has none comes last."""
    rates = sorted(rate for rate in amounts if rate is not None)
    told = [Tax(percent=rate, amount=amounts[rate]) for rate in rates]
    return (*told, Tax(percent=None, amount=amounts[None])) if None in amounts else tuple(told)
