"""What a session costs by an OCPI tariff, exactly; the rules stand where they are applied."""

from laddvakt_agent.core.tariff.bill import Bill, price
from laddvakt_agent.core.tariff.course import UTC, Period, Zone
from laddvakt_agent.core.tariff.cuts import Marks, marks_of, moments
from laddvakt_agent.core.tariff.lines import Line, Part
from laddvakt_agent.core.tariff.model import (
    Component,
    Dimension,
    Element,
    Limit,
    Reserved,
    Restrictions,
    Tariff,
    TaxIncluded,
)
from laddvakt_agent.core.tariff.money import Money, Tax

__all__ = [
    "UTC",
    "Bill",
    "Component",
    "Dimension",
    "Element",
    "Limit",
    "Line",
    "Marks",
    "Money",
    "Part",
    "Period",
    "Reserved",
    "Restrictions",
    "Tariff",
    "Tax",
    "TaxIncluded",
    "Zone",
    "marks_of",
    "moments",
    "price",
]
