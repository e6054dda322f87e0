"""What breaks a table is refused, with its place, what is wrong there and what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.uplink.ocpi_data import NEW, OLD, changed, sample, without
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.version import Version

EMPTY_PRICE: Content = {"excl_vat": 71.5, "incl_vat": 89.375}


def refused(version: Version, what: str, content: object) -> list[str]:
    """By the tolerant rules, so by the strict ones, too."""
    with pytest.raises(structs.Invalid) as caught:
        structs.decode(version, what, content)
    if isinstance(content, dict):
        with pytest.raises(structs.Invalid):
            structs.checked(version, what, content)
    return [str(problem) for problem in caught.value.problems]


def bare_evse() -> Content:
    """As one example of the specification has it: an unknown field, and connectors half told."""
    connector: Json = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET"}
    return {
        "uid": "e",
        "status": "AVAILABLE",
        "connectors": [connector],
        "floor": "-1",
        "physical_reference": 3,
        "last_updated": "2027-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("version", Version)
def test_every_mistake_is_told_at_once(version: Version) -> None:
    assert refused(version, "EVSE", bare_evse()) == [
        "connectors[0].power_type is missing: it is required",
        "connectors[0].max_voltage is missing: it is required",
        "connectors[0].max_amperage is missing: it is required",
        "connectors[0].last_updated is missing: it is required",
        "physical_reference is a number: write a string of 0 to 16 characters",
    ]


@pytest.mark.parametrize(
    ("version", "what", "content", "expected"),
    [
        pytest.param(
            OLD,
            "Tariff",
            without(sample("Tariff", "by the hour, 2.2.1", OLD), ("last_updated",)),
            "last_updated is missing",
            id="a tariff without its time",
        ),
        pytest.param(
            NEW,
            "CDR",
            without(sample("CDR", "everything, 2.3.0"), ("tariffs", 0, "tax_included")),
            "tariffs[0].tax_included is missing",
            id="a tariff of 2.2.1 in a CDR of 2.3.0",
        ),
        pytest.param(
            NEW,
            "FinancialAdviceConfirmation",
            sample("FinancialAdviceConfirmation", "captured") | {"total_costs": EMPTY_PRICE},
            "total_costs.before_taxes is missing",
            id="a price of 2.2.1 in 2.3.0",
        ),
        pytest.param(
            NEW,
            "FinancialAdviceConfirmation",
            without(sample("FinancialAdviceConfirmation", "not captured"), ("eft_data",)),
            "eft_data is missing",
            id="a capture without its data",
        ),
        pytest.param(
            OLD,
            "CDR",
            sample("CDR", "least, 2.3.0") | {"id": "c"},
            "total_cost.excl_vat is missing",
            id="a price of 2.3.0 in 2.2.1",
        ),
        pytest.param(
            NEW, "Terminal", {"terminal_id": "t"}, "last_updated is missing", id="a terminal"
        ),
    ],
)
def test_known_wrong_shapes(version: Version, what: str, content: Content, expected: str) -> None:
    """The mistakes that stand in the specification's own examples."""
    assert expected in " / ".join(refused(version, what, content))


