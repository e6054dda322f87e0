"""A life of one connector, seeded: vehicles, sags, noise, failures, people, restarts.

The short form lives 60 days, the long form (`LADDVAKT_YEAR_DAYS=365`) a year or a century.

Half of its sessions meet a trouble: a charger of the kind that nobody wants to own.

It steps only where something happens, and where the core says that something will. Readings are
taken to be renewed in between, as a healthy bus does. A year has some 200 sessions.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from agent.core.core_inject import CALM, FULL, world_for
from agent.core.core_product import Reclosures, broken, freed, restless
from agent.core.core_world import World
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.rules import Act, Recovery
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.model import ContactorCommanded, FaultRaised, LatchesChanged, SessionBegun

DAY_S, HOUR_S = 86_400.0, 3_600.0
DAYS = int(os.environ.get("LADDVAKT_YEAR_DAYS", "60"))  # 365 for a year, 36500 for a century
TECHNICIAN_S = 2 * DAY_S  # so long an out-of-order charger waits for one
LONG_RIDE_S = 40.0  # how long steps follow each other closely after an event


@dataclass
class Year:
    """One connector's life; what is found broken stops it."""

    dice: Random
    world: World
    end_s: float = 0.0
    steps: int = 0
    latches_most: int = 0
    tracks_most: int = 0
    sessions: int = 0
    visits: int = 0
    restarts: int = 0
    raised: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    reclosures: Reclosures = field(default_factory=lambda: Reclosures(rules={}))
    waiting_since_s: float | None = None

    def live(self, days: int) -> Year:
        """So many days, one after the other."""
        for _ in range(days):
            self._day()
            if self.violations:
                break
        return self

    def _day(self) -> None:
        begin_s = self.world.now_s
        if self.dice.random() < 0.6:
            self._charge(self.dice.uniform(0.5, 6.0) * HOUR_S)
        if self.dice.random() < 0.1:
            self._restart()
        self._weather()
        self._technician()
        self._until(max(begin_s + DAY_S, self.world.now_s))

    def _charge(self, seconds: float) -> None:
        world, dice = self.world, self.dice
        self._until(world.now_s + dice.uniform(0.2, 4.0) * HOUR_S)
        world.pilot, world.authorised = Pilot.B, dice.random() < 0.97
        self._until(world.now_s + dice.uniform(2.0, 60.0))
        world.pilot = Pilot.C
        amps = dice.choice((6.0, 10.0, 15.5))
        world.draw_a = (amps, amps, amps) if dice.random() < 0.6 else (amps, 0.1, 0.1)
        self._until(world.now_s + seconds / 2)
        if dice.random() < 0.5:
            self._trouble()
        self._until(world.now_s + seconds / 2)
        world.pilot = Pilot.B
        self._until(world.now_s + dice.uniform(10.0, 2 * HOUR_S))
        world.pilot, world.authorised = Pilot.A, False
        self._until(world.now_s + LONG_RIDE_S)

    def _trouble(self) -> None:
        """Something fails, lasts for a while, and may come back at once."""
        world, dice = self.world, self.dice
        name, values = dice.choice(_TROUBLES)
        for _ in range(dice.choice((1, 1, 1, 2, 7))):
            well = getattr(world, name)
            setattr(world, name, dice.choice(values))
            self._until(world.now_s + dice.choice((0.5, 3.0, 20.0, 90.0, 900.0)))
            setattr(world, name, well)
            self._until(world.now_s + dice.choice((5.0, 40.0, 700.0)))

    def _weather(self) -> None:
        """Sags, outages and heat also come while nobody charges."""
        world, dice = self.world, self.dice
        if dice.random() < 0.05:
            volts = dice.choice((0.0, 185.0, 200.0, 260.0))
            world.voltage_v = (volts, volts, volts)
            self._until(world.now_s + dice.choice((0.5, 10.0, 120.0, 2 * HOUR_S)))
            world.voltage_v = (230.0, 230.5, 231.0)
            self._until(world.now_s + LONG_RIDE_S)

    def _technician(self) -> None:
        """Comes when the charger has been out of order for long, tests it and resets."""
        world = self.world
        waits = [t for t in world.connector.tracks if t.standing and t.needs in _PERSONS]
        if not waits:
            self.waiting_since_s = None
            return
        if self.waiting_since_s is None:
            self.waiting_since_s = world.now_s
        if world.now_s < self.waiting_since_s + TECHNICIAN_S:
            return
        self.visits += 1
        self.waiting_since_s = None
        world.pilot, world.authorised = Pilot.A, False
        self._until(world.now_s + 120.0)
        world.resets = frozenset({Reset.SERVICE})
        self._step(0.25)
        self._until(world.now_s + LONG_RIDE_S)

    def _restart(self) -> None:
        """The agent starts anew with what it wrote down."""
        world = self.world
        self.restarts += 1
        latches = [e.latches for _, e in world.effects if isinstance(e, LatchesChanged)]
        known = latches[-1] if latches else ()
        locked = {(t.rule.code, t.subject) for t in world.connector.tracks if t.locked_out}
        open_session = world.connector.life.session
        world.connector = machine.initial(
            world.settings, known, world.now_s, session_open=open_session
        )
        again = {(t.rule.code, t.subject) for t in world.connector.tracks if t.locked_out}
        if locked != again:
            self.violations.append(f"a restart changed lock-outs: {locked} {again}")
        self._until(world.now_s + LONG_RIDE_S)

    def _until(self, until_s: float) -> None:
        """Step at each deadline on the way; closely after an event, then ever more seldom."""
        world, wait_s = self.world, 0.5
        while world.now_s < until_s and not self.violations:
            due_s = machine.next_deadline_s(world.settings, world.connector, None, world.now_s)
            next_s = min(until_s, world.now_s + wait_s, math.inf if due_s is None else due_s)
            self._step(max(next_s - world.now_s, 1e-3))
            wait_s = min(wait_s * 4.0, 6 * HOUR_S)

    def _step(self, wait_s: float) -> None:
        world, before = self.world, self.world.connector
        self.steps += 1
        noise = self.dice.uniform(-0.01, 0.01)  # a meter whose values never move is frozen
        one_a, two_a, three_a = world.draw_a
        world.draw_a = (one_a + noise, two_a + noise, three_a + noise)
        effects = world.advance(wait_s)
        after, now_s = world.connector, world.now_s
        found = [
            *broken(world.settings, world.inputs, after, now_s, math.inf, world.good),
            *freed(before, after, world.inputs),
            *self.reclosures.note(effects, world),
        ]
        if self.steps % 16 == 0:
            found += restless(world.settings, world.inputs, after, now_s)
        world.resets = frozenset()
        self._note(after)
        self.violations += [f"{name} (step {self.steps}, {now_s:.2f} s)" for name in found]

    def _note(self, after: machine.Connector) -> None:
        self.tracks_most = max(self.tracks_most, len(after.tracks))
        for _, effect in self.world.effects:
            match effect:
                case LatchesChanged(latches=latches):
                    self.latches_most = max(self.latches_most, len(latches))
                case FaultRaised(fault=fault):
                    self.raised.add(fault.code)
                case SessionBegun():
                    self.sessions += 1
                case _:
                    pass
        kept = [e for e in self.world.effects if isinstance(e[1], LatchesChanged)]
        self.world.effects[:] = kept[-1:]


