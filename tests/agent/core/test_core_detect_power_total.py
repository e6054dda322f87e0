"""Every electrical detector with all that can be fitted: nothing read makes it raise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.core_bench import CHARGING, OPEN, START_S
from agent.core.core_world import ONE
from laddvakt_agent.core.detect import contactor as detect_contactor
from laddvakt_agent.core.detect import current as detect_current
from laddvakt_agent.core.detect import earth as detect_earth
from laddvakt_agent.core.detect import grid as detect_grid
from laddvakt_agent.core.detect import meter as detect_meter
from laddvakt_agent.core.detect import steps as detect_steps
from laddvakt_agent.core.inputs import (
    DeviceHealth,
    Inputs,
    Pilot,
    Reset,
    Role,
    Sample,
)
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.memory.power import PowerMemory, remember_power
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import OPTIONAL_INPUTS, Scene
from laddvakt_agent.core.settings import Settings, Supply

DETECTORS = (
    *detect_grid.DETECTORS,
    *detect_current.DETECTORS,
    *detect_earth.DETECTORS,
    *detect_contactor.DETECTORS,
    *detect_meter.DETECTORS,
    *detect_steps.DETECTORS,
)
ALL = replace(
    ONE,
    fitted=OPTIONAL_INPUTS,
    has_phase_switch=True,
    has_residual_test=True,
    unclean_stop=True,
    unbalance_limit_a=20.0,
    meter_rollover_wh=1e6,
)
SHAPES = st.sampled_from(
    [
        ALL,
        replace(ALL, supply=Supply.IT_3X230, phase_map=(2, 3, 1)),
        replace(ALL, has_feedback=False, voltage_load_side=True),
        replace(ALL, has_feedback=False, phases=1, phase_map=()),
    ]
)
LIVES = st.sampled_from(
    [
        OPEN,
        CHARGING,
        replace(CHARGING, phases=1),
        replace(CHARGING, power=Power.RAMPING, limit_a=0.0),
        replace(OPEN, plugged=True, session=True),
    ]
)
FLOATS = st.one_of(
    st.sampled_from([0.0, 1.5, 16.0, 25.0, 49.0, 180.0, 230.0, 260.0, 5000.0, -12.0, 65535.0]),
    st.floats(allow_nan=True, allow_infinity=True),
)
NOWS_S = st.one_of(
    st.floats(START_S, START_S + 60.0), st.floats(allow_nan=True, allow_infinity=True)
)
TIMES_S = st.one_of(st.floats(START_S - 2.0, START_S + 60.0), NOWS_S)
PHASES = st.tuples(*(st.one_of(st.none(), FLOATS) for _ in range(3)))
BOOLS = (
    "pwm_on", "feedback_closed", "residual_tripped", "residual_ac_tripped", "earth_missing",
    "insulation_fault", "brown_out",
)  # fmt: skip
NUMBERS = (
    "limit_readback_a", "residual_dc_a", "residual_ac_a", "neutral_a", "power_w", "energy_wh",
    "frequency_hz", "board_uptime_s",
)  # fmt: skip
TRIPLES = ("voltage_v", "earth_voltage_v", "current_a", "site_voltage_v", "site_current_a")


def _sample(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Sample[Any] | None]:
    return st.one_of(st.none(), st.builds(lambda v, t: Sample(value=v, taken_s=t), values, TIMES_S))


INPUTS: st.SearchStrategy[Inputs] = st.builds(
    Inputs,
    **{name: _sample(st.booleans()) for name in BOOLS},
    **{name: _sample(FLOATS) for name in NUMBERS},
    **{name: _sample(PHASES) for name in TRIPLES},
    pilot=_sample(st.sampled_from(Pilot)),
    phases_closed=_sample(st.sampled_from([1, 3])),
    board_errors=_sample(st.sampled_from([(), ("bit1",)])),
    devices=st.lists(
        st.builds(
            DeviceHealth,
            name=st.just("meter1"),
            role=st.just(Role.METER),
            line=st.just("line1"),
            heard_s=st.one_of(st.none(), TIMES_S),
            replaced=st.sampled_from(["", "serial 2"]),
            uptime_s=st.one_of(st.none(), FLOATS),
        ),
        max_size=2,
    ).map(tuple),
    resets=st.frozensets(st.sampled_from(list(Reset)), max_size=1),
)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, steps=st.lists(st.tuples(LIVES, INPUTS, NOWS_S), min_size=1, max_size=6))
def test_total_and_idempotent(shape: Settings, steps: list[tuple[Life, Inputs, float]]) -> None:
    """Whatever is read, whenever: an answer, and the same again from the same."""
    asked = [detector for detector in DETECTORS if detector.applies(shape)]
    power = PowerMemory()
    for life, inputs, now_s in steps:
        power = remember_power(shape, life, power, inputs, now_s)
        again = remember_power(shape, life, power, inputs, now_s)
        for detector in asked:
            first = detector.look(Scene(shape, life, Memory(power=power), inputs, now_s))
            second = detector.look(Scene(shape, life, Memory(power=again), inputs, now_s))
            assert isinstance(first, Finding)
            assert first == second or now_s != now_s, detector.code  # noqa: PLR0124 – not a number
            assert first.present or not first.evidence
            scene = Scene(shape, life, Memory(power=power), inputs, now_s)
            assert all(isinstance(due_s, float) for due_s in detector.due_s(scene))


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, life=LIVES, inputs=INPUTS, late_s=st.floats(31.0, 1e6))
def test_nothing_is_judged_by_what_is_old(
    shape: Settings, life: Life, inputs: Inputs, late_s: float
) -> None:
    """All readings older than any may be: no detector finds its fault."""
    old = {
        name: replace(sample, taken_s=START_S - late_s)
        for name in (*BOOLS, *NUMBERS, *TRIPLES, "pilot", "phases_closed", "board_errors")
        if (sample := getattr(inputs, name)) is not None
    }
    inputs = replace(inputs, devices=(), **old)
    power = remember_power(shape, life, PowerMemory(), inputs, START_S)
    scene = Scene(shape, life, Memory(power=power), inputs, START_S)
    for detector in DETECTORS:
        if detector.applies(shape):
            assert detector.look(scene).present is not True, detector.code


def test_needs_are_inputs_and_codes_are_unique() -> None:
    """What a detector names is there to be read."""
    known = set(Inputs.__dataclass_fields__)
    for detector in DETECTORS:
        assert {*detector.needs, *detector.also} <= known, detector.code
    assert len({detector.code for detector in DETECTORS}) == len(DETECTORS)
