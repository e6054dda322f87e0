"""Prices: one model, told as each version has it. Exact amounts in the object's currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.kinds import NEW, OLD, Text255
from laddvakt_agent.uplink.structs.plan import Object, Was


class TaxAmount(Object, frozen=True, kw_only=True):
    """types, TaxAmount (2.3.0); the table gives no lengths, 255 is ours."""

    name: Text255
    account_number: Text255 | None = None
    percentage: Decimal | None = None
    amount: Decimal


class Price(Object, frozen=True, kw_only=True):
    """types, Price: `excl_vat`/`incl_vat` in 2.2.1, `before_taxes`/`taxes` in 2.3.0."""

    before_taxes: Annotated[Decimal, Was("excl_vat")]
    after_taxes: Annotated[Decimal | None, OLD, Was("incl_vat")] = None
    taxes: Annotated[tuple[TaxAmount, ...], NEW] = ()


class PriceLimit(Object, frozen=True, kw_only=True):
    """mod_tariffs, PriceLimit (2.3.0); in 2.2.1 a Price."""

    before_taxes: Annotated[Decimal, Was("excl_vat")]
    after_taxes: Annotated[Decimal | None, Was("incl_vat")] = None
