"""What detectors must remember between readings: counted samples, and values that do not change.

Everything is keyed by when a sample was taken, so that seeing the same sample twice adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from laddvakt_agent.core.freshness import (
    AHEAD_MAX_S,
    currents_a,
    feedback,
    fresh,
    guards,
    meter_guards,
    number,
    voltages_v,
)
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.core.life import Life
from laddvakt_agent.core.memory_gear import GearMemory, remember_gear
from laddvakt_agent.core.memory_wear import Wear, remember_wear
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.transitions import PWM_SPACING_S

WELD_SAMPLES = 3
WELD_AFTER_S = 5.0  # the meter must have shown the opening long ago
GROSS_SAMPLES = 2
METER_REPLIES = 3  # so many good replies end `meter_lost`
UNDER_LOAD_W = 100.0
_WELD_A = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How many samples in a row said the same, since when; `last_s` is the newest one."""

    count: int = 0
    first_s: float = 0.0
    last_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A value and since when it has not changed under load."""

    value: tuple[float, ...] = ()
    since_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One connector's detector memory."""

    seen_closed: bool = False  # the mirror contact followed the present close command
    opened_s: float | None = None  # … and was first seen open again then
    weld: Run = field(default_factory=Run)
    gross: Run = field(default_factory=Run)
    replies: Run = field(default_factory=lambda: Run(count=METER_REPLIES))
    energy: Unchanged | None = None  # `None` while not under load
    alike: Unchanged | None = None
    heard_s: tuple[float | None, ...] = ()  # when each guard was last read, as `guarding` orders
    tells_errors: bool = False  # the board has reported its errors once: none now is unknown
    tells_limit: bool = False  # … and its limit
    gear: GearMemory = field(default_factory=GearMemory)
    wear: Wear = field(default_factory=Wear)


def remember(
    settings: Settings, life: Life, memory: Memory, inputs: Inputs, now_s: float
) -> Memory:
    """The memory after this moment's readings."""
    seen_closed, opened_s = _mirror(settings, life, memory, inputs, now_s)
    energy, alike = _unchanged(settings, memory, inputs, now_s)
    currents = currents_a(settings, inputs, now_s)
    taken_s = inputs.current_a.taken_s if inputs.current_a is not None and currents else None
    return Memory(
        seen_closed=seen_closed,
        opened_s=opened_s,
        weld=_weld(settings, life, memory, max(currents, default=0.0), taken_s),
        gross=_gross(settings, life, memory, max(currents, default=0.0), taken_s),
        replies=_replies(settings, memory, inputs, now_s),
        energy=energy,
        alike=alike,
        heard_s=_heard_s(settings, memory, inputs, now_s),
        tells_errors=memory.tells_errors or inputs.board_errors is not None,
        tells_limit=memory.tells_limit or inputs.limit_readback_a is not None,
        gear=remember_gear(settings, life, memory.gear, inputs, now_s),
        wear=remember_wear(settings, life, memory.wear, inputs, now_s),
    )


def offered_a(settings: Settings, life: Life, taken_s: float) -> float:
    """The highest offer the vehicle may have followed when the meter took this sample."""
    recent = taken_s < life.past_until_s + PWM_SPACING_S + settings.meter_latency_s
    return max(life.limit_a, life.past_limit_a) if recent else life.limit_a


def weld_wait_s(settings: Settings) -> float:
    """How long after opening a current starts to witness a weld."""
    return max(WELD_AFTER_S, settings.meter_settle_s + 2.0 * settings.meter_update_s)


def gross_above_a(limit_a: float) -> float:
    """Beyond this no tolerance of meter or vehicle explains the current."""
    return max(1.5 * limit_a, limit_a + 6.0)


def _heard_s(
    settings: Settings, memory: Memory, inputs: Inputs, now_s: float
) -> tuple[float | None, ...]:
    """A single refused or implausible reply is no value, but no long silence either."""
    samples = [*(sample for _, sample in guards(settings, inputs)), *meter_guards(inputs)]
    before = memory.heard_s or (None,) * len(samples)
    return tuple(
        heard_s if sample is None or not sample.taken_s <= now_s + AHEAD_MAX_S else sample.taken_s
        for sample, heard_s in zip(samples, before, strict=True)
    )


def _counted(run: Run, taken_s: float | None, hit: bool, enough: int) -> Run:
    if taken_s is None:
        return run
    if not hit:
        return Run(last_s=taken_s)
    if taken_s == run.last_s:
        return run
    first_s = run.first_s if run.count else taken_s
    return Run(count=min(run.count + 1, enough), first_s=first_s, last_s=taken_s)


def _weld(
    settings: Settings, life: Life, memory: Memory, current_a: float, taken_s: float | None
) -> Run:
    if life.closed or settings.has_feedback or settings.voltage_load_side:
        return Run()
    if taken_s is not None and taken_s < life.commanded_since_s + weld_wait_s(settings):
        return Run()
    return _counted(memory.weld, taken_s, current_a > _WELD_A, WELD_SAMPLES)


def _gross(
    settings: Settings, life: Life, memory: Memory, current_a: float, taken_s: float | None
) -> Run:
    if not life.closed or taken_s is None:
        return Run()
    limit_a = offered_a(settings, life, taken_s)
    hit = limit_a > 0.0 and current_a > gross_above_a(limit_a)
    return _counted(memory.gross, taken_s, hit, GROSS_SAMPLES)


def _mirror(
    settings: Settings, life: Life, memory: Memory, inputs: Inputs, now_s: float
) -> tuple[bool, float | None]:
    if not life.closed:
        return False, None
    closed, sample = feedback(settings, inputs, now_s), inputs.feedback_closed
    if closed is None or sample is None or sample.taken_s < life.commanded_since_s:
        return memory.seen_closed, memory.opened_s
    if closed:
        return True, None
    opened_s = sample.taken_s if memory.opened_s is None else memory.opened_s
    return memory.seen_closed, opened_s


def _replies(settings: Settings, memory: Memory, inputs: Inputs, now_s: float) -> Run:
    sample = inputs.current_a
    taken_s = None if sample is None else sample.taken_s
    good = (
        bool(currents_a(settings, inputs, now_s))
        and number(fresh(inputs.energy_wh, settings.meter_max_age_s, now_s)) is not None
    )
    if not good:
        return replace(memory.replies, count=0)
    return _counted(memory.replies, taken_s, True, METER_REPLIES)


def _unchanged(
    settings: Settings, memory: Memory, inputs: Inputs, now_s: float
) -> tuple[Unchanged | None, Unchanged | None]:
    age_s = settings.meter_max_age_s
    power_w = number(fresh(inputs.power_w, age_s, now_s))
    if power_w is None:
        return memory.energy, memory.alike
    if power_w <= UNDER_LOAD_W:
        return None, None
    energy_wh = number(fresh(inputs.energy_wh, age_s, now_s))
    energy = memory.energy
    if energy_wh is not None:
        energy = _same(energy, (energy_wh,), inputs.energy_wh, now_s)
    quantities = (
        *voltages_v(settings, inputs, now_s),
        *currents_a(settings, inputs, now_s),
        power_w,
    )
    return energy, _same(memory.alike, quantities, inputs.power_w, now_s)


def _same(
    before: Unchanged | None,
    value: tuple[float, ...],
    sample: Sample[float] | None,
    now_s: float,
) -> Unchanged:
    if before is not None and before.value == value:
        return before
    return Unchanged(value=value, since_s=now_s if sample is None else min(sample.taken_s, now_s))
