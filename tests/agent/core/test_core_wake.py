"""Waking a vehicle and telling it of a trip: explored whole, then in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core import core_explore_gear as gear
from laddvakt_agent.core.life import state_f, wake
from laddvakt_agent.core.life.state_f import Sign, SignSight, Told
from laddvakt_agent.core.life.wake import Wake, WakeSight, Waking

OFFERED = WakeSight(session=True, offered=True, closed=False, draws=False, after_s=30.0)
TRIPPED = SignSight(tripped=True, closed=False, plugged=True)


@pytest.fixture(scope="module")
def reachable() -> list[Waking]:
    states, count = gear.WAKE.explore()
    assert count.violations == []
    assert count.states == 12
    return states


def run(state: Waking, sight: WakeSight, seconds: int) -> tuple[Waking, list[int]]:
    """Second by second; the connector offers unless it is held back. When pulses began."""
    pulses = []
    for second in range(seconds):
        offered = sight.offered and state.wake is not Wake.PULSE
        before = state.wake
        state = wake.advance(state, replace(sight, offered=offered), gear.NOW_S + second)
        if state.wake is Wake.PULSE and before is not Wake.PULSE:
            pulses.append(second)
    return state, pulses


def test_every_state_leads_to_a_vehicle_that_draws(reachable: list[Waking]) -> None:
    for state in reachable:
        awake, _ = run(
            replace(state, since_s=gear.NOW_S), replace(OFFERED, closed=True, draws=True), 9
        )
        assert (awake.wake, awake.pulses) == (Wake.AWAKE, 0)
        rest, _ = run(awake, replace(OFFERED, session=False, offered=False), 9)
        assert rest.wake is Wake.REST


@pytest.mark.parametrize(
    ("sight", "expected"),
    [
        (OFFERED, [30, 66]),
        (replace(OFFERED, closed=True), [30, 66]),
        (replace(OFFERED, closed=True, draws=None), []),
        (replace(OFFERED, closed=True, draws=True), []),
        (replace(OFFERED, offered=False), []),
        (replace(OFFERED, after_s=3000.0), []),
    ],
    ids=["no S2", "no draw", "no meter", "draws", "not offered", "configured later"],
)
def test_a_sleeper_is_woken_twice(sight: WakeSight, expected: list[int]) -> None:
    """After 30 s, for 5 s; whoever sleeps on wants to."""
    _, pulses = run(Waking(), sight, 600)
    assert pulses == expected


def test_a_vehicle_that_pauses_after_drawing_is_left_alone() -> None:
    awake, _ = run(Waking(), replace(OFFERED, closed=True, draws=True), 5)
    _, pulses = run(awake, OFFERED, 600)
    assert pulses == []


def test_a_vehicle_that_asks_gets_its_time_anew() -> None:
    waiting, _ = run(Waking(), OFFERED, 29)
    dry, _ = run(waiting, replace(OFFERED, closed=True), 1)
    assert dry.wake is Wake.DRY
    let_go = wake.advance(dry, OFFERED, gear.NOW_S + 30.0)
    assert (let_go.wake, let_go.since_s) == (Wake.WAITING, gear.NOW_S + 30.0)


def test_the_next_session_has_its_own_pulses() -> None:
    tired, _ = run(Waking(), OFFERED, 120)
    assert tired.pulses == 2
    over, _ = run(tired, replace(OFFERED, session=False, offered=False), 2)
    assert over == Waking(since_s=over.since_s)
    idle = Waking(pulses=1, since_s=5.0)
    assert wake.advance(idle, replace(OFFERED, session=False, offered=False), 9.0).pulses == 0


def test_waking_deadlines() -> None:
    assert list(wake.deadlines_s(Waking(wake=Wake.WAITING, since_s=9.0), 30.0)) == [39.0]
    assert list(wake.deadlines_s(Waking(wake=Wake.DRY, since_s=9.0), 30.0)) == [39.0]
    assert list(wake.deadlines_s(Waking(wake=Wake.PULSE, since_s=9.0), 30.0)) == [14.0]
    assert list(wake.deadlines_s(Waking(wake=Wake.AWAKE, since_s=9.0), 30.0)) == []


WAKE_MUTANTS = {
    "no bound": (
        {Wake.PULSE: (("over", lambda w, s, _: True, Wake.REST),)},
        "PULSES_MAX",
        "pulses are bounded",
    ),
    "wakes at once": (
        {Wake.WAITING: (("sleeps", lambda w, s, _: s.offered, Wake.PULSE),)},
        None,
        "only who sleeps on an offer is woken, and only after a while",
    ),
    "wakes who draws": (
        {Wake.DRY: (("sleeps", wake._due, Wake.PULSE),)},
        None,
        "who is awake, or may be, is left alone",
    ),
}


@pytest.mark.parametrize("name", WAKE_MUTANTS)
def test_a_wrong_waking_row_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, bound, expected = WAKE_MUTANTS[name]
    monkeypatch.setattr(wake, "ROWS", {**wake.ROWS, **rows})
    if bound is not None:
        monkeypatch.setattr(wake, "_due", lambda *_: True)
    _, count = gear.WAKE.explore()
    assert expected in {violation.split(":")[0] for violation in count.violations}


def test_state_f_explored_whole() -> None:
    states, count = gear.STATE_F.explore()
    assert count.violations == []
    assert {state.told for state in states} == set(Told)
    for state in states:
        calm = replace(TRIPPED, tripped=False)
        sign = state
        for second in range(3):
            sign = state_f.advance(sign, calm, gear.NOW_S + second)
        assert sign.told is Told.QUIET


def test_a_trip_is_told_once_for_a_second() -> None:
    sign, shown = Sign(), []
    for tick in range(40):
        sign = state_f.advance(sign, TRIPPED, 100.0 + tick / 4.0)
        shown.append(sign.told is Told.SHOWN)
    assert shown == [True] * 4 + [False] * 36


@pytest.mark.parametrize(
    ("sight", "told"),
    [
        (replace(TRIPPED, closed=True), Told.QUIET),
        (replace(TRIPPED, plugged=False), Told.TOLD),
        (replace(TRIPPED, tripped=False), Told.QUIET),
    ],
    ids=["still closed", "nobody there", "no trip"],
)
def test_no_f(sight: SignSight, told: Told) -> None:
    assert state_f.advance(Sign(), sight, 100.0).told is told


@pytest.mark.parametrize(
    ("sign", "taken_s", "ours"),
    [
        (Sign(told=Told.SHOWN, since_s=100.0), 99.9, False),
        (Sign(told=Told.SHOWN, since_s=100.0), 100.2, True),
        (Sign(told=Told.TOLD, since_s=101.0), 102.0, True),
        (Sign(told=Told.TOLD, since_s=101.0), 103.0, False),
        (Sign(), 100.0, False),
    ],
    ids=["before", "shown", "just after", "long after", "never"],
)
def test_whose_f_it_is(sign: Sign, taken_s: float, ours: bool) -> None:
    assert state_f.ours(sign, taken_s) is ours


def test_state_f_deadlines() -> None:
    assert list(state_f.deadlines_s(Sign(told=Told.SHOWN, since_s=9.0))) == [10.0]
    assert list(state_f.deadlines_s(Sign(told=Told.TOLD, since_s=9.0))) == []


F_MUTANTS: dict[str, tuple[dict[Told, tuple[state_f.Row, ...]], str]] = {
    "shown while closed": (
        {
            Told.QUIET: (("tripped", lambda _, s, __: s.tripped and s.plugged, Told.SHOWN),),
            Told.SHOWN: (("shown", lambda g, _, now_s: now_s >= g.since_s + 1.0, Told.TOLD),),
        },
        "F never while closed",
    ),
    "shown for ever": ({Told.SHOWN: ()}, "F ends"),
    "shown too shortly": (
        {Told.SHOWN: (("shown", lambda *_: True, Told.TOLD),)},
        "a trip is told",
    ),
    "shown again and again": (
        {Told.TOLD: (("again", lambda s, _, now_s: now_s >= s.since_s + 1.0, Told.SHOWN),)},
        "one trip is told once",
    ),
}


@pytest.mark.parametrize("name", F_MUTANTS)
def test_a_wrong_state_f_row_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, expected = F_MUTANTS[name]
    monkeypatch.setattr(state_f, "ROWS", {**state_f.ROWS, **rows})
    _, count = gear.STATE_F.explore()
    assert expected in {violation.split(":")[0] for violation in count.violations}


def test_a_table_that_never_rests_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Total whatever the table says; the exploration would show that it does not settle."""
    around = {Told.QUIET: Told.SHOWN, Told.SHOWN: Told.TOLD, Told.TOLD: Told.QUIET}
    rows = {told: (("on", lambda *_: True, after),) for told, after in around.items()}
    monkeypatch.setattr(state_f, "ROWS", rows)
    assert state_f.advance(Sign(), TRIPPED, gear.NOW_S).told is Told.QUIET
    _, count = gear.STATE_F.explore()
    assert "equal facts again change nothing" in {v.split(":")[0] for v in count.violations}
