"""What explanations are made of: a case to look at, links to answer with, faults as links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core.diagnose.causes import Cause, diagnose
from laddvakt_agent.core.diagnose.picture import alone
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.freshness import Seen, currents_a
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.machine import Connector, active_faults
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.settings import Settings

_FOLLOWS_A = 1.0  # a vehicle that draws so much less than it may has its own reasons
_RISES_S = 15.0  # … once it had the time to rise to a new offer

_ENDS = {
    Recovery.UNPLUG: "unplugging the vehicle",
    Recovery.MANUAL: "once it is gone: laddvakt connector {} reset",
    Recovery.LOCAL: "once it is gone, standing at the charger: laddvakt connector {} reset --local",
    Recovery.SERVICE: "after repair and test, by service: laddvakt connector {} reset --service",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One reason. `since_s` None: no beginning worth telling. `change`: what would end it."""

    what: str
    since_s: float | None = None
    change: str = ""
    fault: ActiveFault | None = None  # what stands behind it, for whoever tells its texts


@dataclass(frozen=True, slots=True)
class Case:
    """One connector at one moment."""

    settings: Settings
    connector: Connector
    inputs: Inputs
    view: Seen
    now_s: float
    shell: Link | None = None  # what the agent itself holds against it, beside all readings

    @property
    def life(self) -> Life:
        """The connector without its faults."""
        return self.connector.life


def faults(case: Case, least: Act) -> Iterator[Link]:
    """The root causes of what stands, the strongest act first, each with its symptoms."""
    standing = active_faults(case.connector)
    picture = alone(case.settings, standing, case.inputs, case.now_s)
    told = [cause for cause in diagnose(picture) if _act(cause) >= least]
    for cause in sorted(told, key=lambda cause: (-_act(cause), cause.fault.since_s)):
        yield _told(case, cause)
        for symptom in cause.symptoms:
            yield Link(
                what=f"which shows as {symptom.code}: {symptom.evidence}",
                since_s=symptom.since_s,
                fault=symptom,
            )


def _act(cause: Cause) -> Act:
    return max(fault.act for fault in (cause.fault, *cause.symptoms))


def _told(case: Case, cause: Cause) -> Link:
    fault = cause.fault
    rule = rule_for(case.settings.rules, fault.code)
    identity = (fault.code, fault.subject)
    gone = any(
        track.phase is Phase.CLEARING and (track.rule.code, track.subject) == identity
        for track in case.connector.tracks
    )
    return Link(
        what=f"{fault.code}: {fault.evidence}{', no longer seen' if gone else ''}",
        since_s=fault.since_s,
        change=_end(case, rule, fault),
        fault=fault,
    )


def _end(case: Case, rule: FaultRule, fault: ActiveFault) -> str:
    """What ends it: the person or event it needs, or the clock."""
    needs = rule.lockout if fault.locked_out else rule.recovery
    if needs is not Recovery.AUTO:
        return _ENDS[needs].format(case.settings.connector)
    wait_s = 0.0 if fault.retry_at_s is None else fault.retry_at_s - case.now_s
    if wait_s >= 1.0:
        return f"by itself once its condition is gone, not before {wait_s:.0f} s from now"
    return "by itself once its condition is gone"


def behind(case: Case, code: str) -> Iterator[Link]:
    """The fault that a constraint names, if one stands."""
    for fault in active_faults(case.connector):
        if fault.code == code:
            yield Link(what=f"{fault.code}: {fault.evidence}", since_s=fault.since_s, fault=fault)


def drawn(case: Case) -> Iterator[Link]:
    """A vehicle that takes clearly less than it may."""
    life = case.life
    if case.now_s < max(life.commanded_since_s, life.limit_changed_s) + _RISES_S:
        return
    amperes = currents_a(case.settings, case.inputs, case.now_s)
    if life.power is Power.CLOSED and amperes and max(amperes) < life.limit_a - _FOLLOWS_A:
        yield Link(
            what=f"the vehicle takes {max(amperes):.1f} A of the {life.limit_a:g} A it may",
            change="the vehicle: nearly full, cold, or built for less",
        )
