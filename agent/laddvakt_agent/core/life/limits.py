"""How much current may be offered, and why not more: named constraints, the lowest of which wins.

Pure and total: what is no number allows nothing. Below the least current a duty cycle can say,
nothing is offered at all; the session is kept and waits. Currents are ampere per phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from laddvakt_agent.core.inputs import Inputs, Proximity
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings

MIN_OFFER_A = 6.0  # IEC 61851-1 Annex A: 10 % duty; no duty cycle says less
SINGLE_PHASE_63_A = 70.0  # IEC 61851-1 Annex B: what the 100 Ω cable carries on one phase

CABLE = "cable"
HARDWARE = "hardware"
TEMPERATURE = "temperature"
PROFILE = "profile"
LOAD = "load management"
FAULT = "fault derate"
UNATTENDED = "unattended"
SAFE = "safe fallback"
ORDER = (CABLE, HARDWARE, TEMPERATURE, PROFILE, LOAD, FAULT, UNATTENDED, SAFE)

_HEAT_CODES = frozenset({"temperature_derate", "cable_temperature_derate", "sensor_implausible"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One reason for not offering more. `since_s`: since it has had this value."""

    name: str  # one of `ORDER`
    limit_a: float  # 0 or more
    since_s: float
    detail: str


def given(
    settings: Settings, inputs: Inputs, cable_a: float | None, phases: int, now_s: float
) -> tuple[Constraint, ...]:
    """What the charger itself, its cable and other people's wishes allow, in `ORDER`.

    `cable_a` is what the plugged cable says, `None` while none was read; `phases` are those in use.
    """
    found = _given(settings, inputs, cable_a, phases)
    return tuple(Constraint(name=n, limit_a=a, since_s=now_s, detail=d) for n, a, d in found)


def of_faults(settings: Settings, faults: Summary, now_s: float) -> tuple[Constraint, ...]:
    """What standing faults allow, in `ORDER`."""
    found: list[Constraint] = []
    if faults.limit_a is not None:
        name = TEMPERATURE if faults.limit_code in _HEAT_CODES else FAULT
        limit_a = amps(faults.limit_a)
        found.append(
            Constraint(name=name, limit_a=limit_a, since_s=now_s, detail=faults.limit_code)
        )
    if faults.derate and settings.unattended_current_a is not None:
        limit_a = amps(settings.unattended_current_a)
        found.append(
            Constraint(name=UNATTENDED, limit_a=limit_a, since_s=now_s, detail="nobody on guard")
        )
    return tuple(found)


def in_force(known: Sequence[Constraint], found: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """`found` in `ORDER`; those that were `known` with the same value keep their time."""
    kept = {(c.name, c.limit_a, c.detail): c for c in known}
    dated = (kept.get((c.name, c.limit_a, c.detail), c) for c in found)
    return tuple(sorted(dated, key=lambda c: ORDER.index(c.name)))


def lowest(constraints: Sequence[Constraint]) -> Constraint | None:
    """The one that decides; of equal ones the first in their order."""
    return min(constraints, key=lambda c: c.limit_a, default=None)


def ceiling_a(constraints: Sequence[Constraint]) -> float:
    """The least of all limits, infinite without any."""
    return min((c.limit_a for c in constraints), default=math.inf)


def offer_a(settings: Settings, allowed_a: float, faults: Summary) -> float:
    """The current to offer where everything but faults allows `allowed_a`; 0: none."""
    limit_a = min(amps(settings.max_current_a), amps(allowed_a))
    if faults.limit_a is not None:
        limit_a = min(limit_a, amps(faults.limit_a))
    if faults.derate and settings.unattended_current_a is not None:
        limit_a = min(limit_a, amps(settings.unattended_current_a))
    return limit_a if limit_a >= MIN_OFFER_A else 0.0


def amps(value_a: float) -> float:
    """A limit as one: what is negative or no number allows nothing."""
    return value_a if value_a > 0.0 else 0.0


def cable_limit_a(said: Proximity, phases: int) -> float | None:
    """What the resistor in the plug allows on so many phases, `None` when it names no cable."""
    if said in (Proximity.ABSENT, Proximity.INVALID):
        return None
    if said is Proximity.CABLE_63_A and phases == 1:
        return SINGLE_PHASE_63_A
    return float(said.value)


def _given(
    settings: Settings, inputs: Inputs, cable_a: float | None, phases: int
) -> Iterator[tuple[str, float, str]]:
    if cable_a is not None:
        yield CABLE, amps(cable_a), f"plug coded for {cable_a:g} A"
    elif settings.socket and "proximity" in settings.fitted:
        yield CABLE, 0.0, "no cable read yet"
    yield HARDWARE, amps(settings.max_current_a), f"built for {settings.max_current_a:g} A"
    if inputs.profile_limit_a is not None:
        yield PROFILE, amps(inputs.profile_limit_a), "charging profile"
    if inputs.load_limit_a is not None:
        yield LOAD, amps(inputs.load_limit_a), f"shared on {phases} phases"
    elif settings.site_limit_a is not None and settings.safe_current_a is not None:
        yield SAFE, amps(settings.safe_current_a), "load management says nothing"
