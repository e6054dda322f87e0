"""Each fault's track alone, against every finding and surrounding, timers fresh or due."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from agent.core.core_explore import Count, Probe, every
from laddvakt_agent.core import recovery
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.tracks import (
    Finding,
    Phase,
    Surroundings,
    Track,
    budget_left,
    spent_in_window,
)

NOW_S = 1e7
OLD_S = NOW_S - 1e6  # longer ago than any time in the catalogue
Key: TypeAlias = tuple[object, ...]
FINDING_DOMAINS: dict[str, tuple[object, ...]] = {
    "seen": ((False, True), (True, True), (None, True), (None, False)),  # present, watched
    "since_s": (None, NOW_S, OLD_S),
    "evidence": ("seen",),
}
AROUND_DOMAINS: dict[str, tuple[object, ...]] = {
    "vehicle_gone": (False, True),
    "session": (False, True),
    "closed_since_s": (None, NOW_S, OLD_S),
    "resets": (frozenset(), *(frozenset({reset}) for reset in Reset)),
    "spread": (0.5,),
}
_RANK = {Recovery.MANUAL: 1, Recovery.LOCAL: 2, Recovery.SERVICE: 3}


@dataclass(frozen=True)
class Seen:
    """A finding drawn from a probe: what nothing watches is never seen."""

    probe: Probe

    @property
    def present(self) -> bool | None:
        return cast("tuple[bool | None, bool]", self.probe.seen)[0]

    @property
    def watched(self) -> bool:
        return cast("tuple[bool | None, bool]", self.probe.seen)[1]

    def __getattr__(self, name: str) -> object:
        return getattr(self.probe, name)


@dataclass(frozen=True)
class Both:
    """Finding and surroundings drawn from one probe."""

    probe: Probe

    def finding(self) -> Finding:
        return cast("Finding", Seen(self.probe))

    def around(self) -> Surroundings:
        return cast("Surroundings", self.probe)


def key(track: Track, now_s: float = NOW_S) -> Key:
    """What decides; the budget only as {left, spent}."""
    left = budget_left(track, now_s)
    return (track.phase, track.act, track.acknowledged, track.locked, track.blocked, left)


def explore(rule: FaultRule) -> tuple[set[Key], Count]:
    """Every reachable state of one row's track."""
    acts = {act for _, act in rule.act_by_role} | ({Act.DERATE} if _warns(rule) else set())
    domains = {**FINDING_DOMAINS, **AROUND_DOMAINS, "act": (None, *sorted(acts))}
    count, first = Count(), Track(rule=rule, subject="x")
    queue, known = list(_budgets(first)), set(map(key, _budgets(first)))
    while queue:
        for track in _timers(queue.pop()):
            for after in _every_step(track, domains, count):
                if key(after) not in known:
                    known.add(key(after))
                    queue += [after]
    count.states = len(known)
    return known, count


def _warns(rule: FaultRule) -> bool:
    return rule.code == "unguarded_board"


def _every_step(
    track: Track, domains: dict[str, tuple[object, ...]], count: Count
) -> Iterator[Track]:
    def run(probe: Probe) -> Track:
        both = Both(probe)
        after = recovery.advance(track, both.finding(), both.around(), NOW_S)
        for name in broken(track, both.finding(), both.around(), after):
            count.violations.append(f"{name}: {track} + {probe} -> {after}")
        return after

    for probe, after in every(domains, run):
        count.runs += 1
        count.covered += probe.stands_for()
        yield after


def _budgets(track: Track) -> Iterator[Track]:
    """The budget as an input: left, or spent. Its counter is proved by itself."""
    yield replace(track, spent_s=())
    if track.rule.retries is not None:
        yield replace(track, spent_s=(NOW_S - 1.0,) * track.rule.retries)


def _timers(track: Track) -> Iterator[Track]:
    """Every age of both timers on which a bound may lie, and both budgets."""
    rule = track.rule
    waits = {0.0, rule.confirm_s, rule.clear_s, rule.clear_s + 0.5 * rule.spread_s, 1e6}
    ages = waits if track.phase in (Phase.PENDING, Phase.CLEARING) else {0.0}
    backoffs = {rule.backoff_s, rule.backoff_max_s or 0.0}
    raised = {0.0, 1e6} | backoffs | {after_s for after_s, _ in rule.stages}
    raised_ages = raised if track.standing else {0.0}
    for age_s, raised_age_s in itertools.product(sorted(ages), sorted(raised_ages)):
        timed = replace(track, since_s=NOW_S - age_s, raised_s=NOW_S - raised_age_s)
        yield from _budgets(timed) if track.rule.retries is not None else (timed,)


