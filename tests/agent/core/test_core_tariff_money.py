"""Taxes, limits and rounding: every amount to the last digit, and all of it adding up."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest

from agent.core.core_tariff_brute import scene
from agent.core.core_tariff_kit import Stay, element, local, money, session, tariff, zone
from laddvakt_agent.core.tariff import UTC, Bill, Limit, Money, Part, Period, Tariff, Tax, price
from laddvakt_agent.core.tariff.money import limited, rounded

BEGUN = local("2026-06-15T12:00")


def kwh(by: Tariff, energy: str, parking: int = 0) -> Bill:
    stays = [Stay(kind="charge", minutes=60, kwh=energy), Stay(kind="park", minutes=parking)]
    return price(session(by, BEGUN, stays), UTC)


def test_taxes_in_the_price() -> None:
    """2.3.0, tax_included YES: the amount is after taxes, the tax is taken out of it."""
    made = kwh(tariff(element(("ENERGY", "1.25", "25")), taxes="YES"), "8")
    assert money(made.total) == (8, 10)
    assert made.total.taxes == (Tax(percent=Decimal(25), amount=Decimal(2)),)


def test_taxes_in_the_price_at_no_rate() -> None:
    """They cannot be taken out: the amount stands before and after them, so nobody adds more."""
    assert money(kwh(tariff(element(("ENERGY", "1")), taxes="YES"), "8").total) == (8, 8)


def test_no_taxes_apply() -> None:
    """2.3.0, tax_included N/A: a rate in a component means nothing."""
    made = kwh(tariff(element(("ENERGY", "1", "25")), taxes="N/A"), "8")
    assert (money(made.total), made.total.taxes) == ((8, 8), ())


def test_a_rate_of_zero_is_stated() -> None:
    """Not the same as none."""
    made = kwh(tariff(element(("ENERGY", "1", "0"))), "8")
    assert made.total.taxes == (Tax(percent=Decimal(0), amount=Decimal(0)),)
    assert money(made.total) == (8, 8)
    assert money(kwh(tariff(element(("ENERGY", "1"))), "8").total) == (8, None)


def test_a_part_without_tax_beside_one_with_tax() -> None:
    """It costs after taxes what it costs before, so the parts add up after taxes, too."""
    made = kwh(tariff(element(("ENERGY", "1", "25"), ("PARKING_TIME", "3"))), "8", 60)
    assert money(made.parts[Part.PARKING]) == (3, 3)
    assert money(made.total) == (11, 13)


def test_tariffs_that_state_taxes_differently() -> None:
    """Each in its own way; a part that both price is told before taxes first."""
    first = tariff(element(("ENERGY", "1.25", "25")), taxes="YES", id="A")
    other = tariff(element(("ENERGY", "1", "25")), id="B")
    periods = session(first, BEGUN, [Stay(kind="charge", minutes=60, kwh="8")])
    periods += session(other, periods[-1].end_us, [Stay(kind="charge", minutes=60, kwh="8")])
    assert money(price(periods, UTC).total) == (16, 20)


ROUNDING = [
    ("0.00005", "0.0001"),
    ("0.00004", "0.0000"),
    ("0.000049999", "0.0000"),
    ("-0.00005", "-0.0001"),
    ("-0.00004", "0.0000"),
    ("1.00015", "1.0002"),
    ("123456789.12345", "123456789.1235"),
]


@pytest.mark.parametrize(("exact", "told"), ROUNDING)
def test_rounding_is_half_away_from_zero(exact: str, told: str) -> None:
    """To four decimals, and zero has no sign."""
    assert str(rounded(Fraction(exact))) == told


def test_a_sum_is_rounded_once() -> None:
    """Three thirds of a cent's hundredth in three lines are a whole one, not nothing."""
    by = tariff(element(("ENERGY", "0.00012", None, 0)))
    periods = session(by, BEGUN, [Stay(kind="charge", minutes=1, kwh="0.3")] * 3)
    assert price(periods, UTC).total.before_taxes == Decimal("0.0001")


def _money(before: str, after: str | None, *taxes: tuple[str, str]) -> Money:
    return Money(
        before_taxes=Decimal(before),
        after_taxes=None if after is None else Decimal(after),
        taxes=tuple(Tax(percent=Decimal(rate), amount=Decimal(amount)) for rate, amount in taxes),
    )


def _limit(before: str, after: str | None) -> Limit:
    return Limit(
        before_taxes=Decimal(before), after_taxes=None if after is None else Decimal(after)
    )


