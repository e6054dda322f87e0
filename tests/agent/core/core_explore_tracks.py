"""Each fault's track alone, against every finding and surrounding, timers fresh or due.

Rows that differ only in how long their times are, and not in which of them is longer, have tracks
that move alike: `shape` tells them apart, one of each shape is explored.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias, cast

from agent.core.core_explore import Count, Probe, every
from agent.core.core_track_laws import ALL_TESTS, NOW_S, OLD_S, broken, forgotten, stuck
from laddvakt_agent.core.faults.catalogue import CATALOGUE, rule_for
from laddvakt_agent.core.faults.overrides import reclosing
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.budgets import is_shared
from laddvakt_agent.core.recover.tracks import Finding, Phase, Surroundings, Track, budget_left

FLAP_RAISES, FLAP_WINDOW_S = 3, 600.0
DUE_S = 0.001  # so long after its bound a timer is surely due
Key: TypeAlias = tuple[object, ...]
Shape: TypeAlias = tuple[object, ...]
Ages: TypeAlias = tuple[float, ...]
FINDING_DOMAINS: dict[str, tuple[object, ...]] = {
    # What nothing watches is never seen.
    "present watched": ((False, True), (True, True), (None, True), (None, False)),
    "since_s": (None, NOW_S, OLD_S),
    "evidence": ("seen",),
}
AROUND_DOMAINS: dict[str, tuple[object, ...]] = {
    "vehicle_gone": (False, True),
    "session": (False, True),
    "closed_since_s": (None, NOW_S),  # long ago is as good as open
    "resets": (frozenset(), *(frozenset({reset}) for reset in Reset)),
    "reclosed_s": (None, NOW_S),
    "passed_s": tuple(tuple((test, at_s) for test in ALL_TESTS) for at_s in (OLD_S, NOW_S)),
    "spread": (0.5,),
    "flap_raises": (FLAP_RAISES,),
    "flap_window_s": (FLAP_WINDOW_S,),
}
RECLOSING = {
    f"{code}, reclosing": reclosing(rule)
    for code, rule in CATALOGUE.items()
    if code.startswith("residual_current")
}
ROWS: Mapping[str, FaultRule] = {**CATALOGUE, **RECLOSING, "unknown": rule_for({}, "unknown")}


def shape(rule: FaultRule) -> Shape:
    """All of a row that decides how its track moves; of its times only which is the longer."""
    acts = (*(act for _, act in rule.stages), *_asked_acts(rule))
    waits = [0.0, rule.clear_s, rule.clear_s + 0.5 * rule.spread_s, FLAP_WINDOW_S]
    backoffs = [rule.backoff_s, rule.backoff_max_s or rule.backoff_s]
    stages = [at_s for at_s, _ in rule.stages]
    return (
        (rule.recovery, rule.lockout, rule.retries is None, min(rule.retries or 0, 2)),
        (rule.window_s is None, rule.per_vehicle, rule.early_trip_s > 0.0, is_shared(rule)),
        (rule.confirm_s > 0.0, rule.spread_s > 0.0, bool(rule.tests), acts),
        _ranks([*waits, *stages, *backoffs]),
    )


def shapes() -> Mapping[Shape, list[str]]:
    """The names of the rows of each shape."""
    found: dict[Shape, list[str]] = {}
    for name, rule in ROWS.items():
        found.setdefault(shape(rule), []).append(name)
    return found


def name_of(track: Track) -> str:
    """Under which name its row is explored."""
    reclosed = f"{track.rule.code}, reclosing"
    if track.rule.per_vehicle and reclosed in ROWS:
        return reclosed
    return track.rule.code if track.rule.code in ROWS else "unknown"


def key(track: Track, now_s: float = NOW_S) -> Key:
    """What decides; the budget only as {left, spent}, the history of raises not at all."""
    left = budget_left(track, now_s)
    decides = (track.phase, track.act, track.acknowledged, track.locked, track.blocked)
    return (*decides, left, track.flaps > 0, track.parted)


def domains(rule: FaultRule) -> dict[str, tuple[object, ...]]:
    """Every finding and surrounding that a row's track may meet."""
    derates = Act.DERATE in {*(act for _, act in rule.stages), *_asked_acts(rule)}
    return {
        **FINDING_DOMAINS,
        **AROUND_DOMAINS,
        "act": (None, *_asked_acts(rule)),
        "limit_a": (None, 10.0) if derates else (None,),
        # That no test at all can be made is explored with the other rows.
        "tests": (ALL_TESTS,) if rule.per_vehicle else (ALL_TESTS, ()),
    }


