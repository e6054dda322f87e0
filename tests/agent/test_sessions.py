"""Sessions: the meter's delta to the last digit, one CDR, and nothing reported without a change."""

from __future__ import annotations

from datetime import timedelta

from agent.session_desk import SETTLE_S, T0, TOKEN, Desk, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.sessions import CHECKPOINT_S, SETTLE_GRACE_S, SessionKeeper


def charged(desk: Desk) -> SessionKeeper:
    """A session from 1000 Wh on, closed at 2 s, stopped and opened at 100 s with 1500 Wh read."""
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.5), 1.0)
    keeper.observe(metered(1000.0, 1.9), 2.0, closed=True)
    keeper.observe(metered(1500.0, 99.9), 100.0, closed=True)
    keeper.end("stopped", 100.0, opened_s=100.0)
    return keeper


def test_the_cdr_carries_the_registers_delta_read_after_the_opening() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.observe(metered(1501.0, 101.0), 101.0, closed=False)
    assert not desk.closed
    keeper.observe(metered(1502.5, 103.1), 103.2, closed=False)
    ((_, cdr),) = desk.closed
    assert (cdr.session.start_wh, cdr.end_wh, cdr.session.energy_wh) == (1000.0, 1502.5, 502.5)
    assert sum(period.energy_wh for period in cdr.session.periods) == 502.5
    assert cdr.session.ended_at == T0 + timedelta(seconds=100)
    assert cdr.remark == "stopped"
    keeper.observe(metered(1503.0, 110.0), 110.0, closed=False)
    assert len(desk.closed) == 1


def test_a_fault_in_between_is_told_apart_from_a_vehicle_that_pauses() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.5), 1.0)
    station, fault = core.Kind.STATION, core.Kind.FAULT
    assert keeper.observe(metered(1000.0, 0.5), 1.0, closed=False, kind=station)
    assert keeper.observe(metered(1000.0, 1.9), 2.0, closed=False)
    assert keeper.observe(metered(1000.0, 3.9), 4.0, closed=True, kind=fault, limit_a=16.0)
    assert keeper.observe(metered(1200.0, 9.9), 10.0, closed=False, kind=fault)
    assert not keeper.observe(metered(1200.0, 11.9), 12.0, closed=False, kind=fault)
    assert keeper.observe(metered(1200.0, 19.9), 20.0, closed=False)
    keeper.end("stopped", 25.0, opened_s=10.0)
    keeper.observe(metered(1200.0, 25.0), 25.0, closed=False, kind=station)
    ((_, cdr),) = desk.closed
    assert [(p.charging, p.held, p.fault, p.duration_s) for p in cdr.session.periods] == [
        (False, True, False, 1.0),
        (False, False, False, 2.0),
        (True, False, False, 6.0),
        (False, True, True, 10.0),
        (False, False, False, 5.0),
    ]
    assert [p.limit_a for p in cdr.session.periods] == [None, None, 16.0, None, None]
    assert (cdr.charging_s, cdr.parking_s, cdr.held_s) == (6.0, 7.0, 11.0)


def test_without_a_meter_the_last_value_stands_in_and_the_cdr_says_so() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.observe(Inputs(), 100.0 + SETTLE_S + SETTLE_GRACE_S + 0.1, closed=False)
    ((kept, cdr),) = desk.closed
    assert cdr.end_wh == 1500.0
    assert kept.session.estimated
    assert cdr.remark == (
        "stopped; end value last known: no meter value after the contactor opened"
    )
    assert cdr.session.end is not None
    assert (cdr.session.end.quality, cdr.session.end.taken_at) == (
        "last_known", T0 + timedelta(seconds=99.9),
    )  # fmt: skip


def test_after_a_weld_billing_stops_at_the_open_command() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.observe(metered(1500.0, 100.1), 100.1, closed=False)
    desk.standing = {"contactor_welded"}
    keeper.observe(metered(1900.0, 110.0), 110.0, closed=False)
    assert desk.closed[0][1].end_wh == 1500.0
    assert desk.closed[0][1].remark == (
        "stopped; end value estimated: contactor welded: billed up to the open command"
    )


