"""What a diagnosis looks at: faults with their times, and what was going on beside them.

Every type is frozen. Times are monotonic seconds. `follow` keeps one connector's part of the
picture while the agent runs; it never looks at faults, and nothing here decides what is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from laddvakt_agent.core.faults.catalogue import CATALOGUE, FaultRule, rule_for
from laddvakt_agent.core.faults.rules import Severity
from laddvakt_agent.core.freshness import currents_a, fresh
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, LineHealth, Pilot, Role
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.settings import Settings

STATION = "station"
SWITCHINGS_KEPT = 16
VEHICLES_KEPT = 8
FLOWS_A = 1.0
GAP_MAX_S = 10.0  # a longer gap between two looks counts for no more than this
FOLLOWS_S = 8.0  # a vehicle may take an offer that was lowered for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """The contactor was told to move."""

    at_s: float
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One vehicle at the connector, from plug to unplug. `until_s` None: it is there now."""

    from_s: float
    until_s: float | None = None
    drawn_s: float = 0.0  # so long more than 1 A flowed through the closed contactor
    ratio: float | None = None  # highest current it drew, as a share of what it was offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What one connector did and was connected to."""

    switchings: tuple[Switching, ...] = ()  # oldest first
    visits: tuple[Visit, ...] = ()  # oldest first; the last one may be there now
    devices: tuple[DeviceHealth, ...] = ()
    lines: tuple[LineHealth, ...] = ()
    looked_s: float | None = None
    commanded_s: float | None = None  # the last command known of
    idle: bool = False  # no current was measured since it last opened
    against_s: float | None = None  # a current began although the mirror contact said open

    def last_before(self, at_s: float) -> Switching | None:
        """The last switching that came before this moment."""
        earlier = [switching for switching in self.switchings if switching.at_s < at_s]
        return earlier[-1] if earlier else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A fault that stood until a while ago."""

    fault: ActiveFault
    cleared_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything a diagnosis may know. The order of faults says nothing."""

    now_s: float
    standing: tuple[ActiveFault, ...] = ()
    past: tuple[Past, ...] = ()
    connectors: Mapping[str, Beside] = field(default_factory=dict)
    rules: Mapping[str, FaultRule] = field(default_factory=lambda: CATALOGUE)

    def onset_s(self, fault: ActiveFault) -> float:
        """When it began, as near as its confirm time tells."""
        return fault.since_s - rule_for(self.rules, fault.code).confirm_s

    def severity(self, fault: ActiveFault) -> Severity:
        """How urgent its row says that it is."""
        return rule_for(self.rules, fault.code).severity

    def devices(self) -> dict[str, DeviceHealth]:
        """Every device by its name; one that plays two roles is there once."""
        return {device.name: device for b in self.connectors.values() for device in b.devices}

    def lines(self) -> dict[str, LineHealth]:
        """Every line by its name."""
        return {line.name: line for beside in self.connectors.values() for line in beside.lines}

    def line_of(self, subject: str) -> str | None:
        """The line a device sits on, or the line itself."""
        devices = self.devices()
        if subject in devices:
            return devices[subject].line
        known = subject in self.lines() or any(d.line == subject for d in devices.values())
        return subject if known else None

    def places(self, subject: str) -> frozenset[str]:
        """The connectors a subject concerns: itself, its users, or all of the station's."""
        if subject in self.connectors:
            return frozenset({subject})
        users = frozenset(
            name
            for name, beside in self.connectors.items()
            if any(subject in (device.name, device.line) for device in beside.devices)
        )
        return users or frozenset(self.connectors)

    def beside(self, subject: str) -> Iterator[Beside]:
        """What went on at the connectors a subject concerns, in the order of their names."""
        for name in sorted(self.places(subject)):
            yield self.connectors[name]


def alone(
    settings: Settings, standing: tuple[ActiveFault, ...], inputs: Inputs, now_s: float
) -> Picture:
    """The picture of one connector of which nothing but this moment is known."""
    beside = Beside(devices=inputs.devices, lines=inputs.lines)
    return Picture(now_s=now_s, standing=standing, connectors={settings.connector: beside})


def follow(settings: Settings, life: Life, before: Beside, inputs: Inputs, now_s: float) -> Beside:
    """What is known of the connector after this moment."""
    switchings, commanded_s = before.switchings, before.commanded_s
    if commanded_s is not None and life.commanded_since_s != commanded_s:
        switching = Switching(at_s=life.commanded_since_s, closed=life.closed)
        switchings = (*switchings, switching)[-SWITCHINGS_KEPT:]
    idle, against_s = _against(settings, life, before, inputs, now_s)
    return Beside(
        switchings=switchings,
        visits=_visits(settings, life, before, inputs, now_s),
        devices=inputs.devices,
        lines=inputs.lines,
        looked_s=now_s,
        commanded_s=life.commanded_since_s,
        idle=idle,
        against_s=against_s,
    )


def meters(beside: Beside) -> frozenset[str]:
    """The names of the meters among its devices."""
    return frozenset(device.name for device in beside.devices if device.role is Role.METER)


def _visits(
    settings: Settings, life: Life, before: Beside, inputs: Inputs, now_s: float
) -> tuple[Visit, ...]:
    visits = before.visits
    there = visits[-1] if visits and visits[-1].until_s is None else None
    pilot = fresh(inputs.pilot, settings.sample_max_age_s, now_s)
    if pilot is Pilot.A:
        return visits if there is None else (*visits[:-1], replace(there, until_s=now_s))
    if there is None:
        if pilot not in (Pilot.B, Pilot.C, Pilot.D):
            return visits
        return (*visits, Visit(from_s=now_s))[-VEHICLES_KEPT:]
    drawn = _drawn(settings, life, there, inputs, now_s - (before.looked_s or now_s), now_s)
    return visits if drawn is there else (*visits[:-1], drawn)


def _drawn(
    settings: Settings, life: Life, visit: Visit, inputs: Inputs, elapsed_s: float, now_s: float
) -> Visit:
    if not life.closed:
        return visit
    highest_a = max(currents_a(settings, inputs, now_s), default=0.0)
    if highest_a < FLOWS_A:
        return visit
    ratio, offer_a = visit.ratio, life.limit_a
    if now_s < life.past_until_s + FOLLOWS_S:
        offer_a = max(offer_a, life.past_limit_a)
    if offer_a > 0.0:
        ratio = max(highest_a / offer_a, ratio or 0.0)
    drawn_s = visit.drawn_s + min(elapsed_s, GAP_MAX_S)
    return replace(visit, drawn_s=drawn_s, ratio=ratio)


def _against(
    settings: Settings, life: Life, before: Beside, inputs: Inputs, now_s: float
) -> tuple[bool, float | None]:
    """A current that was not there and begins after a closing convicts a mirror contact."""
    amps_a, sample = currents_a(settings, inputs, now_s), inputs.current_a
    if not amps_a or sample is None or sample.taken_s < life.commanded_since_s:
        return before.idle, before.against_s
    flows = max(amps_a) > FLOWS_A
    if not life.closed:
        return before.idle or not flows, before.against_s
    mirror = inputs.feedback_closed
    settled_s = life.commanded_since_s + settings.feedback_settle_s
    says_open = mirror is not None and mirror.taken_s >= settled_s and mirror.value is False
    if flows and before.idle and says_open and settings.meter_exclusive:
        return True, sample.taken_s
    # Once a current flows with the mirror contact closed, its end is no beginning.
    return before.idle and not (flows and not says_open), before.against_s
