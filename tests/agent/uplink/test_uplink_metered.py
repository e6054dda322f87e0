"""Charging periods, signed values and sessions without a bill, as OCPI 2.2.1 wants them."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from agent.uplink.uplink_kit import T0, cdr, finished, period, settings
from laddvakt_agent.published import CdrRecord, PeriodRecord, SignedText, ValueRecord
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.metered import charging_periods, signed_data
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.text import date_time, kwh
from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.validate import check

if TYPE_CHECKING:
    from laddvakt_agent.uplink.objects import Content, Json

SETTINGS = settings(Endpoints(locations="l", sessions="s", cdrs="c", faults="f"))
STAMP: Content = {"last_updated": date_time(T0)}
OCMF = 'OCMF|{"RD":[{"RV":1.0}]}|{"SD":"30"}'


def problems(class_name: str, body: Content) -> list[str]:
    return check(class_name, body) or check_rules(class_name, body)


def value(wh: float, signed: SignedText | None = None) -> ValueRecord:
    return ValueRecord(wh=wh, taken_at=T0, quality="good", signed=signed)


def signed(text: str = OCMF, key: str | None = "3059") -> SignedText:
    return SignedText(text=text, encoding="OCMF", public_key=key)


@pytest.mark.parametrize(
    ("told", "volumes"),
    [
        (period(0, 500.0), {"ENERGY": 0.5, "TIME": 0.1667}),
        (
            replace(period(0, 500.0), max_a=31.25),
            {"ENERGY": 0.5, "TIME": 0.1667, "MAX_CURRENT": 31.25},
        ),
        (period(0, 1.0, charging=False), {"ENERGY": 0.001, "PARKING_TIME": 0.1667}),
        (period(0, 0.0, charging=False, held=True), {"ENERGY": 0.0}),
        (
            replace(period(0, 0.0, charging=False), reserved=True),
            {"ENERGY": 0.0, "RESERVATION_TIME": 0.1667},
        ),
    ],
    ids=["charging", "its highest current", "the vehicle pauses", "held back", "reserved"],
)
def test_the_dimensions_of_a_period(told: PeriodRecord, volumes: dict[str, float]) -> None:
    """Time held back is in none: nobody pays parking for the station's own fault."""
    (body,) = charging_periods((told,), T0, None)
    assert isinstance(body, dict)
    assert isinstance(body["dimensions"], list)
    assert {d["type"]: d["volume"] for d in body["dimensions"] if isinstance(d, dict)} == volumes


@pytest.mark.parametrize(
    "told_wh",
    [(0.04, 0.04, 0.04), (0.05, 0.05), (1000.049, 0.002), (0.149, 0.0, 0.149, 0.001)],
    ids=["less than a digit each", "halves", "just below", "a pause between"],
)
def test_the_energies_told_add_up_to_the_total_told(told_wh: tuple[float, ...]) -> None:
    """A receiver adds them up; what was told of a running session is not told otherwise later."""
    parts = tuple(period(place, wh) for place, wh in enumerate(told_wh))
    told = [_energy_kwh(body) for body in charging_periods(parts, T0, None)]
    assert round(sum(told), 4) == kwh(round(sum(told_wh), 3))
    assert charging_periods(parts[:-1], T0, None) == charging_periods(parts, T0, None)[:-1]


def _energy_kwh(body: Json) -> float:
    assert isinstance(body, dict)
    assert isinstance(body["dimensions"], list)
    (volume,) = (
        d["volume"] for d in body["dimensions"] if isinstance(d, dict) and d["type"] == "ENERGY"
    )
    assert isinstance(volume, float)
    return volume


def reserved() -> CdrRecord:
    """Reserved for ten minutes, then charged for twenty."""
    first = replace(period(-10, 0.0, charging=False), reserved=True)
    record = finished()
    record = replace(
        record, started_at=first.started_at, periods=(first, *record.periods), reservation="R1"
    )
    return replace(cdr(), session=record, reserved_s=600.0)


def test_a_redeemed_reservation_is_valid_and_part_of_the_total() -> None:
    body = objects.cdr(SETTINGS, reserved())
    assert problems("CDR", body) == []
    assert body["start_date_time"] == date_time(T0 - timedelta(minutes=10))
    assert (body["total_time"], body["total_parking_time"]) == (0.5, 0.1667)
    told = objects.session(SETTINGS, reserved().session)
    assert problems("Session", told | STAMP) == []


def test_what_is_never_billed_is_an_invalid_session() -> None:
    """mod_sessions, SessionStatus: INVALID will not be billed; before its end it is ACTIVE."""
    record = replace(finished(), unbilled="the meter signed no start value")
    told = objects.session(SETTINGS, record)
    assert told["status"] == "INVALID"
    assert problems("Session", told | STAMP) == []
    assert objects.session(SETTINGS, replace(record, ended_at=None))["status"] == "ACTIVE"


def test_signed_values_go_into_the_cdr_whole() -> None:
    record = replace(finished(), start=value(1.0, signed()), end=value(2.0, signed(OCMF * 9)))
    body = objects.cdr(SETTINGS, replace(cdr(), session=record))
    assert problems("CDR", body) == []
    data = signed_data(record, 512)
    assert body["signed_data"] == data
    assert data is not None
    assert (data["encoding_method"], data["public_key"]) == ("OCMF", "3059")
    values = data["signed_values"]
    assert isinstance(values, list)
    start, end = (item for item in values if isinstance(item, dict))
    assert (start["nature"], start["plain_data"]) == ("Start", '{"RD":[{"RV":1.0}]}')
    assert base64.b64decode(str(start["signed_data"])).decode() == OCMF
    assert end["nature"] == "End"
    assert base64.b64decode(str(end["signed_data"])).decode() == OCMF * 9


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (value(1.0, signed()), None),
        (value(1.0), value(2.0, signed())),
        (value(1.0, signed()), value(2.0)),
    ],
    ids=["nothing", "no end", "start not signed", "end not signed"],
)
def test_half_a_proof_is_none(start: ValueRecord | None, end: ValueRecord | None) -> None:
    assert signed_data(replace(finished(), start=start, end=end), 512) is None


def test_a_meter_without_a_key_sends_none() -> None:
    both = value(1.0, signed(key=None))
    data = signed_data(replace(finished(), start=both, end=both), 512)
    assert data is not None
    assert "public_key" not in data
