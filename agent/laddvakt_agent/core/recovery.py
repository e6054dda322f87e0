"""One supervision track per fault: seen, confirmed, gone, left – within its budget.

CLEAR → PENDING → ACTIVE ⇄ CLEARING → CLEAR. Where no detector speaks of a fault any longer (its
device was renamed, its code is another version's) a reset alone leads from ACTIVE to CLEAR. A track
knows nothing of other tracks or of the connector; the connector sees only the join of all tracks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.rules import Act, Recovery
from laddvakt_agent.core.tracks import (
    STATUS_GRACE_S,
    Finding,
    Phase,
    Surroundings,
    Track,
    budget_left,
    leave_at_s,
    spent_in_window,
)

_RANKS: Mapping[Recovery, Reset] = {  # the least a person must be to lift it
    Recovery.UNPLUG: Reset.LOCAL,
    Recovery.MANUAL: Reset.MANUAL,
    Recovery.LOCAL: Reset.LOCAL,
    Recovery.SERVICE: Reset.SERVICE,
}


def advance(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """The track one step on; the same object when nothing changed."""
    if track.rule.window_s is None and track.spent_s and not around.session:
        track = replace(track, spent_s=())  # a budget per session ends with it
    if not track.standing:
        track = _watch(track, finding, around, now_s)
    if track.standing:
        track = _stand(track, finding, around, now_s)
    if track.standing and not finding.watched and _lifted(track, around):
        return Track(rule=track.rule, subject=track.subject)
    return track


def deadlines_s(track: Track) -> Iterator[float]:
    """When this track may move although nothing new is read."""
    if track.standing:
        yield track.raised_s + STATUS_GRACE_S
    if track.phase is Phase.PENDING:
        yield track.since_s + track.rule.confirm_s
    elif track.phase is Phase.ACTIVE:
        for after_s, _ in track.rule.stages:
            yield track.raised_s + after_s
    elif track.phase is Phase.CLEARING:
        yield leave_at_s(track)


def _watch(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    if not finding.present:
        # Unknown counts as unseen: a confirm time must be filled by readings, not by silence.
        if track.phase is Phase.CLEAR:
            return track
        return replace(track, phase=Phase.CLEAR, since_s=0.0)
    since_s = now_s if track.phase is Phase.CLEAR else track.since_s
    if finding.since_s is not None:
        since_s = min(finding.since_s, now_s)
    if now_s >= since_s + track.rule.confirm_s:
        return _raised(track, finding, around, now_s)
    if track.phase is Phase.PENDING and since_s == track.since_s:
        return track
    return replace(track, phase=Phase.PENDING, since_s=since_s)


def _raised(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    rule, closed_s = track.rule, around.closed_since_s
    early = (
        rule.early_trip_s > 0.0 and closed_s is not None and now_s <= closed_s + rule.early_trip_s
    )
    return replace(
        track,
        phase=Phase.ACTIVE,
        since_s=now_s,
        raised_s=now_s,
        locked=rule.recovery is Recovery.SERVICE or early,
        spread_s=rule.spread_s * around.spread,
        evidence=finding.evidence,
    )


def _stand(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    if not track.locked and not budget_left(track, now_s):
        track = replace(track, locked=True, acknowledged=False)
    gone = finding.present is False
    if gone and track.phase is Phase.ACTIVE:
        track = replace(track, phase=Phase.CLEARING, since_s=now_s)
    elif not gone and track.phase is Phase.CLEARING:
        # Unknown is not gone: the clear time starts anew once the condition is seen to be away.
        track = replace(track, phase=Phase.ACTIVE, since_s=now_s, acknowledged=False)
    if track.phase is Phase.ACTIVE:
        track = _escalated(track, finding, now_s)
    if track.act >= Act.RAMP and around.session and not track.blocked:
        track = replace(track, blocked=True)
    if track.phase is Phase.CLEARING:
        track = _clearing(track, around, now_s)
    return track


def _escalated(track: Track, finding: Finding, now_s: float) -> Track:
    reached = track.rule.act_at(track.raised_s, now_s) if finding.act is None else finding.act
    return replace(track, act=reached) if reached > track.act else track


def _clearing(track: Track, around: Surroundings, now_s: float) -> Track:
    if not track.acknowledged and _acknowledges(track.needs, around):
        track = replace(track, acknowledged=True)
    if track.acknowledged and now_s >= leave_at_s(track):
        return _left(track, around, now_s)
    return track


def _acknowledges(needs: Recovery, around: Surroundings) -> bool:
    if needs is Recovery.AUTO:
        return True
    if needs is Recovery.UNPLUG and around.vehicle_gone:
        return True
    return _rank(around) >= _RANKS[needs].value


def _lifted(track: Track, around: Surroundings) -> bool:
    """A person at the charger, or a higher one where that is needed, answers for what is gone."""
    needed = _RANKS.get(track.needs, Reset.LOCAL)
    return _rank(around) >= max(needed.value, Reset.LOCAL.value)


def _rank(around: Surroundings) -> int:
    return max((reset.value for reset in around.resets), default=0)


def _left(track: Track, around: Surroundings, now_s: float) -> Track:
    needs, limited = track.needs, track.rule.retries is not None
    spent_s = spent_in_window(track, now_s)
    if needs is Recovery.AUTO:
        # A retry is a reclosure: leaving a fault that held nothing back costs nothing.
        counts = limited and track.blocked and around.session
    elif needs is Recovery.UNPLUG:
        counts = limited and track.rule.recovery is Recovery.UNPLUG
    else:
        counts, spent_s = False, ()  # a person looked at it: the budget is whole again
    if counts:
        spent_s = (*spent_s, now_s)
    return Track(rule=track.rule, subject=track.subject, spent_s=spent_s)
