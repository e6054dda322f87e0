"""What no detector sees alone: conclusions from several faults and what was done beside them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_picture import (
    LINES_1,
    ONE,
    TWO,
    fault,
    heard,
    named,
    only,
    past,
    picture,
    switched,
    visited,
)
from laddvakt_agent.core.diagnose.causes import diagnose
from laddvakt_agent.core.diagnose.picture import Beside, Picture, Visit
from laddvakt_agent.core.inputs import LineHealth

ALL_SILENT = (
    fault("bus_down", "line1", 100.0),
    fault("device_lost", "rcm1", 101.0),
    fault("bus_down", "tcp1", 104.0),
)
OPENED = switched((20.0, True), (90.0, False))
BEHIND = heard(OPENED, "meter1", 90.5)
LOST = fault("meter_lost", "meter1", 100.5)


def _noisy(*broken_s: float, share: float = 0.01) -> Beside:
    """Connector 1 switched at 10, 30, 50 and 95 s, with bursts of broken replies."""
    line1 = LineHealth(name="line1", up=True, error_share=share, broken_s=broken_s)
    moved = switched((10.0, True), (30.0, False), (50.0, True), (95.0, False))
    return replace(moved, lines=(line1, LINES_1[1]))


def _lost(since_s: float, cleared_s: float) -> tuple[float, float]:
    return since_s, cleared_s


def _with_losses(*times: tuple[float, float]) -> Picture:
    """A board that was lost and came back at these times, and is lost now."""
    gone = tuple(past("device_lost", "evse1", since_s, back_s) for since_s, back_s in times)
    return picture(fault("device_lost", "evse1", 98.5), past=gone, one=_noisy(), now_s=99.0)


CONCLUDED: dict[str, tuple[Picture, dict[str, list[str]]]] = {
    "every line silent": (
        picture(*ALL_SILENT),
        {"power_lost@station": ["bus_down@line1", "device_lost@rcm1", "bus_down@tcp1"]},
    ),
    "one line answers": (
        picture(*ALL_SILENT[:2]),
        {"bus_down@line1": [], "device_lost@rcm1": []},
    ),
    "they fell silent far apart": (
        picture(*ALL_SILENT[:2], fault("bus_down", "tcp1", 111.0), now_s=120.0),
        {"bus_down@line1": [], "device_lost@rcm1": [], "bus_down@tcp1": []},
    ),
    "one line is all there is": (
        picture(fault("bus_down", "tcp1"), one=Beside(), two=TWO),
        {"bus_down@tcp1": []},
    ),
    "the outage is known already": (
        picture(*ALL_SILENT, fault("power_lost", "1", 99.0), fault("power_lost", "2", 99.5)),
        {
            "power_lost@1": [
                "power_lost@2",
                "bus_down@line1",
                "device_lost@rcm1",
                "bus_down@tcp1",
            ]
        },
    ),
    "the meter is silent since the opening": (
        picture(LOST, one=BEHIND),
        {"meter_behind_contactor@meter1": ["meter_lost@meter1"]},
    ),
    "the meter was silent before": (
        picture(LOST, one=heard(OPENED, "meter1", 85.0)), {"meter_lost@meter1": []},
    ),
    "the meter died later": (
        picture(LOST, one=heard(OPENED, "meter1", 94.0)), {"meter_lost@meter1": []},
    ),
    "the meter was never heard": (picture(LOST, one=OPENED), {"meter_lost@meter1": []}),
    "the contactor is closed": (
        picture(LOST, one=heard(switched((90.0, True)), "meter1", 90.5)),
        {"meter_lost@meter1": []},
    ),
    "its neighbour fell silent too": (
        picture(LOST, fault("device_lost", "evse1", 93.5), one=BEHIND),
        {"device_lost@evse1": [], "meter_lost@meter1": []},
    ),
    "bursts in step with the contactor": (
        picture(fault("device_lost", "evse1"), one=_noisy(10.2, 30.1, 50.9, 95.0)),
        {"bus_noisy@line1": ["device_lost@evse1"]},
    ),
    "noise in step with the contactor": (
        picture(fault("bus_noisy", "line1"), one=_noisy(10.2, 30.1, 50.9, 95.0)),
        {"bus_noisy@line1": []},
    ),
    "bursts at other times too": (
        picture(fault("device_lost", "evse1"), one=_noisy(10.2, 20.0, 30.1, 50.9, 70.0)),
        {"device_lost@evse1": []},
    ),
    "two bursts prove nothing": (
        picture(fault("device_lost", "evse1"), one=_noisy(10.2, 30.1)),
        {"device_lost@evse1": []},
    ),
    "nothing is lost by it": (picture(one=_noisy(10.2, 30.1, 50.9)), {}),
    "brief losses in step": (
        _with_losses((13.2, 15.0), (33.1, 36.0), (53.0, 55.0)),
        {"bus_noisy@line1": ["device_lost@evse1"]},
    ),
    "long losses are no noise": (
        _with_losses((13.2, 29.0), (33.1, 49.0), (53.0, 80.0)), {"device_lost@evse1": []},
    ),
    "a meter that the contactor feeds is no noise": (
        picture(
            fault("meter_lost", "meter1", 105.0), fault("meter_behind_contactor", "meter1", 104.0),
            one=_noisy(10.2, 30.1, 50.9, 95.0),
        ),
        {"meter_behind_contactor@meter1": ["meter_lost@meter1"]},
    ),
    "a third of the replies broken": (
        picture(
            fault("bus_noisy", "line1", 400.0), fault("device_lost", "evse1", 390.0),
            one=_noisy(share=0.33), now_s=400.0,
        ),
        {"bus_noisy@line1": ["device_lost@evse1"]},
    ),
    "a few broken replies silence nobody": (
        picture(
            fault("bus_noisy", "line1", 400.0), fault("device_lost", "evse1", 390.0),
            one=_noisy(share=0.03), now_s=400.0,
        ),
        {"device_lost@evse1": [], "bus_noisy@line1": []},
    ),
    "a current began with the mirror open": (
        picture(fault("contactor_did_not_close"), one=replace(ONE, against_s=99.0)),
        {"contactor_disputed@1": ["contactor_did_not_close@1"]},
    ),
    "it began long before": (
        picture(fault("contactor_did_not_close"), one=replace(ONE, against_s=90.0)),
        {"contactor_did_not_close@1": []},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONCLUDED)
def test_conclusions(name: str) -> None:
    shown, expected = CONCLUDED[name]
    found = {cause: sorted(symptoms) for cause, symptoms in named(shown).items()}
    assert found == {cause: sorted(symptoms) for cause, symptoms in expected.items()}


def _over(*ratios: float | None, code: str = "over_current") -> Picture:
    """Vehicles in a row with these highest ratios; the last one is there, and draws too much."""
    visits = [
        Visit(from_s=10.0 * n, until_s=10.0 * n + 5.0, drawn_s=90.0, ratio=ratio)
        for n, ratio in enumerate(ratios)
    ]
    visits[-1] = replace(visits[-1], until_s=None)
    return picture(fault(code), one=visited(*visits))


SCALES: dict[str, tuple[Picture, bool]] = {
    "one vehicle": (_over(1.3), False),
    "two alike": (_over(1.31, 1.30), True),
    "two that differ": (_over(1.15, 1.30), False),
    "a good one between": (_over(1.3, 1.0, 1.3), False),
    "one that took little of its offer": (_over(1.3, 0.5, 1.31), True),
    "one that took nothing": (_over(1.3, None, 1.31), True),
    "cut short by a trip": (_over(1.6, 2.4, code="over_current_gross"), True),
    "one cut short, one not": (_over(1.2, 2.4, code="over_current_gross"), False),
}


@pytest.mark.parametrize("name", SCALES)
def test_the_same_ratio_with_every_vehicle_is_the_meters_scale(name: str) -> None:
    shown, scaled = SCALES[name]
    cause = only(shown)
    assert (cause.fault.code == "meter_implausible") is scaled
    assert (cause.fault.subject == "meter1") is scaled


def test_a_scale_without_a_meter_by_name_is_the_connectors() -> None:
    visits = (Visit(from_s=0.0, until_s=5.0, ratio=1.3), Visit(from_s=9.0, ratio=1.3))
    cause = only(picture(fault("over_current"), one=Beside(visits=visits), two=None))
    assert (cause.fault.code, cause.fault.subject) == ("meter_implausible", "1")


def test_a_conclusion_says_what_it_rests_on() -> None:
    cause = only(picture(LOST, one=BEHIND))
    assert not cause.stands
    assert "seen once" in cause.suspected
    assert any("through the contactor" in line for line in cause.also)
    assert cause.because == (
        "it fell silent when the contactor opened, and answers while that is closed",
    )


def test_a_conclusion_is_named_before_what_is_less() -> None:
    shown = picture(LOST, fault("uplink_down", "uplink", 10.0), one=BEHIND)
    assert [cause.fault.code for cause in diagnose(shown)] == [
        "meter_behind_contactor",
        "uplink_down",
    ]
