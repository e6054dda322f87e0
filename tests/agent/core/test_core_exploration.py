"""Every reachable state of the core, and proof that the exploration would notice a mistake.

The chain: each track answers its finding within its times (tracks explored alone); the connector
obeys every join of tracks (tables explored against every summary); silence of a guard is a finding
with the time of its last reading. The whole machine with real readings then confirms, over all
pairs of faults and random days, that it never leaves the states the separate explorations saw.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.core import core_explore_connector, core_explore_tracks
from agent.core.core_explore import Count
from agent.core.core_product import Day, Known, broken, explored, strange
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import connector as tables
from laddvakt_agent.core import freshness, liveness, memory, recovery, transitions
from laddvakt_agent.core.catalogue import CATALOGUE
from laddvakt_agent.core.freshness import guards, meter_guards
from laddvakt_agent.core.inputs import Inputs, Pilot
from laddvakt_agent.core.life import Context, Life, Power
from laddvakt_agent.core.model import FaultRaised, State
from laddvakt_agent.core.overrides import reclosing
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.tracks import Finding, Surroundings, Track, spent_in_window

STEPS_SHORT = 60_000
STEPS = int(os.environ.get("LADDVAKT_EXPLORE_STEPS", STEPS_SHORT))  # 1000000 for the long form
LIMITED = {
    **{code: rule for code, rule in CATALOGUE.items() if rule.retries is not None},
    "residual_current_dc, reclosing": reclosing(CATALOGUE["residual_current_dc"]),
}


# One worker: the exploration is done once and shared.
pytestmark = pytest.mark.xdist_group("exploration")


@pytest.fixture(scope="module")
def exploration() -> tuple[Known, dict[str, Count]]:
    return explored()


@pytest.mark.timeout(120)
def test_every_reachable_state(
    exploration: tuple[Known, dict[str, Count]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tables against every summary, each track against every finding: no property breaks."""
    _, counts = exploration
    with capsys.disabled():
        states = sum(count.states for count in counts.values())
        runs = sum(count.runs for count in counts.values())
        covered = sum(count.covered for count in counts.values())
        print(f"\ncore: {states} states, {runs} runs standing for {covered} steps")  # noqa: T201 – the figure CI shows
    assert [v for count in counts.values() for v in count.violations] == []
    assert counts["connector"].states > 50
    assert len(counts) == len(CATALOGUE) + 3


@pytest.mark.parametrize("name", LIMITED)
def test_budget_counter(name: str) -> None:
    """In no order of raising and leaving are there more reclosures in a window than allowed."""
    count = core_explore_tracks.budget_counter(LIMITED[name])
    assert count.violations == []
    assert count.states > 3


def _open_alone(world: World) -> None:
    world.mirror = False


def _weld(world: World) -> None:
    world.pilot, world.mirror, world.follows = Pilot.B, True, False


def _no_close(world: World) -> None:
    world.pilot = Pilot.B
    world.step(3.0)
    world.pilot, world.follows = Pilot.C, False


INJECT: dict[str, Callable[[World], None]] = {
    "residual_current_dc": lambda w: setattr(w, "residual", True),
    "contactor_welded": _weld,
    "contactor_did_not_close": _no_close,
    "contactor_opened_alone": _open_alone,
    "over_current": lambda w: setattr(w, "draw_a", (19.0, 15.0, 15.0)),
    "over_current_gross": lambda w: setattr(w, "draw_a", (40.0, 0.0, 0.0)),
    "phase_lost": lambda w: setattr(w, "voltage_v", (230.0, 3.0, 230.0)),
    "power_lost": lambda w: setattr(w, "voltage_v", (0.0, 0.0, 0.0)),
    "pilot_fault": lambda w: setattr(w, "pilot", Pilot.INVALID),
    "vehicle_keeps_drawing": lambda w: setattr(w, "readback_a", 32.0),
    "meter_lost": lambda w: w.silent.update(("current_a", "energy_wh")),
    "meter_frozen": lambda w: setattr(w, "count_energy", False),
    "device_lost": lambda w: w.silent.update(("pilot",)),
    "bus_down": lambda w: w.lines_down.update(("line1",)),
    "emergency_stop": lambda w: setattr(w, "stop_pressed", True),
    "board_error": lambda w: setattr(w, "errors", ("bit7",)),
    "limit_not_obeyed": lambda w: setattr(w, "readback_a", 32.0),
    "unguarded_board": lambda w: setattr(w, "guarded", False),
    "latches_lost": lambda w: setattr(w, "connector", w.lose_latches().connector),
}
WAITS_S = (0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0, 3.0, 61.0, 7.0)


