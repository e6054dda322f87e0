"""OCPI conformance of what we send: every body that a backend got on the wire, in both versions.

One charger with an address too long, a tariff, a fault, a session from start to end, its CDR and
the credit for it is told to the simulated backend in its own process, which judges by own tables.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from conformance.objects_kit import MOMENTS, REMARK, Told, tell, walked
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.enums import SESSION_ONLY_DIMENSIONS

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("version", Version, ids=lambda version: version.value)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[Version, Told]:
    return {
        version: asyncio.run(tell(tmp_path_factory.mktemp(version.value), version))
        for version in Version
    }


@BOTH
def test_the_backend_agrees(told: dict[Version, Told], version: Version) -> None:
    """Every module was told something, and nothing was refused."""
    assert set(told[version].verdicts) == {1000}
    assert {name for name, _ in told[version].bodies} >= {"locations", "sessions", "cdrs"}
    assert told[version].of("sessions")[-1]["status"] == "COMPLETED"


@BOTH
def test_c45_date_times_end_in_z_with_at_most_three_decimals(
    told: dict[Version, Told], version: Version
) -> None:
    moments = [
        (name, value)
        for _, body in told[version].bodies
        for name, value in walked(body)
        if MOMENTS.fullmatch(name)
    ]
    assert {name for name, _ in moments} >= {
        "last_updated",
        "start_date_time",
        "end_date_time",
        "started_at",
    }
    strict = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
    assert [one for one in moments if not strict.fullmatch(one[1])] == []


@BOTH
def test_c46_numbers_have_four_decimals_and_integers_none(
    told: dict[Version, Told], version: Version
) -> None:
    values = [one for _, body in told[version].bodies for one in walked(body)]
    floats = [(name, value) for name, value in values if isinstance(value, float)]
    assert {name for name, _ in floats} >= {"kwh", "volume", "total_energy"}
    assert [one for one in floats if round(one[1], 4) != one[1]] == []
    whole = {"max_voltage", "max_amperage", "max_electric_power", "step_size"}
    integers = [(name, value) for name, value in values if name in whole]
    assert {name for name, _ in integers} == whole
    assert [one for one in integers if type(one[1]) is not int] == []


@BOTH
def test_c47_strings_are_cut_and_hold_no_control_characters(
    told: dict[Version, Told], version: Version
) -> None:
    """The address was written with tabs, the remark with a bell, the meter with an escape."""
    (place, *_), (bill, _) = told[version].of("locations"), told[version].of("cdrs")
    assert (len(place["address"]), place["name"]) == (255, "Torget")
    assert place["address"].startswith("Långa gatan Långa")
    assert len(bill["remark"]) <= 255 < len(REMARK)
    texts = [v for _, body in told[version].bodies for _, v in walked(body) if isinstance(v, str)]
    assert [text for text in texts if not text.isprintable()] == []


@BOTH
def test_c48_coordinates_are_strings_of_degrees(
    told: dict[Version, Told], version: Version
) -> None:
    places = [told[version].of("locations")[0], told[version].of("cdrs")[0]["cdr_location"]]
    for place in places:
        assert re.fullmatch(r"-?\d{1,2}\.\d{5,7}", place["coordinates"]["latitude"])
        assert re.fullmatch(r"-?\d{1,3}\.\d{5,7}", place["coordinates"]["longitude"])


def energies(body: dict[str, Any]) -> list[float]:
    return [
        part["volume"]
        for one in body["charging_periods"]
        for part in one["dimensions"]
        if part["type"] == "ENERGY"
    ]


@BOTH
def test_c53_energy_is_in_kwh_and_adds_up(told: dict[Version, Told], version: Version) -> None:
    """Of a session, what its PATCHes appended; of a bill, its periods. 1834 Wh were charged."""
    sessions = told[version].of("sessions")
    appended = [
        energy for body in sessions if "charging_periods" in body for energy in energies(body)
    ]
    assert sessions[-1]["kwh"] == 1.834
    assert sum(appended) == pytest.approx(1.834, abs=1e-9)
    bill = told[version].of("cdrs")[0]
    assert energies(bill) == [1.1111, 0.7229, 0]
    assert sum(energies(bill)) == pytest.approx(bill["total_energy"], abs=1e-9)


@BOTH
def test_c56_a_cdr_has_no_dimension_of_sessions_alone(
    told: dict[Version, Told], version: Version
) -> None:
    types = [
        part["type"]
        for bill in told[version].of("cdrs")
        for one in bill["charging_periods"]
        for part in one["dimensions"]
    ]
    assert set(types) == {"ENERGY", "TIME", "PARKING_TIME", "MAX_CURRENT"}
    assert not set(types) & SESSION_ONLY_DIMENSIONS


@BOTH
def test_c57_times_are_hours_and_periods_cover_the_session(
    told: dict[Version, Told], version: Version
) -> None:
    bill = told[version].of("cdrs")[0]
    start, end = (datetime.fromisoformat(bill[f"{edge}_date_time"]) for edge in ("start", "end"))
    assert bill["total_time"] == (end - start) / timedelta(hours=1) == 0.5
    assert bill["total_parking_time"] == 0.1667
    begins = [datetime.fromisoformat(one["start_date_time"]) for one in bill["charging_periods"]]
    assert begins[0] == start
    assert begins == sorted(begins)
    assert begins[-1] <= end
    hours = sum(
        part["volume"]
        for one in bill["charging_periods"]
        for part in one["dimensions"]
        if part["type"] in {"TIME", "PARKING_TIME"}
    )
    assert hours == pytest.approx(bill["total_time"], abs=2e-4)


@BOTH
def test_c58_a_credit_cdr_is_the_bill_with_its_total_taken_back(
    told: dict[Version, Told], version: Version
) -> None:
    bill, credit = told[version].of("cdrs")
    assert (credit["credit"], credit["credit_reference_id"]) == (True, bill["id"])
    assert credit["id"] != bill["id"]
    assert len(bill["id"]) <= 36
    assert len(credit["id"]) <= 39
    own = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert {k: v for k, v in credit.items() if k not in own} == {
        k: v for k, v in bill.items() if k not in own
    }
    amount = "excl_vat" if version is Version.V2_2_1 else "before_taxes"
    assert credit["total_cost"][amount] == -bill["total_cost"][amount] == -11


def test_c60_a_price_has_the_shape_of_its_version(told: dict[Version, Told]) -> None:
    """types, Price: of Sessions, of each part of a bill, and of the tariff within it."""
    shapes = {
        Version.V2_2_1: ({"excl_vat", "incl_vat"}, None),
        Version.V2_3_0: ({"before_taxes", "taxes"}, "NO"),
    }
    for version, (names, included) in shapes.items():
        bodies = told[version].of("sessions")[1:2] + told[version].of("cdrs")[:1]
        prices = [value for body in bodies for name, value in body.items() if "_cost" in name]
        assert len(prices) == 4
        assert [set(price) for price in prices] == [names] * 4
        assert bodies[-1]["tariffs"][0].get("tax_included") == included


@BOTH
def test_c61_the_address_of_a_cdr_is_short(told: dict[Version, Told], version: Version) -> None:
    """Also for a platform that takes a longer one in the Location."""
    assert len(told[version].of("locations")[0]["address"]) > 45
    for bill in told[version].of("cdrs"):
        assert len(bill["cdr_location"]["address"]) <= 45
