"""The catalogue as data: complete, consistent, and changeable only within its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from laddvakt_agent.core.catalogue import (
    CATALOGUE,
    Act,
    FaultRule,
    OverrideError,
    Recovery,
    with_overrides,
)
from laddvakt_agent.core.overrides import overridden


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.code)
def test_row_is_consistent(rule: FaultRule) -> None:
    assert rule.stages[0][0] == 0.0
    assert [s for s, _ in rule.stages] == sorted(s for s, _ in rule.stages)
    assert rule.mrec is None or rule.mrec.startswith("CX0")
    if rule.recovery is Recovery.AUTO and rule.retries is not None:
        assert rule.backoff_s > 0.0, "it would be raised and left in one step"
    if rule.recovery is Recovery.SERVICE:
        assert rule.lockout is Recovery.SERVICE


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.code)
def test_defaults_lie_in_their_ranges_and_every_range_can_be_used(rule: FaultRule) -> None:
    for key, (low, high) in rule.ranges.items():
        assert low <= high
        if key == "reclose":
            continue
        changed = with_overrides({rule.code: {key: high}})[rule.code]
        if key.endswith("_after_s"):
            act = key.removesuffix("_after_s").upper()
            starts = {stage.name: after_s for after_s, stage in rule.stages}
            assert low <= starts[act] <= high
            assert {stage.name: after_s for after_s, stage in changed.stages}[act] == high
        else:
            before, after = rule.values.get(key), changed.values.get(key)
            assert low <= (getattr(rule, key) if before is None else before) <= high
            assert (getattr(changed, key) if after is None else after) == high


def test_act_stages() -> None:
    rule = CATALOGUE["meter_lost"]
    assert [rule.act_at(10.0, at_s) for at_s in (9.0, 10.0, 69.9, 70.0)] == [
        Act.NONE,
        Act.FINISH,
        Act.FINISH,
        Act.RAMP,
    ]


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
        ({"over_current": {"reclose": "us"}}, ["over_current.reclose: only residual faults"]),
        ({"residual_current_dc": {"reclose": "eu"}}, ["reclose: only residual faults take it, as"]),
        ({"residual_current_dc": {"backoff_s": 5}}, ["residual_current_dc.backoff_s: cannot be"]),
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


def test_stages_stay_in_order() -> None:
    stages = ((0.0, Act.DERATE), (5.0, Act.FINISH), (60.0, Act.RAMP))
    rule = replace(CATALOGUE["meter_lost"], stages=stages)
    with pytest.raises(OverrideError, match="must follow each other"):
        overridden({"meter_lost": rule}, {"meter_lost": {"ramp_after_s": 1}})
