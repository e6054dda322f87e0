"""A charging profile is a ceiling: what it allows when, and never more."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from laddvakt_agent.core.ceiling import (
    Profile,
    Step,
    Unit,
    allowed,
    holds_back,
    limit_a,
    next_change_s,
    planned_a,
    told,
    watt_per_ampere,
)
from laddvakt_agent.core.settings import Settings, Supply

SETTINGS = Settings(connector="1", max_current_a=32.0)
STEPS = (
    Step(start_s=0.0, limit=16.0),
    Step(start_s=60.0, limit=8.1),
    Step(start_s=120.0, limit=0.0),
)
PROFILE = Profile(unit=Unit.AMPERE, steps=STEPS)


@pytest.mark.parametrize(
    ("profile", "elapsed_s", "limit", "next_s"),
    [
        pytest.param(PROFILE, 0.0, 16.0, 60.0, id="first step"),
        pytest.param(PROFILE, 59.9, 16.0, 60.0, id="until the next"),
        pytest.param(PROFILE, 60.0, 8.1, 120.0, id="a step begins with its second"),
        pytest.param(PROFILE, 1e6, 0.0, None, id="the last goes on"),
        pytest.param(PROFILE, -5.0, None, 0.0, id="not begun"),
        pytest.param(replace(PROFILE, duration_s=90.0), 89.0, 8.1, 90.0, id="ends before a step"),
        pytest.param(replace(PROFILE, duration_s=90.0), 90.0, None, None, id="over"),
        pytest.param(replace(PROFILE, duration_s=130.0), 60.0, 8.1, 120.0, id="ends after it"),
        pytest.param(Profile(unit=Unit.WATT), 5.0, None, None, id="no steps"),
        pytest.param(replace(PROFILE, steps=STEPS[1:]), 5.0, None, 60.0, id="begins later"),
        pytest.param(replace(PROFILE, least=9.0), 60.0, 0.0, 120.0, id="less than the vehicle can"),
        pytest.param(replace(PROFILE, least=8.1), 60.0, 8.1, 120.0, id="just what it can"),
    ],
)
def test_what_it_allows(
    profile: Profile, elapsed_s: float, limit: float | None, next_s: float | None
) -> None:
    assert allowed(profile, elapsed_s) == limit
    assert next_change_s(profile, elapsed_s) == next_s


@pytest.mark.parametrize(
    ("supply", "phases", "watt"),
    [
        pytest.param(Supply.TN_TT_230_400, 3, 690.0, id="three to neutral"),
        pytest.param(Supply.TN_TT_230_400, 1, 230.0, id="one to neutral"),
        pytest.param(Supply.SINGLE, 1, 230.0, id="single"),
        pytest.param(Supply.IT_3X230, 1, 230.0, id="one pair without neutral"),
        pytest.param(Supply.IT_3X230, 3, 230.0 * math.sqrt(3.0), id="three without neutral"),
    ],
)
def test_power_and_current(supply: Supply, phases: int, watt: float) -> None:
    """A limit in watt is that of all phases; in ampere, of each."""
    settings = replace(SETTINGS, supply=supply)
    assert watt_per_ampere(settings, phases) == pytest.approx(watt)
    profile = Profile(unit=Unit.WATT, steps=(Step(start_s=0.0, limit=6900.0),))
    assert limit_a(profile, 1.0, settings, phases) == pytest.approx(6900.0 / watt)
    assert limit_a(replace(profile, unit=Unit.AMPERE), 1.0, settings, phases) == 6900.0
    assert limit_a(profile, -1.0, settings, phases) is None


@pytest.mark.parametrize(
    ("profile", "elapsed_s", "horizon_s", "others_a", "planned"),
    [
        pytest.param(None, 0.0, 900.0, 32.0, ((0.0, 32.0),), id="no profile: all there is"),
        pytest.param(None, 0.0, 900.0, math.nan, ((0.0, 0.0),), id="no number allows nothing"),
        pytest.param(
            PROFILE, 30.0, 900.0, 32.0, ((0.0, 16.0), (30.0, 8.1), (90.0, 0.0)), id="from now"
        ),
        pytest.param(PROFILE, 30.0, 60.0, 32.0, ((0.0, 16.0), (30.0, 8.1)), id="horizon"),
        pytest.param(PROFILE, 0.0, 900.0, 8.0, ((0.0, 8.0), (120.0, 0.0)), id="derated"),
        pytest.param(PROFILE, 0.0, 900.0, 0.0, ((0.0, 0.0),), id="held by a fault"),
        pytest.param(PROFILE, 0.0, 900.0, 5.9, ((0.0, 0.0),), id="below 6 A is a pause"),
        pytest.param(
            replace(PROFILE, duration_s=30.0), 0.0, 900.0, 20.0, ((0.0, 16.0), (30.0, 20.0)),
            id="after its end",
        ),
        pytest.param(
            PROFILE, -10.0, 60.0, 20.0, ((0.0, 20.0), (10.0, 16.0)), id="before its beginning"
        ),
    ],
)  # fmt: skip
def test_what_is_planned(
    profile: Profile | None,
    elapsed_s: float,
    horizon_s: float,
    others_a: float,
    planned: tuple[tuple[float, float], ...],
) -> None:
    """The least of the profile and of everything else, over time."""
    steps = planned_a(profile, elapsed_s, horizon_s, others_a, SETTINGS, 3)
    assert tuple((step.start_s, step.limit) for step in steps) == planned


@pytest.mark.parametrize(
    ("limit", "said"),
    [(8.19, 8.1), (8.1, 8.1), (16.0, 16.0), (0.0, 0.0), (math.inf, 0.0), (math.nan, 0.0)],
)
def test_one_decimal_and_never_more(limit: float, said: float) -> None:
    assert told(limit) == said


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        pytest.param(STEPS, False, id="a current"),
        pytest.param(STEPS[2:], False, id="says nothing yet"),
        pytest.param((Step(start_s=0.0, limit=5.9), *STEPS[1:]), True, id="less than can be told"),
        pytest.param((Step(start_s=0.0, limit=6.0),), False, id="just what can be told"),
        pytest.param((), False, id="no steps"),
    ],
)
def test_whether_it_begins_with_a_pause(steps: tuple[Step, ...], held: bool) -> None:
    assert holds_back(replace(PROFILE, steps=steps), SETTINGS, 3) is held
