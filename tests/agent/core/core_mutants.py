"""Seeded defects of the core, each with the exploration that must notice it.

A mutant patches tables, rows or functions of the running process, never a file. Its check yields
what it finds broken; whoever asks stops at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from agent.core import (
    core_explore_connector,
    core_explore_parts,
    core_explore_tracks,
    core_track_laws,
)
from agent.core.core_inject import FULL, world_for
from agent.core.core_product import Day, broken
from agent.core.core_world import World
from laddvakt_agent.core import connector as tables
from laddvakt_agent.core import (
    freshness,
    liveness,
    machine,
    memory,
    recovery,
    tracks,
    transitions,
)
from laddvakt_agent.core.catalogue import CATALOGUE
from laddvakt_agent.core.freshness import guards, meter_guards
from laddvakt_agent.core.inputs import Inputs, Reset
from laddvakt_agent.core.life import Context, Life, Power
from laddvakt_agent.core.model import Latch, State
from laddvakt_agent.core.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.tracks import Finding, Summary, Surroundings, Track, spent_in_window

Patch = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect, and who must find it; what is found begins with `expected`."""

    apply: Patch
    check: Check
    expected: str = ""


# Who looks.


def by_track(*names: str) -> Check:
    """One row's track, explored until something is broken."""

    def check() -> Iterator[str]:
        for name in names:
            rule = core_explore_tracks.ROWS[name]
            yield from core_explore_tracks.explore(rule, first_only=True)[1].violations

    return check


def by_counter(*names: str) -> Check:
    """One row's budget, counted."""

    def check() -> Iterator[str]:
        for name in names:
            yield from core_explore_tracks.budget_counter(CATALOGUE[name]).violations

    return check


def by_tables(expected: str) -> Check:
    """The connector's tables, explored until this is broken."""

    def check() -> Iterator[str]:
        yield from core_explore_connector.explore(until=expected)[1].violations

    return check


def by_days(steps: int, limit: int = 1) -> Check:
    """Random days, until one finds something."""

    def check() -> Iterator[str]:
        for seed in range(4):
            yield from Day(seed=seed, known=None).run(steps, limit=limit).violations

    return check


def by_hot_day() -> Iterator[str]:
    """A charger that grows hot and warm, and must never offer more than either allows."""
    world = world_for(FULL).charge()
    world.draw_a = (5.0, 5.0, 5.0)
    for name, to_c in (("plug_temp_c", 84.0), ("enclosure_temp_c", 66.0)):
        for at_c in range(30, int(to_c) + 1, 6):
            world.gear = {**world.gear, name: float(at_c)}
            yield from _cared_for(world, 1.0)
        yield from _cared_for(world, 30.0)


def _cared_for(world: World, seconds: float) -> Iterator[str]:
    until_s = world.now_s + seconds
    while world.now_s < until_s:
        world.advance(0.5)
        now_s, after = world.now_s, world.connector
        yield from broken(world.settings, world.inputs, after, now_s, 1e9, world.good)


# What is wrong.


def _setting(module: object, name: str, value: object) -> Patch:
    return lambda patch: patch.setattr(module, name, value)


def _life_without(row: str, state: State) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = tuple(r for r in transitions.LIFE_ROWS[state] if r[0] != row)
        assert len(rows) < len(transitions.LIFE_ROWS[state])
        patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})

    return apply


def _power_without(row: str, power: Power) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = tuple(r for r in transitions.POWER_ROWS[power] if r[0] != row)
        assert len(rows) < len(transitions.POWER_ROWS[power])
        patch.setattr(tables, "POWER_ROWS", {**transitions.POWER_ROWS, power: rows})

    return apply


