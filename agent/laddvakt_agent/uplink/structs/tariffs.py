"""Tariffs. Source: mod_tariffs; `preauthorize_amount`: the Payments document."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import (
    DayOfWeek,
    ReservationRestrictionType,
    TariffDimensionType,
    TariffType,
    TaxIncluded,
)
from laddvakt_agent.uplink.structs.kinds import (
    NEW,
    NEW_AND_REQUIRED,
    Ci36,
    Clock,
    CountryCode,
    Currency,
    Day,
    PartyId,
    Url,
)
from laddvakt_agent.uplink.structs.places import DisplayText, EnergyMix
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.prices import PriceLimit
from laddvakt_agent.uplink.structs.rules import Whole

_Count = Annotated[int, Whole(0)]


class PriceComponent(Object, frozen=True, kw_only=True):
    """mod_tariffs, PriceComponent: price per kWh, hour or session; step_size in Wh or s."""

    type: TariffDimensionType
    price: Decimal
    vat: Decimal | None = None
    step_size: _Count


class TariffRestrictions(Object, frozen=True, kw_only=True):
    """mod_tariffs, TariffRestrictions: local times, kWh, A summed over the phases, kW, s."""

    start_time: Clock | None = None
    end_time: Clock | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: _Count | None = None
    max_duration: _Count | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    reservation: ReservationRestrictionType | None = None


class TariffElement(Object, frozen=True, kw_only=True):
    """mod_tariffs, TariffElement."""

    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class Tariff(Object, frozen=True, kw_only=True):
    """mod_tariffs, Tariff; `tax_included` is `None` in 2.2.1, whose prices exclude VAT."""

    country_code: CountryCode
    party_id: PartyId
    id: Ci36
    currency: Currency
    type: TariffType | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: Url | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Annotated[Decimal | None, NEW] = None
    elements: tuple[TariffElement, ...]
    tax_included: Annotated[TaxIncluded | None, NEW_AND_REQUIRED] = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: datetime
