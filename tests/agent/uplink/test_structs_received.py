"""What peers are known to write is read where it means but one thing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.ocpi_data import NEW, OLD, changed, sample, without
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs.commands import SetChargingProfile
from laddvakt_agent.uplink.structs.prices import Price
from laddvakt_agent.uplink.structs.sessions import CDR, ChargingPreferences
from laddvakt_agent.uplink.structs.tariffs import Tariff
from laddvakt_agent.uplink.structs.tokens import Token
from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.version import Version

T = datetime(2027, 3, 1, 12, tzinfo=UTC)
LEAST = sample("Token", "least")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-03-01T12:00:00Z", T),
        ("2027-03-01T12:00:00", T),
        ("2027-03-01T12:00:00+00:00", T),
        ("2027-03-01T12:00:00.5", T.replace(microsecond=500_000)),
        ("2027-03-01T12:00:00.123Z", T.replace(microsecond=123_000)),
        ("2027-03-01T12:00:00.123999+00:00", T.replace(microsecond=123_000)),
    ],
)
def test_times_as_they_come(text: str, moment: datetime) -> None:
    """Told on, they are of the one form that everybody reads."""
    token = structs.decode(NEW, Token, LEAST | {"last_updated": text})
    assert token.last_updated == moment
    told = structs.encode(NEW, token)["last_updated"]
    assert told == moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


@pytest.mark.parametrize(
    "extra",
    [
        {"surname": "Olsen", "x": {"y": [1]}},
        {"visual_number": None, "group_id": None, "energy_contract": None},
        {"group_id": "", "language": "", "default_profile_type": ""},
        {"country_code": "no", "party_id": "fjo"},
    ],
    ids=["unknown fields", "null", "empty", "small letters"],
)
def test_it_is_the_same_token(extra: Content) -> None:
    token = structs.decode(NEW, Token, LEAST | extra)
    assert (token.uid, token.group_id, token.language) == (LEAST["uid"], None, None)
    assert token.country_code.upper() == "NO"


@pytest.mark.parametrize("missing", [None, []], ids=str)
def test_an_empty_list_is_none_at_all(missing: Json) -> None:
    body = sample("Session", "just begun") | {"charging_periods": missing}
    made = structs.decode(NEW, "Session", body)
    assert "charging_periods" not in structs.encode(NEW, made)


def test_a_list_of_one_is_the_one() -> None:
    """`data` of an answer is a list where an object belongs, with some peers."""
    assert structs.decode(NEW, Token, [LEAST]) == structs.decode(NEW, Token, LEAST)


def test_a_website_without_its_scheme_stops_no_registration() -> None:
    """It is for people; what we call ourselves, and what we send, is a URL."""
    path = ("roles", 0, "business_details", "website")
    body = changed(sample("Credentials", "with a logo"), path, "www.el.example")
    structs.decode(NEW, "Credentials", body)
    with pytest.raises(structs.Invalid, match=r"website is 'www\.el\.example'"):
        structs.checked(NEW, "Credentials", body)
    with pytest.raises(structs.Invalid, match=r"url is 'emsp\.example'"):
        structs.decode(NEW, "Credentials", body | {"url": "emsp.example"})


def test_whole_numbers_may_have_a_point() -> None:
    body = sample("Connector", "least") | {"max_voltage": 230.0, "max_amperage": 16}
    assert structs.encode(NEW, structs.decode(NEW, "Connector", body))["max_voltage"] == 230


@pytest.mark.parametrize(
    ("told", "exact"),
    [
        (0.1, "0.1"),
        (0.30000000000000004, "0.3"),
        (2.00005, "2.0000"),
        (2.00015, "2.0002"),
        (-0.0, "0"),
        (7, "7"),
        (123456789.1234, "123456789.1234"),
    ],
)
def test_numbers_are_exact_to_four_decimals(told: float, exact: str) -> None:
    """types, number. What is used is what can be told again."""
    body = changed(
        sample("Tariff", "by the hour, 2.3.0"),
        ("elements", 0, "price_components", 0, "price"),
        told,
    )
    tariff = structs.decode(NEW, Tariff, body)
    price = tariff.elements[0].price_components[0].price
    assert (price, price.is_signed()) == (Decimal(exact), False)
    structs.checked(NEW, Tariff, tariff)


def test_a_limit_is_rounded_down() -> None:
    """mod_charging_profiles: one decimal; a ceiling must not rise."""
    path = ("charging_profile", "charging_profile_period", 0, "limit")
    body = changed(sample("SetChargingProfile", "everything"), path, 15.99)
    made = structs.decode(NEW, SetChargingProfile, body)
    assert made.charging_profile.charging_profile_period[0].limit == Decimal("15.9")


def test_one_price_for_both_versions() -> None:
    old = structs.decode(OLD, Price, {"excl_vat": 10, "incl_vat": 12.5})
    new = structs.decode(NEW, Price, {"before_taxes": 10, "taxes": [{"name": "M", "amount": 2.5}]})
    assert old.before_taxes == new.before_taxes == 10
    assert (old.after_taxes, old.taxes) == (Decimal("12.5"), ())
    assert (new.after_taxes, new.taxes[0].amount) == (None, Decimal("2.5"))
    assert structs.encode(NEW, old) == {"before_taxes": 10}


@pytest.mark.parametrize("version", Version)
def test_nulls_are_written_where_they_are_wanted(version: Version) -> None:
    """For each optional field of the version, at every depth; read, they are nothing again."""
    made = structs.decode(version, ChargingPreferences, {"profile_type": "FAST"})
    assert structs.encode(version, made, explicit_nulls=True) == {
        "profile_type": "FAST",
        "departure_time": None,
        "energy_need": None,
        "discharge_allowed": None,
    }
    cdr = sample("CDR", f"least, {version.value}", version)
    told = structs.checked(version, CDR, cdr, explicit_nulls=True)
    assert told["tariffs"] == []
    assert told["cdr_location"].keys() >= {"name", "state"}  # type: ignore[union-attr]
    assert structs.decode(version, CDR, told) == structs.decode(version, CDR, cdr)
    assert structs.checked(version, CDR, told) == told


def test_what_is_stamped_later_may_lack_its_time() -> None:
    body = sample("EVSE", "everything that both have")
    bare = without(body, ("last_updated",))
    for index in range(2):
        bare = without(bare, ("connectors", index, "last_updated"))
    assert structs.checked(NEW, "EVSE", bare, stamped=False) == bare
    with pytest.raises(structs.Invalid, match="last_updated is missing"):
        structs.checked(NEW, "EVSE", bare)


WHOLE = st.builds(
    Tariff,
    country_code=st.sampled_from(["SE", "no"]),
    party_id=st.text("ABC123", min_size=3, max_size=3),
    id=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=36),
    currency=st.just("SEK"),
    preauthorize_amount=st.none() | st.decimals(-999, 10**9, places=4),
    elements=st.just(
        structs.decode(NEW, Tariff, sample("Tariff", "of many parts, 2.3.0")).elements
    ),
    tax_included=st.sampled_from(["YES", "NO", "N/A"]),
    start_date_time=st.none()
    | st.datetimes(timezones=st.just(UTC)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    ),
    tariff_alt_url=st.none() | st.just("https://el.example"),
    last_updated=st.just(T),
)


@given(WHOLE)
def test_any_tariff_survives(tariff: Tariff) -> None:
    """decode ∘ encode is identity, and what is encoded may be sent."""
    told = structs.encode(NEW, tariff)
    assert structs.decode(NEW, Tariff, told) == tariff
    assert structs.checked(NEW, Tariff, tariff) == told


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(sorted(Token.__struct_fields__)), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_nothing_but_a_refusal_comes_of_garbage(data: object) -> None:
    for what in ("Token", "StartSession", "CDR", "Location", "Credentials"):
        with pytest.raises(structs.Invalid):
            structs.decode(NEW, what, data)
