"""Prices against a second, slow implementation that asks every element at every tick.

LADDVAKT_TARIFF_EXAMPLES=20000 compares so many random sessions instead of a few.
"""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest

from agent.core.core_tariff_brute import brute, scene
from agent.core.core_tariff_kit import zone
from laddvakt_agent.core.tariff import Bill, Dimension, price

EXAMPLES = int(os.environ.get("LADDVAKT_TARIFF_EXAMPLES", "60"))
CHUNKS = 4


@pytest.mark.timeout(20 + EXAMPLES // 10)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_prices_are_those_found_tick_by_tick(chunk: int) -> None:
    """Amounts by part and tax rate, and billed volumes, to the last digit."""
    for seed in range(chunk, EXAMPLES, CHUNKS):
        case = scene(seed)
        slow = brute(case)
        days = case.begun.date().isoformat()
        bill = price(case.periods(), zone(case.zone, days, 3))
        assert _amounts(bill) == {k: v for k, v in slow.amounts.items() if v}, f"seed {seed}"
        assert _billed(bill) == {k: v for k, v in slow.billed.items() if v}, f"seed {seed}"


def _amounts(bill: Bill) -> dict[tuple[str, Decimal | None], Fraction]:
    found: dict[tuple[str, Decimal | None], Fraction] = defaultdict(Fraction)
    for line in bill.lines:
        if line.amount is not None and line.amount.stated:
            found[line.part.value, line.vat] += line.amount.stated
    return dict(found)


def _billed(bill: Bill) -> dict[str, Fraction]:
    found: dict[str, Fraction] = defaultdict(Fraction)
    for line in bill.lines:
        if line.component is not None and line.dimension is not Dimension.FLAT:
            found[line.part.value] += line.billed
    return dict(found)
