"""Steps of the argument that lets tracks and tables be explored apart.

One track of each shape stands for its rows; tracks do not see each other; the tables see no more
of them than their join.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any

from agent.core.core_explore_tracks import Key, domains, explore, key, timers
from agent.core.core_track_laws import NOW_S
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.rules import Act, FaultRule
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.tracks import Finding, Phase, Summary, Surroundings, Track, join
from laddvakt_agent.core.scene import Found
from laddvakt_agent.core.settings import Settings

READ: set[str] = set()  # names of the rows' fields that tracks have read
SETTINGS = Settings(connector="1", max_current_a=16.0)


class WatchedRule(FaultRule):
    """A row that notes what is read of it."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> object:
        READ.add(name)
        return super().__getattribute__(name)


def fields_read(rules: Mapping[str, FaultRule]) -> set[str]:
    """Every field of these rows that any step of their tracks looks at."""
    READ.clear()
    for rule in rules.values():
        values = {f.name: getattr(rule, f.name) for f in fields(FaultRule)}
        explore(WatchedRule(**values))
    return READ & {f.name for f in fields(FaultRule)}


def unlike(
    states: Mapping[Key, Track], other: FaultRule, dice: Random, tries: int
) -> Iterator[str]:
    """Steps in which a row of the same shape does not move as the explored one does."""
    known = list(states.values())
    for _ in range(tries):
        state = dice.choice(known)
        share = state.spread_s / state.rule.spread_s if state.rule.spread_s else 0.0
        twin = replace(state, rule=other, spread_s=share * other.spread_s)
        timed, timed_twin = list(timers(state)), list(timers(twin))
        if len(timed) != len(timed_twin):
            yield f"{other.code}: {len(timed_twin)} timers, not {len(timed)}: {state}"
            continue
        at = dice.randrange(len(timed))
        inputs = {name: dice.choice(values) for name, values in domains(state.rule).items()}
        after = key(_stepped(timed[at], inputs))
        after_twin = key(_stepped(timed_twin[at], inputs))
        if after != after_twin:
            yield f"{other.code}: {after_twin}, not {after}: {timed[at]} + {inputs}"


def pairs(states: Mapping[str, Mapping[Key, Track]], dice: Random) -> Iterator[str]:
    """Two tracks stepped together move as each does alone, and their join is that of both."""
    standing = {
        name: [track for track in known.values() if track.standing]
        for name, known in states.items()
    }
    for first, second in itertools.combinations_with_replacement(states, 2):
        one = replace(dice.choice(standing[first]), subject="one")
        two = replace(dice.choice(standing[second]), subject="two")
        found = [_finding(one, dice), _finding(two, dice)]
        around = _around(dice)
        alone = [
            _tracked((track,), [f], around) for track, f in zip((one, two), found, strict=True)
        ]
        both = _tracked((one, two), found, around)
        if both != (*alone[0], *alone[1]):
            yield f"{first} and {second} see each other: {one} {two}"
        swapped = _tracked((two, one), [found[1], found[0]], around)
        summary = join(SETTINGS, both)
        yield from _unjoined(join(SETTINGS, alone[0]), join(SETTINGS, alone[1]), summary)
        if replace(join(SETTINGS, swapped), code="", limit_code="") != replace(
            summary, code="", limit_code=""
        ):
            yield f"{first} and {second}: their order changes the join"


def unforeseen(summary: Summary) -> Iterator[str]:
    """A join that the tables were not explored against."""
    if (summary.hold_s is None) is not (summary.act < Act.RAMP):
        yield f"a hold if and only if something blocks: {summary}"
    if bool(summary.code) is not (summary.act > Act.NONE):
        yield f"a code if and only if something is demanded: {summary}"
    if (summary.derate or summary.limit_a is not None) and summary.act is Act.NONE:
        yield f"a lower current only with an act: {summary}"
    if (summary.needs is None) is not (summary.act < Act.FINISH):
        yield f"a way out if and only if no session may begin: {summary}"


def _unjoined(one: Summary, two: Summary, both: Summary) -> Iterator[str]:
    yield from unforeseen(both)
    if both.act is not max(one.act, two.act):
        yield f"the strongest act wins: {one} {two} {both}"
    if both.derate is not (one.derate or two.derate) or both.locked is not (
        one.locked or two.locked
    ):
        yield f"what one demands both demand: {one} {two} {both}"
    limits = [s.limit_a for s in (one, two) if s.limit_a is not None]
    if both.limit_a != min(limits, default=None):
        yield f"the lowest current wins: {one} {two} {both}"
    holds = [s.hold_s for s in (one, two) if s.hold_s is not None]
    kept_s = 0.0 if 0.0 in holds else max(holds, default=None)
    if both.hold_s != kept_s:
        yield f"what ends a session ends it: {one} {two} {both}"


def _stepped(track: Track, inputs: Mapping[str, Any]) -> Track:
    values = dict(inputs)
    present, watched = values.pop("present watched")
    found = {name: values.pop(name) for name in ("since_s", "evidence", "act", "limit_a")}
    finding = Finding(present=present, watched=watched, **found)
    return recovery.advance(track, finding, Surroundings(**values), NOW_S)


def _finding(track: Track, dice: Random) -> Found:
    present = dice.choice((False, True, None))
    return track.rule.code, track.subject, Finding(present=present, evidence="seen")


def _around(dice: Random) -> Surroundings:
    return Surroundings(vehicle_gone=dice.random() < 0.5, session=dice.random() < 0.5)


def _tracked(
    tracks: tuple[Track, ...], found: list[Found], around: Surroundings
) -> tuple[Track, ...]:
    return machine._tracked(SETTINGS, tracks, found, around, NOW_S)


__all__ = ["Phase", "fields_read", "pairs", "unforeseen", "unlike"]
