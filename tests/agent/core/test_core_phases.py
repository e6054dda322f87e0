"""One or three poles: explored whole; then what the switching looks like in time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from agent.core import core_explore_gear as gear
from laddvakt_agent.core.life import phases
from laddvakt_agent.core.life.phases import ROWS, Phases, PhasesSight, Poles

QUIET = PhasesSight(wanted=3, quiet=True, confirmed=True, apart_s=300.0)


@pytest.fixture(scope="module")
def reachable() -> list[Phases]:
    states, count = gear.PHASES.explore()
    assert count.violations == []
    assert count.states == 7
    return states


@pytest.mark.parametrize("wanted", [1, 3])
def test_every_state_leads_to_poles_as_wanted(wanted: int, reachable: list[Phases]) -> None:
    sight = replace(QUIET, wanted=wanted)
    for state in reachable:
        after = state
        for times in range(3):
            after = phases.advance(after, sight, gear.NOW_S + 300.0 * times)
        assert (after.poles, after.phases) == (Poles.STANDING, wanted)


def test_flapping_wishes_switch_each_five_minutes() -> None:
    state, switched_s = Phases(poles=Poles.STANDING), []
    for second in range(3600):
        wish = replace(QUIET, wanted=1 if second // 7 % 2 else 3)
        before, state = state, phases.advance(state, wish, gear.NOW_S + second)
        if before.since_s != state.since_s:
            switched_s.append(state.since_s)
    gaps_s = [b - a for a, b in itertools.pairwise(switched_s)]
    assert len(switched_s) > 6
    assert min(gaps_s) >= 300.0


def test_a_withdrawn_wish_switches_nothing_and_waits_as_long() -> None:
    """Holding the offer back for nothing must be as seldom as a switching."""
    waiting = phases.advance(
        Phases(poles=Poles.STANDING), replace(QUIET, wanted=1, quiet=False), gear.NOW_S
    )
    assert waiting.poles is Poles.WAITING
    back = phases.advance(waiting, replace(QUIET, quiet=False), gear.NOW_S + 1.0)
    assert (back.poles, back.phases, back.since_s) == (Poles.STANDING, 3, 0.0)
    again = replace(QUIET, wanted=1, quiet=False)
    assert phases.advance(back, again, gear.NOW_S + 299.0) is back
    assert phases.advance(back, again, gear.NOW_S + 300.0).poles is Poles.WAITING


def test_deadlines_lie_where_something_may_happen() -> None:
    state = Phases(since_s=100.0, tried_s=200.0)
    expected = {
        Poles.UNKNOWN: [],
        Poles.STANDING: [500.0],
        Poles.WAITING: [],
        Poles.SETTLING: [101.0],
    }
    for poles, times in expected.items():
        assert list(phases.deadlines_s(replace(state, poles=poles), 300.0)) == times


MUTANTS = {
    "switches under load": (
        (Poles.WAITING, ("switched", lambda *_: True, Poles.SETTLING)),
        "poles move only in an open contactor without an offer",
    ),
    "believes at once": (
        (Poles.SETTLING, ("settled", lambda *_: True, Poles.STANDING)),
        "an offer waits until the poles have settled",
    ),
    "takes a start for three poles": (
        (Poles.UNKNOWN, ("set", lambda *_: True, Poles.STANDING)),
        "unknown poles are set first",
    ),
    "waits as often as asked": (
        (Poles.STANDING, ("wanted", lambda p, s, _: p.phases != s.wanted, Poles.WAITING)),
        "offers are held back for poles seldom",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_row_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (poles, row), expected = MUTANTS[name]
    monkeypatch.setattr(phases, "ROWS", {**ROWS, poles: (row,)})
    _, count = gear.PHASES.explore()
    assert expected in {violation.split(":")[0] for violation in count.violations}
