"""What is remembered about one fault: how it is shown, kept over a restart, joined."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.inputs import Reset, SelfTest
from laddvakt_agent.core.model import ActiveFault, Latch
from laddvakt_agent.core.recover.draw import drawn
from laddvakt_agent.core.settings import Settings

HARDNESS: Mapping[Recovery, int] = {way: rank for rank, way in enumerate(Recovery)}
STATUS_GRACE_S = 60.0  # so long a held-back session still counts as charging to the outside


class Phase(enum.Enum):
    """Where a track is; each comment says what is true in it."""

    CLEAR = "clear"  # not seen
    PENDING = "pending"  # seen, not yet for its confirm time
    ACTIVE = "active"  # raised, and its condition holds or cannot be seen
    CLEARING = "clearing"  # raised, its condition is gone, waiting to be left


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a detector says now. `present` None: cannot be judged (stale, missing).

    `since_s` is set where the readings themselves tell since when. `watched` False: no detector
    speaks of this fault, so nothing will ever show it gone (`present` is `None` then).
    """

    present: bool | None
    watched: bool = True
    since_s: float | None = None
    act: Act | None = None  # instead of the row's stages
    limit_a: float | None = None  # where it derates: to this; `None`: as the settings say
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a track may know of the connector."""

    vehicle_gone: bool = False
    session: bool = False
    closed_since_s: float | None = None  # the contactor is commanded closed since then
    resets: frozenset[Reset] = frozenset()
    reclosed_s: float | None = None  # when the board last closed without a command
    tests: tuple[SelfTest, ...] = ()  # those that this connector can make …
    passed_s: tuple[tuple[SelfTest, float], ...] = ()  # … and when each passed, if it did last
    spread: float = 0.0
    flap_raises: int = 5
    flap_window_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The memory of one fault about one subject."""

    rule: FaultRule
    subject: str
    phase: Phase = Phase.CLEAR
    since_s: float = 0.0  # start of PENDING or CLEARING
    raised_s: float = 0.0
    act: Act = Act.NONE
    acknowledged: bool = False  # what its recovery waits for has happened since CLEARING
    locked: bool = False  # the budget is spent, or the row locks at once
    blocked: bool = False  # it held a running session back
    parted: bool = False  # the vehicle it was raised with has left since
    limit_a: float | None = None  # what it derates to; `None`: as the settings say
    spread_s: float = 0.0  # its random delay, drawn when it was raised
    spent_s: tuple[float, ...] = ()  # reclosures that count against the budget
    raises_s: tuple[float, ...] = ()  # when it was raised of late
    flaps: int = 0  # it comes and goes: this often until now; 0: it does not
    quiet_s: float = 0.0  # … so long it must then be away
    told_s: float = 0.0  # the evidence is from then
    evidence: str = ""

    @property
    def standing(self) -> bool:
        """Raised and not left yet."""
        return self.phase in (Phase.ACTIVE, Phase.CLEARING)

    @property
    def forgettable(self) -> bool:
        """It says no more than no track at all."""
        return self.phase is Phase.CLEAR and not self.spent_s and not self.raises_s

    @property
    def needs(self) -> Recovery:
        """What lifts it."""
        return self.rule.lockout if self.locked else self.rule.recovery

    @property
    def locked_out(self) -> bool:
        """Only a person at the charger can lift it now, although its row may allow more."""
        return self.locked and self.rule.lockout in (Recovery.LOCAL, Recovery.SERVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All the connector ever sees of the tracks."""

    act: Act = Act.NONE
    derate: bool = False  # a fault derates without naming a current: the settings do
    limit_a: float | None = None  # the lowest current a derating fault names
    needs: Recovery | None = None  # the most that one of those asks for that allow no session
    locked: bool = False  # … one of them is locked out
    limit_code: str = ""  # the fault that names it
    hold_s: float | None = None  # blocked sessions are kept this long; None: nothing blocks
    code: str = ""  # the leading fault, for reasons


def spent_in_window(track: Track, now_s: float) -> tuple[float, ...]:
    """The reclosures that still count against the budget."""
    window_s = track.rule.window_s
    if window_s is None:
        return track.spent_s
    return tuple(spent for spent in track.spent_s if now_s < spent + window_s)


def budget_left(track: Track, now_s: float) -> bool:
    """Whether one more reclosure is allowed."""
    retries = track.rule.retries
    return retries is None or len(spent_in_window(track, now_s)) < retries


def leave_at_s(track: Track) -> float:
    """The earliest time the track may be left, from what is known now."""
    rule = track.rule
    automatic = track.needs is Recovery.AUTO
    clear_s = rule.clear_s
    if automatic:
        clear_s = max(clear_s + track.spread_s, track.quiet_s)
    cleared_s = track.since_s + clear_s if track.phase is Phase.CLEARING else track.raised_s
    return max(cleared_s, track.raised_s + _backoff_s(track)) if automatic else cleared_s


def drawn_s(rule: FaultRule, subject: str, seed: float, now_s: float) -> float:
    """The random delay of a fault raised now: drawn once, then kept; none where the seed is 0."""
    if seed == 0.0 or rule.spread_s == 0.0:
        return 0.0
    return rule.spread_s * drawn(seed, rule.code, subject, at_s=now_s)


def join(settings: Settings, tracks: Iterable[Track]) -> Summary:
    """What all standing faults together demand."""
    act, derate, hold_s, code = Act.NONE, False, None, ""
    limit_a, limit_code, needs, locked = None, "", None, False
    for track in tracks:
        if not track.standing or track.act is Act.NONE:
            continue
        if track.act is Act.DERATE:
            derate = derate or track.limit_a is None
            if track.limit_a is not None and (limit_a is None or track.limit_a < limit_a):
                limit_a, limit_code = track.limit_a, track.rule.code
        if track.act > act:
            act, code = track.act, track.rule.code
        if track.act >= Act.FINISH:
            needs, locked = _hardest(needs, track.needs), locked or track.locked_out
        if track.act >= Act.RAMP:
            hold_s = _longest(hold_s, _hold_s(settings, track))
    return Summary(
        act=act,
        derate=derate,
        limit_a=limit_a,
        limit_code=limit_code,
        needs=needs,
        locked=locked,
        hold_s=hold_s,
        code=code,
    )


def as_fault(track: Track, now_s: float | None = None) -> ActiveFault:
    """The track as it is shown. Without `now_s` the budget counts as of the raise."""
    automatic = track.needs is Recovery.AUTO
    at_s = track.raised_s if now_s is None else now_s
    return ActiveFault(
        code=track.rule.code,
        subject=track.subject,
        since_s=track.raised_s,
        act=track.act,
        locked_out=track.locked_out,
        evidence=track.evidence,
        retries_used=len(spent_in_window(track, at_s)),
        retries_allowed=track.rule.retries or 0,
        retry_at_s=leave_at_s(track) if automatic else None,
        flapping=track.flaps > 0,
    )


def as_latch(track: Track) -> Latch | None:
    """What must survive a restart, `None` when nothing must."""
    limited = track.rule.recovery is not Recovery.AUTO or track.rule.retries is not None
    keep = track.standing and (limited or track.locked or track.spread_s > 0.0)
    if not keep and not track.spent_s:
        return None
    return Latch(
        code=track.rule.code,
        subject=track.subject,
        locked_out=track.standing and track.locked,
        active=track.standing,
        spent_s=track.spent_s,
        spread_s=track.spread_s if track.standing else 0.0,
        act=track.act if track.standing else None,
    )


def from_latch(rule: FaultRule, latch: Latch, spread: float, now_s: float) -> Track:
    """The track a latch tells of, standing again if it stood.

    Times of an earlier boot may lie ahead of this one's: they count as just now, never as past.
    A latch without its random delay or its act is of an older version: the delay is drawn now, and
    the act is the strongest.
    """
    spent_s = tuple(min(spent, now_s) for spent in latch.spent_s)
    track = Track(rule=rule, subject=latch.subject, spent_s=spent_s)
    if not (latch.active or latch.locked_out):
        return track
    return replace(
        track,
        phase=Phase.ACTIVE,
        raised_s=now_s,
        since_s=now_s,
        told_s=now_s,
        act=rule.strongest if latch.act is None else latch.act,
        locked=latch.locked_out,
        spread_s=latch.spread_s or drawn_s(rule, latch.subject, spread, now_s),
        evidence="stood before the restart",
    )


def _backoff_s(track: Track) -> float:
    rule = track.rule
    if rule.backoff_max_s is None:
        return rule.backoff_s
    used = len(spent_in_window(track, track.raised_s))
    return float(min(rule.backoff_s * 2**used, rule.backoff_max_s))


def _hold_s(settings: Settings, track: Track) -> float:
    if track.rule.ends_session or track.locked or track.needs is Recovery.UNPLUG:
        return 0.0
    return settings.session_hold_grid_s if track.rule.may_be_grid else settings.session_hold_s


def _longest(first_s: float | None, second_s: float) -> float:
    # A fault that ends the session ends it, whatever else would keep it.
    if first_s is None:
        return second_s
    return 0.0 if 0.0 in (first_s, second_s) else max(first_s, second_s)


def _hardest(first: Recovery | None, second: Recovery) -> Recovery:
    if first is None or HARDNESS[second] > HARDNESS[first]:
        return second
    return first
