"""One detector on the bench: its memory and its track alone, with readings as a test wants them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent.core.core_world import ONE
from laddvakt_agent.core.detect.register import applicable
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, Sample
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.memory.power import remember_power
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.tracks import Finding, Phase, Surroundings, Track
from laddvakt_agent.core.scene import Detector, Scene
from laddvakt_agent.core.selftest import Tests
from laddvakt_agent.core.settings import Settings

START_S = 1000.0
AGAIN = 5  # each so many steps the same is remembered twice; other tests do so with any reading
OPEN = Life(commanded_since_s=START_S - 100.0, limit_changed_s=START_S - 100.0)
CHARGING = replace(
    OPEN, power=Power.CLOSED, plugged=True, session=True, read_once=True, limit_a=16.0
)
WELL: Mapping[str, Any] = {
    "pilot": Pilot.C,
    "pwm_on": True,
    "limit_readback_a": 16.0,
    "feedback_closed": True,
    "emergency_stop": False,
    "residual_tripped": False,
    "voltage_v": (230.0, 230.5, 231.0),
    "current_a": (15.5, 15.5, 15.5),
    "power_w": 10_700.0,
}
IDLE: Mapping[str, Any] = {
    **WELL,
    "pilot": Pilot.A,
    "pwm_on": False,
    "limit_readback_a": 0.0,
    "feedback_closed": False,
    "current_a": (0.0, 0.0, 0.0),
    "power_w": 0.0,
}


@dataclass
class Bench:
    """Readings, renewed each `update_s`; what is `silent` keeps its last sample."""

    code: str
    settings: Settings = ONE
    life: Life = CHARGING
    read: dict[str, Any] = field(default_factory=lambda: dict(WELL))
    now_s: float = START_S
    update_s: float = 0.0  # 0: with each step
    energy_wh: float | None = 5000.0
    counting: bool = True
    silent: set[str] = field(default_factory=set)
    whole: dict[str, Any] = field(default_factory=dict)  # inputs given as they are
    resets: frozenset[Reset] = frozenset()
    tests: Tests = field(default_factory=Tests)
    memory: Memory = field(default_factory=Memory)
    inputs: Inputs = field(default_factory=Inputs)
    finding: Finding = field(default_factory=lambda: Finding(present=None))
    track: Track = field(init=False)
    detector: Detector = field(init=False)
    all_detectors: tuple[Detector, ...] = ()
    newest_s: float = -1.0
    raises: int = 0
    steps: int = 0
    beside: dict[str, Track] = field(default_factory=dict)  # other faults looked for

    def __post_init__(self) -> None:
        self.all_detectors = applicable(self.settings)
        self.detector = next(d for d in self.all_detectors if d.code == self.code)
        self.track = Track(rule=rule_for(self.settings.rules, self.code), subject="1")

    @property
    def standing(self) -> bool:
        return self.track.standing

    @property
    def gone(self) -> bool:
        """Never raised, left, or seen to be away and only waiting."""
        return self.track.phase in (Phase.CLEAR, Phase.CLEARING)

    def step(self, after_s: float) -> Finding:
        """One step later; the same again must change nothing."""
        self.now_s += after_s
        if self.energy_wh is not None and self.counting:
            power_w = self.read.get("power_w")
            self.energy_wh += (power_w if isinstance(power_w, float) else 0.0) * after_s / 3600.0
        self.inputs = self._inputs()
        inputs, now_s = self.inputs, self.now_s
        power = remember_power(self.settings, self.life, self.memory.power, inputs, now_s)
        self.steps += 1
        if self.steps % AGAIN == 0:
            assert power == remember_power(self.settings, self.life, power, inputs, now_s)
        self.memory = Memory(power=power)
        scene = self.scene
        self.finding = self.detector.look(scene)
        assert self.finding.evidence == "" or self.finding.present
        for due_s in self.detector.due_s(scene):
            assert isinstance(due_s, float)
        stood = self.track.standing
        around = Surroundings(session=self.life.session, resets=self.resets)
        self.track = recovery.advance(self.track, self.finding, around, self.now_s)
        self.raises += self.track.standing and not stood
        for detector in self.all_detectors if self.beside else ():
            if detector.code in self.beside:
                track, finding = self.beside[detector.code], detector.look(scene)
                self.beside[detector.code] = recovery.advance(track, finding, around, now_s)
                assert not self.beside[detector.code].standing, (detector.code, finding)
        self.resets = frozenset()
        return self.finding

    @property
    def scene(self) -> Scene:
        return Scene(self.settings, self.life, self.memory, self.inputs, self.now_s, self.tests)

    def never(self, *codes: str) -> Bench:
        """Hold these faults, too, to not being raised in all that follows."""
        for code in codes:
            self.beside[code] = Track(rule=rule_for(self.settings.rules, code), subject="1")
        return self

    def says(self) -> bool | None:
        """Whether the detector sees the fault now."""
        return self.finding.present

    def run(self, seconds: float, period_s: float = 0.25, **changes: object) -> Bench:
        """Step through this long with these readings from now on."""
        self.read.update(changes)
        until_s = self.now_s + seconds
        while self.now_s + period_s <= until_s + 1e-9:
            self.step(period_s)
        return self

    def until_raised(self, most_s: float, period_s: float = 0.25, **changes: object) -> float:
        """How long after these changes it was raised."""
        self.read.update(changes)
        from_s = self.now_s
        while not self.track.standing:
            assert self.now_s < from_s + most_s, f"not raised within {most_s} s"
            self.step(period_s)
        return self.now_s - from_s

    def command(self, life: Life) -> Bench:
        """Another command to the contactor, from now on."""
        self.life = replace(life, commanded_since_s=self.now_s)
        return self

    def _inputs(self) -> Inputs:
        if self.update_s and self.now_s < self.newest_s + self.update_s:
            return replace(self.inputs, resets=self.resets, **self.whole)
        self.newest_s = self.now_s
        values: dict[str, Any] = dict(self.read)
        if self.energy_wh is not None:
            values["energy_wh"] = self.energy_wh
        changes: dict[str, Any] = {
            name: None if value is None else Sample(value=value, taken_s=self.now_s)
            for name, value in values.items()
            if name not in self.silent
        }
        return replace(self.inputs, resets=self.resets, **{**changes, **self.whole})


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault that readings show after a while; and readings close to it that show none."""

    id: str
    code: str
    bad: Mapping[str, Any]
    after_s: float  # from the first bad reading to the raise
    calm: Mapping[str, Any] = field(default_factory=lambda: WELL)
    near: tuple[Mapping[str, Any], ...] = ()
    act: Act = Act.RAMP
    limit_a: float | None = None
    evidence: str = ""
    settings: Settings = ONE
    life: Life = CHARGING
    clears: bool = True  # by the calm readings alone
    blind: tuple[str, ...] = ()  # beside `bad`: what else it is judged by

    def bench(self) -> Bench:
        """After some calm seconds."""
        fitted = self.settings.fitted | {n for n in {**self.calm, **self.bad} if n not in WELL}
        settings = replace(self.settings, fitted=frozenset(fitted))
        bench = Bench(self.code, settings=settings, life=self.life, read=dict(self.calm))
        bench.run(6.0, 1.0)
        assert bench.track.phase is Phase.CLEAR, bench.finding
        return bench


