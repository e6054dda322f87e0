"""Every detector with everything fitted: no reading makes it raise, none counts twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.core_detect import charging
from agent.core.core_world import ONE, World
from laddvakt_agent.core import freshness, machine
from laddvakt_agent.core.inputs import (
    ClockState,
    DeviceHealth,
    Inputs,
    LineHealth,
    Pilot,
    Proximity,
    Role,
    Sample,
    StoreHealth,
    UplinkHealth,
)
from laddvakt_agent.core.scene import OPTIONAL_INPUTS, Scene
from laddvakt_agent.core.settings import Settings

ALL = replace(
    ONE, fitted=OPTIONAL_INPUTS, socket=True, site_limit_a=32.0, safe_current_a=8.0, shed_order=1
)
SHAPES = st.sampled_from(
    [
        ALL,
        replace(ALL, has_feedback=False, voltage_load_side=True),
        replace(ALL, has_feedback=False, phases=1, phase_map=(2, 3, 1)),
    ]
)
FLOATS = st.one_of(
    st.sampled_from([-41.0, 0.0, 54.0, 61.0, 69.0, 71.0, 91.0, 126.0, 65535.0]),
    st.floats(allow_nan=True, allow_infinity=True),
)
TIMES_S = st.one_of(st.floats(990.0, 1012.0), st.floats(allow_nan=True, allow_infinity=True))
BOOLS = (
    "diode_missing", "plug_partly_inserted", "locked", "latch_broken", "cable_cut",
    "enclosure_open", "tilted", "water_inside", "emergency_stop", "feedback_closed",
)  # fmt: skip
NUMBERS = (
    "board_uptime_s", "enclosure_temp_c", "plug_temp_c", "clock_step_s", "round_late_s",
    "limit_readback_a",
)  # fmt: skip
PHASES = st.tuples(*(st.one_of(st.none(), FLOATS) for _ in range(3)))


def _sample(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Sample[Any] | None]:
    return st.one_of(st.none(), st.builds(lambda v, t: Sample(value=v, taken_s=t), values, TIMES_S))


INPUTS: st.SearchStrategy[Inputs] = st.builds(
    Inputs,
    **{name: _sample(st.booleans()) for name in BOOLS},
    **{name: _sample(FLOATS) for name in NUMBERS},
    pilot=_sample(st.sampled_from(Pilot)),
    proximity=_sample(st.sampled_from(Proximity)),
    board_boots=_sample(st.integers(-1, 3)),
    board_errors=_sample(st.sampled_from([(), ("bit1",)])),
    current_a=_sample(PHASES),
    voltage_v=_sample(PHASES),
    site_current_a=_sample(PHASES),
    devices=st.lists(
        st.builds(
            DeviceHealth,
            name=st.sampled_from(["evse1", "x"]),
            role=st.sampled_from(Role),
            line=st.just("line1"),
            heard_s=st.one_of(st.none(), TIMES_S),
            mismatch=st.sampled_from(["", "other"]),
            doubled=st.sampled_from(["", "two"]),
        ),
        max_size=3,
    ).map(tuple),
    lines=st.lists(
        st.builds(
            LineHealth,
            name=st.just("line1"),
            up=st.booleans(),
            error_share=st.one_of(st.none(), FLOATS),
        ),
        max_size=2,
    ).map(tuple),
    uplink=st.one_of(
        st.none(),
        st.builds(
            UplinkHealth,
            unreachable_since_s=st.one_of(st.none(), TIMES_S),
            refused_since_s=st.one_of(st.none(), TIMES_S),
            certificate_since_s=st.one_of(st.none(), TIMES_S),
        ),
    ),
    store=st.one_of(
        st.none(),
        st.builds(StoreHealth, full=st.booleans(), worn_share=st.one_of(st.none(), FLOATS)),
    ),
    clock=st.one_of(st.none(), st.sampled_from(ClockState)),
    configuration_error=st.sampled_from(["", "line 1"]),
    guarded=st.booleans(),
    maintenance=st.booleans(),
    authorised=st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(
    shape=SHAPES,
    steps=st.lists(st.tuples(INPUTS, st.floats(1000.0, 1010.0)), min_size=1, max_size=5),
)
def test_total_and_idempotent(shape: Settings, steps: list[tuple[Inputs, float]]) -> None:
    """Whatever is read, whenever: a step ends, and the same step again changes nothing."""
    connector = World(settings=shape).run(1.0, 0.5).connector
    for inputs, now_s in steps:
        connector, _ = machine.step(shape, connector, inputs, now_s)
        again, effects = machine.step(shape, connector, inputs, now_s)
        assert effects == ()
        assert again == connector
        machine.next_deadline_s(shape, connector, inputs, now_s)


@settings(max_examples=30, deadline=None)
@given(shape=SHAPES, inputs=INPUTS, late_s=st.floats(40.0, 1e6))
def test_nothing_is_judged_by_what_is_old(shape: Settings, inputs: Inputs, late_s: float) -> None:
    """All readings older than any may be: no detector that lives by them finds its fault."""
    old: dict[str, Any] = {
        name: Sample(value=sample.value, taken_s=1000.0 - late_s)
        for name in (*BOOLS, *NUMBERS, "pilot", "proximity", "board_boots", "board_errors",
                     "current_a", "voltage_v")
        if (sample := getattr(inputs, name)) is not None
    }  # fmt: skip
    connector = World(settings=shape).connector
    connector, _ = machine.step(shape, connector, replace(inputs, **old), 1000.0)
    raised = {fault.code for fault in machine.active_faults(connector)}
    assert raised <= {
        "board_mismatch", "clock_unset", "storage_full", "storage_worn", "configuration_invalid",
        "uplink_down", "uplink_refused", "uplink_certificate", "device_lost", "meter_lost",
        "load_limit_unknown",
    }  # fmt: skip


def _due(world: World, code: str) -> list[float]:
    scene = Scene(
        world.settings,
        world.connector.life,
        world.connector.memory,
        world.inputs,
        world.now_s,
    )
    (detector,) = (d for d in world.connector.detectors if d.code == code)
    return [at_s - world.now_s for at_s in detector.due_s(scene)]


def _ramping() -> World:
    world = charging(World())
    world.authorised = False
    world.advance(0.25)
    return world


def _told(name: str, value: object) -> World:
    world = World(settings=ALL, gear={name: value})
    world.advance(0.25)
    return world


def _restarted() -> World:
    world = _told("board_boots", 1)
    world.gear = {"board_boots": 2}
    world.advance(0.25)
    return world


def _recovered() -> World:
    world = World()
    world.connector = machine.initial(ONE, (), world.now_s, session_open=True)
    return world


@pytest.mark.parametrize(
    ("make", "code", "due_s"),
    [
        (_ramping, "vehicle_keeps_drawing", [6.0]),
        (World, "vehicle_keeps_drawing", []),
        (_restarted, "board_restarted", [5.0]),
        (lambda: World(settings=ALL), "board_restarted", []),
        (World, "limit_not_obeyed", [10.0]),
        (lambda: _told("clock_step_s", 3.0), "clock_jumped", [1.5]),
        (World, "clock_jumped", []),
        (lambda: _told("round_late_s", 2.0), "control_loop_late", [1.5, 60.0]),
        (lambda: _told("round_late_s", 1.0), "control_loop_late", [1.5]),
        (_recovered, "session_recovered", [60.0]),
        (World, "session_recovered", []),
        (lambda: _told("site_current_a", (40.0, 0.0, 0.0)), "site_overload", [15.0]),
        (lambda: _told("site_current_a", (10.0, 0.0, 0.0)), "site_overload", []),
        (lambda: _told("site_current_a", (10.0, 0.0, 0.0)), "load_limit_unknown", [10.0]),
        (lambda: World(settings=ALL), "load_limit_unknown", []),
    ],
)
def test_due_without_new_readings(make: Callable[[], World], code: str, due_s: list[float]) -> None:
    """When a detector will say something else although nothing new is read."""
    assert _due(make(), code) == pytest.approx(due_s)


@pytest.mark.parametrize("name", sorted(OPTIONAL_INPUTS))
def test_readings_grow_old_on_time(name: str) -> None:
    """Every optional reading has a deadline at which it ceases to count."""
    values: dict[str, Any] = {name: Sample(value=0.0, taken_s=1000.0)}
    due_s = set(freshness.deadlines_s(ALL, Inputs(**values)))
    assert due_s <= {999.5, 1001.5, 1003.0, 1010.0, 1030.0}
    assert len(due_s) == 2
