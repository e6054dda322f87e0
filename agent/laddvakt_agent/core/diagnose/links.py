"""What a row says that explains one fault by another, and how near they must be."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace


class Scope(enum.Enum):
    """How near to each other cause and symptom must be."""

    PLACE = "place"  # they concern a connector together
    LINE = "line"  # the symptom's device sits on the cause's line, or hangs on it
    DEVICE = "device"  # they are about the same device


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One cause explains these symptoms. Times in seconds, from raise to raise.

    `lead_s`: so long before the cause itself a symptom may have been raised, because causes are
    confirmed later. `within_s`: so long after the cause it may still come, while that stands;
    without limit where it is infinite. `fold_s`: once the cause has cleared, what is left of the
    symptom is still its work for so long. `vehicle`: it does so only with a vehicle there, or
    only without.
    """

    cause: str
    symptoms: frozenset[str]
    why: str
    scope: Scope = Scope.PLACE
    lead_s: float = 60.0
    within_s: float = math.inf
    fold_s: float = 120.0
    vehicle: bool | None = None


# One fault at two places within this time is one cause in front of both.
TOGETHER_S = 2.0
TWIN_FOLD_S = 120.0
REPLIES_S = 10.0  # who does not answer so long after its line does is silent by itself
RETURN_S = 600.0  # after an outage the charger waits a random while before it begins anew
SITE_CODES = frozenset(
    {
        "power_lost",
        "upstream_protection_tripped",
        "phase_lost",
        "neutral_lost",
        "under_voltage",
        "over_voltage",
        "frequency_out_of_range",
        "protective_earth_missing",
        "it_earth_fault",
        "supply_impedance_high",
    }
)


def link(
    cause: str,
    *symptoms: str,
    why: str,
    lead_s: float = 60.0,
    within_s: float = math.inf,
    fold_s: float = 120.0,
    vehicle: bool | None = None,
) -> Link:
    """A row about two faults at one place."""
    return Link(
        cause=cause,
        symptoms=frozenset(symptoms),
        why=why,
        lead_s=lead_s,
        within_s=within_s,
        fold_s=fold_s,
        vehicle=vehicle,
    )


def on_line(cause: str, *symptoms: str, why: str) -> Link:
    """A row about a line and what hangs on it."""
    return replace(link(cause, *symptoms, why=why, fold_s=REPLIES_S), scope=Scope.LINE)


def of_device(cause: str, *symptoms: str, why: str) -> Link:
    """A row about one device."""
    return replace(link(cause, *symptoms, why=why, fold_s=REPLIES_S), scope=Scope.DEVICE)