def raised_on_time(case: Case) -> Bench:
    """Within a step of its time, never sooner; with its act, its limit and its evidence."""
    bench = case.bench()
    took_s = bench.until_raised(case.after_s + 2.0, **case.bad)
    assert case.after_s <= took_s <= case.after_s + 0.5, took_s
    bench.step(0.25)
    assert bench.track.act is case.act
    if case.limit_a is not None:
        assert bench.track.limit_a == pytest.approx(case.limit_a, abs=0.05)
    assert case.evidence in bench.track.evidence, bench.track.evidence
    return bench


def not_for_a_moment(case: Case) -> None:
    """Just shorter than its time, three times: nothing."""
    bench = case.bench()
    for _ in range(3):
        bench.run(max(case.after_s - 0.25, 0.0), **case.bad)
        bench.run(1.0, **case.calm)
    assert bench.raises == 0


def not_close_to_it(case: Case) -> None:
    """Close to it for long: nothing."""
    for near in case.near:
        bench = case.bench().run(case.after_s + 15.0, 0.5, **near)
        assert bench.raises == 0, (near, bench.track.evidence)


def not_on_old_readings(case: Case) -> None:
    """One bad reading, then silence; nothing that is old is judged."""
    bench = case.bench()
    if case.after_s == 0.0:
        bench.silent.update(case.bad)
        bench.run(30.0)
        for name in case.bad:
            bench.whole[name] = Sample(value=case.bad[name], taken_s=bench.now_s - 30.0)
    else:
        bench.run(0.25, **case.bad)
        bench.silent.update({*case.bad, *case.blind})
    bench.run(min(case.after_s, 30.0) + 30.0, 1.0)
    fresh_s = max(bench.settings.meter_max_age_s, bench.settings.sample_max_age_s)
    assert bench.raises == 0 or case.after_s <= fresh_s


def stands_on_nothing(case: Case) -> None:
    """Refused, stale or from the future: what cannot be judged is not away."""
    raised = raised_on_time(case)
    for blind in (_refused, _stale, _ahead):
        bench = copy.copy(raised)
        bench.read, bench.silent, bench.whole = dict(raised.read), set(), dict(raised.whole)
        blind(bench, {*case.bad, *case.blind})
        bench.run(40.0, 1.0)
        assert bench.finding.present is not False, blind.__name__
        assert bench.track.phase is Phase.ACTIVE, blind.__name__


def left_when_calm(case: Case) -> None:
    """Only its own readings, well again, let it go."""
    bench = raised_on_time(case)
    bench.run(15.0, 0.5, **case.calm)
    assert bench.gone is case.clears


Check = Callable[[Case], object]
CHECKS: tuple[Check, ...] = (
    raised_on_time,
    not_for_a_moment,
    not_close_to_it,
    not_on_old_readings,
    stands_on_nothing,
    left_when_calm,
)


def table(*cases: Case) -> pytest.MarkDecorator:
    """Every case with every check that means something for it."""
    rows = [
        pytest.param(check, case, id=f"{case.id}-{check.__name__}")
        for case in cases
        for check in CHECKS
        if (case.near or check is not not_close_to_it)
        and (case.after_s > 0.25 or check is not not_for_a_moment)
    ]
    return pytest.mark.parametrize(("check", "case"), rows)


def _refused(bench: Bench, names: set[str]) -> None:
    bench.silent.clear()
    bench.whole = dict.fromkeys(names)


def _stale(bench: Bench, names: set[str]) -> None:
    bench.silent.update(names)


def _ahead(bench: Bench, names: set[str]) -> None:
    bench.whole = {
        name: replace(getattr(bench.inputs, name), taken_s=bench.now_s + 1e6) for name in names
    }
