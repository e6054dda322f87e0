"""Costs of own sessions: chosen at the start, told while they run, kept and billed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from laddvakt_agent.pricing.costs import Pricer, read, text_of
from laddvakt_agent.pricing.tariffs import known
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, TokenRef
from laddvakt_agent.uplink.version import Version

BEGUN = datetime(2026, 6, 15, 10, tzinfo=UTC)  # a Monday, noon in Stockholm
TOKEN = TokenRef(uid="04A1", type="RFID", contract_id="SE-LAD-1", country_code="SE", party_id="LAD")
PRICER = Pricer(time_zone="Europe/Stockholm")
DAY = {"start_time": "06:00", "end_time": "13:00"}


def body(**more: object) -> dict[str, object]:
    return {
        "country_code": "SE",
        "party_id": "LAD",
        "id": "T1",
        "currency": "SEK",
        "elements": [
            {
                "price_components": [
                    {"type": "FLAT", "price": 1, "vat": 25, "step_size": 1},
                    {"type": "ENERGY", "price": 2.5, "vat": 25, "step_size": 1},
                    {"type": "PARKING_TIME", "price": 6, "step_size": 60},
                ],
            }
        ],
        "last_updated": "2026-01-01T00:00:00Z",
        **more,
    }


TEXT = text_of(known(body(), Version.V2_2_1))


def period(minutes: float, wh: float, kind: str, after: float = 0.0) -> PeriodRecord:
    return PeriodRecord(
        started_at=BEGUN + timedelta(minutes=after),
        duration_s=minutes * 60,
        energy_wh=wh,
        charging=kind == "charge",
        held=kind == "held",
        reserved=kind == "reserve",
    )


def record(*periods: PeriodRecord) -> SessionRecord:
    return SessionRecord(
        id="s1",
        evse_uid="E1",
        connector_id="1",
        token=TOKEN,
        auth_method="WHITELIST",
        started_at=BEGUN,
        ended_at=None,
        meter_id=None,
        start_wh=0.0,
        energy_wh=sum(part.energy_wh for part in periods),
        periods=periods,
        changed_at=BEGUN,
    )


STAY = record(
    period(60, 8000.0, "charge"), period(7, 0.0, "held", 60), period(10, 0.0, "vehicle", 67)
)


def test_the_parts_of_a_cost() -> None:
    """8 kWh at 2.5, once 1, ten minutes at 6 an hour; what the station held back is free."""
    cost = PRICER.priced(STAY, TEXT).cost
    assert cost is not None
    assert cost.total.before_taxes == 22
    assert cost.total.after_taxes == Decimal("27.25")
    assert [(tax.name, tax.percentage, tax.amount) for tax in cost.total.taxes] == [
        ("VAT", 25, Decimal("5.25"))
    ]
    parts = (cost.fixed, cost.energy, cost.parking)
    assert [part and part.before_taxes for part in parts] == [1, 20, 1]
    assert (cost.time, cost.reservation, cost.currency) == (None, None, "SEK")
    assert cost.period_tariff_ids == ("T1", "T1", "T1")
    assert json.loads(cost.tariff or "")["id"] == "T1"


def test_without_a_tariff_nothing_changes() -> None:
    """As before there were prices."""
    assert PRICER.priced(STAY, None) is STAY
    nothing = record()
    assert PRICER.priced(nothing, TEXT) is nothing


BROKEN = [
    pytest.param("{", id="no JSON"),
    pytest.param("[]", id="no object"),
    pytest.param('{"version": "9.9", "tariff": {}}', id="unknown version"),
    pytest.param('{"version": "2.2.1", "tariff": {}}', id="no tariff"),
    pytest.param(TEXT.replace("ENERGY", "ENERGI"), id="unknown dimension"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_tariff_that_cannot_be_applied_takes_no_kwh(text: str) -> None:
    """The session stays to be billed, without a cost, and says why."""
    made = PRICER.priced(STAY, text)
    assert made.unpriced
    assert (made.cost, made.energy_wh, made.periods) == (None, STAY.energy_wh, STAY.periods)


def test_a_time_zone_nobody_knows_takes_no_kwh_either() -> None:
    """The machine's time zone data may be missing."""
    assert Pricer(time_zone="Mars/Base").priced(STAY, TEXT).unpriced


def test_local_time_decides_and_is_decided_again() -> None:
    """A clock that is set later moves the session to where it cost something else."""
    element = {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}
    text = text_of(known(body(elements=[{**element, "restrictions": DAY}]), Version.V2_2_1))
    priced = PRICER.priced(STAY, text)
    assert priced.cost is not None
    assert priced.cost.total.before_taxes == 8
    later = replace(
        priced,
        started_at=BEGUN + timedelta(hours=8),
        periods=tuple(
            replace(part, started_at=part.started_at + timedelta(hours=8))
            for part in priced.periods
        ),
    )
    again = PRICER.again(later)
    assert again.cost is not None
    assert again.cost.total.before_taxes == 0
    assert PRICER.again(STAY) is STAY


def test_energies_are_those_that_are_told() -> None:
    """Thirds of a watt-hour are told as 0.0003 and 0.0004 kWh: the sum is billed, once."""
    thirds = [period(1, 1 / 3, "charge", after=place) for place in range(30)]
    cost = PRICER.priced(record(*thirds), TEXT).cost
    assert cost is not None
    assert cost.energy is not None
    assert cost.energy.before_taxes == Decimal("0.025")


def test_a_cost_outlives_the_ledger() -> None:
    """Exact amounts as JSON and back."""
    priced = PRICER.priced(STAY, TEXT)
    bill = CdrRecord(
        id="s1", session=priced, end_wh=8000.0, charging_s=3600.0, parking_s=600.0,
        remark=None, created_at=BEGUN, cost=priced.cost,
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(bill), type=CdrRecord) == bill


def test_a_kept_tariff_is_read_as_it_was() -> None:
    """In the version it was written in."""
    new = known(body(tax_included="YES"))
    assert (new.version, read(text_of(new)).core) == (Version.V2_3_0, new.core)


@pytest.fixture
def tariff_file(tmp_path: Path) -> Callable[..., Path]:
    def write(**more: object) -> Path:
        path = tmp_path / f"{more.get('id', 'T1')}.json"
        path.write_text(json.dumps(body(**more)), encoding="utf-8")
        return path

    return write
