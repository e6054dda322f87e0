"""One record told in two versions: limits, faults, nulls, and whatever was recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.ocpi_data import NEW, OLD, at
from agent.uplink.uplink_kit import DRIVER, T0, cdr, connector, fault, finished, session, settings
from laddvakt_agent.published import (
    CostRecord,
    MoneyRecord,
    PeriodRecord,
    SignedText,
    ValueRecord,
)
from laddvakt_agent.uplink import objects, structs
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.stamped import stamped_location
from laddvakt_agent.uplink.structs.sessions import CDR
from laddvakt_agent.uplink.text import Content, date_time
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.validate import check

STAMP: Content = {"last_updated": date_time(T0)}


def told_to(version: Version, **changes: object) -> UplinkSettings:
    ends = Endpoints(locations="l", sessions="s", cdrs="c", faults="f")
    return settings(ends, version=version, **changes)


@pytest.mark.parametrize(("is_long", "address", "plain"), [(False, 45, 512), (True, 80, 4000)])
def test_long_strings_are_for_those_who_take_them(is_long: bool, address: int, plain: int) -> None:
    """The CDR's address stays short in either case: mod_cdrs, CdrLocation."""
    made = told_to(NEW, long_strings=is_long)
    made = replace(made, location=replace(made.location, address="å" * 80))
    meter = ValueRecord(
        wh=1.0, taken_at=T0, quality="good", signed=SignedText(text="v" * 3700, encoding="OCMF")
    )
    short = replace(meter, signed=SignedText(text="v" * min(plain, 3700), encoding="OCMF"))
    bill = objects.cdr(made, replace(cdr(), session=replace(finished(), start=meter, end=meter)))
    assert len(str(objects.location(made, {})["address"])) == address
    assert len(at(bill, "cdr_location", "address")) == 45
    values = at(bill, "signed_data", "signed_values")
    assert short.signed is not None
    assert [value["plain_data"] for value in values] == [short.signed.text] * 2


def test_a_signature_too_long_is_not_told_in_part() -> None:
    meter = ValueRecord(
        wh=1.0, taken_at=T0, quality="good", signed=SignedText(text="v" * 3751, encoding="OCMF")
    )
    bill = objects.cdr(
        told_to(NEW), replace(cdr(), session=replace(finished(), start=meter, end=meter))
    )
    assert "signed_data" not in bill


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("RFID", OLD, "RFID"),
        ("EMAID", OLD, "OTHER"),
        ("EMAID", NEW, "EMAID"),
        ("FACE", OLD, "OTHER"),
        ("FACE", NEW, "FACE"),
    ],
)
def test_a_kind_of_token_that_2_2_1_lacks(kind: str, version: Version, expected: str) -> None:
    record = session(token=replace(DRIVER, type=kind))
    body = objects.session(told_to(version), record)
    assert at(body, "cdr_token", "type") == expected
    assert check("Session", body | STAMP, version=version.value) == []


@pytest.mark.parametrize("version", Version)
def test_the_authorisation_reference_is_in_session_and_bill(version: Version) -> None:
    record = replace(finished(), authorization_reference="ref-77")
    assert objects.session(told_to(version), record)["authorization_reference"] == "ref-77"
    bill = objects.cdr(told_to(version), replace(cdr(), session=record))
    assert bill["authorization_reference"] == "ref-77"


def test_what_a_charger_can_and_costs_is_told() -> None:
    made = told_to(OLD)
    able = replace(
        made.location.evses[0],
        capabilities=("RFID_READER", "RESERVABLE"),
        connectors=(replace(connector(), tariff_ids=("dag", "natt")),),
    )
    body = objects.evse(able, None)
    assert body["capabilities"] == ["RFID_READER", "RESERVABLE"]
    assert at(body, "connectors", 0, "tariff_ids") == ["dag", "natt"]
    assert structs.checked(OLD, "EVSE", body, stamped=False) == body


STANDING = fault("f-2", started_at=T0 + timedelta(seconds=1))
REPORTS = (
    STANDING,
    fault("f-1", evse_uid=None, connector_id=None, mrec=None),
    fault("f-3", cleared_at=T0),
    fault("f-4", evse_uid="evse-2"),
)