def test_all_faults_are_injected() -> None:
    assert INJECT.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("code", INJECT)
def test_each_injection_raises_its_fault(code: str) -> None:
    world = World().charge()
    world.run(12.0)
    INJECT[code](world)
    world.run(75.0)
    raised = {e.fault.code for _, e in world.effects if isinstance(e, FaultRaised)}
    assert code in raised | world.faults.keys()


@pytest.mark.timeout(120)
def test_all_pairs_of_faults(
    exploration: tuple[Known, dict[str, Count]],
) -> None:
    """One fault into another, and both away again: safe, and no state unexplored."""
    known, _ = exploration
    charging = World().charge()
    found: list[str] = []
    for first, second in itertools.permutations(INJECT, 2):
        world = copy.deepcopy(charging)
        INJECT[first](world)
        found += _watched(world, WAITS_S[:6], known)
        INJECT[second](world)
        found += _watched(world, WAITS_S, known)
        world.__dict__.update(_well(world))
        found += _watched(world, (*WAITS_S, 400.0, 2.0, 6.0, 1.0), known)
    assert found == []


def _watched(world: World, waits_s: tuple[float, ...], known: Known) -> Iterator[str]:
    for wait_s in waits_s:
        world.advance(wait_s)
        yield from broken(
            world.settings, world.inputs, world.connector, world.now_s, 1e9, world.good
        )
        yield from strange(known, world.connector, world.now_s)


def _well(world: World) -> dict[str, object]:
    fresh = World(settings=world.settings)
    keep = {"connector", "now_s", "effects", "inputs", "good", "energy_wh", "authorised"}
    return {name: value for name, value in vars(fresh).items() if name not in keep} | {
        "pilot": Pilot.C
    }


