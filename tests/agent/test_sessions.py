"""Sessions: the meter's delta to the last digit, one CDR, and nothing reported without a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.published import CdrRecord, TokenRef
from laddvakt_agent.sessions import CHECKPOINT_S, SETTLE_GRACE_S, Kept, SessionKeeper

T0 = datetime(2027, 1, 1, tzinfo=UTC)
TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")
SETTLE_S = 3.0


@dataclass(slots=True)
class Desk:
    """A keeper, what it wrote down, and a meter."""

    saved: list[Kept] = field(default_factory=list)
    closed: list[tuple[Kept, CdrRecord]] = field(default_factory=list)
    welded: bool = False

    def keeper(self) -> SessionKeeper:
        return SessionKeeper(
            connector="1",
            evse_uid="E1",
            meter_id="meter1",
            wall_at=lambda s: T0 + timedelta(seconds=s),
            save=self.saved.append,
            save_closed=lambda kept, cdr: self.closed.append((kept, cdr)),
            settle_s=SETTLE_S,
            welded=lambda: self.welded,
            report_s=60.0,
        )


def metered(wh: float, taken_s: float) -> Inputs:
    return Inputs(energy_wh=Sample(value=wh, taken_s=taken_s))


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
    assert keeper.observe(metered(1000.0, 0.5), 1.0, closed=False, held=True)
    assert keeper.observe(metered(1000.0, 1.9), 2.0, closed=False)
    assert keeper.observe(metered(1000.0, 3.9), 4.0, closed=True)
    assert keeper.observe(metered(1200.0, 9.9), 10.0, closed=False, held=True)
    assert not keeper.observe(metered(1200.0, 11.9), 12.0, closed=False, held=True)
    assert keeper.observe(metered(1200.0, 19.9), 20.0, closed=False)
    keeper.end("stopped", 25.0, opened_s=10.0)
    keeper.observe(metered(1200.0, 25.0), 25.0, closed=False, held=True)
    ((_, cdr),) = desk.closed
    assert [(p.charging, p.held, p.duration_s) for p in cdr.session.periods] == [
        (False, True, 1.0),
        (False, False, 2.0),
        (True, False, 6.0),
        (False, True, 10.0),
        (False, False, 5.0),
    ]
    assert (cdr.charging_s, cdr.parking_s, cdr.held_s) == (6.0, 7.0, 11.0)


def test_without_a_meter_the_last_value_stands_in_and_the_cdr_says_so() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.observe(Inputs(), 100.0 + SETTLE_S + SETTLE_GRACE_S + 0.1, closed=False)
    ((kept, cdr),) = desk.closed
    assert cdr.end_wh == 1500.0
    assert kept.session.estimated
    assert "estimated" in (cdr.remark or "")


def test_after_a_weld_billing_stops_at_the_open_command() -> None:
    desk = Desk()
    keeper = charged(desk)
    keeper.observe(metered(1500.0, 100.1), 100.1, closed=False)
    desk.welded = True
    keeper.observe(metered(1900.0, 110.0), 110.0, closed=False)
    assert desk.closed[0][1].end_wh == 1500.0
    assert desk.closed[0][1].remark == "stopped; contactor welded: billed up to the open command"


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
