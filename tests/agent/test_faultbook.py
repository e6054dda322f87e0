"""The fault book: one fault for all who see it, causes before symptoms, ids that survive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from laddvakt_agent.core.diagnose.picture import Beside
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, Role
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.faultbook import Entry, FaultBook

T0 = datetime(2027, 1, 1, tzinfo=UTC)
DEVICES = (
    DeviceHealth(name="meter1", role=Role.METER, line="line1", heard_s=None),
    DeviceHealth(name="evse1", role=Role.BOARD, line="line1", heard_s=None),
)


def fault(code: str, subject: str, evidence: str = "") -> ActiveFault:
    return ActiveFault(
        code=code, subject=subject, since_s=1.0, act=Act.TRIP, locked_out=False, evidence=evidence
    )


def book() -> tuple[FaultBook, list[Entry]]:
    saved: list[Entry] = []
    made = FaultBook(
        rules=CATALOGUE,
        evse_uids={"1": "E1", "2": "E2"},
        save=saved.append,
        beside={"1": Beside(devices=DEVICES), "2": Beside()},
    )
    return made, saved


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def test_a_fault_seen_by_two_connectors_is_one_and_ends_with_the_last() -> None:
    made, _ = book()
    made.raised("1", fault("emergency_stop", "station"), at(0))
    made.raised("2", fault("emergency_stop", "station"), at(1))
    assert len(made.entries) == 1
    made.cleared("1", "emergency_stop", "station", at(2))
    assert len(made.reports()) == 1
    assert made.reports()[0].cleared_at is None
    made.cleared("2", "emergency_stop", "station", at(3))
    assert made.reports()[0].cleared_at == at(3)
    assert not made.entries


def test_a_station_fault_belongs_to_no_evse_and_a_connector_fault_to_its_own() -> None:
    made, _ = book()
    made.raised("1", fault("emergency_stop", "station"), at(0))
    made.raised("2", fault("emergency_stop", "station"), at(0))
    made.raised("2", fault("contactor_welded", "2"), at(1))
    stop, weld = made.reports()
    assert (stop.evse_uid, weld.evse_uid, weld.connector_id) == (None, "E2", "2")


def test_a_dead_line_takes_its_silent_devices_as_symptoms_and_lets_them_go() -> None:
    made, saved = book()
    made.raised("1", fault("device_lost", "evse1"), at(0))
    made.raised("1", fault("meter_lost", "meter1"), at(1))
    made.raised("1", fault("bus_down", "line1"), at(2))
    reports = {report.code: report for report in made.reports()}
    assert reports["device_lost"].cause == "bus_down"
    assert reports["meter_lost"].cause == "bus_down"
    assert set(reports["bus_down"].symptoms) == {"device_lost", "meter_lost"}
    made.cleared("1", "bus_down", "line1", at(3))
    assert made.first_cause("1") == "bus_down"  # a device needs a moment before it answers again
    still = Settings(connector="1", max_current_a=16.0)
    made.watch(still, Life(), Inputs(devices=DEVICES), 20.0, at(20))
    left = {report.code: report for report in made.reports() if report.cleared_at is None}
    assert left["device_lost"].cause == "device_lost"
    assert left["device_lost"].changed_at == at(20)
    assert saved[-1].cause == saved[-1].fault.code


def test_new_evidence_updates_the_fault_without_another_id() -> None:
    made, _ = book()
    made.raised("1", fault("over_current", "1", "18 A"), at(0))
    first = made.reports()[0].id
    made.raised("1", fault("over_current", "1", "22 A"), at(5))
    again = made.entries["over_current", "1"]
    assert (again.id, again.fault.evidence, again.started_at) == (first, "22 A", at(0))


def test_what_stood_before_the_restart_keeps_its_id_or_ends() -> None:
    before, saved = book()
    before.raised("2", fault("contactor_welded", "2"), at(0))
    before.raised("1", fault("pilot_fault", "1"), at(0))
    after, _ = book()
    after.inherit(
        Entry(
            id=e.id, fault=e.fault, connectors=frozenset(), started_at=e.started_at,
            changed_at=e.changed_at, cause=e.cause,
        )
        for e in saved
    )  # fmt: skip
    after.raised("2", fault("contactor_welded", "2"), at(60))
    after.drop_unseen(at(90))
    reports = {report.code: report for report in after.reports()}
    weld = before.entries["contactor_welded", "2"]
    assert (reports["contactor_welded"].id, reports["contactor_welded"].started_at) == (
        weld.id,
        at(0),
    )
    assert reports["contactor_welded"].cleared_at is None
    assert reports["pilot_fault"].cleared_at == at(90)


def test_clearing_what_never_stood_changes_nothing() -> None:
    made, saved = book()
    made.cleared("1", "over_current", "1", at(0))
    assert not saved
    assert not made.reports()


def seen(name: str = "1", **devices: float) -> Inputs:
    """What connector `name` reads, with the last reply of these devices."""
    known = DEVICES if name == "1" else ()
    heard = (replace(d, heard_s=devices.get(d.name, d.heard_s)) for d in known)
    return Inputs(devices=tuple(heard))


def settings(name: str = "1") -> Settings:
    return Settings(connector=name, max_current_a=16.0)


def test_each_symptom_says_why_it_belongs_to_its_cause() -> None:
    made, _ = book()
    made.raised("1", fault("power_lost", "1"), at(0))
    made.raised("1", fault("phase_lost", "1"), at(0))
    phase = made.entries["phase_lost", "1"]
    assert phase.cause == "power_lost"
    assert phase.because.startswith("what has no supply")
    assert made.entries["power_lost", "1"].because == ""
    assert made.cause_of(phase) == (0, made.entries["power_lost", "1"].id)


def test_the_cause_to_name_first_is_the_connectors_or_the_stations() -> None:
    made, _ = book()
    assert made.first_cause(None) == "none"
    made.raised("2", fault("meter_lost", "charx1"), at(0))
    made.raised("1", replace(fault("uplink_down", "uplink"), act=Act.NONE), at(0))
    assert (made.first_cause("1"), made.first_cause("2")) == ("uplink_down", "meter_lost")
    assert made.first_cause(None) == "meter_lost"


def test_what_is_concluded_is_named_although_it_does_not_stand() -> None:
    """A meter that fell silent with the contactor: it is named after its wiring."""
    made, saved = book()
    closed = Life(power=Power.CLOSED, commanded_since_s=10.0)
    opened = Life(commanded_since_s=50.0)
    made.watch(settings(), closed, seen(meter1=40.0), 40.0, at(40))
    made.watch(settings(), opened, seen(meter1=50.5), 51.0, at(51))
    lost = replace(fault("meter_lost", "meter1"), since_s=60.0)
    made.watch(settings(), opened, seen(meter1=50.5), 60.0, at(60))
    made.raised("1", lost, at(60))
    entry = made.entries["meter_lost", "meter1"]
    assert (entry.cause, made.first_cause("1")) == ("meter_behind_contactor",) * 2
    assert entry.suspected
    assert made.cause_of(entry) == (0, entry.id)  # shown under its first symptom
    count = len(saved)
    made.watch(settings(), opened, seen(meter1=50.5), 70.0, at(70))
    assert len(saved) == count  # nothing is written that did not change
    made.watch(settings(), replace(closed, commanded_since_s=71.0), seen(meter1=50.5), 71.0, at(71))
    assert made.entries["meter_lost", "meter1"].cause == "meter_lost"
    assert saved[-1].cause == "meter_lost"


def test_a_fault_that_is_over_has_no_place_among_the_causes() -> None:
    made, _ = book()
    made.raised("1", fault("pilot_fault", "1"), at(0))
    gone = made.entries["pilot_fault", "1"]
    made.cleared("1", "pilot_fault", "1", at(1))
    assert made.cause_of(gone) == (0, None)
    assert [past.fault.code for past in made.past] == ["pilot_fault"]
