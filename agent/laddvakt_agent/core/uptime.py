"""Why an EVSE has the status it has, as regulations on availability count it.

The default is `own`: it did not work, and that was the charger's or its operator's doing. Whatever
a regulation would leave out needs evidence: a reading, a maintenance that had begun before, a
sensor of the housing. Of several causes at once the charger's own comes first, for without the
other one it would not have worked either.

Nothing here can tell force majeure, a lost network or opening hours; their classes are for those
who can.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from laddvakt_agent.core.diagnose.causes import Cause
from laddvakt_agent.core.effects import STOPPED_CODES, out_of_order
from laddvakt_agent.core.faults.catalogue import CATALOGUE, rule_for
from laddvakt_agent.core.faults.rules import Act, CauseClass, Recovery
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.recover.tracks import Track, as_fault
from laddvakt_agent.core.status import EvseStatus, why

Identity: TypeAlias = tuple[str, str]  # (code, subject)

HOUSING_CODES = frozenset({"tilted", "enclosure_open", "cable_cut"})
SILENT_CODES = frozenset({"device_lost", "bus_down", "meter_lost"})
RESTORED = "stood before the restart"  # the evidence of a fault that was not seen again yet
UP = frozenset({EvseStatus.AVAILABLE, EvseStatus.CHARGING, EvseStatus.RESERVED})

CLOSED = "closed by command"
LEAVING = "agent stops"
NOT_WRITABLE = "ledger cannot be written"
NOT_READY = "not ready"


class Blame(enum.Enum):
    """Whose doing it was that an EVSE did not work."""

    GRID = "grid"
    VEHICLE = "vehicle"
    PLANNED = "planned"
    VANDALISM = "vandalism"
    FORCE_MAJEURE = "force_majeure"
    NETWORK = "network"
    CLOSED = "closed"  # outside its opening hours
    OWN = "own"
    UNKNOWN = "unknown"


class Worked(enum.Enum):
    """Whether it would have worked without its cause."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the connector itself does not know of its situation. Times: monotonic seconds."""

    in_service: bool = True  # False: closed by an operator's command
    closed_s: float = 0.0  # … since then
    maintenance_s: float | None = None  # a maintenance runs since then
    durable: bool = True  # False: the ledger cannot be written, so no session may begin
    leaving: bool = False  # the agent is being stopped
    causes: tuple[Cause, ...] = ()  # the diagnosis, the one to name first


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is written down of a status. `fault`: the standing one its cause is shown under."""

    status: EvseStatus
    cause: str  # a fault's code, or plain words
    blame: Blame
    evidence: str = ""
    fault: Identity | None = None
    mrec: str | None = None
    would_have_worked: Worked = Worked.YES
    worked: bool = True  # when this cause began


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """One thing that stands in the way; or nothing does, then `name` says why all is well."""

    name: str
    blame: Blame = Blame.OWN
    evidence: str = ""
    fault: Identity | None = None
    mrec: str | None = None
    covers: frozenset[Identity] = frozenset()  # the faults it explains


@dataclass(frozen=True, slots=True)
class _Facts:
    """What `WORKED` looks at."""

    up: bool
    unknown: bool
    others: bool  # something of another cause stands in the way as well
    worked: bool
    seen: bool  # everything that guards it was read, and nothing of that is silent


def account(connector: Connector, around: Around, before: Account | None, now_s: float) -> Account:
    """The status of a connector with its cause. `before`: what was said last.

    With its own answer as `before` and all else equal it answers the same again.
    """
    row, status = why(connector, now_s)
    felt = _felt(connector, row)
    reasons = _reasons(felt, around) or [_plain(row, connector, around, now_s)]
    reason = _named(row, felt, reasons)
    worked = status in UP or _worked(reason, before)
    seen = connector.life.read_once and not any(t.rule.code in SILENT_CODES for t in felt)
    others = _others(reason, reasons) or (bool(felt) and not (around.in_service and around.durable))
    facts = _Facts(status in UP, status is EvseStatus.UNKNOWN, others, worked, seen)
    return Account(
        status=status,
        cause=reason.name,
        blame=reason.blame,
        evidence=reason.evidence,
        fault=reason.fault,
        mrec=reason.mrec,
        would_have_worked=next(answer for _, guard, answer in WORKED if guard(facts)),
        worked=worked,
    )


def _stopped(track: Track) -> bool:
    return track.rule.code in STOPPED_CODES


def _waits(track: Track) -> bool:
    return track.act >= Act.RAMP and track.needs is Recovery.UNPLUG


def _any(_: Track) -> bool:
    return True


# Row of the status cascade → which of the faults that are felt gave it.
DECIDING: Mapping[str, Callable[[Track], bool]] = {
    "stopped by a person": _stopped,
    "a person is needed": out_of_order,
    "waits for the vehicle to leave": _waits,
    "may go on within a minute": _any,
    "recovers by itself": _any,
}

BlameRow: TypeAlias = tuple[str, Callable[[ActiveFault, CauseClass, Around], bool], Blame]

# Whose doing a fault is: the first that is true.
BLAME: tuple[BlameRow, ...] = (
    ("measured in front of it", lambda f, c, _: c is CauseClass.GRID and _shown(f), Blame.GRID),
    ("others charged well", lambda f, c, _: c is CauseClass.VEHICLE and _shown(f), Blame.VEHICLE),
    ("in a maintenance", lambda f, _, around: _planned(around, f.since_s), Blame.PLANNED),
    ("by force", lambda f, _, __: f.code in HOUSING_CODES, Blame.VANDALISM),
    ("no evidence", lambda *_: True, Blame.OWN),
)

WorkedRow: TypeAlias = tuple[str, Callable[[_Facts], bool], Worked]

WORKED: tuple[WorkedRow, ...] = (
    ("it works", lambda f: f.up, Worked.YES),
    ("nothing is known", lambda f: f.unknown, Worked.UNKNOWN),
    ("something else as well", lambda f: f.others, Worked.NO),
    ("it worked until then", lambda f: f.worked, Worked.YES),
    ("all that guards it was read", lambda f: f.seen, Worked.YES),
    ("it cannot be seen", lambda _: True, Worked.UNKNOWN),
)


def _felt(connector: Connector, row: str) -> tuple[Track, ...]:
    """The faults that stand in the way, if that is what gave the status."""
    if row not in DECIDING:
        return ()
    # A session in progress is not touched by what only lets no other begin.
    least = Act.RAMP if connector.life.session and not row.startswith("stopped") else Act.FINISH
    return tuple(track for track in connector.tracks if track.standing and track.act >= least)


def _reasons(felt: Sequence[Track], around: Around) -> list[_Reason]:
    """The causes of these faults, each once, the one to name first in front."""
    left = {(track.rule.code, track.subject): track for track in felt}
    found: list[_Reason] = []
    for cause in around.causes:
        covers = frozenset((f.code, f.subject) for f in (cause.fault, *cause.symptoms))
        mine = [left.pop(identity) for identity in sorted(covers & left.keys())]
        if mine:
            found.append(_caused(cause, covers, mine[0], around))
    alone = (Cause(fault=as_fault(track)) for track in left.values())
    return found + [
        _caused(cause, frozenset({_identity(cause.fault)}), track, around)
        for cause, track in zip(alone, left.values(), strict=True)
    ]


def _caused(cause: Cause, covers: frozenset[Identity], track: Track, around: Around) -> _Reason:
    fault = cause.fault
    told = fault if cause.stands else cause.symptoms[0]
    blame = next(b for _, guard, b in BLAME if guard(fault, cause.cause_class, around))
    evidence = fault.evidence or track.evidence or fault.code
    if blame is Blame.PLANNED:
        evidence = f"{_since(around, fault.since_s)}; {evidence}"
    return _Reason(
        name=fault.code,
        blame=blame,
        evidence=evidence,
        fault=_identity(told),
        mrec=rule_for(CATALOGUE, fault.code).mrec or track.rule.mrec,
        covers=covers,
    )


def _plain(row: str, connector: Connector, around: Around, now_s: float) -> _Reason:
    """What gives the status where no fault does."""
    if row != "closed":
        unread = row == "nothing read yet"
        return _Reason(name=row, blame=Blame.UNKNOWN if unread else Blame.OWN)
    if not around.in_service:
        return _meant(CLOSED, around, around.closed_s)
    if around.leaving:
        return _meant(LEAVING, around, now_s)
    if not around.durable:
        return _Reason(name=NOT_WRITABLE)
    return _Reason(name=NOT_READY, evidence=connector.life.reason)


def _meant(name: str, around: Around, since_s: float) -> _Reason:
    """Somebody's own doing: planned if a maintenance had begun before."""
    if not _planned(around, since_s):
        return _Reason(name=name)
    return _Reason(name=name, blame=Blame.PLANNED, evidence=_since(around, since_s))


