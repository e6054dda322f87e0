"""One round of the core: readings in, the next state and what to do about it out.

`step` is pure and total: it never raises, and with equal inputs at an equal time a second call
changes nothing. Detectors, tracks and the connector's tables are applied in turn until nothing
moves, so that a fault answers in the step that shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from laddvakt_agent.core import freshness, selftest
from laddvakt_agent.core.detect import liveness
from laddvakt_agent.core.detect.register import DETECTORS, applicable, detect_deadlines_s, findings
from laddvakt_agent.core.effects import differences
from laddvakt_agent.core.faults.catalogue import CATALOGUE, FaultRule, Recovery, rule_for
from laddvakt_agent.core.faults.overrides import reclosing
from laddvakt_agent.core.health import Motion
from laddvakt_agent.core.inputs import Inputs, SelfTest
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life.state import Life, Trail, Vehicle
from laddvakt_agent.core.memory.all import Memory, remember
from laddvakt_agent.core.memory.gear import gear_at_start
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.model import ActiveFault, Effect, Latch, Outputs
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.budgets import with_shared
from laddvakt_agent.core.recover.tracks import (
    Finding,
    Summary,
    Surroundings,
    Track,
    as_fault,
    from_latch,
    join,
)
from laddvakt_agent.core.scene import UNWATCHED, Detector, Found, Scene
from laddvakt_agent.core.selftest import Tests
from laddvakt_agent.core.settings import Settings

_PASSES_MAX = 8  # detectors, tracks and tables settle in two or three; tests hold it to that


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Everything the core remembers of one connector."""

    life: Life
    started_s: float
    detectors: tuple[Detector, ...]  # those this connector has the readings for
    memory: Memory = field(default_factory=Memory)
    tests: Tests = field(default_factory=Tests)
    tracks: tuple[Track, ...] = ()
    summary: Summary = field(default_factory=Summary)
    unwritten: bool = False  # the latches were made here and must be told with the next step


def initial(
    settings: Settings,
    latches: Sequence[Latch],
    now_s: float,
    *,
    latches_lost: bool = False,
    session_open: bool = False,
    session_found: bool = False,
    wear: Wear | None = None,
    motion: Motion | None = None,
) -> Connector:
    """A connector that knows nothing yet: unavailable, contactor open, nothing offered.

    `latches` restores lock-outs and spent budgets; with `latches_lost` every budget counts as used
    up, and the fault of that name stands until a person at the charger resets. `session_open`: a
    session of before the restart goes on (its vehicle counts as plugged in until the pilot says
    otherwise). `session_found`: there was one, whatever becomes of it. `wear` and `motion` are the
    contactor's history.
    """
    tracks = _restored(settings, latches, now_s, lost=latches_lost)
    return Connector(
        life=_life_at(now_s, session_open=session_open),
        started_s=now_s,
        detectors=applicable(settings),
        memory=Memory(
            gear=gear_at_start(now_s, session_found=session_open or session_found),
            wear=wear or Wear(),
            motion=replace(motion or Motion(), awaited_s=None, seen_s=now_s),
        ),
        tracks=tracks,
        summary=join(settings, tracks),
        unwritten=latches_lost,
    )


def step(
    settings: Settings, connector: Connector, inputs: Inputs, now_s: float
) -> tuple[Connector, tuple[Effect, ...]]:
    """The connector one step on, and what differs: the most urgent effect first."""
    before, trails = connector, list[Trail]()
    for _ in range(_PASSES_MAX):
        passed, trail = _pass(settings, connector, inputs, now_s)
        trails.append(trail)
        # Detectors and tracks are still for equal inputs while the life is: only it starts them.
        settled = passed.life == connector.life
        connector = passed
        if settled and not _tests_due(settings, connector):
            break
    effects = differences(
        (before.life, before.tracks),
        (connector.life, connector.tracks),
        connector.summary,
        trails,
        unwritten=before.unwritten,
    )
    effects += tuple(selftest.effects(before.tests, connector.tests))
    return replace(connector, unwritten=False) if before.unwritten else connector, effects


def outputs(connector: Connector) -> Outputs:
    """What the hardware is told: a function of the connector's state alone."""
    life = connector.life
    return Outputs(
        closed=life.closed,
        limit_a=life.limit_a,
        phases=life.phases,
        locked=life.locked,
        state_f=life.state_f,
    )


def active_faults(connector: Connector) -> tuple[ActiveFault, ...]:
    """Every standing fault, in the order they were raised."""
    standing = [track for track in connector.tracks if track.standing]
    return tuple(as_fault(track) for track in sorted(standing, key=lambda track: track.raised_s))


def next_deadline_s(
    settings: Settings,
    connector: Connector,
    inputs: Inputs | None,
    now_s: float,
    *,
    renewed: bool = False,
) -> float | None:
    """The earliest time after `now_s` at which something may change without new inputs.

    `renewed`: the readings will be renewed before they grow too old, so their age is no deadline.
    """
    candidates = [
        *tables.deadlines_s(settings, connector.life, connector.summary),
        *selftest.deadlines_s(settings, connector.tests),
        *(at_s for track in connector.tracks for at_s in recovery.deadlines_s(track)),
    ]
    if inputs is not None:
        candidates += _reading_deadlines_s(settings, connector, inputs, now_s, renewed=renewed)
    return min((at_s for at_s in candidates if now_s < at_s < math.inf), default=None)