_PERSONS = (Recovery.MANUAL, Recovery.LOCAL, Recovery.SERVICE)
_TROUBLES: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("voltage_v", ((0.0, 0.0, 0.0), (230.0, 3.0, 230.0), (190.0, 190.0, 190.0))),
    ("draw_a", ((19.0, 15.0, 15.0), (40.0, 0.0, 0.0))),
    ("pilot", (Pilot.INVALID, Pilot.E)),
    ("stop_pressed", (True,)),
    ("residual", (True,)),
    ("errors", (("bit3",),)),
    ("mirror", (False, True)),
    ("lines_down", ({"line1"}, {"line2"})),
    ("missing", ({"pilot"}, {"current_a"}, {"feedback_closed"})),
    ("gear", ({**CALM, "earth_missing": True}, {**CALM, "enclosure_open": True})),
    ("gear", ({**CALM, "frequency_hz": 47.0}, {**CALM, "enclosure_temp_c": 75.0})),
)


def year(seed: int, days: int) -> Year:
    settings = replace(FULL, spread=0.37, unbalance_limit_a=None)
    world = world_for(settings).run(6.0)
    return Year(dice=Random(seed), world=world).live(days)


@pytest.mark.timeout(3600)
def test_a_year(capsys: pytest.CaptureFixture[str]) -> None:
    """Safe at every step, nobody forgotten, and no memory that grows."""
    lived = year(seed=5, days=DAYS)
    with capsys.disabled():
        print(  # noqa: T201 – the figure CI shows
            f"\ncore: {DAYS} days in {lived.steps} steps: {lived.sessions} sessions,"
            f" {lived.restarts} restarts, {lived.visits} visits, {len(lived.raised)} kinds of fault"
        )
    assert lived.violations == []
    assert lived.sessions > DAYS // 3
    assert len(lived.raised) > 5
    assert lived.tracks_most < 30
    assert lived.latches_most < 20


def test_nothing_is_left_of_a_bad_year() -> None:
    """After two quiet days and a technician's visit no track and no latch remains."""
    lived = year(seed=8, days=20)
    world = lived.world
    assert lived.violations == []
    world.pilot, world.authorised = Pilot.A, False
    world.__dict__.update(gear=dict(CALM), silent=set(), missing=set(), lines_down=set())
    lived._until(world.now_s + 600.0)
    world.resets = frozenset({Reset.SERVICE})
    lived._step(0.25)
    for _ in range(16):
        lived._until(world.now_s + DAY_S / 8)
    assert lived.violations == []
    assert world.connector.tracks == ()
    assert machine.outputs(world.connector).closed is False
    assert world.connector.life.power is Power.OFF
    assert world.connector.summary.act is Act.NONE
    latches = [e.latches for _, e in world.effects if isinstance(e, LatchesChanged)]
    assert latches[-1] == ()
    assert not [e for _, e in world.effects if isinstance(e, ContactorCommanded)]
