"""What is remembered of everything that carries current: supply, contactor, currents, meter."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.core.detect.measured import Measured, measure
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.contactor import ContactorMemory, remember_contactor
from laddvakt_agent.core.memory.current import CurrentMemory, remember_current
from laddvakt_agent.core.memory.grid import GridMemory, remember_grid
from laddvakt_agent.core.memory.meter import MeterMemory, remember_meter
from laddvakt_agent.core.memory.steps import StepsMemory, remember_steps
from laddvakt_agent.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerMemory:
    """One connector's electrical memory, and what its meter says at this moment."""

    now: Measured = field(default_factory=Measured)
    grid: GridMemory = field(default_factory=GridMemory)
    current: CurrentMemory = field(default_factory=CurrentMemory)
    contactor: ContactorMemory = field(default_factory=ContactorMemory)
    meter: MeterMemory = field(default_factory=MeterMemory)
    steps: StepsMemory = field(default_factory=StepsMemory)


def remember_power(
    settings: Settings, life: Life, before: PowerMemory, inputs: Inputs, now_s: float
) -> PowerMemory:
    """The memory after this moment's readings."""
    now = measure(settings, life, inputs, now_s)
    current = remember_current(settings, life, before.current, inputs, now, now_s)
    over_s = current.over_s
    return PowerMemory(
        now=now,
        grid=remember_grid(settings, life, before.grid, inputs, now, over_s, now_s),
        current=current,
        contactor=remember_contactor(settings, life, before.contactor, inputs, now, now_s),
        meter=remember_meter(settings, life, before.meter, inputs, now, now_s),
        steps=remember_steps(settings, before.steps, inputs, now, now_s),
    )
