"""What is said beside a cause: suspicions with their reasons, and whom it points to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_picture import ONE, fault, only, past, picture, switched, visited
from laddvakt_agent.core.diagnose.causes import diagnose
from laddvakt_agent.core.diagnose.picture import Beside, Past, Picture, Visit
from laddvakt_agent.core.faults.rules import CauseClass

LEAK = fault("residual_current_ac", since_s=100.0)
NOW = Visit(from_s=80.0, drawn_s=10.0)
WELL = (
    Visit(from_s=0.0, until_s=30.0, drawn_s=90.0),
    Visit(from_s=40.0, until_s=70.0, drawn_s=61.0),
)


@pytest.mark.parametrize(
    ("beside", "suspected", "also"),
    [
        (switched((99.2, True)), "switching transient suspected: 0.8 s after closing", ()),
        (switched((20.0, True), (99.5, False)), "suspected: 0.5 s after opening", ()),
        (switched((98.9, True)), "", ()),
        (switched((50.0, True), (98.0, False)), "", ("the station itself leaks",)),
        # It opens because of the trip: that is no switching before it.
        (switched((20.0, True), (100.0, False)), "", ()),
        (ONE, "", ()),
    ],
    ids=["after closing", "after opening", "later", "open", "its own opening", "never moved"],
)
def test_a_residual_trip_and_the_contactor(
    beside: Beside, suspected: str, also: tuple[str, ...]
) -> None:
    cause = only(picture(LEAK, one=beside))
    assert suspected in cause.suspected
    assert bool(cause.suspected) is bool(suspected)
    assert [part in line for part, line in zip(also, cause.also, strict=True)] == [True] * len(also)


@pytest.mark.parametrize(
    ("code", "subject", "since_s", "line"),
    [
        ("protective_earth_missing", "1", 101.5, "protective_earth_missing came 1.5 s after it"),
        ("over_voltage", "1", 98.5, "over_voltage came 1.5 s before it"),
        ("over_voltage", "1", 97.5, ""),
        ("over_voltage", "2", 100.0, ""),
        ("pilot_fault", "1", 100.0, ""),
    ],
    ids=["earth", "voltage", "earlier", "elsewhere", "something else"],
)
def test_a_residual_trip_beside_an_event_of_the_supply_names_both(
    code: str, subject: str, since_s: float, line: str
) -> None:
    found = diagnose(picture(LEAK, fault(code, subject, since_s)))
    assert {cause.fault.code for cause in found} == {"residual_current_ac", code}
    (leak,) = (cause for cause in found if cause.fault is LEAK)
    assert any(line in said for said in leak.also) is bool(line)
    gone = picture(LEAK, past=(past(code, subject, since_s, 105.0),))
    assert bool(only(gone).also) is bool(line)


def test_of_both_the_earliest_is_named_first() -> None:
    found = diagnose(picture(LEAK, fault("protective_earth_missing", since_s=98.5)))
    assert [cause.fault.code for cause in found] == [
        "protective_earth_missing",
        "residual_current_ac",
    ]
    assert any("residual_current_ac came 1.5 s after it" in line for line in found[0].also)


BLAMED: dict[str, tuple[Picture, CauseClass]] = {
    "others charged well": (
        picture(fault("ventilation_required"), one=visited(*WELL, NOW)), CauseClass.VEHICLE,
    ),
    "only one other came": (
        picture(fault("ventilation_required"), one=visited(WELL[0], NOW)), CauseClass.OWN,
    ),
    "another one barely drew": (
        picture(
            fault("pilot_fault"), one=visited(WELL[0], replace(WELL[1], drawn_s=59.0), NOW)
        ),
        CauseClass.OWN,
    ),
    "another one had it too": (
        picture(
            fault("pilot_fault"), past=(past("pilot_fault", "1", 45.0, 60.0),),
            one=visited(*WELL, *WELL, NOW),
        ),
        CauseClass.OWN,
    ),
    "another fault with another one": (
        picture(
            fault("pilot_fault"), past=(past("over_voltage", "1", 45.0, 60.0),),
            one=visited(*WELL, NOW),
        ),
        CauseClass.VEHICLE,
    ),
    "it stood before this one came": (
        picture(fault("pilot_fault", since_s=75.0), one=visited(*WELL, NOW)), CauseClass.OWN,
    ),
    "nobody is there": (picture(fault("pilot_fault"), one=visited(*WELL)), CauseClass.OWN),
    "nobody ever came": (picture(fault("pilot_fault")), CauseClass.OWN),
    "measured at the supply": (picture(fault("under_voltage")), CauseClass.GRID),
    "a phase that may be our own": (picture(fault("phase_lost")), CauseClass.OWN),
    "a phase of both": (
        picture(fault("phase_lost"), fault("phase_lost", "2", 101.0)), CauseClass.GRID,
    ),
    "a phase of each, at its own time": (
        picture(fault("phase_lost"), fault("phase_lost", "2", 105.0)), CauseClass.OWN,
    ),
    "always our own": (picture(fault("contactor_welded")), CauseClass.OWN),
}  # fmt: skip


@pytest.mark.parametrize("name", BLAMED)
def test_vehicle_and_grid_are_blamed_only_with_evidence(name: str) -> None:
    shown, expected = BLAMED[name]
    assert diagnose(shown)[0].cause_class is expected


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ((Visit(from_s=90.0),), "board_recloses"),
        ((Visit(from_s=10.0, until_s=90.0),), "contactor_welded"),
        ((), "contactor_welded"),
    ],
    ids=["with a vehicle", "after it left", "with nobody"],
)
def test_who_closed_it(visits: tuple[Visit, ...], expected: str) -> None:
    """A board closes again for a vehicle that asks, never for nobody."""
    faults = (fault("board_recloses", since_s=100.0), fault("contactor_welded", since_s=101.0))
    assert only(picture(*faults, one=visited(*visits))).fault.code == expected


def test_a_fault_that_is_not_over_yet_is_no_past() -> None:
    """The same fault standing and past counts as standing."""
    again = picture(LEAK, past=(Past(fault=LEAK, cleared_s=99.0),))
    assert only(again).stands
