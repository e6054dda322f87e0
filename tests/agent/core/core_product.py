"""The whole machine with real readings: what must hold after any step, on random days."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeAlias

from agent.core import core_explore_connector, core_explore_tracks
from agent.core.core_explore import Count
from agent.core.core_inject import CALM, FULL, SOCKET, world_for
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import CATALOGUE, rule_for, with_overrides
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.freshness import guards, meter_guards
from laddvakt_agent.core.inputs import Inputs, Pilot, Proximity, Reset
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.model import (
    ContactorCommanded,
    Effect,
    FaultCleared,
    LatchesChanged,
    State,
)
from laddvakt_agent.core.recover.tracks import Track
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.status import EvseStatus, ocpi_status

Known: TypeAlias = tuple[
    set[core_explore_connector.Key], Mapping[str, Mapping[core_explore_tracks.Key, Track]]
]

SHORT_RULES = with_overrides(
    {
        "residual_current_dc": {"reclose": "us", "clear_s": 5, "backoff_s": 5},
        "meter_lost": {"confirm_s": 3, "ramp_after_s": 2, "backoff_s": 1},
        "contactor_did_not_close": {"backoff_s": 10},
        "contactor_opened_alone": {"backoff_s": 10},
        "board_error": {"clear_s": 5, "backoff_s": 10},
        "power_lost": {"clear_s": 5, "backoff_s": 5, "spread_s": 10},
        "phase_lost": {"clear_s": 5, "backoff_s": 5, "spread_s": 10},
    }
)


@functools.cache
def explored() -> tuple[Known, dict[str, Count]]:
    """Every state of the tables, and of the track of each shape of row, found by exploration."""
    lives, count = core_explore_connector.explore()
    counts, tracks = {"connector": count}, dict[str, Mapping[core_explore_tracks.Key, Track]]()
    for names in core_explore_tracks.shapes().values():
        states, counts[names[0]] = core_explore_tracks.explore(core_explore_tracks.ROWS[names[0]])
        tracks |= dict.fromkeys(names, states)
    return (lives, tracks), counts


def broken(
    settings: Settings,
    inputs: Inputs,
    after: machine.Connector,
    now_s: float,
    slack_s: float = 0.0,
    good: Inputs | None = None,
) -> Iterator[str]:
    """The safety properties that do not hold after a step.

    `good`: each reading as it last was one, where `inputs` may lack some. `slack_s`: how late steps
    came lately; what takes several of them may be late by as much.
    """
    life, acts = after.life, [t.act for t in after.tracks if t.standing]
    act = max(acts, default=Act.NONE)
    yield from _broken_limits(settings, inputs, after)
    if machine.outputs(after).closed:
        yield from _broken_closed(settings, inputs, after, act, now_s)
        yield from _broken_freshness(settings, good or inputs, life.power, now_s, slack_s)
    if (life.state is State.FAULTED) is not (act >= Act.RAMP):
        yield "FAULTED if and only if a fault blocks"


def restless(
    settings: Settings, inputs: Inputs, after: machine.Connector, now_s: float
) -> Iterator[str]:
    """What is dear to look at: the second step, the next deadline, the status."""
    if machine.step(settings, after, inputs, now_s) != (after, ()):
        yield "equal inputs again change nothing"
    deadline_s = machine.next_deadline_s(settings, after, inputs, now_s)
    if deadline_s is not None and not deadline_s > now_s:
        yield "the next deadline lies ahead"
    if not isinstance(ocpi_status(after, now_s), EvseStatus):
        yield "every state has a status"


def freed(before: machine.Connector, after: machine.Connector, inputs: Inputs) -> Iterator[str]:
    """Lock-outs, and what needs a person at the charger, that ended without one."""
    rank = max((reset.value for reset in inputs.resets), default=0)
    now = {(t.rule.code, t.subject): t for t in after.tracks if t.standing}
    for track in before.tracks:
        # What a person has acknowledged may still wait for its clear time.
        if not track.standing or track.acknowledged or (track.rule.code, track.subject) in now:
            continue
        least = {Recovery.SERVICE: 3, Recovery.LOCAL: 2, Recovery.MANUAL: 1}.get(track.needs, 0)
        if rank < least:
            yield f"{track.rule.code} is left without its person"


def _broken_limits(settings: Settings, inputs: Inputs, after: machine.Connector) -> Iterator[str]:
    limit_a, summary = machine.outputs(after).limit_a, after.summary
    ceilings = [settings.max_current_a, inputs.load_limit_a, inputs.profile_limit_a]
    ceilings += [t.limit_a for t in after.tracks if t.standing and t.act is Act.DERATE]
    ceilings += [c.limit_a for c in after.life.limits]  # cable and fallback are among them
    if summary.derate:
        ceilings.append(settings.unattended_current_a)
    if limit_a > min(a for a in ceilings if a is not None):
        yield "the offer is above a limit"


def _broken_closed(
    settings: Settings,
    inputs: Inputs,
    after: machine.Connector,
    act: Act,
    now_s: float,
) -> Iterator[str]:
    life = after.life
    if act is Act.TRIP or (act is Act.RAMP and life.power is not Power.RAMPING):
        yield "closed only without a tripping fault, and with a ramping one only while it ramps"
    if life.power is Power.RAMPING and not now_s < life.ramp_since_s + 6.0:
        yield "no ramp older than 6 s"
    if life.power is Power.CLOSED and not (inputs.authorised and life.session):
        yield "closed with an offer only when authorised"
    if inputs.session_unproved:
        yield "a session found at the start closes nothing before its proof"
    yield from _broken_readings(settings, inputs, now_s)


def _broken_freshness(
    settings: Settings, inputs: Inputs, power: Power, now_s: float, slack_s: float
) -> Iterator[str]:
    lost_s = rule_for(settings.rules, "device_lost").confirm_s
    grace_s = lost_s if power is Power.CLOSED else lost_s + 6.0 + slack_s
    for role, sample in guards(settings, inputs):
        if sample is None or not now_s < sample.taken_s + grace_s:
            yield f"closed only with a {role.value} reading within {grace_s:g} s"
    meter = rule_for(settings.rules, "meter_lost")
    meter_s = meter.confirm_s + meter.stages[-1][0] + 6.0 + slack_s
    for reading in meter_guards(inputs):
        if reading is None or not now_s < reading.taken_s + meter_s:
            yield f"closed only with a meter reading within {meter_s:g} s"


def _broken_readings(settings: Settings, inputs: Inputs, now_s: float) -> Iterator[str]:
    pilot, age_s = inputs.pilot, settings.sample_max_age_s
    if pilot is not None and now_s < pilot.taken_s + age_s and pilot.value in (Pilot.A, Pilot.B):
        yield "never closed at pilot A or B"
    residual = inputs.residual_tripped if settings.has_residual_monitor else None
    for alarm in (inputs.emergency_stop, residual):
        if alarm is not None and alarm.value and now_s < alarm.taken_s + age_s:
            yield "never closed with an alarm in a fresh reading"


def strange(known: Known, after: machine.Connector, now_s: float) -> Iterator[str]:
    """States of the whole that the separate explorations never saw."""
    lives, tracks = known
    # The tables were explored with a current below the full one; any other is as good.
    full_a = core_explore_connector.SETTINGS.max_current_a
    offered_a = after.life.limit_a
    life = replace(after.life, limit_a=8.0) if 0.0 < offered_a < full_a else after.life
    if core_explore_connector.key(life) not in lives:
        yield f"unexplored: {after.life}"
    for track in after.tracks:
        name = core_explore_tracks.name_of(track)
        if core_explore_tracks.key(track, now_s) not in tracks[name]:
            yield f"unexplored: {track}"


@dataclass
class Reclosures:
    """An independent count: closings after a blocking fault was left with its session open."""

    rules: Mapping[str, FaultRule]
    left: set[str] = field(default_factory=set)
    closed_s: dict[str, list[float]] = field(default_factory=dict)

    def note(self, effects: tuple[Effect, ...], world: World) -> Iterator[str]:
        """Codes whose budget was exceeded."""
        session = world.connector.life.session
        if not session:
            self.left.clear()
        if world.resets & {Reset.LOCAL, Reset.SERVICE}:
            self.left.clear()
            self.closed_s.clear()  # a person looked at it: budgets may be whole again
        for effect in effects:
            match effect:
                case FaultCleared(code=code) if session:
                    self.left.add(code)
                case ContactorCommanded(closed=True):
                    for code in self.left:
                        self.closed_s.setdefault(code, []).append(world.now_s)
                    self.left.clear()
                case _:
                    pass
        yield from self._over(world.now_s)

    def _over(self, now_s: float) -> Iterator[str]:
        for code, times in self.closed_s.items():
            rule = rule_for(self.rules, code)
            if rule.retries is None or rule.window_s is None or rule.recovery is not Recovery.AUTO:
                continue
            recent = [at_s for at_s in times if at_s > now_s - rule.window_s]
            if len(recent) > rule.retries:
                yield f"{code}: {len(recent)} reclosures in {rule.window_s:g} s"


def _pick(world: World, dice: Random) -> None:
    """Turn one knob."""
    turn = dice.choice(_KNOBS)
    turn(world, dice)


_READ = (
    "pilot",
    "feedback_closed",
    "emergency_stop",
    "residual_tripped",
    "current_a",
    "energy_wh",
    "voltage_v",
    "power_w",
    "board_errors",
    "limit_readback_a",
)
_ANSWER = ("evse1", "relay1", "rcm1")


def _silence(world: World, dice: Random) -> None:
    """Some readings grow old: nothing new arrives."""
    world.silent = set(dice.sample(_READ + _ANSWER, dice.choice((0, 0, 1, 1, 2, 5))))


def _miss(world: World, dice: Random) -> None:
    """Some readings are none: the device refuses, or its value is beyond belief."""
    world.missing = set(dice.sample(_READ, dice.choice((0, 0, 1, 1, 2, 5))))


_UNWELL: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("residual_ac_tripped", (False, True)),
    ("earth_missing", (False, True)),
    ("diode_missing", (False, True)),
    ("proximity", (Proximity.INVALID, Proximity.CABLE_13_A)),
    ("plug_partly_inserted", (False, True)),
    ("enclosure_open", (False, True)),
    ("tilted", (False, True)),
    ("latch_broken", (False, True)),
    ("brown_out", (False, True)),
    ("enclosure_temp_c", (30.0, 64.0, 75.0, 140.0)),
    ("plug_temp_c", (30.0, 80.0, 95.0)),
    ("neutral_a", (0.5, 20.0)),
    ("frequency_hz", (50.0, 47.0)),
    ("site_current_a", ((20.0, 20.0, 20.0), (70.0, 60.0, 60.0))),
    ("board_boots", (1, 2, 3)),
)


def _gear(world: World, dice: Random) -> None:
    """One reading of the equipment changes."""
    name, values = dice.choice(_UNWELL)
    if name in world.settings.fitted:
        world.gear = {**world.gear, name: dice.choice(values)}


def _set(name: str, *values: object) -> Callable[[World, Random], None]:
    return lambda world, dice: setattr(world, name, dice.choice(values))


def _health(world: World, dice: Random) -> None:
    """Everything well again: without this most of a random day is spent in fault."""
    world.silent, world.missing, world.lines_down, world.mirror = set(), set(), set(), None
    world.stop_pressed = world.residual = False
    world.errors, world.readback_a, world.follows = (), None, True
    world.draw_a, world.voltage_v = (15.0, 15.1, 15.2), (230.0, 231.0, 229.0)
    world.gear = {name: CALM[name] for name in world.settings.fitted if name in CALM}
    world.count_energy = world.guarded = world.in_service = True
    world.resets = frozenset({dice.choice((Reset.LOCAL, Reset.SERVICE))})


def _prove(world: World, dice: Random) -> None:
    """A session found at the start, if there is one, is shown to be the same."""
    if dice.random() < 0.8:
        world.override = {**world.override, "session_unproved": False}


def _drive(world: World, dice: Random) -> None:
    """Plugged, authorised, asking; now and then with nobody on guard."""
    _health(world, dice)
    world.pilot, world.authorised, world.guarded = Pilot.C, True, dice.random() < 0.9


_KNOBS: tuple[Callable[[World, Random], None], ...] = (
    *(_drive,) * 24,
    *(_health,) * 4,
    *(_set("pilot", *Pilot, Pilot.B, Pilot.C, Pilot.C),) * 4,
    *(_set("authorised", True, True, False),) * 3,
    _set("in_service", True, True, False),
    _prove,
    _set("guarded", True, True, True, False),
    _set("follows", True, True, False),
    _set("mirror", None, None, True, False),
    _set("draw_a", (0.0, 0.0, 0.0), (15.0, 0.0, 0.0), (19.0, 15.0, 15.0), (40.0, 0.0, 0.0)),
    _set(
        "voltage_v",
        (230.0, 231.0, 232.0),
        (0.0, 0.0, 0.0),
        (230.0, 20.0, 230.0),
        (None, 230.0, float("nan")),
    ),
    _set("stop_pressed", False, True),
    _set("residual", False, True),
    _set("errors", (), (), ("bit3",)),
    _set("readback_a", None, None, 32.0),
    _set("count_energy", True, False),
    _set("lines_down", set(), set(), {"line1"}, {"line2"}),
    _set("resets", frozenset(), *(frozenset({reset}) for reset in Reset)),
    *(_gear,) * 4,
    _silence,
    _silence,
    _miss,
    _miss,
)
_FINE_S = (0.0, 0.1, 0.25, 0.25, 0.25, 0.5, 1.0)  # as a shell steps
_COARSE_S = (0.0, 0.25, 0.25, 0.25, 0.25, 1.0, 2.0, 7.0, 31.0, 400.0)  # as a simulation jumps


@dataclass
class Day:
    """Random steps with everything checked after each."""

    seed: int
    known: Known | None  # `None`: only the properties are looked at, not which states are met
    slack_s: float = 0.0
    steps: int = 0
    closings: int = 0
    violations: list[str] = field(default_factory=list)

    def run(self, steps: int, limit: int = 5) -> Day:
        """Take this many steps, or fewer when `limit` violations were found."""
        dice = Random(self.seed)
        while self.steps < steps and len(self.violations) < limit:
            shape = dice.choice((ONE, TWO, FULL, SOCKET))
            settings = replace(
                shape,
                rules=dice.choice((CATALOGUE, SHORT_RULES)),
                spread=dice.random(),
                voltage_load_side=dice.random() < 0.3,
                unattended_current_a=dice.choice((None, 8.0)),
                residual_reclose=dice.random() < 0.3,
            )
            world = world_for(settings)
            if dice.random() < 0.1:
                world.lose_latches()
            elif dice.random() < 0.1:
                world.find_session()
            self._life(world, dice, min(400, steps - self.steps))
        return self

    def _life(self, world: World, dice: Random, steps: int) -> None:
        waits_s = dice.choice((_FINE_S, _COARSE_S))
        self.slack_s = 3 * max(waits_s) if waits_s is _FINE_S else math.inf
        reclosures = Reclosures(rules=world.settings.rules)
        for number in range(steps):
            if dice.random() < 0.12:
                _pick(world, dice)
            self._step(world, dice.choice(waits_s), reclosures, again=number % 8 == 0)
            world.resets = frozenset()

    def _step(self, world: World, wait_s: float, reclosures: Reclosures, *, again: bool) -> None:
        self.steps += 1
        before = world.connector
        effects = world.advance(wait_s)
        now_s, after = world.now_s, world.connector
        names = [
            *broken(world.settings, world.inputs, after, now_s, self.slack_s, world.good),
            *(strange(self.known, after, now_s) if self.known else ()),
            *reclosures.note(effects, world),
            *_disordered(effects),
            *_unready(world, effects),
        ]
        if after.tracks is not before.tracks:
            names += freed(before, after, world.inputs)
        if again:
            names += restless(world.settings, world.inputs, after, now_s)
        self.closings += sum(e == "close" for e in map(_kind, effects))
        self.violations += [f"{name} (seed {self.seed}, step {self.steps})" for name in names]


def _kind(effect: Effect) -> str:
    match effect:
        case ContactorCommanded(closed=closed):
            return "close" if closed else "open"
        case LatchesChanged():
            return "latches"
        case _:
            return "other"


def _disordered(effects: tuple[Effect, ...]) -> Iterator[str]:
    kinds = [_kind(effect) for effect in effects]
    if "open" in kinds and kinds.index("open") != 0:
        yield "opening comes first"
    if "latches" in kinds and "close" in kinds[: kinds.index("latches")]:
        yield "what must survive is written before anything closes"


def _unready(world: World, effects: tuple[Effect, ...]) -> Iterator[str]:
    if "close" not in map(_kind, effects):
        return
    settings, inputs = world.settings, world.inputs
    if not inputs.guarded and settings.unattended_current_a is None:
        yield "closes only guarded, or with a current for unattended boards"
    if not inputs.recorded:
        yield "closes only where a restart would find every latch"
    for role, sample in guards(settings, inputs):
        if sample is None or not world.now_s < sample.taken_s + settings.sample_max_age_s:
            yield f"closes only with a fresh {role.value} reading"