def broken(before: Track, finding: Finding, around: Surroundings, after: Track) -> Iterator[str]:
    """The properties that this step breaks."""
    if not before.standing:
        yield from _broken_raise(before, finding, around, after)
    elif after.standing:
        yield from _broken_standing(before, finding, around, after)
    else:
        yield from _broken_leave(before, finding, around, after)
    if recovery.advance(after, finding, around, NOW_S) != after:
        yield "equal inputs again change nothing"


def _broken_raise(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    counts = rule.window_s is not None or around.session  # a budget per session begins with it
    if after.standing:
        if finding.present is not True:
            yield "only what is seen is raised"
        stage = rule.act_at(NOW_S, NOW_S) if finding.act is None else finding.act
        if after.act is not stage:
            yield "a fault acts in the step that raises it"
        if counts and not after.locked and not budget_left(before, NOW_S):
            yield "a spent budget locks out"
    elif finding.present and rule.confirm_s == 0.0:
        yield "what needs no confirmation is raised at once"
    elif finding.present and finding.since_s == OLD_S:
        yield "what was seen for its confirm time is raised"


def _broken_standing(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    if after.act < before.act:
        yield "an act never weakens while its fault stands"
    if before.locked and not after.locked:
        yield "a lock-out never ends while its fault stands"
    if (after.phase is Phase.CLEARING) is not (finding.present is False):
        yield "clearing if and only if seen to be away"
    if not finding.watched and _person(after.needs, around):
        yield "what nothing watches is left by a reset at once"
    if after.raised_s != before.raised_s:
        yield "a standing fault is not raised again"


def _broken_leave(
    before: Track, finding: Finding, around: Surroundings, after: Track
) -> Iterator[str]:
    rule = before.rule
    needs = before.needs if budget_left(before, NOW_S) else rule.lockout
    if not finding.watched:
        yield from _broken_lift(needs, around, after)
        return
    if finding.present is not False:
        yield "only what is seen to be away is left"
    if before.phase is Phase.CLEARING and before.since_s + rule.clear_s > NOW_S:
        yield "the clear time is waited for"
    if needs is Recovery.AUTO and before.raised_s + rule.backoff_s > NOW_S:
        yield "the back-off is waited for"
    rank = max((reset.value for reset in around.resets), default=0)
    if needs in _RANK and not before.acknowledged and rank < _RANK[needs]:
        yield "a person of the right role resets"
    if needs is Recovery.UNPLUG and not (before.acknowledged or around.vehicle_gone or rank >= 2):
        yield "the vehicle leaves first"
    if needs is Recovery.AUTO and rule.retries is not None:
        yield from _broken_budget(before, around, after, rule.retries)


def _broken_lift(needs: Recovery, around: Surroundings, after: Track) -> Iterator[str]:
    if not _person(needs, around):
        yield "what nothing watches is left by a person at the charger, or a higher one"
    if not after.forgettable:
        yield "what a person answers for leaves nothing behind"


def _person(needs: Recovery, around: Surroundings) -> bool:
    rank = max((reset.value for reset in around.resets), default=0)
    return rank >= (3 if needs is Recovery.SERVICE else 2)


def _broken_budget(
    before: Track, around: Surroundings, after: Track, retries: int
) -> Iterator[str]:
    used = len(spent_in_window(after, NOW_S))
    if used > retries:
        yield "no more retries than the budget has"
    if before.blocked and around.session and used == len(spent_in_window(before, NOW_S)):
        yield "each reclosure costs a retry"


def budget_counter(rule: FaultRule) -> Count:
    """The counter alone: raise and leave at any quarter of the window, in any order.

    True reclosures are counted beside the track; within any window they never exceed the budget.
    """
    window_s = rule.window_s or 4.0
    quarter_s, now_s, count = window_s / 4.0, NOW_S, Count()
    seen: set[tuple[float, ...]] = set()
    queue: list[tuple[float, ...]] = [()]  # ages of true reclosures that still matter
    away, here = Finding(present=False), Surroundings(session=True, vehicle_gone=True)
    while queue:
        ages = queue.pop()
        if ages in seen:
            continue
        seen.add(ages)
        track = Track(rule=rule, subject="x", spent_s=tuple(now_s - age for age in ages))
        raised = recovery.advance(track, Finding(present=True, since_s=OLD_S), here, now_s)
        standing = replace(
            raised,
            phase=Phase.CLEARING,
            raised_s=OLD_S,
            since_s=OLD_S,
            act=Act.TRIP,
            blocked=True,
        )
        left = recovery.advance(standing, away, here, now_s)
        after = ages if left.standing else tuple(now_s - spent for spent in left.spent_s)
        within = [age for age in after if rule.window_s is None or age < window_s]
        if len(within) > (rule.retries or 0):
            count.violations.append(f"{rule.code}: {len(within)} reclosures in one window")
            continue
        older = tuple(age + quarter_s for age in after if age < 2 * window_s)
        queue += [after, older]
        count.runs += 1
    count.states = len(seen)
    return count