CDR, SESSION = "everything, 2.2.1", "ended, 2.2.1"
RULES: tuple[tuple[str, str, tuple[str | int, ...], Json, str], ...] = (
    ("Token", "least", ("uid",), "ü", "uid has '\\xfc' at position 1: write printable ASCII"),
    ("Token", "least", ("uid",), "x" * 37, "uid has 37 characters"),
    ("Token", "least", ("uid",), "", "uid has 0 characters"),
    ("Token", "least", ("issuer",), "a\tb", "issuer has '\\t' at position 2"),
    ("Token", "least", ("issuer",), "a\u2028b", "issuer has '\\u2028' at position 2"),
    ("Token", "least", ("issuer",), "\ud800", "issuer has '\\ud800' at position 1"),
    ("Token", "least", ("valid",), "true", "valid is a string: write true or false"),
    ("Token", "least", ("valid",), 1, "valid is a number: write true or false"),
    ("Token", "least", ("type",), "EMAID", "type is 'EMAID': write one of AD_HOC_USER, APP_USER"),
    ("Token", "least", ("whitelist",), "always", "whitelist is 'always': write one of ALWAYS"),
    ("Token", "least", ("last_updated",), "2027-03-01 12:00:00Z", "write it like 2027-03-01T12"),
    ("Token", "least", ("last_updated",), "2027-02-30T12:00:00Z", "a time there is not"),
    ("Token", "least", ("last_updated",), "2027-03-01T12:00:00+01:00", "write it like"),
    ("Token", "least", ("last_updated",), "1970-1-1T00:00:00Z", "write it like"),
    ("Token", "least", ("last_updated",), "2027-03-01T12:00:00Z ", "write it like"),
    ("Token", "everything", ("language",), "nor", "language has 3 characters"),
    ("Session", SESSION, ("kwh",), "21.5", "kwh is a string: write a number"),
    ("Session", SESSION, ("kwh",), True, "kwh is true: write a number"),
    ("Session", SESSION, ("kwh",), float("nan"), "kwh is out of range"),
    ("Session", SESSION, ("kwh",), float("inf"), "kwh is out of range"),
    ("Session", SESSION, ("kwh",), 10**400, "kwh is out of range"),
    ("Session", SESSION, ("kwh",), -(10**400), "kwh is out of range"),
    ("Session", SESSION, ("currency",), "kr", "currency is 'kr': write it like SEK"),
    ("Session", SESSION, ("status",), "RESERVED", "status is 'RESERVED': write one of ACTIVE"),
    ("Session", SESSION, ("charging_periods",), {}, "charging_periods is an object: write a list"),
    ("Session", SESSION, ("charging_periods", 0, "dimensions"), [], "is empty: write at least one"),
    ("Session", SESSION, ("cdr_token",), [], "cdr_token is a list: write an object"),
    ("CDR", CDR, ("charging_periods",), [], "charging_periods is empty"),
    ("CDR", CDR, ("charging_periods", 0, "dimensions", 0, "type"), "STATE_OF_CHARGE", "leave it"),
    ("CDR", CDR, ("credit",), True, "credit_reference_id is missing: a credit CDR needs it"),
    ("CDR", CDR, ("id",), "c" * 39, "id has 39 characters: only a credit CDR may have over 36"),
    ("CDR", CDR, ("cdr_location", "address"), "x" * 46, "cdr_location.address has 46 characters"),
    ("CDR", CDR, ("cdr_location", "coordinates", "latitude"), "59.8", "write it like 59.329300"),
    ("CDR", CDR, ("cdr_location", "coordinates", "longitude"), 17.6, "longitude is a number"),
    ("Connector", "least", ("max_voltage",), 230.5, "max_voltage is 230.5: write an integer"),
    ("Connector", "least", ("max_voltage",), "230", "max_voltage is a string: write an integer"),
    ("Connector", "least", ("max_voltage",), float("nan"), "max_voltage is out of range"),
    ("Connector", "least", ("standard",), "ROOF_RAIL", "standard is 'ROOF_RAIL'"),
    ("Hours", "by the week", ("regular_hours", 0, "weekday"), 0, "from 1 to 7"),
    ("Hours", "by the week", ("regular_hours", 0, "period_end"), "24:00", "like 08:30"),
    ("Hours", "by the week", ("regular_hours", 0, "period_end"), "7:00", "like 08:30"),
    ("Location", "at home", ("publish_allowed_to", 0, "type"), None, "type is missing: a uid"),
    ("Tariff", "by the hour, 2.2.1", ("elements",), None, "elements is missing"),
    ("Tariff", "of many parts, 2.2.1", ("elements", 4, "restrictions", "end_time"), "9", "08:30"),
    ("StopSession", "all of it", ("response_url",), "ftp://x/y", "like https://example.com"),
    ("StopSession", "all of it", ("response_url",), "https://x/ y", "like https://example.com"),
    ("StopSession", "all of it", ("response_url",), "https://x/" + "y" * 256, "266 characters"),
    ("Credentials", "one role", ("roles",), [], "roles is empty: write at least one"),
    ("Credentials", "one role", ("roles", 0, "role"), "PTP", "roles[0].role is 'PTP'"),
    ("Credentials", "one role", ("token",), "a b", "token is not usable as a token"),
    ("SetChargingProfile", "least", ("charging_profile", "duration"), -1, "out of range"),
)


@pytest.mark.parametrize(
    ("what", "name", "path", "wrong", "expected"),
    RULES,
    ids=[
        f"{what} {'.'.join(map(str, path))} {str(wrong)[:20]!a}"
        for what, _, path, wrong, _ in RULES
    ],
)
def test_a_rule_of_the_tables(
    what: str, name: str, path: tuple[str | int, ...], wrong: Json, expected: str
) -> None:
    assert expected in " / ".join(refused(OLD, what, changed(sample(what, name, OLD), path, wrong)))


