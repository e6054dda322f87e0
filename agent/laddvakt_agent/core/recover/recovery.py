"""One supervision track per fault: seen, confirmed, gone, left – within its budget.

CLEAR → PENDING → ACTIVE ⇄ CLEARING → CLEAR. Where no detector speaks of a fault any longer (its
device was renamed, its code is another version's) a reset alone leads from ACTIVE to CLEAR. A track
knows nothing of other tracks or of the connector; the connector sees only the join of all tracks.

What a track waits for before it is left, all of it: its clear time and random delay, its back-off,
its person or the unplugging, its self-tests, and, where it comes and goes, a long quiet time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from laddvakt_agent.core.faults.rules import Act, Recovery, SubjectKind
from laddvakt_agent.core.inputs import Reset, SelfTest
from laddvakt_agent.core.recover.budgets import already_paid
from laddvakt_agent.core.recover.tracks import (
    STATUS_GRACE_S,
    Finding,
    Phase,
    Surroundings,
    Track,
    budget_left,
    drawn_s,
    leave_at_s,
    spent_in_window,
)

EVIDENCE_MIN_S = 5.0  # a measured value moves with every sample; it is told anew no sooner …
EVIDENCE_MAX_S = 300.0  # … and ever more seldom, but at least this often while it moves

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
        track = _watch(_aged(track, around, now_s), finding, around, now_s)
    if track.standing:
        track = _stand(track, finding, around, now_s)
    if track.standing and not finding.watched and _lifted(track, around):
        return Track(rule=track.rule, subject=track.subject)
    return track


def deadlines_s(track: Track) -> Iterator[float]:
    """When this track may move although nothing new is read."""
    if track.standing:
        yield track.raised_s + STATUS_GRACE_S
        yield _tell_again_s(track)
    elif track.spent_s and track.rule.window_s is not None:
        yield min(track.spent_s) + track.rule.window_s
    if track.phase is Phase.PENDING:
        yield track.since_s + track.rule.confirm_s
    elif track.phase is Phase.ACTIVE:
        for after_s, _ in track.rule.stages:
            yield track.raised_s + after_s
    elif track.phase is Phase.CLEARING:
        yield leave_at_s(track)


def tests_due(tracks: Iterable[Track], around: Surroundings) -> Iterator[tuple[SelfTest, float]]:
    """The self-tests that standing faults wait for, and since when: they count from then on."""
    for track in tracks:
        if track.phase is Phase.CLEARING:
            for test in _unproved(track, around):
                yield test, track.since_s


def _aged(track: Track, around: Surroundings, now_s: float) -> Track:
    """Without what no longer counts; with the vehicle goes what was left for it alone."""
    if not track.spent_s and not track.raises_s:
        return track
    spent_s, parted = spent_in_window(track, now_s), track.parted
    if track.rule.per_vehicle and around.vehicle_gone and spent_s and not parted:
        spent_s, parted = _used_up(track, spent_s, now_s), True
    raises_s = _recent(track, around, now_s)
    parted = parted and bool(spent_s)
    if (spent_s, raises_s, parted) == (track.spent_s, track.raises_s, track.parted):
        return track
    return replace(track, spent_s=spent_s, raises_s=raises_s, parted=parted)


def _used_up(track: Track, spent_s: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    """The whole budget: what remains of it was for the vehicle that has left."""
    missing = max((track.rule.retries or 0) - len(spent_s), 0)
    return (*spent_s, *(now_s,) * missing)


def _recent(track: Track, around: Surroundings, now_s: float) -> tuple[float, ...]:
    return tuple(at_s for at_s in track.raises_s if now_s < at_s + around.flap_window_s)


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
    raises_s = (*track.raises_s, now_s)
    flaps = len(raises_s) if len(raises_s) >= around.flap_raises else 0
    track = replace(
        track,
        phase=Phase.ACTIVE,
        since_s=now_s,
        raised_s=now_s,
        told_s=now_s,
        locked=rule.recovery is Recovery.SERVICE or early,
        parted=False,
        limit_a=finding.limit_a,
        spread_s=drawn_s(rule, track.subject, around.spread, now_s),
        raises_s=() if flaps else raises_s,
        flaps=flaps,
        quiet_s=around.flap_window_s if flaps else 0.0,
    )
    return replace(track, evidence=_evidence(track, finding))


def _stand(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    track = _charged(track, around)
    if not track.locked and not budget_left(track, now_s):
        track = replace(track, locked=True, acknowledged=False)
    gone = finding.present is False
    if gone and track.phase is Phase.ACTIVE:
        track = replace(track, phase=Phase.CLEARING, since_s=now_s)
    elif not gone and track.phase is Phase.CLEARING:
        track = _back(track, finding, now_s)
    if track.phase is Phase.ACTIVE:
        track = _followed(_escalated(track, finding, now_s), finding, now_s)
    if track.act >= Act.RAMP and around.session and not track.blocked:
        track = replace(track, blocked=True)
    if track.rule.per_vehicle and around.vehicle_gone and not track.parted:
        track = replace(track, parted=True)
    if track.phase is Phase.CLEARING:
        track = _clearing(track, around, now_s)
    return track


def _charged(track: Track, around: Surroundings) -> Track:
    """A board that closes by itself has made the reclosure that this fault did not allow."""
    rule, reclosed_s = track.rule, around.reclosed_s
    if reclosed_s is None or rule.retries is None or rule.subject_kind is not SubjectKind.CONNECTOR:
        return track
    if reclosed_s <= track.raised_s or reclosed_s in track.spent_s:
        return track
    if rule.window_s is None and not around.session:
        return track
    spent_s = (*track.spent_s, reclosed_s)
    return replace(track, spent_s=spent_s[-rule.retries :] if rule.retries else ())


def _back(track: Track, finding: Finding, now_s: float) -> Track:
    """Unknown is not gone: the clear time starts anew once the condition is seen to be away."""
    returned = 1 if track.flaps and finding.present else 0
    return replace(
        track,
        phase=Phase.ACTIVE,
        since_s=now_s,
        acknowledged=False,
        flaps=track.flaps + returned,
    )


def _escalated(track: Track, finding: Finding, now_s: float) -> Track:
    reached = track.rule.act_at(track.raised_s, now_s) if finding.act is None else finding.act
    return replace(track, act=reached) if reached > track.act else track


def _followed(track: Track, finding: Finding, now_s: float) -> Track:
    """With what its detector measures now; that is no new raise."""
    if not finding.present:
        return track
    if finding.limit_a != track.limit_a:
        track = replace(track, limit_a=finding.limit_a)
    evidence = _evidence(track, finding)
    if evidence == track.evidence or now_s < _tell_again_s(track):
        return track
    return replace(track, evidence=evidence, told_s=now_s)


def _evidence(track: Track, finding: Finding) -> str:
    if not track.flaps:
        return finding.evidence
    return f"{finding.evidence}; came {track.flaps} times, {track.quiet_s:g} s of quiet end it"


def _tell_again_s(track: Track) -> float:
    stood_s = track.told_s - track.raised_s
    return track.told_s + min(max(stood_s, EVIDENCE_MIN_S), EVIDENCE_MAX_S)


def _clearing(track: Track, around: Surroundings, now_s: float) -> Track:
    if track.flaps and _rank(around) >= Reset.LOCAL.value:
        track = replace(track, flaps=0, quiet_s=0.0)  # a person there answers for the quiet
    if not track.acknowledged and _acknowledges(track, around):
        track = replace(track, acknowledged=True)
    if track.acknowledged and now_s >= leave_at_s(track) and not _unproved(track, around):
        return _left(track, around, now_s)
    return track


def _acknowledges(track: Track, around: Surroundings) -> bool:
    needs = track.needs
    if needs is Recovery.AUTO:
        return True
    if needs is Recovery.UNPLUG and around.vehicle_gone:
        return True
    if needs is Recovery.SERVICE and _unproved(track, around):
        return False  # the word of the service role counts after the tests, not before
    return _rank(around) >= _RANKS[needs].value


def _unproved(track: Track, around: Surroundings) -> tuple[SelfTest, ...]:
    """The tests of its row that this connector can make and that have not passed since."""
    if not track.rule.tests:
        return ()
    passed_s = dict(around.passed_s)
    return tuple(
        test
        for test in track.rule.tests
        if test in around.tests and not (test in passed_s and passed_s[test] >= track.since_s)
    )


def _lifted(track: Track, around: Surroundings) -> bool:
    """A person at the charger, or a higher one where that is needed, answers for what is gone."""
    needed = _RANKS.get(track.needs, Reset.LOCAL)
    if needed is Reset.SERVICE and _unproved(track, around):
        return False
    return _rank(around) >= max(needed.value, Reset.LOCAL.value)


def _rank(around: Surroundings) -> int:
    return max((reset.value for reset in around.resets), default=0)


def _left(track: Track, around: Surroundings, now_s: float) -> Track:
    rule, parted = track.rule, False
    spent_s, raises_s = spent_in_window(track, now_s), _recent(track, around, now_s)
    if track.needs not in (Recovery.AUTO, Recovery.UNPLUG):
        spent_s, raises_s = (), ()  # a person looked at it: the budget is whole again
    elif track.parted:
        spent_s, parted = _used_up(track, spent_s, now_s), True
    elif _costs(track, around):
        spent_s = (*spent_s, now_s)
    return Track(
        rule=rule, subject=track.subject, spent_s=spent_s, raises_s=raises_s, parted=parted
    )


def _costs(track: Track, around: Surroundings) -> bool:
    """Leaving uses up a retry, unless another connector has paid for it."""
    if track.rule.retries is None or already_paid(track):
        return False
    if track.needs is Recovery.UNPLUG:
        return track.rule.recovery is Recovery.UNPLUG
    # A retry is a reclosure: leaving a fault that held nothing back costs nothing.
    return track.blocked and around.session