def test_a_new_session_begins_while_the_last_is_being_settled() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.begin(TOKEN, "WHITELIST", metered(1502.0, 101.0), 101.0)
    keeper.observe(metered(1502.0, 104.0), 104.0, closed=False)
    assert len(desk.closed) == 1
    assert keeper.running is not None
    assert keeper.running.session.start_wh == 1502.0
    assert [record.ended_at is None for record in keeper.records()] == [False, True]


def test_the_backend_hears_of_switches_and_once_a_minute() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.9), 1.0)
    assert keeper.observe(metered(1000.0, 1.9), 2.0, closed=True)
    told = [
        second
        for second in range(3, 200)
        if keeper.observe(metered(1000.0 + second, second), float(second), closed=True)
    ]
    assert told == [62, 122, 182]
    assert keeper.observe(metered(1300.0, 200.0), 200.0, closed=False)


def test_a_running_session_is_on_the_disk_every_five_minutes() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.9), 1.0)
    keeper.observe(metered(1000.0, 1.9), 2.0, closed=True)
    before = len(desk.saved)
    for second in range(3, 3 + int(2.5 * CHECKPOINT_S)):
        keeper.observe(metered(1000.0 + second, second), float(second), closed=True)
    assert len(desk.saved) - before == 2
    assert desk.saved[-1].session.last_wh == desk.saved[-1].session.last_taken_s + 1000.0  # type: ignore[operator] # both were read


def test_ending_nothing_changes_nothing() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.end("stopped", 5.0, opened_s=None)
    assert not keeper.observe(Inputs(), 6.0, closed=False)
    assert not desk.saved
    assert keeper.records() == ()


def test_the_meter_is_called_by_its_serial_number_once_it_has_told_it() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.9), 1.0)
    assert [record.meter_id for record in keeper.records()] == ["meter1"]
    keeper.observe(metered(1000.0, 1.9, serial="4711"), 2.0, closed=True)
    assert [record.meter_id for record in keeper.records()] == ["4711"]


def test_another_meter_is_told_and_written_down_at_once() -> None:
    """The session ends on the old meter's last value, and the CDR names both."""
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.9, serial="A"), 1.0)
    keeper.observe(metered(1000.0, 1.9, serial="A"), 2.0, closed=True)
    keeper.observe(metered(1010.0, 9.9, serial="A"), 10.0, closed=True)
    saved = len(desk.saved)
    assert keeper.observe(metered(7.0, 10.9, serial="B"), 11.0, closed=True)
    assert len(desk.saved) == saved + 1
    keeper.end("fault", 12.0, opened_s=12.0)
    keeper.observe(metered(7.0, 12.9, serial="B"), 13.0, closed=False)
    ((_, cdr),) = desk.closed
    assert (cdr.session.energy_wh, cdr.session.meter_id) == (10.0, "A")
    assert cdr.remark == "fault; end value last known: meter A was replaced by B: its last value"


def test_a_start_value_that_never_came_is_said() -> None:
    desk = Desk()
    keeper = desk.keeper()
    keeper.begin(TOKEN, "WHITELIST", Inputs(), 1.0)
    keeper.end("stopped", 10.0, opened_s=10.0)
    keeper.observe(Inputs(), 10.1 + SETTLE_S + SETTLE_GRACE_S, closed=False)
    ((_, cdr),) = desk.closed
    assert (cdr.end_wh, cdr.session.energy_wh, cdr.session.start, cdr.session.end) == (
        None, 0.0, None, None,
    )  # fmt: skip
    assert cdr.remark == "stopped; the meter gave no start value: no energy is billed"


def test_a_reservation_is_redeemed() -> None:
    desk = Desk()
    keeper = desk.keeper()
    reserved = core.Reservation(id="R1", since_s=40.0)
    keeper.begin(TOKEN, "COMMAND", metered(1000.0, 99.9), 100.0, reserved)
    keeper.observe(metered(1000.0, 101.9), 102.0, closed=False)
    keeper.end("stopped", 110.0, opened_s=100.0)
    keeper.observe(metered(1000.0, 111.0), 111.0, closed=False)
    ((_, cdr),) = desk.closed
    assert (cdr.session.reservation, cdr.session.started_at) == ("R1", T0 + timedelta(seconds=40))
    assert (cdr.reserved_s, cdr.parking_s) == (60.0, 10.0)
    assert [p.reserved for p in cdr.session.periods] == [True, False]
