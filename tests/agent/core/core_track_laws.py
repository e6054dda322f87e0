"""What must hold for each step of a fault's track, whatever its row says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from laddvakt_agent.core.faults.rules import Act, Recovery
from laddvakt_agent.core.inputs import Reset, SelfTest
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.budgets import is_shared
from laddvakt_agent.core.recover.tracks import (
    Finding,
    Phase,
    Surroundings,
    Track,
    as_latch,
    budget_left,
    from_latch,
    spent_in_window,
)

NOW_S = 1e7
OLD_S = NOW_S - 1e6  # longer ago than any time in the catalogue
ALL_TESTS = tuple(SelfTest)
_RANK = {Recovery.MANUAL: 1, Recovery.LOCAL: 2, Recovery.SERVICE: 3}


def broken(before: Track, finding: Finding, around: Surroundings, after: Track) -> Iterator[str]:
    """The properties that this step breaks."""
    if not before.standing:
        yield from _broken_raise(before, finding, around, after)
    elif after.standing:
        yield from _broken_standing(before, finding, around, after)
    else:
        yield from _broken_leave(before, finding, around, after)
    if after.standing:
        yield from _broken_number(finding, after)
        if after.act >= Act.RAMP and around.session and not after.blocked:
            yield "what holds a session back is noted"
    again = recovery.advance(after, finding, around, NOW_S)
    if again is not after and again != after:
        yield "equal inputs again change nothing"


def stuck(track: Track) -> Iterator[str]:
    """No state without a way out: a person at the charger suffices for all but service rows."""
    long_ago = replace(track, since_s=OLD_S, raised_s=OLD_S, told_s=OLD_S)
    for helper in (Reset.LOCAL, Reset.SERVICE):
        around = Surroundings(
            vehicle_gone=True,
            resets=frozenset({helper}),
            tests=ALL_TESTS,
            passed_s=tuple((test, NOW_S) for test in ALL_TESTS),
        )
        away = Finding(present=False)
        moved = recovery.advance(long_ago, away, around, NOW_S)
        moved = recovery.advance(replace(moved, since_s=OLD_S), away, around, NOW_S)
        excused = helper is Reset.LOCAL and track.needs is Recovery.SERVICE
        if moved.standing and not excused:
            yield f"nothing left over {helper.name.lower()} lifts it"


def forgotten(track: Track) -> Iterator[str]:
    """A restart neither weakens nor frees what a person or a budget guards."""
    latch = as_latch(track)
    guarded = track.locked or track.rule.recovery is not Recovery.AUTO
    if latch is None:
        if track.standing and (guarded or track.spent_s or track.spread_s):
            yield "what must survive a restart is written down"
        return
    again = from_latch(track.rule, latch, 0.5, NOW_S)
    kept = (track.locked, track.act, track.spread_s, track.spent_s)
    if track.standing and (again.locked, again.act, again.spread_s, again.spent_s) != kept:
        yield "a restart changes neither lock-out, act, delay nor budget"


def _broken_raise(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    counts = rule.window_s is not None or around.session  # a budget per session begins with it
    if after.standing:
        if finding.present is not True:
            yield "only what is seen is raised"
        if _seen_since_s(before, finding) + rule.confirm_s > NOW_S:
            yield "what is raised was seen for its confirm time"
        stage = rule.act_at(NOW_S, NOW_S) if finding.act is None else finding.act
        if after.act is not stage:
            yield "a fault acts in the step that raises it"
        if counts and not after.locked and not budget_left(before, NOW_S):
            yield "a spent budget locks out"
        yield from _broken_history(before, around, after)
        yield from _broken_lockout(before, around, after)
    elif finding.present and _seen_since_s(before, finding) + rule.confirm_s <= NOW_S:
        yield "what was seen for its confirm time is raised"
    else:
        yield from _broken_parting(before, around, after)


def _broken_parting(before: Track, around: Surroundings, after: Track) -> Iterator[str]:
    rule, left = before.rule, spent_in_window(before, NOW_S)
    used = len(spent_in_window(after, NOW_S))
    if rule.per_vehicle and around.vehicle_gone and left and used < (rule.retries or 0):
        yield "with its vehicle goes what is left of a budget"


def _seen_since_s(before: Track, finding: Finding) -> float:
    """Since when the condition has been seen, as the detector or the track itself knows it."""
    if finding.since_s is not None:
        return finding.since_s
    return before.since_s if before.phase is Phase.PENDING else NOW_S


def _broken_lockout(before: Track, around: Surroundings, after: Track) -> Iterator[str]:
    """Locked out at the raise: by its row, too soon after closing, or with nothing left."""
    rule, closed_s = before.rule, around.closed_since_s
    early = rule.early_trip_s and closed_s is not None and closed_s + rule.early_trip_s >= NOW_S
    due = rule.recovery is Recovery.SERVICE or bool(early)
    if due and not after.locked:
        yield "service rows and early trips lock out at once"
    if after.locked and not due and budget_left(after, NOW_S):
        yield "nothing else locks out"


def _broken_history(before: Track, around: Surroundings, after: Track) -> Iterator[str]:
    if len(before.raises_s) + 1 >= around.flap_raises and not after.flaps:
        yield "what was raised too often of late flaps"
    if not 0.0 <= after.spread_s <= before.rule.spread_s:
        yield "the random delay lies within the row's"


def _broken_standing(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    if after.act < before.act:
        yield "an act never weakens while its fault stands"
    staged = finding.act is None and after.phase is Phase.ACTIVE
    if staged and after.act < rule.act_at(before.raised_s, NOW_S):
        yield "an act follows its stages"
    if before.locked and not after.locked:
        yield "a lock-out never ends while its fault stands"
    if (after.phase is Phase.CLEARING) is not (finding.present is False):
        yield "clearing if and only if seen to be away"
    if not finding.watched and _person(after, around) and _proved(after, around):
        yield "what nothing watches is left by a reset at once"
    if after.raised_s != before.raised_s or after.spread_s != before.spread_s:
        yield "a standing fault is not raised again, nor its delay drawn again"
    yield from _broken_charge(before, around, after)


def _broken_charge(before: Track, around: Surroundings, after: Track) -> Iterator[str]:
    charged = _reclosed(before, around) and before.rule.retries
    if charged and around.reclosed_s not in after.spent_s:
        yield "a reclosure by the board uses up the budget"
    if not after.locked and not budget_left(after, NOW_S):
        yield "a spent budget locks out"


def _broken_number(finding: Finding, after: Track) -> Iterator[str]:
    if finding.present and after.limit_a != finding.limit_a:
        yield "the derated current follows its detector"


def _broken_leave(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    # What the step's own reclosure has spent locks out before anything is left.
    spent = not budget_left(before, NOW_S) or (_reclosed(before, around) and rule.retries == 1)
    counts = rule.window_s is not None or around.session
    needs = rule.lockout if spent and counts else before.needs
    if after.limit_a is not None or after.act or after.flaps:
        yield "what is left demands nothing"
    if not finding.watched:
        yield from _broken_lift(before, needs, around, after)
        return
    if finding.present is not False:
        yield "only what is seen to be away is left"
    if before.phase is Phase.CLEARING and before.since_s + rule.clear_s > NOW_S:
        yield "the clear time is waited for"
    away_s = before.since_s if before.phase is Phase.CLEARING else NOW_S
    if not _proved(before, around, away_s):
        yield "the self-tests pass first"
    yield from _broken_patience(before, needs, around)
    yield from _broken_word(before, needs, around)
    yield from _broken_budget(before, needs, around, after)


def _broken_word(before: Track, needs: Recovery, around: Surroundings) -> Iterator[str]:
    rank = _rank(around)
    if needs in _RANK and not before.acknowledged and rank < _RANK[needs]:
        yield "a person of the right role resets"
    if needs is Recovery.UNPLUG and not (before.acknowledged or around.vehicle_gone or rank >= 2):
        yield "the vehicle leaves first"


def _broken_patience(before: Track, needs: Recovery, around: Surroundings) -> Iterator[str]:
    """What only an automatic way out waits for."""
    if needs is not Recovery.AUTO:
        return
    if before.raised_s + before.rule.backoff_s > NOW_S:
        yield "the back-off is waited for"
    since_s = before.since_s if before.phase is Phase.CLEARING else NOW_S
    if since_s + before.rule.clear_s + before.spread_s > NOW_S:
        yield "the random delay is waited for"
    if before.flaps and since_s + before.quiet_s > NOW_S and _rank(around) < 2:
        yield "what flaps is quiet first"


def _broken_lift(
    before: Track, needs: Recovery, around: Surroundings, after: Track
) -> Iterator[str]:
    if _rank(around) < (3 if needs is Recovery.SERVICE else 2):
        yield "what nothing watches is left by a person at the charger, or a higher one"
    since_s = before.since_s if before.phase is Phase.ACTIVE else NOW_S
    if needs is Recovery.SERVICE and not _proved(before, around, since_s):
        yield "the self-tests pass first"
    if not after.forgettable:
        yield "what a person answers for leaves nothing behind"


def _broken_budget(
    before: Track, needs: Recovery, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    was, used = len(spent_in_window(before, NOW_S)), len(spent_in_window(after, NOW_S))
    if needs is Recovery.AUTO and rule.retries is not None:
        yield from _broken_retries(before, around, rule.retries, was, used)
    counts = needs is Recovery.UNPLUG and rule.recovery is Recovery.UNPLUG and rule.retries
    if counts and used <= was:
        yield "a trip that left with its vehicle counts against the next"


def _broken_retries(
    before: Track, around: Surroundings, retries: int, was: int, used: int
) -> Iterator[str]:
    if used > retries:
        yield "no more retries than the budget has"
    paid = is_shared(before.rule) and any(s > before.raised_s for s in before.spent_s)
    if before.blocked and around.session and not paid and used == was:
        yield "each reclosure costs a retry"
    if before.rule.per_vehicle and before.parted and used < retries:
        yield "with its vehicle goes what is left of a budget"


def _reclosed(before: Track, around: Surroundings) -> bool:
    """The board closed by itself although this fault stood."""
    at_s, rule = around.reclosed_s, before.rule
    counts = rule.retries is not None and not is_shared(rule)
    per_session = rule.window_s is None and not around.session
    return counts and at_s is not None and at_s > before.raised_s and not per_session


def _proved(track: Track, around: Surroundings, since_s: float | None = None) -> bool:
    """Every test of the row that the hardware can make has passed since its phase began."""
    since_s = track.since_s if since_s is None else since_s
    passed_s = dict(around.passed_s)
    known = (test for test in track.rule.tests if test in around.tests)
    return all(passed_s.get(test, OLD_S) >= since_s for test in known)


def _person(track: Track, around: Surroundings) -> bool:
    return _rank(around) >= (3 if track.needs is Recovery.SERVICE else 2)


def _rank(around: Surroundings) -> int:
    return max((reset.value for reset in around.resets), default=0)
