"""A session's course: registers in, periods and totals out, and a boot that follows another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_session_kit import (
    CHARGING,
    FAULT,
    PARKED,
    STATION,
    TERMS,
    begun,
    charged,
    shown,
)
from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, Role, Sample
from laddvakt_agent.core.model import State
from laddvakt_agent.core.session import Kind, Quality
from laddvakt_agent.core.settings import Settings

STATIONS = Settings(connector="1", max_current_a=16.0)


def test_a_session() -> None:
    case = charged().see(133.5, 5061.0)
    session = case.settle(134.0)
    assert (session.start_wh, session.end_wh, session.settled) == (5000.0, 5061.0, True)
    assert session.end is not None
    assert (session.end.quality, session.end.reason, session.estimated) == (Quality.GOOD, "", False)
    totals = sessions.totals(session)
    assert totals.energy_wh == 61.0
    assert (totals.charging_s, totals.parking_s) == (20.0, 10.0)
    assert [(p.kind, p.energy_wh) for p in totals.periods] == [
        (PARKED, 0.0), (CHARGING, 60.0), (PARKED, 1.0),
    ]  # fmt: skip


def test_time_held_back_by_the_station_is_no_parking() -> None:
    """10 s offered and not taken, 20 s charging, 30 s of a fault, 5 s the vehicle is full."""
    case = begun().see(110.0, 5000.0, CHARGING).see(130.0, 5060.0, FAULT)
    totals = sessions.totals(case.see(145.0, 5060.0, FAULT).see(160.0, 5061.0).session, 165.0)
    assert (totals.charging_s, totals.parking_s, totals.held_s) == (20.0, 15.0, 30.0)
    assert [(p.kind, p.held, p.energy_wh) for p in totals.periods] == [
        (PARKED, False, 0.0), (CHARGING, False, 60.0), (FAULT, True, 1.0), (PARKED, False, 0.0),
    ]  # fmt: skip


HELD_BACK = {
    (State.FAULTED, False): FAULT, (State.FAULTED, True): FAULT,
    (State.SUSPENDED_STATION, False): STATION, (State.SUSPENDED_STATION, True): STATION,
    (State.UNAVAILABLE, False): STATION, (State.UNAVAILABLE, True): STATION,
    (State.PREPARING, False): STATION,
}  # fmt: skip


@pytest.mark.parametrize("offered", [False, True], ids=["no offer", "offered"])
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_who_keeps_it_open(state: State, offered: bool) -> None:
    assert sessions.kind_of(state, offered=offered) is HELD_BACK.get((state, offered), PARKED)


def test_the_ramp_after_the_end_still_counts() -> None:
    case = begun().see(110.0, 5000.0, CHARGING).end(120.0).see(124.0, 5010.0)
    assert len(case.session.periods) == 2
    session = case.see(128.0, 5012.0).settle(128.0)
    assert sessions.totals(session).energy_wh == 12.0


def test_nothing_moves_a_settled_session() -> None:
    case = charged().see(133.5, 5061.0)
    session = case.settle(134.0)
    assert case.see(200.0, 6000.0, CHARGING).session is session
    assert case.settle(200.0) is session
    assert case.end(200.0).session is session


def test_a_running_session_cannot_settle() -> None:
    assert not begun().settle(200.0, give_up_s=150.0).settled


def test_a_session_begins_with_the_contactor_open() -> None:
    """Whatever the caller shows of it: nothing flows before there is a session."""
    session = sessions.begin("s1", "1", 100.0, shown(5000.0, 99.5, CHARGING), TERMS)
    assert (session.conducting, [p.kind for p in session.periods]) == (False, [PARKED])


def test_what_a_round_shows() -> None:
    """The meter's serial number is that of the device that plays the meter, no other's."""
    terms = sessions.terms_of(replace(STATIONS, meter_name="m"))
    devices = tuple(
        DeviceHealth(name=name, role=role, line="l", heard_s=1.0, serial=f"{name}-{role.value}")
        for name, role in (("m", Role.BOARD), ("n", Role.METER), ("m", Role.METER))
    )
    energy = Sample(value=1.0, taken_s=2.0)
    inputs = Inputs(devices=devices, energy_wh=energy)
    round_ = sessions.look(terms, inputs, closed=True, kind=FAULT, limit_a=10.0)
    assert (round_.kind, round_.serial, round_.limit_a) == (CHARGING, "m-meter", 10.0)
    assert round_.energy is energy
    assert sessions.look(terms, inputs, closed=False, kind=FAULT).kind is FAULT
    assert sessions.look(terms, Inputs(), closed=False).kind is PARKED
    assert sessions.look(terms, Inputs(), closed=False).serial is None


@pytest.mark.parametrize(
    ("station", "settle_s"),
    [
        (STATIONS, 3.0),
        (replace(STATIONS, has_feedback=False, voltage_load_side=True), 3.0),
        (replace(STATIONS, has_feedback=False), 9.0),
        (replace(STATIONS, meter_update_s=5.0, meter_latency_s=0.5), 5.5),
    ],
    ids=["mirror", "voltage behind it", "current only", "a slow meter"],
)
def test_the_register_is_final_after_a_weld_would_show(station: Settings, settle_s: float) -> None:
    assert sessions.terms_of(station).settle_s == settle_s


def test_a_meter_that_measures_others_too_is_not_held_to_the_fuse() -> None:
    assert sessions.terms_of(replace(STATIONS, meter_exclusive=False)).most_w is None
    most_w = sessions.terms_of(STATIONS).most_w
    assert most_w is not None
    assert most_w >= 3 * 16.0 * 230.0


def test_another_boot() -> None:
    case = charged()
    moved = sessions.shift(case.session, -100.0)
    assert (moved.begun_s, moved.ended_s, moved.last_taken_s) == (0.0, 30.0, 30.0)
    assert [p.start_s for p in moved.periods] == [0.0, 10.0, 30.0]
    assert moved.start is not None
    assert (moved.start.taken_s, moved.opened_s) == (-0.5, 30.0)
    assert sessions.totals(moved).energy_wh == sessions.totals(case.session).energy_wh
    fresh = sessions.shift(begun(None).session, 5.0)
    assert (fresh.begun_s, fresh.ended_s, fresh.last_taken_s) == (105.0, None, None)


def test_nothing_of_another_boot_lies_ahead() -> None:
    past = sessions.not_after(charged().session, 120.0)
    assert (past.begun_s, past.ended_s, past.last_taken_s) == (100.0, 120.0, 120.0)
    assert [p.start_s for p in past.periods] == [100.0, 110.0, 120.0]


@pytest.mark.parametrize(
    ("now_s", "flowed_s"), [(200.0, 80.0), (90.0, 0.0), (None, None)],
    ids=["same boot", "earlier than before", "another boot"],
)  # fmt: skip
def test_a_run_that_ended_while_charging(now_s: float | None, flowed_s: float | None) -> None:
    """The contactor may have stayed closed until now: so much the register may have counted."""
    case = begun().see(120.0, 5010.0, CHARGING)
    left = sessions.inherited(case.session, now_s)
    assert (left.flowed_s, left.seen_s) == (flowed_s, None)
    opened = sessions.observe(left, shown(None, 0.0), TERMS, 200.0)
    assert (opened.flowed_s, opened.conducting, opened.opened_s) == (flowed_s, False, 200.0)
    again = sessions.inherited(left, 300.0)
    assert again.flowed_s is None, "how long it was closed before is not known any more"


def test_a_run_that_ended_with_the_contactor_open() -> None:
    session = begun().see(105.0, 5000.0).session
    assert sessions.inherited(session, None) is session


def test_a_resumed_session_that_does_not_charge_yet_begins_a_period() -> None:
    """The ledger gives back a charging period; after the restart the contactor is open."""
    case = begun().see(110.0, 5000.0, CHARGING)
    case.session = sessions.inherited(case.session, 150.0)
    case.see(150.0, 5040.0, STATION)
    totals = sessions.totals(case.session, 160.0)
    assert (totals.charging_s, totals.held_s, totals.energy_wh) == (40.0, 10.0, 40.0)


def test_a_session_that_redeems_a_reservation() -> None:
    """OCPI mod_cdrs: it begins with the reservation; that time is neither charged nor parked."""
    case = begun(reservation=sessions.Reservation(id="R1", since_s=40.0)).see(
        110.0, 5000.0, CHARGING
    )
    session = case.see(130.0, 5060.0).end(130.0).see(134.0, 5060.0).settle(134.0)
    totals = sessions.totals(session)
    assert (session.reservation, session.begun_s, totals.energy_wh) == ("R1", 40.0, 60.0)
    assert (totals.reserved_s, totals.parking_s, totals.charging_s) == (60.0, 10.0, 20.0)
    assert [p.kind for p in totals.periods][:2] == [Kind.RESERVED, PARKED]
    assert session.start is not None
    assert session.start.quality is Quality.GOOD, "the register was read when the session began"


def test_a_reservation_cannot_begin_later_than_its_session() -> None:
    case = begun(reservation=sessions.Reservation(id="R1", since_s=140.0))
    assert case.session.begun_s == 100.0
    assert sessions.totals(case.session, 110.0).reserved_s == 0.0


def test_without_any_reading() -> None:
    totals = sessions.totals(begun(None).session)
    assert (totals.energy_wh, totals.charging_s, totals.parking_s) == (0.0, 0.0, 0.0)


def test_an_end_that_is_told_late_shortens_what_came_after_it() -> None:
    """After an absence a session ends when its meter was last read, not when that was found."""
    case = begun().see(110.0, 5000.0, CHARGING).see(120.0, 5030.0, PARKED).end(115.0)
    totals = sessions.totals(case.session)
    assert (totals.charging_s, totals.parking_s) == (5.0, 10.0)
    assert [p.duration_s for p in totals.periods] == [10.0, 5.0, 0.0]
