"""What detectors must remember between readings: counted samples, and values that do not change.

Everything is keyed by when a sample was taken, so that seeing the same sample twice adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import (
    AHEAD_MAX_S,
    guards,
    meter_guards,
)
from laddvakt_agent.core.health import Motion, remember_motion
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.gear import GearMemory, remember_gear
from laddvakt_agent.core.memory.power import PowerMemory, remember_power
from laddvakt_agent.core.memory.runs import Run, counted
from laddvakt_agent.core.memory.wear import Wear, remember_wear
from laddvakt_agent.core.settings import Settings

_WELL = 10  # good replies: as many as the row of `meter_lost` may ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One connector's detector memory."""

    replies: Run = field(default_factory=lambda: Run(count=_WELL))
    heard_s: tuple[float | None, ...] = ()  # when each guard was last read, as `guarding` orders
    tells_errors: bool = False  # the board has reported its errors once: none now is unknown
    tells_limit: bool = False  # … and its limit
    power: PowerMemory = field(default_factory=PowerMemory)
    gear: GearMemory = field(default_factory=GearMemory)
    wear: Wear = field(default_factory=Wear)
    motion: Motion = field(default_factory=Motion)


def remember(
    settings: Settings, life: Life, memory: Memory, inputs: Inputs, now_s: float
) -> Memory:
    """The memory after this moment's readings."""
    power = remember_power(settings, life, memory.power, inputs, now_s)
    return Memory(
        replies=_replies(settings, memory, inputs, power),
        heard_s=_heard_s(settings, memory, inputs, now_s),
        tells_errors=memory.tells_errors or inputs.board_errors is not None,
        tells_limit=memory.tells_limit or inputs.limit_readback_a is not None,
        power=power,
        gear=remember_gear(settings, life, memory.gear, inputs, now_s),
        wear=remember_wear(settings, life, memory.wear, inputs, now_s),
        motion=remember_motion(settings, life, memory.motion, inputs, now_s),
    )


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


def _replies(settings: Settings, memory: Memory, inputs: Inputs, power: PowerMemory) -> Run:
    sample = inputs.current_a
    if not power.now.amps_a or power.now.energy_wh is None or sample is None:
        return replace(memory.replies, count=0)
    enough = int(rule_for(settings.rules, "meter_lost").values["replies_count"])
    return counted(memory.replies, sample.taken_s, True, enough)
