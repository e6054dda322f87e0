"""One budget for the whole station, however many connectors see the fault.

Each connector's core keeps its own tracks. What the others have used up of a budget about the same
subject – the station, a line, a device – comes in with the inputs and is joined to its own, by
identity: a reclosure is one point of time, wherever it was noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from laddvakt_agent.core.faults.rules import FaultRule, SubjectKind
from laddvakt_agent.core.inputs import SharedBudget
from laddvakt_agent.core.recover.tracks import Track, spent_in_window


def is_shared(rule: FaultRule) -> bool:
    """Whether other connectors may see the same fault about the same subject."""
    return rule.subject_kind is not SubjectKind.CONNECTOR


def shared(tracks: Iterable[Track]) -> Iterator[SharedBudget]:
    """What the station's other connectors must know of these tracks."""
    for track in tracks:
        if track.spent_s and is_shared(track.rule):
            yield SharedBudget(code=track.rule.code, subject=track.subject, spent_s=track.spent_s)


def with_shared(
    tracks: tuple[Track, ...],
    budgets: Iterable[SharedBudget],
    rule_of: Callable[[str], FaultRule],
    now_s: float,
) -> tuple[Track, ...]:
    """The tracks with what others have used up; the same object where that adds nothing."""
    for budget in budgets:
        rule = rule_of(budget.code)
        if not is_shared(rule) or rule.window_s is None:
            continue
        tracks = _joined(tracks, rule, budget, now_s)
    return tracks


def already_paid(track: Track) -> bool:
    """Another connector has reclosed after the very fault that stands here."""
    return is_shared(track.rule) and any(at_s > track.raised_s for at_s in track.spent_s)


def _joined(
    tracks: tuple[Track, ...], rule: FaultRule, budget: SharedBudget, now_s: float
) -> tuple[Track, ...]:
    key = (budget.code, budget.subject)
    own = next((t for t in tracks if (t.rule.code, t.subject) == key), None)
    known = own or Track(rule=rule, subject=budget.subject)
    both = replace(known, spent_s=tuple(sorted({*known.spent_s, *budget.spent_s})))
    spent_s = spent_in_window(both, now_s)
    if set(spent_s) <= set(known.spent_s):
        return tracks
    joined = replace(both, spent_s=spent_s)
    if own is None:
        return (*tracks, joined)
    return tuple(joined if track is own else track for track in tracks)
