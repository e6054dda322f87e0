"""A ramp ends early only on currents the meter has renewed since it began."""

from __future__ import annotations

import pytest

from agent.core.core_world import ONE
from laddvakt_agent.core import freshness
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.core.life.state import Life, Power


@pytest.mark.parametrize(
    ("taken_s", "amps", "unloaded"),
    [
        (9.9, 0.0, False),
        (10.5, 0.0, False),
        (11.0, 0.0, True),
        (11.0, 1.2, False),
        (11.0, 0.9, True),
    ],
    ids=["before the ramp", "not renewed yet", "renewed", "still draws", "standby"],
)
def test_currents_of_before_the_ramp_do_not_open(
    taken_s: float, amps: float, *, unloaded: bool
) -> None:
    life = Life(power=Power.RAMPING, ramp_since_s=10.0)
    inputs = Inputs(current_a=Sample(value=(amps, 0.0, 0.0), taken_s=taken_s))
    assert ONE.meter_update_s == 1.0
    assert freshness.see(ONE, life, inputs, 11.2).unloaded is unloaded