def _pass(
    settings: Settings, connector: Connector, inputs: Inputs, now_s: float
) -> tuple[Connector, Trail]:
    life = connector.life
    memory = remember(settings, life, connector.memory, inputs, now_s)
    if due := _tests_due(settings, connector):
        inputs = replace(inputs, tests_wanted=inputs.tests_wanted | due)
    tests = selftest.advance(settings, connector.tests, life, inputs, now_s)
    scene = Scene(settings, life, memory, inputs, now_s, tests)
    view = freshness.see(settings, life, inputs, now_s)
    if tests.running is SelfTest.RESIDUAL:
        view = replace(view, ready=False)  # a monitor that tests itself guards nobody
    reclosed = memory.gear.board.reclosed and not connector.memory.gear.board.reclosed
    around = replace(
        _tested(settings, tests),
        reclosed_s=now_s if reclosed else None,
        vehicle_gone=view.vehicle is Vehicle.ABSENT,
        session=life.session,
        closed_since_s=life.commanded_since_s if life.closed else None,
        resets=inputs.resets,
    )
    found = (*findings(scene, connector.detectors), *liveness.silences(scene, connector.started_s))
    tracks = connector.tracks
    if inputs.shared:
        tracks = with_shared(tracks, inputs.shared, lambda code: _rule(settings, code), now_s)
    tracks = _tracked(settings, tracks, found, around, now_s)
    summary = join(settings, tracks)
    life, trail = tables.advance(settings, life, view, summary, now_s)
    passed = replace(
        connector, life=life, memory=memory, tests=tests, tracks=tracks, summary=summary
    )
    return passed, trail


def _tracked(
    settings: Settings,
    tracks: tuple[Track, ...],
    found: Sequence[Found],
    around: Surroundings,
    now_s: float,
) -> tuple[Track, ...]:
    known = {(track.rule.code, track.subject) for track in tracks}
    said: dict[tuple[str, str], Finding] = {}
    for code, subject, finding in found:
        # Only what is there, or was, concerns a track; said twice of one subject, it is there.
        about = (code, subject)
        if finding.present or (about in known and about not in said):
            said[about] = finding
    moved: list[Track] = []
    for track in tracks:
        # A detector that says nothing any longer has not said that its fault is over.
        finding = said.pop((track.rule.code, track.subject), UNWATCHED)
        moved.append(recovery.advance(track, finding, around, now_s))
    for (code, subject), finding in said.items():
        track = Track(rule=_rule(settings, code), subject=subject)
        moved.append(recovery.advance(track, finding, around, now_s))
    return tuple(track for track in moved if not track.forgettable)


def _tested(settings: Settings, tests: Tests) -> Surroundings:
    """What tracks may know of the self-tests, and what the settings say to all of them."""
    return Surroundings(
        tests=selftest.fitted(settings),
        passed_s=tuple((ended.test, ended.at_s) for ended in tests.last if ended.passed),
        spread=settings.spread,
        flap_raises=settings.flap_raises,
        flap_window_s=settings.flap_window_s,
    )


def _tests_due(settings: Settings, connector: Connector) -> frozenset[SelfTest]:
    """Every test that a fault waits for, to be made once; again only on demand."""
    if not any(track.rule.tests and track.standing for track in connector.tracks):
        return frozenset()
    tests = connector.tests
    due = recovery.tests_due(connector.tracks, _tested(settings, tests))
    fresh = frozenset(test for test, since_s in due if not tests.ended_since(test, since_s))
    return fresh - {tests.running, *tests.queue}


def _rule(settings: Settings, code: str) -> FaultRule:
    rule = rule_for(settings.rules, code)
    if settings.residual_reclose and "reclose" in rule.choices:
        return rule if rule.recovery is Recovery.AUTO else reclosing(rule)
    return rule


def _life_at(now_s: float, *, session_open: bool) -> Life:
    """A life that begins now, everything just as it is left standing."""
    return Life(
        plugged=session_open,
        session=session_open,
        limit_changed_s=now_s,
        past_until_s=now_s,
        commanded_since_s=now_s,
        entered_s=now_s,
    )


def _restored(
    settings: Settings, latches: Sequence[Latch], now_s: float, *, lost: bool
) -> tuple[Track, ...]:
    """The tracks the latches tell of; where they are lost, the strictest they may have told of."""
    tracks = [
        from_latch(_rule(settings, latch.code), latch, settings.spread, now_s) for latch in latches
    ]
    if lost:
        kept = {(track.rule.code, track.subject) for track in tracks}
        feared = (_lost(settings, now_s), *_spent(settings, now_s))
        tracks += [track for track in feared if (track.rule.code, track.subject) not in kept]
    return tuple(tracks)


def _lost(settings: Settings, now_s: float) -> Track:
    """Standing at once: a weld may be among what the lost latches said."""
    rule = _rule(settings, "latches_lost")
    latch = Latch(code=rule.code, subject=settings.connector, locked_out=False, active=True)
    track = from_latch(rule, latch, settings.spread, now_s)
    return replace(track, evidence="no copy of the latches could be read")


def _spent(settings: Settings, now_s: float) -> Iterator[Track]:
    """Every limited budget, used up: what the lost latches said may have been that."""
    subjects = {detector.code: detector.subject(settings) for detector in DETECTORS}
    subjects |= {"meter_lost": settings.meter_name}
    for code in CATALOGUE:
        rule = _rule(settings, code)
        if rule.retries is not None:
            subject = subjects.get(code, settings.connector)
            yield Track(rule=rule, subject=subject, spent_s=(now_s,) * rule.retries)


def _reading_deadlines_s(
    settings: Settings, connector: Connector, inputs: Inputs, now_s: float, *, renewed: bool
) -> Iterator[float]:
    memory = remember(settings, connector.life, connector.memory, inputs, now_s)
    scene = Scene(settings, connector.life, memory, inputs, now_s, connector.tests)
    yield from detect_deadlines_s(scene, connector.detectors)
    if not renewed:
        yield from freshness.deadlines_s(settings, inputs)
        yield from liveness.deadlines_s(scene, connector.started_s)