@pytest.mark.parametrize(
    ("version", "agreed", "expected"),
    [(NEW, True, ["f-1", "f-2"]), (NEW, False, []), (OLD, True, [])],
    ids=["agreed on", "not agreed on", "2.2.1"],
)
def test_faults_stand_on_the_evse_where_they_may(
    version: Version, agreed: bool, expected: list[str]
) -> None:
    """Those that stand, its own and the station's, oldest first."""
    made = told_to(version)
    made = made if agreed else replace(made, endpoints=replace(made.endpoints, faults=None))
    place = objects.location(made, {}, REPORTS)
    listed = at(place, "evses", 0).get("faults", [])
    assert [item["id"] for item in listed] == expected
    assert listed == objects.evse_faults(made, "evse-1", REPORTS)
    whole = stamped_location(place, before=None, states={}, fresh=T0)
    assert objects.leaving(made, "Location", whole) == whole
    assert check("Location", whole, version=version.value) == []


@pytest.mark.parametrize("version", Version)
def test_explicit_nulls_for_those_who_want_them(version: Version) -> None:
    body = objects.session(told_to(version), session()) | STAMP
    assert objects.leaving(told_to(version), "Session", body) == body
    blunt = told_to(version, explicit_nulls=True)
    told = objects.leaving(blunt, "Session", body)
    assert told == body | {
        name: told[name] for name in ("end_date_time", "authorization_reference", "total_cost")
    }
    assert (told["total_cost"], told["charging_periods"]) == (None, [])
    patch: Content = {"kwh": 1.5, **STAMP}
    assert objects.leaving(blunt, "Session", patch, patch=True) == patch, "null would be a change"


def test_our_own_field_is_not_even_null() -> None:
    """A platform without our agreement on faults sees nothing of them, nulls or not."""
    blunt = told_to(NEW, explicit_nulls=True)
    blunt = replace(blunt, endpoints=replace(blunt.endpoints, faults=None))
    place = stamped_location(objects.location(blunt, {}), before=None, states={}, fresh=T0)
    told = objects.leaving(blunt, "Location", place)
    assert at(told, "evses", 0, "images") == []
    assert "faults" not in at(told, "evses", 0)


def test_what_breaks_the_tables_does_not_leave() -> None:
    body = objects.session(told_to(NEW), session()) | STAMP | {"status": "RESERVED"}
    with pytest.raises(structs.Invalid, match="status is 'RESERVED'"):
        objects.leaving(told_to(NEW), "Session", body)


def test_a_bill_that_breaks_the_tables_is_not_made() -> None:
    broken = replace(finished(), token=replace(DRIVER, country_code="Sweden"))
    with pytest.raises(ValueError, match=r"cdr_token\.country_code"):
        objects.cdr(told_to(NEW), replace(cdr(), session=broken))


MONEY = st.decimals(0, 10**6, places=7).map(lambda amount: MoneyRecord(before_taxes=amount))
PERIODS = st.lists(
    st.builds(
        PeriodRecord,
        started_at=st.datetimes(
            T0.replace(year=2026, tzinfo=None),
            T0.replace(year=2028, tzinfo=None),
            timezones=st.just(UTC),
        ),
        duration_s=st.floats(0, 1e6),
        energy_wh=st.floats(0, 1e6),
        charging=st.booleans(),
        max_a=st.none() | st.floats(0, 200),
    ),
    max_size=6,
)


@given(
    periods=PERIODS,
    texts=st.tuples(st.text(max_size=60), st.text(min_size=1, max_size=60), st.text(max_size=300)),
    cost=st.none() | st.builds(CostRecord, currency=st.just("SEK"), total=MONEY, time=MONEY),
    version=st.sampled_from(Version),
)
def test_whatever_was_recorded_may_be_told(
    periods: list[PeriodRecord],
    texts: tuple[str, str, str],
    cost: CostRecord | None,
    version: Version,
) -> None:
    """And energies of a bill's periods add up to its total, in kWh."""
    remark, uid, meter = texts
    made = told_to(version)
    record = replace(
        finished(),
        periods=tuple(periods),
        energy_wh=sum(period.energy_wh for period in periods),
        token=replace(DRIVER, uid=uid, contract_id=uid),
        meter_id=meter,
        cost=cost,
    )
    body = objects.session(made, record) | STAMP
    assert objects.leaving(made, "Session", body) == body
    bill = objects.cdr(made, replace(cdr(), session=record, cost=cost, remark=remark))
    assert check("CDR", bill, version=version.value) == []
    read = structs.decode(version, CDR, bill)
    energies = [d.volume for p in read.charging_periods for d in p.dimensions if d.type == "ENERGY"]
    assert sum(energies) == pytest.approx(read.total_energy, abs=Decimal("0.001"))
