"""Self-tests as sequences with effects: at the start, daily when idle, on demand.

No test ever closes the contactor: an unmated connector is never energised. The open state and the
pilot at idle are judged here from the readings; the residual monitor and the lock test themselves
when told to, and reply. A test that gets no reply in time has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from laddvakt_agent.core.freshness import currents_a, feedback, fresh, pilot, voltages_v
from laddvakt_agent.core.inputs import Inputs, Pilot, SelfTest
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import SelfTestCommanded, SelfTestEnded
from laddvakt_agent.core.settings import Settings

TIMEOUT_S = 60.0  # SimpleEVSE's residual test takes about 30 s
OPEN_SETTLE_S = 2.0  # after opening, before the open state is judged
RETRY_S = 3600.0  # a test that could not be finished is not tried again sooner by itself
DEAD_V = 50.0
_ORDER = (SelfTest.OPEN, SelfTest.PILOT, SelfTest.RESIDUAL, SelfTest.LOCK)
_BY_DEVICE = (SelfTest.RESIDUAL, SelfTest.LOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a test ended, and when (monotonic seconds)."""

    test: SelfTest
    passed: bool
    at_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """What is being tested, what waits, and how each test ended last."""

    __test__ = False  # the name is the field's own; pytest shall not collect it

    running: SelfTest | None = None  # the residual test also while a vehicle is there
    since_s: float = 0.0
    queue: tuple[SelfTest, ...] = ()
    last: tuple[Outcome, ...] = ()
    round_s: float | None = None  # when the last round began

    def outcome(self, test: SelfTest) -> Outcome | None:
        """How this test ended last, `None` while it never did."""
        return next((ended for ended in self.last if ended.test is test), None)

    def ended_since(self, test: SelfTest, at_s: float) -> bool:
        """Whether it has ended after `at_s`, one way or the other."""
        ended = self.outcome(test)
        return ended is not None and ended.at_s >= at_s

    def passed_since(self, test: SelfTest, at_s: float) -> bool:
        """Whether it has passed after `at_s`, and not failed since."""
        ended = self.outcome(test)
        return ended is not None and ended.passed and ended.at_s >= at_s


def fitted(settings: Settings) -> tuple[SelfTest, ...]:
    """The tests this connector can make, in their order."""
    lacks = {
        SelfTest.RESIDUAL: not settings.has_residual_test,
        SelfTest.LOCK: not (settings.socket and "locked" in settings.fitted),
    }
    return tuple(test for test in _ORDER if not lacks.get(test, False))


def advance(settings: Settings, tests: Tests, life: Life, inputs: Inputs, now_s: float) -> Tests:
    """The tests as far on as they get at this moment; the same object when nothing changed."""
    idle = _idle(settings, life, inputs, now_s)
    before = None
    while tests is not before:  # each pass ends a test or begins one of a finite queue
        before = tests
        if tests.running is None:
            tests = _begun(settings, tests, inputs, now_s, idle=idle)
        if tests.running is not None:
            tests = _judged(settings, tests, tests.running, inputs, now_s, idle=idle)
    return tests


def effects(before: Tests, after: Tests) -> Iterator[SelfTestCommanded | SelfTestEnded]:
    """What the shell has to write down and to start."""
    for ended in after.last:
        if ended not in before.last:
            yield SelfTestEnded(test=ended.test, passed=ended.passed, detail=ended.detail)
    started = (after.running, after.since_s) != (before.running, before.since_s)
    if started and after.running in _BY_DEVICE:
        yield SelfTestCommanded(test=after.running)


def deadlines_s(settings: Settings, tests: Tests) -> Iterator[float]:
    """When a test is due or has taken too long."""
    if tests.running is not None:
        yield tests.since_s + TIMEOUT_S
        yield tests.since_s + OPEN_SETTLE_S
    elif tests.round_s is not None:
        yield tests.round_s + settings.self_test_period_s
        yield tests.round_s + RETRY_S


