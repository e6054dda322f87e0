"""What 2.3.0 says otherwise than 2.2.1: each row that differs, with a value for either side."""

from __future__ import annotations

from typing import Any

import pytest

from laddvakt_sim.backend.rows import amended, table
from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.spec import SPECS
from laddvakt_sim.backend.validate import check
from sim_backend.backend_kit import CDR, LOCATION, SESSION, T1, changed

PLACE = {
    "id": "P1",
    "vehicle_types": ["VAN"],
    "restricted_to_type": False,
    "reservation_required": True,
}
TARIFF = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "T1",
    "currency": "SEK",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 2.5, "step_size": 1}]}],
    "last_updated": T1,
}
TAXED = {**TARIFF, "tax_included": "N/A"}
CREDENTIALS: dict[str, Any] = {
    "token": "x",
    "url": "https://a.example/versions",
    "roles": [
        {
            "role": "CPO",
            "business_details": {"name": "x"},
            "party_id": "LAD",
            "country_code": "SE",
        }
    ],
}
TERMINAL: dict[str, Any] = {"terminal_id": "T", "invoice_creator": "PTP", "last_updated": T1}
NEW = "has no such field"
CLOSED = "one of"


@pytest.mark.parametrize(
    ("name", "sample", "path", "value", "old", "new"),
    [
        ("Location", LOCATION, "help_phone", "+46 8", NEW, None),
        ("Location", LOCATION, "help_phone", "1" * 26, NEW, "at most 25"),
        ("Location", LOCATION, "parking_places", [PLACE], NEW, None),
        ("Location", LOCATION, "parking_places", [{}], NEW, "vehicle_types: required"),
        ("Location", LOCATION, "parking_places", [{**PLACE, "direction": "UP"}], NEW, CLOSED),
        ("Location", LOCATION, "evses.0.parking", [{"parking_id": "P9"}], NEW, "no parking place"),
        ("Location", LOCATION, "evses.0.accepted_service_providers", ["x" * 51], NEW, "at most 50"),
        ("Location", LOCATION, "evses.0.capabilities", ["RESET_CAPABLE"], CLOSED, None),
        ("Location", LOCATION, "evses.0.status", "FAULTED", CLOSED, CLOSED),
        ("Location", LOCATION, "evses.0.connectors.0.standard", "MCS", CLOSED, None),
        ("Location", LOCATION, "evses.0.connectors.0.standard", "with space", CLOSED, CLOSED),
        ("Location", LOCATION, "evses.0.connectors.0.format", "PLUG", CLOSED, CLOSED),
        ("Location", LOCATION, "evses.0.faults", [{"code": "x"}], NEW, None),
        ("Location", LOCATION, "evses.0.x_faults", [], NEW, NEW),
        ("Location", LOCATION, "evses.0.Faults", [], NEW, NEW),
        ("Location", LOCATION, "parking_type", "ROOF", CLOSED, None),
        ("Session", SESSION, "cdr_token.type", "EMAID", CLOSED, None),
        ("Session", SESSION, "auth_method", "PLUG", CLOSED, CLOSED),
        ("Session", SESSION, "total_cost", {"excl_vat": 1}, None, "before_taxes: required"),
        ("Session", SESSION, "total_cost", {"before_taxes": 1}, "excl_vat: required", None),
        (
            "Session",
            SESSION,
            "total_cost",
            {"before_taxes": 1, "taxes": [{"amount": 1}]},
            "excl_vat: required",
            "taxes[0].name: required",
        ),
        ("CDR", CDR, "cdr_location.state", "x" * 21, "at most 20", "at most 20"),
        ("Tariff", TARIFF, "currency", "SEK", None, "tax_included: required"),
        ("Tariff", TAXED, "tax_included", "NO", NEW, None),
        ("Tariff", TAXED, "tax_included", "MAYBE", NEW, "one of TaxIncluded"),
        ("Tariff", TAXED, "min_price", {"before_taxes": 1, "after_taxes": 2}, NEW, None),
        ("Tariff", TAXED, "max_price", {"after_taxes": 2}, NEW, "before_taxes: required"),
        ("Credentials", CREDENTIALS, "hub_party_id", "SEHUB", NEW, None),
        ("Credentials", CREDENTIALS, "roles.0.role", "HUB", None, "one of Role"),
        ("Credentials", CREDENTIALS, "roles", CREDENTIALS["roles"] * 2, "twice", "twice"),
    ],
)
def test_each_version_judges_by_its_own_tables(
    name: str,
    sample: dict[str, Any],
    path: str,
    value: object,
    old: str | None,
    new: str | None,
) -> None:
    """`old` and `new` are what 2.2.1 and 2.3.0 say; `None`: nothing more than before."""
    for version, message in (("2.2.1", old), ("2.3.0", new)):
        before = judged(name, sample, version)
        found = judged(name, changed(sample, path, value), version)
        if message is None:
            assert set(found) <= set(before), version
        else:
            assert any(message in item for item in found), (version, found)


def judged(name: str, body: dict[str, Any], version: str) -> list[str]:
    return check(name, body, version=version) or check_rules(name, body)


def test_the_payments_tables_are_there_in_2_3_0_alone() -> None:
    assert check("Terminal", TERMINAL, version="2.3.0") == []
    assert check("Terminal", {**TERMINAL, "invoice_creator": "ME"}, version="2.3.0") != []
    assert "Terminal" not in SPECS["2.2.1"].tables


def test_every_kind_is_known_in_both_versions() -> None:
    """A misspelt row would otherwise be found by the first object that has the field."""
    scalars = {"CiString", "string", "DateTime", "number", "int", "boolean", "URL", "TokenText"}
    patterned = {"Latitude", "Longitude", "HourMinute", "LocalDate"}
    for spec in SPECS.values():
        kinds = {row.kind for rows in spec.tables.values() for row in rows}
        assert kinds - spec.tables.keys() - spec.enums.keys() == scalars | patterned
        assert spec.open_enums <= spec.enums.keys()


def test_a_version_changes_rows_and_adds_rows() -> None:
    before = table("id CiString(36) 1\nname string(10) ?")
    after = amended(before, "name string(20) 1\nnew int ?")
    assert [(row.name, row.limit, row.card) for row in after] == [
        ("id", 36, "1"),
        ("name", 20, "1"),
        ("new", None, "?"),
    ]