def _named(row: str, felt: Sequence[Track], reasons: Sequence[_Reason]) -> _Reason:
    """Of those that gave the status the charger's own, else the first."""
    if not felt:
        return reasons[0]
    deciding = {(t.rule.code, t.subject) for t in felt if DECIDING[row](t)}
    named = [reason for reason in reasons if reason.covers & deciding]
    return next((reason for reason in named if reason.blame is Blame.OWN), named[0])


def _others(reason: _Reason, reasons: Sequence[_Reason]) -> bool:
    """Two of one blame, if that is not the charger's own, are one outage."""
    return any(
        other.blame is not reason.blame or reason.blame is Blame.OWN
        for other in reasons
        if other is not reason
    )


def _worked(reason: _Reason, before: Account | None) -> bool:
    """Whether it worked when this cause began; a cause that is only named better began before."""
    if before is None:
        return False
    same = before.cause == reason.name and before.fault == reason.fault
    return before.worked if same or before.fault in reason.covers else before.status in UP


def _planned(around: Around, since_s: float) -> bool:
    return around.maintenance_s is not None and around.maintenance_s <= since_s


def _since(around: Around, since_s: float) -> str:
    begun_s = since_s if around.maintenance_s is None else around.maintenance_s
    return f"a maintenance had begun {since_s - begun_s:.0f} s before"


def _shown(fault: ActiveFault) -> bool:
    """A reading of this run shows it."""
    return fault.evidence != RESTORED


def _identity(fault: ActiveFault) -> Identity:
    return fault.code, fault.subject