def _idle(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> bool:
    """Nobody is plugged in and nothing is switched on."""
    unplugged = pilot(settings, inputs, now_s) is Pilot.A
    settled = now_s >= life.commanded_since_s + OPEN_SETTLE_S
    return unplugged and settled and not (life.closed or life.session or life.limit_a > 0.0)


def _begun(settings: Settings, tests: Tests, inputs: Inputs, now_s: float, *, idle: bool) -> Tests:
    """With the next of the wanted or due tests running, if the connector is idle."""
    wanted = [test for test in fitted(settings) if _asked(tests, test, inputs, now_s)]
    if idle and not tests.queue and _due(settings, tests, now_s):
        wanted, tests = list(fitted(settings)), replace(tests, round_s=now_s)
    queue = (*tests.queue, *(test for test in wanted if test not in tests.queue))
    if queue and idle:
        return replace(tests, running=queue[0], since_s=now_s, queue=queue[1:])
    return tests if queue == tests.queue else replace(tests, queue=queue)


def _asked(tests: Tests, test: SelfTest, inputs: Inputs, now_s: float) -> bool:
    """Wanted by somebody, and not just made: the wish stands in the inputs for a whole step."""
    ended = tests.outcome(test)
    return test in inputs.tests_wanted and (ended is None or ended.at_s < now_s)


def _due(settings: Settings, tests: Tests, now_s: float) -> bool:
    if tests.round_s is None:
        return True
    if now_s >= tests.round_s + settings.self_test_period_s:
        return True
    done = all(
        ended is not None and ended.at_s >= tests.round_s
        for ended in map(tests.outcome, fitted(settings))
    )
    return not done and now_s >= tests.round_s + RETRY_S


def _judged(
    settings: Settings,
    tests: Tests,
    running: SelfTest,
    inputs: Inputs,
    now_s: float,
    *,
    idle: bool,
) -> Tests:
    """The running test ended, where its verdict is known."""
    if not idle and running is not SelfTest.RESIDUAL:
        # A vehicle has come: this is no verdict on the hardware. It is made again later. Only the
        # residual monitor cannot be called back; nothing closes before it has answered.
        return replace(tests, running=None, queue=())
    match running:
        case SelfTest.OPEN:
            verdict = _open(settings, inputs, now_s)
        case SelfTest.PILOT:
            missing = fresh(inputs.diode_missing, settings.sample_max_age_s, now_s)
            verdict = (not missing, "negative half missing at idle" if missing else "pilot A")
        case _:
            verdict = _replied(tests, running, inputs)
    if verdict is None and now_s >= tests.since_s + TIMEOUT_S:
        verdict = (False, f"no answer within {TIMEOUT_S:g} s")
    if verdict is None:
        return tests
    passed, detail = verdict
    ended = Outcome(test=running, passed=passed, at_s=now_s, detail=detail)
    others = tuple(old for old in tests.last if old.test is not ended.test)
    return replace(tests, running=None, last=(*others, ended))


def _open(settings: Settings, inputs: Inputs, now_s: float) -> tuple[bool, str] | None:
    """Every witness that is fitted says open; `None` while one cannot be heard."""
    closed = feedback(settings, inputs, now_s) if settings.has_feedback else False
    amperes = currents_a(settings, inputs, now_s)
    if closed is None or not amperes:
        return None
    if closed:
        return False, "mirror contact closed"
    if settings.voltage_load_side:
        pairs_v = voltages_v(settings, inputs, now_s)
        if not pairs_v:
            return None
        if max(pairs_v) > DEAD_V:
            return False, f"{max(pairs_v):.0f} V behind the open contactor"
    if max(amperes) > 1.0:
        return False, f"{max(amperes):.1f} A with the contactor open"
    return True, "every witness says open"


def _replied(tests: Tests, running: SelfTest, inputs: Inputs) -> tuple[bool, str] | None:
    """What the device said since it was told to test itself."""
    for reply in inputs.tests:
        if reply.test is running and reply.taken_s >= tests.since_s:
            return None if reply.passed is None else (reply.passed, reply.detail)
    return None
