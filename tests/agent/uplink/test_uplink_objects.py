"""What is published becomes valid OCPI 2.2.1, judged by the simulator's own tables."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.uplink_kit import T0, cdr, connector, fault, finished, period, session, settings
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.stamped import stamped_location
from laddvakt_agent.uplink.text import (
    date_time,
    from_date_time,
    hours,
    identifier,
    kwh,
    next_stamp,
    string,
)
from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.validate import check

if TYPE_CHECKING:
    from laddvakt_agent.published import CdrRecord
    from laddvakt_agent.uplink.objects import Content

SETTINGS = settings(Endpoints(locations="l", sessions="s", cdrs="c", faults="f"))
LATER = T0 + timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)


def problems(class_name: str, content: Content, *, stamped: bool = True) -> list[str]:
    body = {**content, "last_updated": date_time(T0)} if stamped else content
    return check(class_name, body) or check_rules(class_name, body)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (T0, "2027-03-01T12:00:00.000Z"),
        (T0.replace(microsecond=999_999), "2027-03-01T12:00:00.999Z"),
        (T0.astimezone(timezone(timedelta(hours=2))), "2027-03-01T12:00:00.000Z"),
    ],
)
def test_a_date_time_is_utc_with_z(moment: datetime, text: str) -> None:
    assert date_time(moment) == text
    assert from_date_time(text) == moment.astimezone(UTC).replace(
        microsecond=moment.microsecond // 1000 * 1000
    )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        date_time(T0.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("changed_at", "last", "expected"),
    [
        pytest.param(T0, None, T0, id="first"),
        pytest.param(LATER, T0, LATER, id="later"),
        pytest.param(T0, T0, T0 + MILLISECOND, id="same instant"),
        pytest.param(T0, LATER, LATER + MILLISECOND, id="clock went back"),
    ],
)
def test_a_stamp_is_later_than_the_last(
    changed_at: datetime, last: datetime | None, expected: datetime
) -> None:
    assert next_stamp(changed_at, last) == expected


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=8))
def test_stamps_only_grow(moments: list[datetime]) -> None:
    """Whatever the clock says, in text as in value."""
    last: datetime | None = None
    texts: list[str] = []
    for moment in moments:
        last = next_stamp(min(moment, datetime(9000, 1, 1, tzinfo=UTC)), last)
        texts.append(date_time(last))
    assert all(a < b for a, b in itertools.pairwise(texts))


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        ("Storgatan 1", 45, "Storgatan 1"),
        ("a\tb\nc\x00d", 45, "a b c d"),
        ("x" * 50, 45, "x" * 45),
        ("Åsögatan ☕", 45, "Åsögatan ☕"),
    ],
)
def test_a_string_is_printable_and_short(value: str, limit: int, expected: str) -> None:
    assert string(value, limit) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_ids_stay_different_within_the_limit(first: str, second: str) -> None:
    made = identifier(first, 36), identifier(second, 36)
    assert all(0 < len(i) <= 36 and i.isascii() and i.isprintable() for i in made)
    assert (first == second) == (made[0] == made[1])


@pytest.mark.parametrize(
    ("energy_wh", "expected"), [(1834.0, 1.834), (0.04, 0.0), (-0.01, 0.0), (123456.78, 123.4568)]
)
def test_energy_has_four_decimals(energy_wh: float, expected: float) -> None:
    assert str(kwh(energy_wh)) == str(expected)
    assert str(hours(1.0)) == "0.0003"


def test_the_location_is_valid_and_its_times_move_upwards() -> None:
    """At first everything is new; then one status moves its EVSE and the Location, not more."""
    content = objects.location(SETTINGS, {})
    free: Content = {"status": "AVAILABLE"}
    early = {"evse-1": (free, T0), "evse-2": (free, T0)}
    first = stamped_location(content, before=None, states=early, fresh=T0)
    assert problems("Location", first, stamped=False) == []
    busy: Content = {"status": "CHARGING"}
    late = {**early, "evse-2": (busy, LATER)}
    second = stamped_location(content, before=first, states=late, fresh=LATER + MILLISECOND)
    assert problems("Location", second, stamped=False) == []
    assert second["last_updated"] == date_time(LATER + MILLISECOND)
    times = [evse["last_updated"] for evse in evses_of(second)]
    assert times == [date_time(T0), date_time(LATER)]


def test_a_changed_connector_moves_all_above_it() -> None:
    """mod_locations: a connector's change is its EVSE's and its Location's change."""
    place = SETTINGS.location
    bigger = replace(place.evses[0], connectors=(replace(connector(), max_amperage=32),))
    changed = replace(SETTINGS, location=replace(place, evses=(bigger, place.evses[1])))
    free: Content = {"status": "AVAILABLE"}
    states = {"evse-1": (free, T0), "evse-2": (free, T0)}
    before = stamped_location(objects.location(SETTINGS, {}), before=None, states=states, fresh=T0)
    after = stamped_location(
        objects.location(changed, {}), before=before, states=states, fresh=LATER
    )
    assert problems("Location", after, stamped=False) == []
    assert after["last_updated"] == date_time(LATER)
    first, second = evses_of(after)
    assert first["last_updated"] == date_time(LATER)
    assert first["connectors"] == [
        {**objects.connector(bigger.connectors[0]), "last_updated": date_time(LATER)}
    ]
    assert second["last_updated"] == date_time(T0)


def evses_of(location: Content) -> list[Content]:
    return items_of(location["evses"])


def test_an_evse_not_heard_of_is_unknown() -> None:
    assert objects.evse(SETTINGS.location.evses[0], None)["status"] == "UNKNOWN"
    assert objects.evse(SETTINGS.location.evses[0], EvseStatus.OUTOFORDER)["status"] == "OUTOFORDER"


