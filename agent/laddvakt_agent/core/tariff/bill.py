"""`price`: from periods and their tariffs to a bill. Exact; rounded once, as `money` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from laddvakt_agent.core.tariff.course import NOTHING, SECOND_US, Period, Zone
from laddvakt_agent.core.tariff.lines import Line, Part, account, stepped
from laddvakt_agent.core.tariff.model import Tariff, TaxIncluded
from laddvakt_agent.core.tariff.money import Amount, Money, limited, part, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a session costs; `before_limits` is the sum of its parts.

    Each tariff's limits hold for what is priced by it.
    """

    lines: tuple[Line, ...]
    parts: Mapping[Part, Money]  # those that something prices
    before_limits: Money
    total: Money
    energy_kwh: Fraction
    time_s: Fraction  # charging, parking, reserved and held back, by the periods' lengths
    parking_s: Fraction


def price(periods: Sequence[Period], zone: Zone, *, expired: bool = False) -> Bill:
    """What these periods cost by the tariffs they name.

    `expired`: they are a reservation that ended without a session.
    """
    lines = stepped(account(periods, zone, expired=expired))
    taxed = any(_taxed(line) for line in lines)
    tariffs = {period.tariff.id: period.tariff for period in periods if period.tariff is not None}
    shares = {
        name: _parts([line for line in lines if line.tariff == name], taxed=taxed)
        for name in tariffs
    }
    parts = {
        each: total(share[each] for share in shares.values() if each in share)
        for each in Part
        if any(each in share for share in shares.values())
    }
    came = {p.tariff.id for p in periods if p.tariff is not None and not p.only_reserved}
    limit = (_limited(tariffs[name], shares[name], came=name in came) for name in tariffs)
    length_us = sum(max(period.end_us - period.start_us, 0) for period in periods)
    return Bill(
        lines=lines,
        parts=parts,
        before_limits=total(parts.values()),
        total=total(limit),
        energy_kwh=sum((period.energy_kwh for period in periods), NOTHING),
        time_s=Fraction(length_us, SECOND_US),
        parking_s=sum((period.parking_s for period in periods), NOTHING),
    )


def _taxed(line: Line) -> bool:
    """What it costs after taxes is known."""
    known = line.vat is not None or line.taxes is not TaxIncluded.NO
    return line.component is not None and known


def _parts(lines: Sequence[Line], *, taxed: bool) -> dict[Part, Money]:
    """The share of one tariff."""
    amounts: dict[Part, list[Amount]] = {}
    for line in lines:
        amount = line.amount
        if amount is not None:
            amounts.setdefault(line.part, []).append(amount)
    return {each: part(amounts[each], taxed=taxed) for each in amounts}


def _limited(tariff: Tariff, share: Mapping[Part, Money], *, came: bool) -> Money:
    """A reservation that nobody came for is no charging session: it has no least price."""
    least = tariff.min_price if came else None
    return limited(total(share.values()), least, tariff.max_price)
