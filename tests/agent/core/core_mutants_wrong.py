"""What may be wrong with the core: seeded defects, each a patch of the running process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from laddvakt_agent.core import freshness
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.freshness import guards, meter_guards
from laddvakt_agent.core.inputs import Inputs, Reset
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life import transitions
from laddvakt_agent.core.life.state import Context, Life, Power
from laddvakt_agent.core.memory import all as memory
from laddvakt_agent.core.model import Latch, State
from laddvakt_agent.core.recover import recovery, tracks
from laddvakt_agent.core.recover.tracks import (
    Finding,
    Summary,
    Surroundings,
    Track,
    spent_in_window,
)
from laddvakt_agent.core.settings import Settings

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def setting(module: object, name: str, value: object) -> Patch:
    return lambda patch: patch.setattr(module, name, value)


def life_without(row: str, state: State) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = tuple(r for r in transitions.LIFE_ROWS[state] if r[0] != row)
        assert len(rows) < len(transitions.LIFE_ROWS[state])
        patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})

    return apply


def power_without(row: str, power: Power) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = tuple(r for r in transitions.POWER_ROWS[power] if r[0] != row)
        assert len(rows) < len(transitions.POWER_ROWS[power])
        patch.setattr(tables, "POWER_ROWS", {**transitions.POWER_ROWS, power: rows})

    return apply


def swapped_power(power: Power, first: str, second: str) -> Patch:
    """Two rows change places: the weaker guard now answers first."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = {row[0]: row for row in transitions.POWER_ROWS[power]}
        other = {first: second, second: first}
        order = tuple(rows[other.get(name, name)] for name in rows)
        patch.setattr(tables, "POWER_ROWS", {**transitions.POWER_ROWS, power: order})

    return apply


def close_if(guard: Callable[[Context], bool]) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        state = State.SUSPENDED_VEHICLE
        rows = tuple(
            (name, guard, target) if target is State.CHARGING else (name, given, target)
            for name, given, target in transitions.LIFE_ROWS[state]
        )
        patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})

    return apply


def asks_and_offered(c: Context) -> bool:
    return c.life.session and c.life.power is Power.OFFERED and c.view.vehicle.value == "asking"


def budget_off_by_one(track: Track, now_s: float) -> bool:
    retries = track.rule.retries
    return retries is None or len(spent_in_window(track, now_s)) <= retries


_ADVANCE = recovery.advance


def forgiving(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """Silence clears."""
    return _ADVANCE(track, replace(plain(finding), present=bool(finding.present)), around, now_s)


def plain(finding: Finding) -> Finding:
    return Finding(
        present=finding.present,
        watched=finding.watched,
        since_s=finding.since_s,
        act=finding.act,
        limit_a=finding.limit_a,
        evidence=finding.evidence,
    )


def at_once(track: Track) -> float:
    """Nothing is waited for."""
    return track.since_s


def impatient(track: Track) -> float:
    """The back-off is forgotten."""
    return track.since_s + max(track.rule.clear_s + track.spread_s, track.quiet_s)


def restless(track: Track) -> float:
    """The quiet time is forgotten."""
    return _LEAVE_AT_S(replace(track, quiet_s=0.0))


def punctual(track: Track) -> float:
    """The random delay is forgotten."""
    return _LEAVE_AT_S(replace(track, spread_s=0.0))


_LEAVE_AT_S = tracks.leave_at_s


def lose_lock(rule: FaultRule, latch: Latch, spread: float, now_s: float) -> Track:
    """A restart frees what was locked out."""
    return replace(_FROM_LATCH(rule, latch, spread, now_s), locked=False)


_FROM_LATCH = tracks.from_latch


def as_latch_dropped(track: Track) -> Latch | None:
    """Only spent budgets are written down."""
    latch = _AS_LATCH(track)
    return latch if latch is not None and latch.spent_s else None


_AS_LATCH = tracks.as_latch


def highest_limit(settings: Settings, joined: tuple[Track, ...]) -> Summary:
    """The limit named last wins, not the lowest."""
    summary = _JOIN(settings, joined)
    named = [t.limit_a for t in joined if t.standing and t.act is Act.DERATE and t.limit_a]
    return replace(summary, limit_a=max(named)) if named else summary


_JOIN = tracks.join


def remote_is_enough(patch: pytest.MonkeyPatch) -> None:
    ranks = {**recovery._RANKS, Recovery.LOCAL: Reset.MANUAL}
    patch.setattr(recovery, "_RANKS", ranks)


def unlocking(track: Track, finding: Finding, now_s: float) -> Track:
    """What comes back is no longer locked out."""
    return replace(_BACK(track, finding, now_s), locked=False)


_BACK = recovery._back


def never_escalating(track: Track, finding: Finding, _: float) -> Track:
    """Later stages are never reached."""
    reached = track.rule.stages[0][1] if finding.act is None else finding.act
    return replace(track, act=reached) if reached > track.act else track


def none_is_heard(
    settings: Settings, before: memory.Memory, inputs: Inputs, now_s: float
) -> tuple[float | None, ...]:
    heard = _HEARD_S(settings, before, inputs, now_s)
    samples = [*(sample for _, sample in guards(settings, inputs)), *meter_guards(inputs)]
    pairs = zip(samples, heard, strict=True)
    return tuple(now_s if sample is None else heard_s for sample, heard_s in pairs)


_HEARD_S = memory._heard_s


def see_guarded(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> freshness.Seen:
    return _SEE(settings, life, replace(inputs, guarded=True), now_s)


_SEE = freshness.see


_WATCH = recovery._watch


def hasty(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """The confirm time is forgotten."""
    seen = recovery._raised(track, finding, around, now_s) if finding.present else None
    return seen or _WATCH(track, finding, around, now_s)


_RAISED = recovery._raised


def never_early(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """A trip soon after closing is one like any other."""
    after = _RAISED(track, finding, around, now_s)
    return replace(after, locked=track.rule.recovery is Recovery.SERVICE)


_COSTS = recovery._costs


def any_vehicle(track: Track, around: Surroundings) -> bool:
    """A trip is forgotten with its vehicle."""
    return track.needs is not Recovery.UNPLUG and _COSTS(track, around)


_STAND = recovery._stand


def unnoted(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """Nobody notes that a session was held back."""
    return replace(_STAND(track, finding, around, now_s), blocked=False)


_POWERED = tables._powered


def begun_anew(c: Context) -> Life:
    """Each step begins the ramp anew."""
    life = _POWERED(c)
    return replace(life, ramp_since_s=c.now_s) if life.power is Power.RAMPING else life
