"""What else is known of a cause: suspicions with their reasons, and whom it points to."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.diagnose.links import SITE_CODES, TOGETHER_S
from laddvakt_agent.core.diagnose.picture import Beside, Picture, Visit
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.faults.rules import CauseClass
from laddvakt_agent.core.model import ActiveFault

RESIDUAL = frozenset({"residual_current_dc", "residual_current_ac"})
SWITCHING_S = 1.0
WELL_S = 60.0  # a vehicle that drew for so long without a fault charged well
OTHERS_WELL = 2


def notes(fault: ActiveFault, picture: Picture) -> tuple[str, tuple[str, ...]]:
    """What is suspected of it, and what else is known."""
    if fault.code not in RESIDUAL:
        return "", tuple(_together(fault, picture))
    suspected, also = "", list(_together(fault, picture))
    for beside in picture.beside(fault.subject):
        last = beside.last_before(fault.since_s)
        if last is None:
            continue
        after_s = fault.since_s - last.at_s
        if after_s <= SWITCHING_S:
            word = "closing" if last.closed else "opening"
            suspected = f"switching transient suspected: {after_s:.1f} s after {word}"
        elif not last.closed:
            also.append("the contactor was open: the station itself leaks, not the vehicle")
    return suspected, tuple(also)


def _together(fault: ActiveFault, picture: Picture) -> Iterator[str]:
    """Residual current within two seconds of an earth or voltage event: both are named."""
    others = (*picture.standing, *(past.fault for past in picture.past))
    for other in sorted(others, key=lambda other: (other.since_s, other.code, other.subject)):
        pair = {fault.code, other.code}
        if not (pair & RESIDUAL and pair & SITE_CODES):
            continue
        apart_s = other.since_s - fault.since_s
        if abs(apart_s) <= TOGETHER_S and picture.places(fault.subject) & picture.places(
            other.subject
        ):
            word = "after" if apart_s >= 0.0 else "before"
            yield f"{other.code} came {abs(apart_s):.1f} s {word} it: look at both"


def blamed(fault: ActiveFault, picture: Picture) -> CauseClass:
    """Whom it points to: vehicle and grid only with evidence, everything else is our own."""
    rule = rule_for(picture.rules, fault.code)
    if rule.cause_class is CauseClass.VEHICLE or "V" in rule.who.split():
        visits = [
            (beside, visit) for beside in picture.beside(fault.subject) for visit in _now(beside)
        ]
        if visits and all(_others_well(fault, beside, now, picture) for beside, now in visits):
            return CauseClass.VEHICLE
        return CauseClass.OWN
    measured = rule.cause_class is CauseClass.GRID  # the voltages in front of the charger show it
    if measured or ("G" in rule.who.split() and _twice(fault, picture)):
        return CauseClass.GRID
    return CauseClass.OWN


def _now(beside: Beside) -> tuple[Visit, ...]:
    """The vehicle that is there."""
    return tuple(visit for visit in beside.visits[-1:] if visit.until_s is None)


def _others_well(fault: ActiveFault, beside: Beside, now: Visit, picture: Picture) -> bool:
    """Other vehicles charged well, and none of them had this fault."""
    if fault.since_s < now.from_s:
        return False
    others = beside.visits[:-1]
    same = [p.fault.since_s for p in picture.past if _same(p.fault, fault)]
    troubled = [v for v in others if any(v.from_s <= at_s <= (v.until_s or at_s) for at_s in same)]
    well = [visit for visit in others if visit.drawn_s >= WELL_S and visit not in troubled]
    return not troubled and len(well) >= OTHERS_WELL


def _same(one: ActiveFault, other: ActiveFault) -> bool:
    return (one.code, one.subject) == (other.code, other.subject)


def _twice(fault: ActiveFault, picture: Picture) -> bool:
    """The same at another place at the same time."""
    return any(
        other.code == fault.code
        and other.subject != fault.subject
        and abs(other.since_s - fault.since_s) <= TOGETHER_S
        for other in picture.standing
    )