STEPPED = (period(0, 100.0), replace(period(10, 50.0), started_at=T0 - timedelta(days=1)))
SESSIONS = {
    "just begun": session(),
    "charging": session(periods=(period(0, 900.0), period(10, 10.0)), energy_wh=910.0),
    "finished": finished(),
    "ended before it began, the clock was set": session(ended_at=T0 - timedelta(days=400)),
    "clock set between two periods": session(ended_at=LATER, periods=STEPPED, energy_wh=150.0),
    "strange texts": session(meter_id="x\n" * 300, id="å" * 50),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_valid(name: str) -> None:
    assert problems("Session", objects.session(SETTINGS, SESSIONS[name])) == []


HELD = replace(
    cdr(),
    held_s=600.0,
    session=replace(
        finished(),
        ended_at=T0 + timedelta(minutes=30),
        periods=(
            period(0, 1834.0),
            period(10, 0.0, charging=False, held=True),
            period(20, 0.0, charging=False),
        ),
    ),
)
CDRS = {
    "ordinary": cdr(),
    "held back by a fault": HELD,
    "no periods": replace(cdr(), session=replace(finished(), periods=())),
    "remark too long": replace(cdr(), remark="emergency stop\n" * 40),
    "no time at all": replace(
        cdr(), charging_s=0.0, parking_s=0.0, session=session(ended_at=T0, energy_wh=0.0)
    ),
    "clock set back": replace(
        cdr(), session=session(ended_at=T0 - timedelta(days=1), periods=STEPPED, energy_wh=150.0)
    ),
}


@pytest.mark.parametrize("name", CDRS)
def test_a_cdr_is_valid(name: str) -> None:
    assert problems("CDR", objects.cdr(SETTINGS, CDRS[name]), stamped=False) == []


def test_a_cdr_says_what_was_charged() -> None:
    body = objects.cdr(SETTINGS, cdr())
    told = {name: body[name] for name in ("total_energy", "total_time", "total_parking_time")}
    assert told == {"total_energy": 1.834, "total_time": 0.3333, "total_parking_time": 0.1667}
    assert body["total_cost"] == {"excl_vat": 0, "incl_vat": 0}


def test_time_held_back_is_neither_charged_nor_parked() -> None:
    """The driver pays no parking for a fault of the station; the total covers the session."""
    body = objects.cdr(SETTINGS, HELD)
    assert (body["total_time"], body["total_parking_time"]) == (0.5, 0.1667)
    assert body["charging_periods"] == objects.session(SETTINGS, HELD.session)["charging_periods"]
    times = [dimensions_of(item) for item in items_of(body["charging_periods"])]
    assert times == [["ENERGY", "TIME"], ["ENERGY"], ["ENERGY", "PARKING_TIME"]]


def items_of(value: object) -> list[Content]:
    assert isinstance(value, list)
    return [item for item in value if isinstance(item, dict)]


def dimensions_of(period_told: Content) -> list[str]:
    return [str(dimension["type"]) for dimension in items_of(period_told["dimensions"])]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (replace(cdr(), session=session()), "has not ended"),
        (replace(cdr(), session=replace(finished(), evse_uid="gone")), "no connector"),
    ],
)
def test_a_cdr_that_cannot_be_right_is_not_made(record: CdrRecord, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        objects.cdr(SETTINGS, record)


FAULTS = {
    "active": (fault(), "evse-1"),
    "cleared": (fault(cleared_at=LATER, locked_out=True), "evse-1"),
    "cleared before it began": (fault(cleared_at=T0 - timedelta(days=9)), "evse-1"),
    "of the station": (fault(evse_uid=None, connector_id=None, mrec=None, ocpp16=None), "#NA"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_valid(name: str) -> None:
    report, evse_uid = FAULTS[name]
    body = objects.fault(SETTINGS, report)
    assert problems("Fault", body) == []
    assert (body["evse_uid"], body["location_id"]) == (evse_uid, "LOC1")


def test_a_patch_says_only_what_changed() -> None:
    before = objects.session(SETTINGS, session(periods=(period(0, 1.0), period(10, 2.0))))
    after = objects.session(SETTINGS, session(periods=(*[period(m, 1.0) for m in (0, 10)],)))
    assert objects.session_patch(before, after) == {}
    done = objects.session(SETTINGS, finished())
    corrected = objects.session_patch(before, done)
    assert corrected is None, "a told period has another energy now"
    assert objects.session_patch(done, after) is None, "an end cannot be taken back by PATCH"
    start = objects.session(SETTINGS, session())
    patch = objects.session_patch(start, done)
    assert patch is not None
    assert patch.keys() == {"end_date_time", "kwh", "charging_periods", "status"}


def test_the_pause_doubles_with_full_jitter_and_is_forgotten() -> None:
    """Every pause lies between nothing and the ceiling; the ceiling stops at its maximum."""
    for seed in range(50):
        backoff = Backoff(random.Random(seed), min_s=1.0, max_s=10.0)
        for ceiling_s in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
            backoff.failed(100.0)
            assert 0.0 <= backoff.remaining_s(100.0) <= ceiling_s
        backoff.failed(100.0, at_least_s=60.0)
        assert 60.0 <= backoff.remaining_s(100.0) <= 70.0
        backoff.failed_slowly(100.0)
        assert 5.0 <= backoff.remaining_s(100.0) <= 10.0
        backoff.succeeded()
        assert (backoff.failing, backoff.remaining_s(100.0)) == (False, 0.0)
