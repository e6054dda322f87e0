"""What the receiver's tables and rules refuse, one spoilt field at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laddvakt_sim.backend.enums import ENUMS
from laddvakt_sim.backend.rows import table
from laddvakt_sim.backend.rules import check_ids, check_rules, check_update
from laddvakt_sim.backend.rules_billing import check_credit
from laddvakt_sim.backend.tables import TABLES
from laddvakt_sim.backend.validate import check, moment
from sim_backend.backend_kit import CDR, EVSE, FAULT, LOCATION, SAMPLES, SESSION, T1, T3, changed


def problems(class_name: str, body: dict[str, Any]) -> list[str]:
    return check(class_name, body) or check_rules(class_name, body)


@pytest.mark.parametrize("class_name", SAMPLES)
def test_the_samples_are_valid(class_name: str) -> None:
    assert problems(class_name, SAMPLES[class_name]) == []


def test_every_type_in_the_tables_is_known() -> None:
    """A misspelt row would otherwise be found by the first object that has the field."""
    scalars = {"CiString", "string", "DateTime", "number", "int", "boolean", "URL"}
    patterned = {"Latitude", "Longitude", "HourMinute", "LocalDate", "TokenText"}
    kinds = {row.kind for rows in TABLES.values() for row in rows}
    assert kinds - TABLES.keys() - ENUMS.keys() == scalars | patterned
    assert len(ENUMS["ConnectorType"]) == 40


def test_a_line_that_is_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="not a table row"):
        table("id CiString(36")


REQUIRED = [
    pytest.param(name, row.name, id=f"{name}.{row.name}")
    for name, sample in SAMPLES.items()
    for row in TABLES[name]
    if row.card in "1+" and row.name in sample
]


@pytest.mark.parametrize(("class_name", "field"), REQUIRED)
def test_a_required_field_must_be_there(class_name: str, field: str) -> None:
    """Missing and null are the same; a PATCH may leave it out but not take it away."""
    for value in (..., None):
        spoilt = changed(SAMPLES[class_name], field, value)
        assert check(class_name, spoilt) == [f"{field}: required field is missing"]
    assert check(class_name, changed(SAMPLES[class_name], field, ...), partial=True) == []
    assert check(class_name, {field: None}, partial=True) == [f"{field}: required field is missing"]


def hours(**change: object) -> dict[str, Any]:
    day = {"weekday": 1, "period_begin": "08:00", "period_end": "18:00", **change}
    return {"twentyfourseven": False, "regular_hours": [day]}


@pytest.mark.parametrize(
    ("sample", "path", "value", "message"),
    [
        (LOCATION, "id", 7, "id: a string is required"),
        (LOCATION, "id", "x" * 37, "id: at most 36 characters"),
        (LOCATION, "id", "", "id: an empty string"),
        (LOCATION, "id", "å", "id: only ASCII"),
        (LOCATION, "city", "a\nb", "city: only printable"),
        (LOCATION, "publish", "false", "publish: true or false"),
        (LOCATION, "floor", "1", "floor: Location has no such field"),
        (LOCATION, "coordinates.latitude", "59.8", "coordinates.latitude: not in the form"),
        (LOCATION, "coordinates.longitude", 17.6, "coordinates.longitude: a string"),
        (LOCATION, "coordinates", [], "coordinates: an object is required"),
        (LOCATION, "evses", {}, "evses: a list is required"),
        (LOCATION, "evses.0.status", "FAULTED", "evses[0].status: one of Status"),
        (LOCATION, "evses.0.connectors", [], "evses[0].connectors: at least one entry"),
        (
            LOCATION,
            "evses.0.connectors.0.max_voltage",
            230.5,
            "evses[0].connectors[0].max_voltage: an integer",
        ),
        (
            LOCATION,
            "evses.0.connectors.0.max_amperage",
            True,
            "evses[0].connectors[0].max_amperage: an integer",
        ),
        (LOCATION, "publish_allowed_to", [{"uid": "x", "type": "RFID"}], None),
        (LOCATION, "publish_allowed_to", [{"uid": "x"}], "publish_allowed_to[0].type: required"),
        (LOCATION, "publish_allowed_to", [{"visual_number": "x"}], "issuer: required with visual"),
        (LOCATION, "publish_allowed_to", [{"issuer": "x"}], "uid, visual_number or group_id"),
        (LOCATION, "opening_times", {"twentyfourseven": True}, None),
        (LOCATION, "opening_times", {"twentyfourseven": False}, "regular_hours: required unless"),
        (LOCATION, "opening_times", hours(weekday=8), "weekday: 1 to 7"),
        (LOCATION, "opening_times", hours(period_end="07:00"), "not after period_begin"),
        (LOCATION, "operator", {"name": "x", "website": "ftp://x"}, "operator.website: not in"),
        (
            LOCATION,
            "operator",
            {"name": "x", "website": "http://" + "x" * 250},
            "operator.website: at most 255",
        ),
        (LOCATION, "last_updated", "2027-01-01T00:00:00+00:00", "last_updated: a UTC DateTime"),
        (LOCATION, "last_updated", "2027-01-01T00:00:00.1234Z", "last_updated: a UTC DateTime"),
        (LOCATION, "last_updated", "2027-02-30T00:00:00Z", "last_updated: a UTC DateTime"),
        (LOCATION, "last_updated", "2027-01-01T00:00:01.5", None),
        (LOCATION, "last_updated", "2026-01-01T00:00:00Z", "last_updated: older than that of"),
        (LOCATION, "evses", [EVSE, EVSE], "evses[1].uid: used twice"),
        (SESSION, "kwh", "1.5", "kwh: a number"),
        (SESSION, "kwh", True, "kwh: a number"),
        (SESSION, "kwh", 1.00001, "kwh: at most 4 decimals"),
        (SESSION, "kwh", 1.0001, "kwh: the charging periods add up to 1.5000"),
        (SESSION, "kwh", 1e21, None),
        (SESSION, "status", "COMPLETED", "end_date_time: a COMPLETED session has one"),
        (SESSION, "end_date_time", "2026-01-01T00:00:00Z", "end_date_time: before"),
        (SESSION, "charging_periods.0.start_date_time", "2026-01-01T00:00:00Z", "not in order"),
        (SESSION, "charging_periods.0.dimensions.0.type", "POWER", None),
        (CDR, "charging_periods.0.dimensions.0.type", "POWER", "POWER is for sessions only"),
        (CDR, "charging_periods", [], "charging_periods: at least one entry"),
        (CDR, "charging_periods.0.start_date_time", T3, "after the end"),
        (CDR, "start_date_time", "2026-12-31T00:00:00Z", "must begin with the session"),
        (CDR, "total_energy", 2, "total_energy: the charging periods add up to 1.5000"),
        (CDR, "cdr_location.address", "x" * 46, "cdr_location.address: at most 45"),
        (CDR, "id", "x" * 37, "id: at most 36 characters are allowed unless"),
        (CDR, "credit", True, "credit_reference_id: required in a credit CDR"),
        (CDR, "credit_reference_id", "C0", "credit_reference_id: for credit CDRs alone"),
        (CDR, "charging_periods.0.dimensions.0.type", "TIME", "total_energy: the charging periods"),
        (CDR, "total_time", 1, "total_time: 1.0 is not in hours"),
        (CDR, "total_energy_cost", {"excl_vat": 0.004}, None),
        (CDR, "total_energy_cost", {"excl_vat": 2}, "total_cost: 0.0, but its parts add up to 2"),
        (CDR, "tariffs", [{}], "tariffs[0].elements: required field is missing"),
        (CDR, "total_cost", {"incl_vat": 0}, "total_cost.excl_vat: required"),
        (FAULT, "severity", "bad", "severity: one of FaultSeverity"),
        (FAULT, "cleared_at", "2026-01-01T00:00:00Z", "cleared_at: before started_at"),
        (FAULT, "symptoms", "x", "symptoms: a list"),
    ],
)
def test_a_spoilt_field_is_named(
    sample: dict[str, Any], path: str, value: object, message: str | None
) -> None:
    """`None` as the message: this is allowed."""
    class_name = next(name for name, item in SAMPLES.items() if item is sample)
    found = problems(class_name, changed(sample, path, value))
    if message is None:
        assert found == []
    else:
        assert any(message in problem for problem in found), found


def test_a_public_location_has_no_list_of_tokens() -> None:
    body = {**LOCATION, "publish": True, "publish_allowed_to": [{"uid": "x", "type": "RFID"}]}
    assert problems("Location", body) == ["publish_allowed_to: only allowed when publish is false"]


@pytest.mark.parametrize(
    ("after", "refused"),
    [
        pytest.param(SESSION, False, id="the same again"),
        pytest.param({**SESSION, "kwh": 2, "last_updated": T3}, False, id="younger"),
        pytest.param({**SESSION, "kwh": 2}, True, id="changed at the same time"),
        pytest.param({**SESSION, "last_updated": "2026-01-01T00:00:00Z"}, True, id="older"),
    ],
)
def test_an_update_must_be_younger(after: dict[str, Any], *, refused: bool) -> None:
    assert bool(check_update(SESSION, after)) is refused


def test_a_completed_session_is_final() -> None:
    done = {**SESSION, "status": "COMPLETED", "end_date_time": T3}
    assert check_update(done, {**done, "last_updated": T3}) == [
        "status: the session is COMPLETED, it may not be modified"
    ]


@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [
        ("PENDING", "ACTIVE", True),
        ("PENDING", "INVALID", True),
        ("RESERVATION", "ACTIVE", True),
        ("ACTIVE", "COMPLETED", True),
        ("ACTIVE", "INVALID", True),
        ("INVALID", "INVALID", True),
        ("ACTIVE", "PENDING", False),
        ("ACTIVE", "RESERVATION", False),
        ("INVALID", "ACTIVE", False),
    ],
)
def test_a_session_does_not_go_back(before: str, after: str, *, fine: bool) -> None:
    found = check_update(
        {**SESSION, "status": before}, {**SESSION, "status": after, "last_updated": T3}
    )
    assert found == ([] if fine else [f"status: {before} does not become {after}"])


def test_an_evse_is_never_deleted() -> None:
    two = {**LOCATION, "evses": [EVSE, {**EVSE, "uid": "E2"}]}
    assert check_update(two, {**LOCATION, "last_updated": T3}) == [
        "evses: e2 missing, EVSEs are never deleted: REMOVED"
    ]


CREDIT = {**CDR, "id": "C1-C", "credit": True, "credit_reference_id": "C1"}
PAID = {**CDR, "total_cost": {"before_taxes": 8, "taxes": [{"percentage": 25, "amount": 2}]}}
BACK = {"before_taxes": -8, "taxes": [{"percentage": 25, "amount": -2}]}


@pytest.mark.parametrize(
    ("credit", "original", "message"),
    [
        pytest.param({**CREDIT, "total_cost": BACK}, PAID, None, id="turned round"),
        pytest.param({**CREDIT, "total_cost": {"excl_vat": 0}}, CDR, None, id="of nothing"),
        pytest.param(CREDIT, None, "no CDR 'C1' is here", id="of an unknown one"),
        pytest.param(
            {**CREDIT, "total_cost": PAID["total_cost"]}, PAID, "total_cost: the amounts", id="not"
        ),
        pytest.param(
            {**CREDIT, "total_cost": BACK, "total_energy": -1.5},
            PAID,
            "total_energy: not that of",
            id="too much turned round",
        ),
    ],
)
def test_a_credit_is_its_cdr_turned_round(
    credit: dict[str, Any], original: dict[str, Any] | None, message: str | None
) -> None:
    found = check_credit(credit, original)
    assert found == [] if message is None else message in found[0]


def profile(*periods: tuple[int, float]) -> dict[str, Any]:
    made = [{"start_period": start, "limit": limit} for start, limit in periods]
    return {
        "start_date_time": T1,
        "charging_profile": {"charging_rate_unit": "A", "charging_profile_period": made},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (profile((0, 16), (60, 6.5)), None),
        (profile((1, 16)), "start_period: the first is 0"),
        (profile((0, 16), (0, 6)), "each later than the one before"),
        (profile((0, 6.55)), "at most one decimal"),
        (profile((0, -1)), "not negative"),
    ],
)
def test_a_profile_is_a_staircase(body: dict[str, Any], message: str | None) -> None:
    found = problems("ActiveChargingProfile", body)
    assert found == [] if message is None else message in found[0]


def test_ids_compare_without_case() -> None:
    assert check_ids({"id": "abc"}, {"id": "ABC"}) == []
    assert check_ids({"id": "abc"}, {"id": "abd"}) == [
        "id: the URL says 'abd', the body says 'abc'"
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SAMPLES)), st.data(), JSON)
def test_any_value_anywhere_is_judged_not_stumbled_over(
    class_name: str, data: st.DataObject, value: object
) -> None:
    """The receiver never ends in a traceback, whatever stands in a field."""
    field = data.draw(st.sampled_from([row.name for row in TABLES[class_name]]))
    body = {**SAMPLES[class_name], field: value}
    assert isinstance(problems(class_name, body), list)


@given(st.text(max_size=30))
def test_only_the_allowed_form_is_a_moment(text: str) -> None:
    assert moment(text) is None or text[4] == "-"
    assert moment(T1) is not None
