"""Concrete times and illegal readings, searched by hypothesis."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.core_budget import examples
from agent.core.core_product import SHORT_RULES, broken
from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, LineHealth, Pilot, Reset, Role, Sample
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.status import ocpi_status

KNOBS: st.SearchStrategy[tuple[str, object]] = st.one_of(
    st.tuples(st.just("pilot"), st.sampled_from([*Pilot, Pilot.C, Pilot.C])),
    st.tuples(st.just("authorised"), st.booleans()),
    st.tuples(st.just("in_service"), st.booleans()),
    st.tuples(st.just("guarded"), st.booleans()),
    st.tuples(st.just("follows"), st.booleans()),
    st.tuples(st.just("mirror"), st.sampled_from([None, True, False])),
    st.tuples(st.just("stop_pressed"), st.booleans()),
    st.tuples(st.just("residual"), st.booleans()),
    st.tuples(st.just("errors"), st.sampled_from([(), ("bit1",)])),
    st.tuples(st.just("readback_a"), st.sampled_from([None, 32.0])),
    st.tuples(st.just("count_energy"), st.booleans()),
    st.tuples(st.just("draw_a"), st.sampled_from([(15.0,) * 3, (0.0,) * 3, (40.0,) * 3])),
    st.tuples(
        st.just("voltage_v"),
        st.sampled_from([(230.0, 231.0, 229.0), (0.0,) * 3, (9.0, 230.0, None)]),
    ),
    st.tuples(st.just("resets"), st.frozensets(st.sampled_from(list(Reset)), max_size=1)),
    st.tuples(
        st.just("silent"),
        st.sets(st.sampled_from(["pilot", "emergency_stop", "current_a", "energy_wh", "relay1"])),
    ),
    st.tuples(
        st.just("missing"),
        st.sets(st.sampled_from(["pilot", "feedback_closed", "emergency_stop", "energy_wh"])),
    ),
)  # fmt: skip
WAITS_S = st.one_of(st.floats(0.0, 2.0), st.floats(0.0, 100.0), st.sampled_from([0.25, 6.0, 60.0]))
SHAPES = st.sampled_from(
    [ONE, TWO, replace(ONE, rules=SHORT_RULES), replace(ONE, voltage_load_side=True)]
)


@settings(max_examples=examples(25), deadline=None)
@given(
    shape=SHAPES,
    moves=st.lists(st.tuples(st.one_of(st.none(), KNOBS), WAITS_S), max_size=25),
    part=st.floats(0.01, 0.99),
)
def test_concrete_times(
    shape: Settings, moves: list[tuple[tuple[str, object] | None, float]], part: float
) -> None:
    """Safe after every step; and between a step and its deadline nothing moves by itself."""
    world = World(settings=shape).charge()
    for knob, wait_s in moves:
        if knob is not None:
            setattr(world, *knob)
        world.step(wait_s)
        after, now_s = world.connector, world.now_s
        assert list(broken(shape, world.inputs, after, now_s, math.inf, world.good)) == []
        quiet = replace(world.inputs, resets=frozenset())
        after, _ = machine.step(shape, after, quiet, now_s)
        deadline_s = machine.next_deadline_s(shape, after, quiet, now_s)
        until_s = now_s + 1000.0 if deadline_s is None else deadline_s
        between_s = now_s + (until_s - now_s) * part
        later, effects = machine.step(shape, after, quiet, between_s)
        assert effects == ()
        assert later.life == after.life
        assert ocpi_status(later, between_s) is ocpi_status(after, now_s)


ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
TAKEN = st.one_of(ANY_FLOAT, st.floats(990.0, 1010.0))


def _sample(values: st.SearchStrategy[object]) -> st.SearchStrategy[Sample[object] | None]:
    made = st.builds(lambda value, taken_s: Sample(value=value, taken_s=taken_s), values, TAKEN)
    return st.one_of(st.none(), made)


NAMES = st.sampled_from(["", "evse1", "meter1", "line1", "x"])
PHASES = st.tuples(*(st.one_of(st.none(), ANY_FLOAT) for _ in range(3)))
ILLEGAL: st.SearchStrategy[Inputs] = st.builds(
    Inputs,
    pilot=_sample(st.sampled_from(Pilot)),
    pwm_on=_sample(st.booleans()),
    limit_readback_a=_sample(ANY_FLOAT),
    board_errors=_sample(st.just(("",))),
    feedback_closed=_sample(st.booleans()),
    emergency_stop=_sample(st.booleans()),
    residual_dc_a=_sample(ANY_FLOAT),
    residual_tripped=_sample(st.booleans()),
    voltage_v=_sample(PHASES),
    current_a=_sample(PHASES),
    power_w=_sample(ANY_FLOAT),
    energy_wh=_sample(ANY_FLOAT),
    devices=st.lists(
        st.builds(
            DeviceHealth,
            name=NAMES,
            role=st.sampled_from(Role),
            line=NAMES,
            heard_s=st.one_of(st.none(), ANY_FLOAT),
        ),
        max_size=4,
    ).map(tuple),
    lines=st.lists(st.builds(LineHealth, name=NAMES, up=st.booleans()), max_size=3).map(tuple),
    guarded=st.booleans(),
    authorised=st.booleans(),
    in_service=st.booleans(),
    resets=st.frozensets(st.sampled_from(list(Reset))),
)


NOWS_S = st.one_of(st.floats(1000.0, 1100.0), ANY_FLOAT)


@settings(max_examples=examples(30), deadline=None)
@given(shape=SHAPES, steps=st.lists(st.tuples(ILLEGAL, NOWS_S), max_size=6))
def test_no_input_raises(shape: Settings, steps: list[tuple[Inputs, float]]) -> None:
    """Not a number, from the future, twice the same name: a step always ends, and never closes
    on what is not fresh."""
    connector = World(settings=shape).run(1.0, 0.5).connector
    for inputs, now_s in steps:
        connector, _ = machine.step(shape, connector, inputs, now_s)
        machine.next_deadline_s(shape, connector, inputs, now_s)
        machine.active_faults(connector)
        ocpi_status(connector, now_s)
        machine.outputs(connector)
