"""What was charged for, told in two versions: prices, parts, tariffs, and what is taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from agent.uplink.ocpi_data import NEW, OLD, at, sample
from agent.uplink.uplink_kit import T0, cdr, finished, settings
from laddvakt_agent.published import (
    CostRecord,
    MoneyRecord,
    TaxRecord,
)
from laddvakt_agent.uplink import costs, objects, structs
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.structs.sessions import CDR
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.validate import check

if TYPE_CHECKING:
    from laddvakt_agent.published import CdrRecord


def told_to(version: Version, **changes: object) -> UplinkSettings:
    ends = Endpoints(locations="l", sessions="s", cdrs="c", faults="f")
    return settings(ends, version=version, **changes)


def taxed(amount: str) -> MoneyRecord:
    before = Decimal(amount)
    tax = TaxRecord(name="Moms", amount=before / 4, percentage=Decimal(25))
    return MoneyRecord(before_taxes=before, after_taxes=before * 5 / 4, taxes=(tax,))


def tariff(version: Version) -> str:
    return json.dumps(sample("Tariff", f"by energy, to begin with, {version.value}", version))


COST = CostRecord(
    currency="NOK",
    total=taxed("10.00004"),
    fixed=taxed("5"),
    energy=taxed("4"),
    parking=taxed("1"),
    tariff=tariff(NEW),
    tariff_version="2.3.0",
    period_tariff_ids=("t9", None),
)


def billed(**changes: object) -> CdrRecord:
    made = replace(cdr(), cost=COST, session=replace(finished(), cost=COST))
    return replace(made, **changes)  # type: ignore[arg-type] # a test names real fields


@pytest.mark.parametrize(
    ("version", "price"),
    [
        (OLD, {"excl_vat": 10, "incl_vat": 12.5001}),
        (
            NEW,
            {
                "before_taxes": 10,
                "taxes": [{"name": "Moms", "percentage": 25, "amount": 2.5}],
            },
        ),
    ],
    ids=str,
)
def test_a_price_has_the_shape_of_its_version(version: Version, price: Content) -> None:
    """types, Price; in a Session and in a CDR, in the tariff's currency."""
    told = objects.session(told_to(version), billed().session)
    assert (told["total_cost"], told["currency"]) == (price, "NOK")
    bill = objects.cdr(told_to(version), billed())
    assert (bill["total_cost"], bill["currency"]) == (price, "NOK")


@pytest.mark.parametrize("version", Version)
def test_a_bill_names_each_part_and_its_tariff(version: Version) -> None:
    """Parts that there are none of are left out; what a period is priced by is said with it."""
    bill = objects.cdr(told_to(version), billed())
    amount = "excl_vat" if version is OLD else "before_taxes"
    named = {name: at(part, amount) for name, part in bill.items() if name.endswith("_cost")}
    assert named == {
        "total_cost": 10,
        "total_fixed_cost": 5,
        "total_energy_cost": 4,
        "total_parking_cost": 1,
    }
    periods = structs.decode(version, CDR, bill).charging_periods
    assert [period.tariff_id for period in periods] == ["t9", None]
    assert len(at(bill, "tariffs")) == 1
    assert at(bill, "tariffs", 0) == sample(
        "Tariff", f"by energy, to begin with, {version.value}", version
    )
    assert check("CDR", bill, version=version.value) == []


@pytest.mark.parametrize(
    ("written", "told", "included", "expected"),
    [
        pytest.param(OLD, NEW, None, "NO", id="2.2.1 excludes taxes"),
        pytest.param(NEW, OLD, "NO", None, id="2.3.0 may, too"),
        pytest.param(NEW, OLD, "N/A", None, id="2.3.0 without taxes"),
        pytest.param(NEW, NEW, "YES", "YES", id="as it is"),
    ],
)
def test_a_tariff_of_the_other_version(
    written: Version, told: Version, included: str | None, expected: str | None
) -> None:
    body = sample("Tariff", f"by the hour, {written.value}", written)
    if included is not None:
        body["tax_included"] = included
    made = costs.tariff(told, body, written)
    assert made is not None
    assert made.get("tax_included") == expected
    assert structs.checked(told, "Tariff", made) == made


def test_a_tariff_that_2_2_1_cannot_say_is_left_out() -> None:
    """Prices with taxes in them would be read as prices without."""
    body = sample("Tariff", "taxes are in it")
    assert costs.tariff(OLD, body, NEW) is None
    with_taxes = replace(COST, tariff=json.dumps(body))
    bill = objects.cdr(told_to(OLD), billed(cost=with_taxes))
    assert "tariffs" not in bill
    assert at(bill, "charging_periods", 0, "tariff_id") == "t9"


@pytest.mark.parametrize(
    "broken", [{"party_id": "LV"}, {"elements": []}], ids=["not by our rules", "by nobody's"]
)
def test_a_tariff_that_must_not_be_sent_does_not_hold_the_bill_up(broken: Content) -> None:
    body = sample("Tariff", "by the hour, 2.3.0") | broken
    bill = objects.cdr(told_to(NEW), billed(cost=replace(COST, tariff=json.dumps(body))))
    assert "tariffs" not in bill
    assert bill["total_cost"] == objects.cdr(told_to(NEW), billed())["total_cost"]


@pytest.mark.parametrize("version", Version)
def test_without_a_tariff_it_is_free(version: Version) -> None:
    """mod_sessions: a total_cost left out does not say that it is free, so no Session says it."""
    free = {"excl_vat": 0, "incl_vat": 0} if version is OLD else {"before_taxes": 0}
    assert objects.cdr(told_to(version), cdr())["total_cost"] == free
    assert "total_cost" not in objects.session(told_to(version), finished())


@pytest.mark.parametrize("version", Version)
def test_a_credit_cdr_takes_back_the_total_alone(version: Version) -> None:
    """mod_cdrs, Credit CDRs."""
    record = billed(id="c" * 36)
    original = objects.cdr(told_to(version), record)
    later = record.created_at + timedelta(days=1)
    credit = objects.cdr(told_to(version), objects.credit_of(record, later))
    changed = {name for name in credit if credit[name] != original.get(name)}
    assert changed == {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert (credit["credit"], credit["credit_reference_id"]) == (True, "c" * 36)
    assert credit["id"] != original["id"]
    assert len(str(credit["id"])) <= 39
    before = structs.decode(version, CDR, original).total_cost
    after = structs.decode(version, CDR, credit).total_cost
    assert after.before_taxes == -before.before_taxes == Decimal(-10)
    if version is OLD:
        assert (before.after_taxes, after.after_taxes) == (Decimal("12.5001"), Decimal("-12.5001"))
    else:
        assert [tax.amount for tax in after.taxes] == [-tax.amount for tax in before.taxes]
        assert after.taxes[0].percentage == 25, "a rate is no amount"
    assert check("CDR", credit, version=version.value) == []


def test_a_credit_cdr_is_not_taken_back() -> None:
    with pytest.raises(ValueError, match="is a credit CDR: make a new CDR"):
        objects.credit_of(objects.credit_of(cdr(), T0), T0)


def test_a_long_id_is_the_same_in_its_credit() -> None:
    """An id that had to be shortened is told shortened where it is referred to, too."""
    record = replace(cdr(), id="ö" + "x" * 60)
    credit = objects.cdr(told_to(NEW), objects.credit_of(record, T0))
    assert credit["credit_reference_id"] == objects.cdr(told_to(NEW), record)["id"]
