"""A tariff as OCPI 2.2.1 and 2.3.0 describe it (mod_tariffs), reduced to what makes a price.

Local times of day are minutes since midnight, local dates are days since 1970-01-01.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal


class Dimension(enum.Enum):
    """What a price component prices; OCPI TariffDimensionType."""

    ENERGY = "ENERGY"  # per kWh, step_size in Wh
    FLAT = "FLAT"  # once
    PARKING_TIME = "PARKING_TIME"  # per hour, step_size in seconds
    TIME = "TIME"  # per hour, step_size in seconds


class Reserved(enum.Enum):
    """Which part of a reservation an element prices; OCPI ReservationRestrictionType."""

    RESERVATION = "RESERVATION"
    EXPIRES = "RESERVATION_EXPIRES"  # nobody came before it ended


class TaxIncluded(enum.Enum):
    """Whether the tariff's prices hold the taxes; a 2.2.1 tariff is always `NO`."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What one unit of a dimension costs."""

    dimension: Dimension
    price: Decimal
    vat: Decimal | None = None  # percent; `None` is not 0: no tax is stated
    step_size: int = 1  # Wh or s; 0 (as the free tariff of mod_tariffs has it): not stepped


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element is active: all of them must hold; `None` or empty restricts nothing."""

    start_minute: int | None = None  # local time of day, from this minute on …
    end_minute: int | None = None  # … until this one; 0 is the end of the day
    start_day: int | None = None  # local date, from this day on …
    end_day: int | None = None  # … to the day before this one
    min_kwh: Decimal | None = None  # drawn in this session so far, inclusive
    max_kwh: Decimal | None = None  # exclusive, as the other maxima
    min_current_a: Decimal | None = None  # phases added up
    max_current_a: Decimal | None = None
    min_power_kw: Decimal | None = None
    max_power_kw: Decimal | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    weekdays: frozenset[int] = frozenset()  # Monday is 0
    reservation: Reserved | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Price components under the same restrictions."""

    components: tuple[Component, ...]
    restrictions: Restrictions = Restrictions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A least or greatest total; 2.2.1 Price, 2.3.0 PriceLimit."""

    before_taxes: Decimal
    after_taxes: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The prices of one tariff, in the order in which they are looked up."""

    id: str
    elements: tuple[Element, ...]
    tax_included: TaxIncluded = TaxIncluded.NO
    min_price: Limit | None = None
    max_price: Limit | None = None