STRICT: tuple[tuple[str, str, tuple[str | int, ...], Json, str], ...] = (
    ("Token", "least", ("last_updated",), "2027-03-01T12:00:00", "write it like"),
    ("Token", "least", ("last_updated",), "2027-03-01T12:00:00+00:00", "write it like"),
    ("Token", "least", ("last_updated",), "2027-03-01T12:00:00.1234Z", "write it like"),
    ("Token", "least", ("issuer",), "", "issuer has 0 characters"),
    ("Token", "least", ("party_id",), "FJ", "write it like LVK"),
    ("Token", "least", ("surname",), "Olsen", "surname is no field of Token in OCPI 2.3.0"),
    ("Session", "ended, 2.3.0", ("kwh",), 1.00001, "kwh is 1.00001: write at most 4 decimals"),
    ("Session", "ended, 2.3.0", ("end_date_time",), None, "a completed session needs it"),
    ("Session", "ended, 2.3.0", ("end_date_time",), "2027-03-01T11:00:00Z", "not before it"),
    ("Connector", "least", ("max_voltage",), 230.0, "max_voltage is 230.0: write an integer"),
    ("Location", "least", ("publish_allowed_to",), [{"group_id": "g"}], "leave it out"),
    ("Location", "least", ("coordinates", "latitude"), "91.000000", "from -90 to 90"),
    ("Location", "least", ("last_updated",), None, "last_updated is missing"),
    ("CDR", "taken back, 2.3.0", ("credit",), None, "it is for credit CDRs alone"),
    ("CDR", "least, 2.3.0", ("total_cost", "excl_vat"), 1, "no field of Price in OCPI 2.3.0"),
    ("SetChargingProfile", "everything", ("charging_profile", "min_charging_rate"), 6.15, "1 dec"),
)


@pytest.mark.parametrize(
    ("what", "name", "path", "wrong", "expected"),
    STRICT,
    ids=[f"{what} {'.'.join(map(str, path))} {wrong}"[:60] for what, _, path, wrong, _ in STRICT],
)
def test_what_we_send_is_judged_more_strictly(
    what: str, name: str, path: tuple[str | int, ...], wrong: Json, expected: str
) -> None:
    with pytest.raises(structs.Invalid) as caught:
        structs.checked(NEW, what, changed(sample(what, name), path, wrong))
    assert expected in " / ".join(map(str, caught.value.problems))


def test_a_field_of_the_other_version_is_none_of_this_one() -> None:
    """Ignored when it comes, refused when it would leave: 2.2.1 allows no further fields."""
    place = sample("Location", "least", OLD) | {"help_phone": "112"}
    assert structs.encode(OLD, structs.decode(OLD, "Location", place)) == without(
        place, ("help_phone",)
    )
    with pytest.raises(
        structs.Invalid, match=r"help_phone is no field of Location in OCPI 2\.2\.1"
    ):
        structs.checked(OLD, "Location", place)
    assert structs.checked(NEW, "Location", place) == place


def test_a_patch_takes_nothing_away() -> None:
    """transport_and_format, PATCH: only a PUT can remove a value."""
    body: Content = {"name": None, "last_updated": "2027-03-01T12:00:00.000Z"}
    with pytest.raises(structs.Invalid, match="name is null: only a PUT can remove a value"):
        structs.checked(NEW, "Location", body, patch=True)


@pytest.mark.parametrize("data", [None, 7, "x", [], [[]], [{}, {}]], ids=str)
def test_what_is_no_object_is_none(data: object) -> None:
    assert refused(NEW, "StopSession", data)[0].endswith("write an object") or data == [[]]


def test_a_token_is_never_shown() -> None:
    """Neither a wrong one in a refusal, nor a right one in a log of the struct."""
    for secret in ("hemligt å", "hemligt" * 20, "hem ligt"):
        problems = refused(
            NEW, "Credentials", sample("Credentials", "one role") | {"token": secret}
        )
        assert "hem" not in " ".join(problems)
    made = structs.decode(NEW, "Credentials", sample("Credentials", "one role"))
    assert str(sample("Credentials", "one role")["token"]) not in f"{made!r} {made}"


def test_a_flood_of_mistakes_is_told_in_short() -> None:
    body = sample("Location", "least") | {"evses": [{"uid": "\x1b[31m" * 9}] * 50_000}
    with pytest.raises(structs.Invalid) as caught:
        structs.decode(NEW, "Location", body)
    assert len(caught.value.problems) == 20
    assert str(caught.value).startswith("Location: evses[0].uid has ")
    assert str(caught.value).endswith("; and 17 more")
    assert len(str(caught.value)) < 400


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_a_refusal_is_safe_to_show(value: object) -> None:
    """One line, short, and nothing in it that a terminal or a log would obey."""
    for what, field in (("Token", "whitelist"), ("Token", "last_updated"), ("Credentials", "url")):
        body = sample(what, {"Token": "least", "Credentials": "one role"}[what])
        with pytest.raises(structs.Invalid) as caught:
            structs.decode(NEW, what, body | {field: value})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


def test_there_is_no_such_object() -> None:
    with pytest.raises(KeyError, match="Toaster"):
        structs.decode(NEW, "Toaster", {})
