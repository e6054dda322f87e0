"""The configuration's changes: within the ranges, in order, every mistake named at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from laddvakt_agent.core.faults.catalogue import (
    CATALOGUE,
    Act,
    OverrideError,
    Recovery,
    with_overrides,
)
from laddvakt_agent.core.faults.overrides import overridden


def test_demo_profile_is_allowed() -> None:
    rules = with_overrides(
        {
            "residual_current_dc": {"reclose": "us", "clear_s": 5, "backoff_s": 5},
            "meter_lost": {"confirm_s": 3, "ramp_after_s": 2},
        }
    )
    residual = rules["residual_current_dc"]
    assert (residual.recovery, residual.clear_s, residual.backoff_s) == (Recovery.AUTO, 5.0, 5.0)
    assert rules["meter_lost"].stages == ((0.0, Act.FINISH), (2.0, Act.RAMP))
    assert CATALOGUE["meter_lost"].confirm_s == 10.0


def test_reclosing_can_be_refused_by_name() -> None:
    assert with_overrides({"residual_current_dc": {"reclose": "no"}}) == CATALOGUE


@pytest.mark.parametrize(
    ("overrides", "messages"),
    [
        ({"no_such": {"confirm_s": 1}}, ["no_such: no such fault; all of them: laddvakt"]),
        ({"bus_down": {"confirm_s": 9}}, ["bus_down.confirm_s: 9 is outside 1…5"]),
        ({"bus_down": {"confirm_s": "3"}}, ["bus_down.confirm_s: '3' is outside 1…5"]),
        ({"bus_down": {"confirm_s": True}}, ["bus_down.confirm_s: True is outside"]),
        ({"bus_down": {"confirm_s": float("nan")}}, ["bus_down.confirm_s: nan is outside"]),
        ({"bus_down": {"act": 1}}, ["bus_down.act: cannot be changed; allowed here: clear_s, c"]),
        ({"over_current": {"retries": 1.5}}, ["over_current.retries: 1.5 is not a whole number"]),
        ({"over_current": {"reclose": "us"}}, ["over_current.reclose: cannot be changed"]),
        (
            {"residual_current_dc": {"reclose": "eu"}},
            ['\'eu\' is not known; say it as "no" or "us"'],
        ),
        ({"residual_current_dc": {"backoff_s": 5}}, ["residual_current_dc.backoff_s: cannot be"]),
        ({"meter_lost": {"replies_count": 2.5}}, ["replies_count: 2.5 is not a whole number"]),
        ({"neutral_lost": {"open_pen": 0.5}}, ["open_pen: 0.5 is not a whole number"]),
        ({"contactor_worn": {"operations_count": 1}}, ["1 is outside 1000…10000000"]),
        ({"frequency_out_of_range": {"act": "trip"}}, ['say it as "none" or "finish" or "ramp']),
        ({"frequency_out_of_range": {"act": 3}}, ["act: 3 is not known"]),
        (
            {"temperature_derate": {"floor_c": 70}},
            ["temperature_derate.floor_c: 70 must be below temperature_stop.stop_c = 70"],
        ),
        (
            {"temperature_stop": {"stop_c": 65}},
            ["temperature_stop.stop_c: 65 must be above temperature_derate.floor_c = 68"],
        ),
        (
            {"temperature_stop": {"stop_c": 65}, "temperature_derate": {"floor_c": 66}},
            ["temperature_stop.stop_c: 65 must be above temperature_derate.floor_c = 66"],
        ),
        (
            {"under_voltage": {"low_share": 0.92}},
            ["under_voltage.low_share: 0.92 must be below under_voltage.clear_share = 0.9"],
        ),
        ({"phase_lost": {"backoff_max_s": 6}}, ["backoff_max_s must not be below backoff_s"]),
        (
            {"bus_down": {"confirm_s": 9, "clear_s": 0}, "no_such": {}},
            ["bus_down.confirm_s: 9", "bus_down.clear_s: 0", "no_such"],
        ),
    ],
)
def test_every_mistake_is_named_at_once(
    overrides: Mapping[str, Mapping[str, object]], messages: list[str]
) -> None:
    with pytest.raises(OverrideError) as caught:
        with_overrides(overrides)
    assert len(caught.value.messages) == len(messages)
    for said, expected in zip(caught.value.messages, messages, strict=True):
        assert expected in said


def test_a_stop_may_move_with_its_derating() -> None:
    """What each alone would break is allowed together."""
    rules = with_overrides(
        {"temperature_stop": {"stop_c": 62}, "temperature_derate": {"floor_c": 61, "derate_c": 58}}
    )
    assert rules["temperature_stop"].values == {"stop_c": 62.0, "clear_c": 60.0}
    assert rules["temperature_derate"].values["floor_c"] == 61.0
    assert CATALOGUE["temperature_derate"].values["floor_c"] == 68.0


@pytest.mark.parametrize(
    ("word", "act"), [("none", Act.NONE), ("finish", Act.FINISH), ("ramp", Act.RAMP)]
)
def test_the_act_of_the_frequency_can_be_chosen(word: str, act: Act) -> None:
    rule = with_overrides({"frequency_out_of_range": {"act": word, "high_hz": 51}})
    assert rule["frequency_out_of_range"].stages == ((0.0, act),)
    assert rule["frequency_out_of_range"].values["high_hz"] == 51.0


def test_stages_stay_in_order() -> None:
    stages = ((0.0, Act.DERATE), (5.0, Act.FINISH), (60.0, Act.RAMP))
    rule = replace(CATALOGUE["meter_lost"], stages=stages)
    with pytest.raises(OverrideError, match="must follow each other"):
        overridden({"meter_lost": rule}, {"meter_lost": {"ramp_after_s": 1}})