@pytest.mark.timeout(3600)
def test_random_days(
    exploration: tuple[Known, dict[str, Count]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Seeded random readings and waits through the whole machine; the long form is a million."""
    known, _ = exploration
    days = [Day(seed=seed, known=known).run(STEPS // 8) for seed in range(8)]
    closings = sum(day.closings for day in days)
    with capsys.disabled():
        print(f"\ncore: {sum(day.steps for day in days)} random steps, {closings} closings")  # noqa: T201 – the figure CI shows
    assert [v for day in days for v in day.violations] == []
    assert closings > STEPS // 400


# The proof of the proof: each mistake below must be noticed.


def _tables_without(
    row: str, state: State | None = None, power: Power | None = None
) -> Callable[[pytest.MonkeyPatch], None]:
    def apply(patch: pytest.MonkeyPatch) -> None:
        if state is not None:
            rows = tuple(r for r in transitions.LIFE_ROWS[state] if r[0] != row)
            patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})
        if power is not None:
            kept = tuple(r for r in transitions.POWER_ROWS[power] if r[0] != row)
            patch.setattr(tables, "POWER_ROWS", {**transitions.POWER_ROWS, power: kept})

    return apply


def _close_if(guard: Callable[[Context], bool]) -> Callable[[pytest.MonkeyPatch], None]:
    def apply(patch: pytest.MonkeyPatch) -> None:
        state = State.SUSPENDED_VEHICLE
        rows = tuple(
            (name, guard, target) if name == "vehicle asks" else (name, given, target)
            for name, given, target in transitions.LIFE_ROWS[state]
        )
        patch.setattr(tables, "LIFE_ROWS", {**transitions.LIFE_ROWS, state: rows})

    return apply


def _asks_and_offered(c: Context) -> bool:
    return c.life.session and c.life.power is Power.OFFERED and c.view.vehicle.value == "asking"


TABLE_MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "ramp lasts 60 s": (
        lambda patch: patch.setattr(transitions, "RAMP_MAX_S", 60.0),
        "no ramp older than 6 s",
    ),
    "trip ignored while ramping": (
        _tables_without("trip", power=Power.RAMPING),
        "a tripping fault opens in the same step",
    ),
    "fault ignored while suspended": (
        _tables_without("fault", state=State.SUSPENDED_VEHICLE),
        "FAULTED if and only if a fault blocks",
    ),
    "fault ignored while charging": (
        _tables_without("fault", state=State.CHARGING),
        "a ramping fault ends the offer in the same step",
    ),
    "unplugging ignored while ramping": (
        _tables_without("vehicle let go", power=Power.RAMPING),
        "closed only while the vehicle asks",
    ),
    "closes without looking at the guards": (
        _close_if(_asks_and_offered),
        "closing needs every guard fresh and a vehicle that asks",
    ),
    "offers without spacing": (
        lambda patch: patch.setattr(transitions, "PWM_SPACING_S", 0.0),
        "offers rise 5 s after the last change at the earliest",
    ),
    "sessions survive their fault": (
        lambda patch: patch.setattr(tables, "_end_reason", lambda _: None),
        "a session ends with its authorisation or a fault that ends it",
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", TABLE_MUTANTS)
def test_exploration_notices_wrong_tables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, expected = TABLE_MUTANTS[name]
    mutate(monkeypatch)
    _, count = core_explore_connector.explore(until=expected)
    assert expected in {violation.split(":")[0] for violation in count.violations}


def _budget_off_by_one(track: Track, now_s: float) -> bool:
    retries = track.rule.retries
    return retries is None or len(spent_in_window(track, now_s)) <= retries


def test_exploration_notices_a_budget_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "budget_left", _budget_off_by_one)
    rule = CATALOGUE["over_current"]
    assert core_explore_tracks.budget_counter(rule).violations
    assert core_explore_tracks.explore(rule)[1].violations


def test_exploration_notices_clearing_on_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = recovery.advance

    def forgiving(track: Track, finding: Finding, around: Surroundings, now_s: float) -> Track:
        return advance(track, Finding(present=bool(finding.present)), around, now_s)

    monkeypatch.setattr(recovery, "advance", forgiving)
    assert core_explore_tracks.explore(CATALOGUE["board_error"])[1].violations


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

DAY_MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "silence overlooked": (
        lambda patch: patch.setattr(liveness, "silences", lambda *_: ()),
        "closed only with a",
    ),
    "no reading taken for a reading": (
        lambda patch: patch.setattr(memory, "_heard_s", _none_is_heard),
        "closed only with a",
    ),
    "closes unguarded": (
        lambda patch: patch.setattr(freshness, "see", _see_guarded),
        "closes only guarded",
    ),
}


@pytest.mark.parametrize("name", DAY_MUTANTS)
def test_random_days_notice(
    name: str, monkeypatch: pytest.MonkeyPatch, exploration: tuple[Known, dict[str, Count]]
) -> None:
    known, _ = exploration
    mutate, expected = DAY_MUTANTS[name]
    mutate(monkeypatch)
    days = (Day(seed=seed, known=known).run(20_000, limit=1) for seed in range(4))
    assert any(v.startswith(expected) for day in days for v in day.violations)


def test_exploration_notices_a_reset_of_any_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_lifted", lambda _, around: bool(around.resets))
    assert core_explore_tracks.explore(CATALOGUE["contactor_welded"])[1].violations


def test_shapes_differ() -> None:
    """Connector 2 has no witness beside its meter."""
    assert ONE.has_feedback
    assert not TWO.has_feedback