def _swapped_power(power: Power, first: str, second: str) -> Patch:
    """Two rows change places: the weaker guard now answers first."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        rows = {row[0]: row for row in transitions.POWER_ROWS[power]}
        other = {first: second, second: first}
        order = tuple(rows[other.get(name, name)] for name in rows)
        patch.setattr(tables, "POWER_ROWS", {**transitions.POWER_ROWS, power: order})

    return apply


def _close_if(guard: Callable[[Context], bool]) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        state = State.SUSPENDED_VEHICLE
        rows = tuple(
            (name, guard, target) if target is State.CHARGING else (name, given, target)
            for name, given, target in transitions.LIFE_ROWS[state]
        )
        patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})

    return apply


def _asks_and_offered(c: Context) -> bool:
    return c.life.session and c.life.power is Power.OFFERED and c.view.vehicle.value == "asking"


def _budget_off_by_one(track: Track, now_s: float) -> bool:
    retries = track.rule.retries
    return retries is None or len(spent_in_window(track, now_s)) <= retries


_ADVANCE = recovery.advance


def _forgiving(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
    """Silence clears."""
    return _ADVANCE(track, replace(_plain(finding), present=bool(finding.present)), around, now_s)


def _plain(finding: Finding) -> Finding:
    return Finding(
        present=finding.present,
        watched=finding.watched,
        since_s=finding.since_s,
        act=finding.act,
        limit_a=finding.limit_a,
        evidence=finding.evidence,
    )


def _at_once(track: Track) -> float:
    """Nothing is waited for."""
    return track.since_s


def _impatient(track: Track) -> float:
    """The back-off is forgotten."""
    return track.since_s + max(track.rule.clear_s + track.spread_s, track.quiet_s)


def _restless(track: Track) -> float:
    """The quiet time is forgotten."""
    return _LEAVE_AT_S(replace(track, quiet_s=0.0))


def _punctual(track: Track) -> float:
    """The random delay is forgotten."""
    return _LEAVE_AT_S(replace(track, spread_s=0.0))


_LEAVE_AT_S = tracks.leave_at_s


def _lose_lock(rule: FaultRule, latch: Latch, spread: float, now_s: float) -> Track:
    """A restart frees what was locked out."""
    return replace(_FROM_LATCH(rule, latch, spread, now_s), locked=False)


_FROM_LATCH = tracks.from_latch


def _as_latch_dropped(track: Track) -> Latch | None:
    """Only spent budgets are written down."""
    latch = _AS_LATCH(track)
    return latch if latch is not None and latch.spent_s else None


_AS_LATCH = tracks.as_latch


def _highest_limit(settings: Settings, joined: tuple[Track, ...]) -> Summary:
    """The limit named last wins, not the lowest."""
    summary = _JOIN(settings, joined)
    named = [t.limit_a for t in joined if t.standing and t.act is Act.DERATE and t.limit_a]
    return replace(summary, limit_a=max(named)) if named else summary


_JOIN = tracks.join


def _remote_is_enough(patch: pytest.MonkeyPatch) -> None:
    ranks = {**recovery._RANKS, Recovery.LOCAL: Reset.MANUAL}
    patch.setattr(recovery, "_RANKS", ranks)


def _unlocking(track: Track, finding: Finding, now_s: float) -> Track:
    """What comes back is no longer locked out."""
    return replace(_BACK(track, finding, now_s), locked=False)


_BACK = recovery._back


def _never_escalating(track: Track, finding: Finding, _: float) -> Track:
    """Later stages are never reached."""
    reached = track.rule.stages[0][1] if finding.act is None else finding.act
    return replace(track, act=reached) if reached > track.act else track


def _none_is_heard(
    settings: Settings, before: memory.Memory, inputs: Inputs, now_s: float
) -> tuple[float | None, ...]:
    heard = _HEARD_S(settings, before, inputs, now_s)
    samples = [*(sample for _, sample in guards(settings, inputs)), *meter_guards(inputs)]
    pairs = zip(samples, heard, strict=True)
    return tuple(now_s if sample is None else heard_s for sample, heard_s in pairs)


_HEARD_S = memory._heard_s


def _see_guarded(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> freshness.Seen:
    return _SEE(settings, life, replace(inputs, guarded=True), now_s)


_SEE = freshness.see

MUTANTS: Mapping[str, Mutant] = {
    "a trip is ignored while ramping": Mutant(
        apply=_power_without("trip", Power.RAMPING),
        check=by_tables("a tripping fault opens in the same step"),
    ),
    "a fault is ignored while suspended": Mutant(
        apply=_life_without("fault", State.SUSPENDED_VEHICLE),
        check=by_tables("FAULTED if and only if a fault blocks"),
    ),
    "a fault is ignored while charging": Mutant(
        apply=_life_without("fault", State.CHARGING),
        check=by_tables("a ramping fault ends the offer in the same step"),
    ),
    "unplugging is ignored while ramping": Mutant(
        apply=_power_without("vehicle let go", Power.RAMPING),
        check=by_tables("closed only while the vehicle asks"),
    ),
    "keeping and ramping change places": Mutant(
        apply=_swapped_power(Power.CLOSED, "keep", "ramp"),
        check=by_tables("CHARGING if and only if closed with an offer"),
    ),
    "closes without looking at its guards": Mutant(
        apply=_close_if(_asks_and_offered),
        check=by_tables("closing needs every guard fresh and a vehicle that asks"),
    ),
    "a ramp lasts for 60 s": Mutant(
        apply=_setting(transitions, "RAMP_MAX_S", 60.0), check=by_tables("no ramp older than 6 s")
    ),
    "offers rise without spacing": Mutant(
        apply=_setting(transitions, "PWM_SPACING_S", 0.0),
        check=by_tables("offers rise 5 s after the last change at the earliest"),
    ),
    "sessions outlive their fault": Mutant(
        apply=_setting(tables, "_end_reason", lambda _: None),
        check=by_tables("a session ends with its authorisation or a fault that ends it"),
    ),
    "one reclosure too many": Mutant(
        apply=_setting(recovery, "budget_left", _budget_off_by_one),
        check=by_counter("over_current"),
    ),
    "the budget is not counted": Mutant(
        apply=_setting(recovery, "_costs", lambda *_: False),
        check=by_track("over_current"),
        expected="each reclosure costs a retry",
    ),
    "the board's own reclosures are free": Mutant(
        apply=_setting(recovery, "_charged", lambda track, _: track),
        check=by_track("over_current"),
        expected="a reclosure by the board uses up the budget",
    ),
    "silence clears": Mutant(
        apply=_setting(recovery, "advance", _forgiving), check=by_track("board_error")
    ),
    "the clear time is ignored": Mutant(
        apply=_setting(recovery, "leave_at_s", _at_once),
        check=by_track("over_current_gross"),
        expected="the clear time is waited for",
    ),
    "the back-off is ignored": Mutant(
        apply=_setting(recovery, "leave_at_s", _impatient),
        check=by_track("contactor_did_not_close"),
        expected="the back-off is waited for",
    ),
    "the random delay is ignored": Mutant(
        apply=_setting(recovery, "leave_at_s", _punctual),
        check=by_track("frequency_out_of_range"),
        expected="the random delay is waited for",
    ),
    "what flaps is never waited for": Mutant(
        apply=_setting(recovery, "leave_at_s", _restless),
        check=by_track("bus_down"),
        expected="what flaps is quiet first",
    ),
    "flapping is not noticed": Mutant(
        apply=_setting(recovery, "_recent", lambda *_: ()),
        check=by_track("bus_down"),
        expected="what was raised too often of late flaps",
    ),
    "a remote message clears a lock-out": Mutant(
        apply=_remote_is_enough,
        check=by_track("emergency_stop"),
        expected="a person of the right role resets",
    ),
    "any reset lifts what nothing watches": Mutant(
        apply=_setting(recovery, "_lifted", lambda _, around: bool(around.resets)),
        check=by_track("tilted"),
        expected="what nothing watches is left by a person at the charger",
    ),
    "the service role needs no test": Mutant(
        apply=_setting(recovery, "_unproved", lambda *_: ()),
        check=by_track("contactor_welded"),
        expected="the self-tests pass first",
    ),
    "a lock-out is lost when the fault returns": Mutant(
        apply=_setting(recovery, "_back", _unlocking),
        check=by_track("contactor_disputed"),
        expected="a lock-out never ends while its fault stands",
    ),
    "later stages are never reached": Mutant(
        apply=_setting(recovery, "_escalated", _never_escalating),
        check=by_track("control_loop_late", "meter_lost"),
        expected="an act follows its stages",
    ),
    "the latch is dropped": Mutant(
        apply=_setting(core_track_laws, "as_latch", _as_latch_dropped),
        check=by_track("tilted"),
        expected="what must survive a restart is written down",
    ),
    "a restart frees a lock-out": Mutant(
        apply=_setting(core_track_laws, "from_latch", _lose_lock),
        check=by_track("tilted"),
        expected="a restart changes neither lock-out",
    ),
    "the limit is not the lowest": Mutant(
        apply=lambda patch: (
            patch.setattr(machine, "join", _highest_limit),
            patch.setattr(core_explore_parts, "join", _highest_limit),
        )[0],
        check=by_hot_day,
        expected="the offer is above a limit",
    ),
    "silence is overlooked": Mutant(
        apply=_setting(liveness, "silences", lambda *_: ()),
        check=by_days(20_000),
        expected="closed only with a",
    ),
    "no reading is taken for a reading": Mutant(
        apply=_setting(memory, "_heard_s", _none_is_heard),
        check=by_days(20_000),
        expected="closed only with a",
    ),
    "closes unguarded": Mutant(
        apply=_setting(freshness, "see", _see_guarded),
        check=by_days(20_000),
        expected="closes only guarded",
    ),
}