TAXED = _money("9.9", "11.88", ("20", "1.98"))
TWO = _money("10", "12", ("10", "0.5"), ("30", "1.5"))
LIMITS = [
    pytest.param(TAXED, None, None, (9.9, 11.88), [1.98], id="none"),
    pytest.param(TAXED, None, _limit("10", "11"), (9.9, 11), [1.1], id="only after taxes"),
    pytest.param(TAXED, None, _limit("9", "20"), (9, 11.88), [2.88], id="only before taxes"),
    pytest.param(TAXED, None, _limit("4.95", None), (4.95, 5.94), [0.99], id="in proportion"),
    pytest.param(TAXED, _limit("20", "24"), None, (20, 24), [4], id="raised"),
    pytest.param(TAXED, _limit("20", None), None, (20, 24), [4], id="raised in proportion"),
    pytest.param(TAXED, _limit("5", "12"), None, (9.9, 12), [2.1], id="raised after taxes"),
    pytest.param(TAXED, _limit("20", "24"), _limit("3", "4"), (3, 4), [1], id="the most wins"),
    pytest.param(TWO, None, _limit("5", "6"), (5, 6), [0.25, 0.75], id="two taxes"),
    pytest.param(TWO, None, _limit("10", "8"), (8, 8), [0, 0], id="after below before: lowered"),
    pytest.param(TAXED, _limit("20", "12"), None, (20, 20), [0], id="after below before: raised"),
    pytest.param(_money("1", None), _limit("5", "6"), None, (5, 6), [1], id="brings its tax"),
    pytest.param(_money("1", None), _limit("5", None), None, (5, None), [], id="no tax known"),
    pytest.param(_money("9", None), None, _limit("5", "6"), (5, None), [], id="invents no tax"),
    pytest.param(_money("9", None), None, _limit("50", "6"), (9, None), [], id="no tax, no limit"),
    pytest.param(_money("0", "0"), _limit("5", None), None, (5, None), [], id="at no known rate"),
]


@pytest.mark.parametrize(("told", "least", "most", "becomes", "taxes"), LIMITS)
def test_limits_hold_before_and_after_taxes(
    told: Money,
    least: Limit | None,
    most: Limit | None,
    becomes: tuple[float, float | None],
    taxes: list[float],
) -> None:
    """Each for itself; the taxes are what lies between, in the proportions of before."""
    made = limited(told, least, most)
    before, after = becomes
    assert made.before_taxes == Decimal(str(before))
    assert made.after_taxes == (None if after is None else Decimal(str(after)))
    assert [tax.amount for tax in made.taxes] == [Decimal(str(tax)) for tax in taxes]


def test_a_least_price_is_of_a_session_not_of_an_expired_reservation() -> None:
    """Nobody charged; a session that drew nothing costs it."""
    by = tariff(element(("ENERGY", "1", "25")), least=("2", "2.5"), most=("9", None))
    expired = session(by, BEGUN, [Stay(kind="reserve", minutes=9)])
    assert price(expired, UTC, expired=True).total.before_taxes == 0
    assert money(kwh(by, "0").total) == (2, Decimal("2.5"))


@pytest.mark.parametrize("seed", range(40))
def test_parts_add_up(seed: int) -> None:
    """Before, after and tax by tax: the parts are the total, to the last digit."""
    case = scene(seed)
    made = price(case.periods(), zone(case.zone, case.begun.date().isoformat(), 3))
    parts = list(made.parts.values())
    assert sum(part.before_taxes for part in parts) == made.total.before_taxes
    after = [part.after_taxes for part in parts if part.after_taxes is not None]
    assert sum(after) == (made.total.after_taxes or 0)
    for part in (*parts, made.total):
        if part.after_taxes is not None:
            taxes = sum(tax.amount for tax in part.taxes)
            assert part.before_taxes + taxes == part.after_taxes
        assert abs(part.before_taxes * 10_000) % 1 == 0


@pytest.mark.parametrize("seed", range(20))
def test_cutting_a_period_changes_no_unrestricted_price(seed: int) -> None:
    """However finely it is told; nor does more energy ever cost less."""
    rng = random.Random(seed)
    step = rng.choice((0, 1, 100, 900))
    by = tariff(
        element(
            ("FLAT", "1.5", "25"),
            ("ENERGY", "0.3333", "25", step),
            ("TIME", "0.07", "6", step),
            ("PARKING_TIME", "1.1", None, step),
        )
    )
    minutes, drawn = rng.randint(2, 900), rng.randint(1, 90_000)
    whole = [
        Stay(kind="charge", minutes=minutes, kwh=f"{drawn / 1000}"),
        Stay(kind="park", minutes=rng.randint(1, 300)),
    ]
    at_once = session(by, BEGUN, whole)
    in_pieces = [piece for period in at_once for piece in _cut(rng, period)]
    assert price(in_pieces, UTC).parts == price(at_once, UTC).parts
    more = session(by, BEGUN, [Stay(kind="charge", minutes=minutes, kwh=f"{drawn / 1000 + 1}")])
    less = session(by, BEGUN, whole[:1])
    assert price(more, UTC).total.before_taxes >= price(less, UTC).total.before_taxes


def _cut(rng: random.Random, period: Period) -> list[Period]:
    length = period.end_us - period.start_us
    marks = sorted({0, length, *(rng.randrange(length) for _ in range(7))})
    return [
        Period(
            start_us=period.start_us + low,
            end_us=period.start_us + high,
            tariff=period.tariff,
            energy_kwh=period.energy_kwh * (high - low) / length,
            charging_s=period.charging_s * (high - low) / length,
            parking_s=period.parking_s * (high - low) / length,
        )
        for low, high in pairwise(marks)
    ]