def explore(rule: FaultRule, *, first_only: bool = False) -> tuple[dict[Key, Track], Count]:
    """Every reachable state of one row's track; with `first_only` up to the first violation."""
    count, inputs = Count(), domains(rule)
    queue = list(_budgets(Track(rule=rule, subject="x")))
    known = {key(track): track for track in queue}
    while queue:
        for track in timers(queue.pop()):
            for after in _every_step(track, inputs, count):
                if key(after) not in known:
                    known[key(after)] = after
                    queue.append(after)
                    count.violations += (*stuck(after), *forgotten(after))
                if first_only and count.violations:
                    return known, count
    count.states = len(known)
    return known, count


def timers(track: Track) -> Iterator[Track]:
    """Every age of both timers on which a bound may lie, both budgets, both histories."""
    rule = track.rule
    waits = {0.0}
    if track.phase is Phase.PENDING:
        waits.add(rule.confirm_s + DUE_S)
    if track.phase is Phase.CLEARING:
        waits |= {rule.clear_s + DUE_S, rule.clear_s + track.spread_s + DUE_S}
        waits |= {track.quiet_s + DUE_S} if track.flaps else set()
    raised = {0.0}
    if track.standing:
        backoffs = {rule.backoff_s, rule.backoff_max_s or 0.0, max(waits)}
        raised |= {at_s + DUE_S for at_s in backoffs | {at_s for at_s, _ in rule.stages}}
    for age_s, raised_age_s in itertools.product(sorted(waits), sorted(raised)):
        if track.standing and raised_age_s < age_s:
            continue  # nothing clears before it was raised
        timed = replace(track, since_s=NOW_S - age_s, raised_s=NOW_S - raised_age_s)
        for budgeted in _budgets(replace(timed, told_s=timed.raised_s)):
            yield from _histories(budgeted)


def _asked_acts(rule: FaultRule) -> tuple[Act, ...]:
    """What a detector may ask for instead of the stages."""
    return tuple(sorted({act for _, act in rule.act_by_role} | set(rule.found_acts)))


def _ranks(times_s: list[float]) -> tuple[int, ...]:
    ordered = sorted(set(times_s))
    return tuple(ordered.index(at_s) for at_s in times_s)


def _every_step(
    track: Track, inputs: dict[str, tuple[object, ...]], count: Count
) -> Iterator[Track]:
    def run(probe: Probe) -> Track:
        finding, around = cast("Finding", probe), cast("Surroundings", probe)
        after = recovery.advance(track, finding, around, NOW_S)
        for name in broken(track, finding, around, after):
            count.violations.append(f"{name}: {track} + {probe} -> {after}")
        return after

    for probe, after in every(inputs, run):
        count.runs += 1
        count.covered += probe.stands_for()
        yield after


def _budgets(track: Track) -> Iterator[Track]:
    """The budget as an input: left, or spent. Its counter is proved by itself."""
    yield replace(track, spent_s=())
    if track.rule.retries:
        # Spent before it was raised: a retry noted since would have been another connector's.
        spent_s = min(NOW_S - 1.0, track.raised_s) if track.standing else NOW_S - 1.0
        yield replace(track, spent_s=(spent_s,) * track.rule.retries)


def _histories(track: Track) -> Iterator[Track]:
    """The history of raises as an input: empty, or one raise short of flapping."""
    yield track
    if not track.standing:
        yield replace(track, raises_s=(NOW_S - 1.0,) * (FLAP_RAISES - 1))


def budget_counter(rule: FaultRule) -> Count:
    """The counter alone: raise and leave at any quarter of the window, in any order.

    True reclosures are counted beside the track; within any window they never exceed the budget.
    """
    window_s = rule.window_s or 4.0
    rule = replace(rule, backoff_s=0.0, backoff_max_s=None, spread_s=0.0, clear_s=0.0)
    count, seen = Count(), set[tuple[Ages, Ages]]()
    queue: list[tuple[Ages, Ages]] = [((), ())]  # true reclosures, and those the track knows of
    here = Surroundings(session=True, vehicle_gone=rule.recovery is Recovery.UNPLUG)
    while queue:
        true, noted = queue.pop()
        if (true, noted) in seen:
            continue
        seen.add((true, noted))
        track = Track(rule=rule, subject="x", spent_s=tuple(NOW_S - age for age in noted))
        raised = recovery.advance(track, Finding(present=True, since_s=OLD_S), here, NOW_S)
        held = replace(raised, act=Act.TRIP, blocked=True)
        left = recovery.advance(held, Finding(present=False), here, NOW_S)
        if not left.standing:
            true, noted = (*true, 0.0), tuple(NOW_S - spent for spent in left.spent_s)
        within = [age for age in true if rule.window_s is None or age < window_s]
        if len(within) > (rule.retries or 0):
            count.violations.append(f"{rule.code}: {len(within)} reclosures in one window")
            continue
        queue += [(true, noted), (_older(true, window_s), _older(noted, window_s))]
        count.runs += 1
    count.states = len(seen)
    return count


def _older(ages: Ages, window_s: float) -> Ages:
    """A quarter of the window later, without what has long ceased to matter."""
    return tuple(age + window_s / 4.0 for age in ages if age < 2 * window_s)
