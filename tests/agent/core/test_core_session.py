"""Registers in, periods and totals out: exact, and honest about what is not known."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.core.model import State
from laddvakt_agent.core.session import Period, Session
from laddvakt_agent.core.settings import Settings


def at(value_wh: float, taken_s: float) -> Sample[float]:
    return Sample(value=value_wh, taken_s=taken_s)


def begun() -> Session:
    return sessions.begin("s1", "1", 100.0, at(5000.0, 99.5))


def charged() -> Session:
    """10 s parked, 20 s charging 60 Wh, ended."""
    session = sessions.observe(begun(), at(5000.0, 110.0), True, 110.0)
    session = sessions.observe(session, at(5060.0, 130.0), False, 130.0)
    return sessions.end(session, "stopped", 130.0)


def test_a_session() -> None:
    session = sessions.settle(charged(), at(5061.0, 133.5), 130.0, 134.0, 3.0, 30.0)
    assert (session.start_wh, session.end_wh, session.settled) == (5000.0, 5061.0, True)
    assert not session.estimated
    totals = sessions.totals(session)
    assert totals.energy_wh == 61.0
    assert (totals.charging_s, totals.parking_s) == (20.0, 10.0)
    assert [(p.charging, p.energy_wh) for p in totals.periods] == [
        (False, 0.0), (True, 60.0), (False, 1.0),
    ]  # fmt: skip


def test_time_held_back_by_the_station_is_no_parking() -> None:
    """10 s offered and not taken, 20 s charging, 30 s of a fault, 5 s the vehicle is full."""
    session = sessions.observe(begun(), at(5000.0, 110.0), True, 110.0)
    session = sessions.observe(session, at(5060.0, 130.0), False, 130.0, held=True)
    session = sessions.observe(session, at(5060.0, 145.0), False, 145.0, held=True)
    session = sessions.observe(session, at(5061.0, 160.0), False, 160.0)
    totals = sessions.totals(session, 165.0)
    assert (totals.charging_s, totals.parking_s, totals.held_s) == (20.0, 15.0, 30.0)
    assert [(p.charging, p.held, p.energy_wh) for p in totals.periods] == [
        (False, False, 0.0), (True, False, 60.0), (False, True, 1.0), (False, False, 0.0),
    ]  # fmt: skip


def test_what_charges_is_not_held_back() -> None:
    session = sessions.observe(begun(), at(5000.0, 110.0), True, 110.0, held=True)
    assert (session.periods[-1].charging, session.periods[-1].held) == (True, False)


HELD_BACK = {
    (State.FAULTED, False), (State.FAULTED, True),
    (State.SUSPENDED_STATION, False), (State.SUSPENDED_STATION, True),
    (State.UNAVAILABLE, False), (State.UNAVAILABLE, True),
    (State.PREPARING, False),
}  # fmt: skip


@pytest.mark.parametrize("offered", [False, True], ids=["no offer", "offered"])
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_who_keeps_it_open(state: State, offered: bool) -> None:
    assert sessions.held_back(state, offered=offered) is ((state, offered) in HELD_BACK)


def test_periods_written_before_the_station_was_told_apart_are_read() -> None:
    """And what is written now can still be read by those who know only `charging`."""
    old = [{"start_s": s, "start_wh": 2.0, "charging": s < 2.0} for s in (1.0, 3.0)]
    periods = msgspec.json.decode(msgspec.json.encode(old), type=tuple[Period, ...])
    assert [(p.charging, p.held) for p in periods] == [(True, False), (False, False)]
    held = Period(start_s=1.0, start_wh=2.0, charging=False, held=True)
    assert msgspec.json.decode(msgspec.json.encode(held))["charging"] is False
    assert msgspec.json.decode(msgspec.json.encode(held), type=Period) == held


def test_a_resumed_session_that_does_not_charge_yet_begins_a_period() -> None:
    """The ledger gives back a charging period; after the restart the contactor is open."""
    resumed = Session(
        id="s1",
        connector="1",
        begun_s=100.0,
        periods=(Period(start_s=100.0, start_wh=5000.0, charging=True),),
        start_wh=5000.0,
        last_wh=5040.0,
        last_taken_s=120.0,
    )
    session = sessions.observe(resumed, at(5040.0, 130.0), False, 130.0, held=True)
    totals = sessions.totals(session, 150.0)
    assert (totals.charging_s, totals.held_s) == (30.0, 20.0)


@pytest.mark.parametrize(
    ("energy", "opened_s", "now_s", "end_wh", "estimated"),
    [
        (at(5061.0, 132.9), 130.0, 133.0, None, None),
        (at(5061.0, 133.0), 130.0, 133.0, 5061.0, False),
        (at(5061.0, 140.0), None, 140.0, None, None),
        (None, 130.0, 159.9, None, None),
        (None, 130.0, 160.0, 5060.0, True),
        (None, None, 160.0, 5060.0, True),
        (at(float("nan"), 150.0), 130.0, 160.0, 5060.0, True),
        (at(4000.0, 150.0), 130.0, 160.0, 5060.0, True),
        (at(5061.0, 134.0), 136.0, 150.0, None, None),
    ],
    ids=["too early", "in time", "still closed", "waiting", "timeout", "never opened", "nonsense",
         "backwards", "opened after the end"],
)  # fmt: skip
def test_settling(
    energy: Sample[float] | None,
    opened_s: float | None,
    now_s: float,
    end_wh: float | None,
    estimated: bool | None,
) -> None:
    session = sessions.settle(charged(), energy, opened_s, now_s, 3.0, 30.0)
    assert session.end_wh == end_wh
    assert session.settled is (end_wh is not None)
    if estimated is not None:
        assert session.estimated is estimated


def test_after_a_weld_billing_stops_at_the_open_command() -> None:
    session = sessions.observe(charged(), at(5090.0, 140.0), False, 140.0)
    assert session.last_wh == 5090.0
    session = sessions.settle(session, at(5099.0, 150.0), 130.0, 150.0, 3.0, 30.0, welded=True)
    assert (session.end_wh, session.estimated) == (5060.0, True)
    assert sessions.totals(session).energy_wh == 60.0


def test_a_weld_that_never_charged() -> None:
    session = sessions.end(begun(), "fault", 110.0)
    session = sessions.settle(session, None, 90.0, 111.0, 3.0, 30.0, welded=True)
    assert session.end_wh == 5000.0


def test_the_ramp_after_the_end_still_counts() -> None:
    session = sessions.observe(begun(), at(5000.0, 110.0), True, 110.0)
    session = sessions.end(session, "stopped", 120.0)
    session = sessions.observe(session, at(5010.0, 124.0), False, 124.0)
    assert len(session.periods) == 2
    session = sessions.settle(session, at(5012.0, 128.0), 124.0, 128.0, 3.0, 30.0)
    assert sessions.totals(session).energy_wh == 12.0


def test_nothing_moves_a_settled_session() -> None:
    session = sessions.settle(charged(), at(5061.0, 133.5), 130.0, 134.0, 3.0, 30.0)
    assert sessions.observe(session, at(6000.0, 200.0), True, 200.0) is session
    assert sessions.settle(session, at(6000.0, 200.0), 130.0, 200.0, 3.0, 30.0) is session
    assert sessions.end(session, "again", 200.0) is session


def test_a_running_session_cannot_settle() -> None:
    assert not sessions.settle(begun(), at(5000.0, 200.0), 90.0, 200.0, 3.0, 30.0).settled


@pytest.mark.parametrize(
    ("sample", "start_wh"),
    [
        (None, None),
        (at(5000.0, 96.9), None),
        (at(5000.0, 97.0), 5000.0),
        (at(float("inf"), 100.0), None),
    ],
    ids=["none", "of before", "fresh", "nonsense"],
)
def test_the_start_value(sample: Sample[float] | None, start_wh: float | None) -> None:
    session = sessions.begin("s1", "1", 100.0, sample)
    assert session.start_wh == start_wh
    assert sessions.totals(session).energy_wh == 0.0


def test_a_late_start_value_fills_the_first_period() -> None:
    session = sessions.begin("s1", "1", 100.0)
    session = sessions.observe(session, at(7000.0, 105.0), True, 105.0)
    session = sessions.observe(session, at(7005.0, 115.0), True, 115.0)
    totals = sessions.totals(session, 120.0)
    assert [(p.energy_wh, p.duration_s) for p in totals.periods] == [(0.0, 5.0), (5.0, 15.0)]


def test_the_same_sample_twice_adds_nothing() -> None:
    session = sessions.observe(begun(), at(5001.0, 110.0), False, 110.0)
    assert sessions.observe(session, at(5009.0, 110.0), False, 111.0) == session


def test_no_period_without_length() -> None:
    session = sessions.observe(begun(), None, True, 100.0)
    assert [p.charging for p in session.periods] == [True]


def test_without_any_reading() -> None:
    totals = sessions.totals(sessions.begin("s1", "1", 100.0))
    assert (totals.energy_wh, totals.charging_s, totals.parking_s) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("station", "settle_s"),
    [
        (Settings(connector="1", max_current_a=16.0), 3.0),
        (Settings(connector="2", max_current_a=16.0, has_feedback=False), 9.0),
    ],
    ids=["mirror", "current only"],
)
def test_the_register_is_final_after_a_weld_would_show(station: Settings, settle_s: float) -> None:
    assert sessions.settle_after_s(station) == settle_s


def test_another_boot() -> None:
    moved = sessions.shift(charged(), -100.0)
    assert (moved.begun_s, moved.ended_s, moved.last_taken_s) == (0.0, 30.0, 30.0)
    assert [p.start_s for p in moved.periods] == [0.0, 10.0, 30.0]
    assert sessions.totals(moved).energy_wh == sessions.totals(charged()).energy_wh
    fresh = sessions.shift(sessions.begin("s1", "1", 100.0), 5.0)
    assert (fresh.begun_s, fresh.ended_s, fresh.last_taken_s) == (105.0, None, None)


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 500.0),
        st.one_of(st.none(), st.floats(-10.0, 50_000.0)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


@settings(deadline=None)  # a busy machine is no finding
@given(steps=STEPS, start_wh=st.floats(0.0, 1e8))
def test_periods_add_up_exactly(
    steps: list[tuple[float, float | None, bool, bool]], start_wh: float
) -> None:
    """Σ period energy = end − start to the last mWh, whatever the meter says."""
    now_s, register_wh = 100.0, start_wh
    session = sessions.begin("s1", "1", now_s, at(start_wh, now_s))
    for wait_s, more_wh, charging, held in steps:
        now_s += wait_s
        register_wh += more_wh or 0.0
        energy = None if more_wh is None else at(register_wh, now_s)
        session = sessions.observe(session, energy, charging, now_s, held=held)
    session = sessions.end(session, "stopped", now_s)
    session = sessions.settle(session, None, now_s, now_s + 60.0, 3.0, 30.0)
    totals = sessions.totals(session)
    assert session.start_wh is not None
    assert session.end_wh is not None
    assert sum(round(p.energy_wh * 1000) for p in totals.periods) == (
        round(session.end_wh * 1000) - round(session.start_wh * 1000)
    )
    assert all(p.energy_wh >= 0.0 for p in totals.periods)
    kinds = [(p.charging, p.held) for p in totals.periods]
    assert all(a != b for a, b in itertools.pairwise(kinds))
    assert (True, True) not in kinds
    times_s = totals.charging_s + totals.parking_s + totals.held_s
    assert times_s == pytest.approx(now_s - 100.0)
