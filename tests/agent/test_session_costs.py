"""Costs of own sessions: chosen at the start, told while they run, kept and billed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from agent.session_desk import Desk, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.pricing.costs import Pricer, read, text_of
from laddvakt_agent.pricing.tariffs import known
from laddvakt_agent.pricing.turns import Turns
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, TokenRef
from laddvakt_agent.sessions import SessionKeeper
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
        ("VAT", Decimal(25), Decimal("5.25"))
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


def test_times_that_cannot_be_are_not_priced() -> None:
    """A clock that ran wrong for years: working out every midnight would hold up the agent."""
    first, last = (
        replace(STAY.periods[0], started_at=datetime(1970, 1, 1, tzinfo=UTC)),
        STAY.periods[1],
    )
    long = replace(STAY, started_at=first.started_at, periods=(first, last))
    assert "a year apart" in (PRICER.priced(long, TEXT).unpriced or "")


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


HAPPY_HOUR = {"start_time": "12:30", "end_time": "13:00"}


SHOWN = core.Shown()


def turning(**restrictions: object) -> str:
    element = {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}
    return text_of(known(body(elements=[{**element, "restrictions": restrictions}])))


def keeper(text: str | None, desk: Desk) -> SessionKeeper:
    """A keeper whose second 0 is noon in Stockholm."""
    made = desk.keeper()
    made.wall_at = lambda s: BEGUN + timedelta(seconds=s)
    made.tariff_at = lambda at, token_type: text
    made.priced = PRICER.priced
    made.turned = Turns(time_zone=PRICER.time_zone, wall_at=made.wall_at).since
    return made


def test_periods_turn_where_the_price_does() -> None:
    """To the second, with what the meter shows then; and the CDR carries cost and tariff."""
    desk = Desk()
    made = keeper(turning(**HAPPY_HOUR), desk)
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 0.0), 0.0)
    for second in range(60, 3700, 60):
        made.observe(metered(1000.0 + second, float(second)), second + 0.25, closed=True)
    made.end("stopped", 3661.0, opened_s=3661.0)
    made.observe(metered(4700.0, 3670.0), 3670.0, closed=False)
    ((kept, cdr),) = desk.closed
    starts = [(part.started_at - BEGUN).total_seconds() for part in cdr.session.periods]
    assert starts == [0.0, 60.25, 1800.0, 3600.0]
    assert kept.tariff == turning(**HAPPY_HOUR)
    assert cdr.cost is not None
    assert cdr.cost == cdr.session.cost
    assert cdr.cost.period_tariff_ids == ("T1",) * 4
    assert cdr.cost.total.before_taxes == Decimal("1.8")


@pytest.mark.parametrize(
    ("restrictions", "periods"),
    [
        pytest.param({}, 2, id="nothing changes"),
        pytest.param({"max_duration": 600}, 3, id="after ten minutes"),
        pytest.param({"min_kwh": 0.5}, 3, id="after half a kWh"),
        pytest.param({"min_kwh": 50}, 2, id="not reached"),
        pytest.param({"day_of_week": ["SUNDAY"]}, 2, id="not today"),
    ],
)
def test_only_what_the_tariff_knows_turns_a_period(
    restrictions: dict[str, object], periods: int
) -> None:
    desk = Desk()
    made = keeper(turning(**restrictions), desk)
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 0.0), 0.0)
    for second in range(60, 1500, 60):
        made.observe(metered(1000.0 + second, float(second)), float(second), closed=True)
    assert made.running is not None
    assert len(made.running.session.periods) == periods


def test_a_bill_that_could_not_be_priced_says_so() -> None:
    """All its energy is there, no cost, and a remark."""
    desk = Desk()
    made = keeper(TEXT.replace("ENERGY", "ENERGI"), desk)
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 0.0), 0.0)
    made.observe(metered(1000.0, 9.0), 9.0, closed=True)
    made.observe(metered(2000.0, 99.0), 99.0, closed=True)
    made.end("stopped", 100.0, opened_s=100.0)
    made.observe(metered(2000.0, 104.0), 104.0, closed=False)
    ((_, cdr),) = desk.closed
    assert (cdr.cost, cdr.session.energy_wh) == (None, 1000.0)
    assert "the tariff could not be applied: Tariff: elements[0]" in (cdr.remark or "")


def test_a_clock_that_was_set_back_turns_nothing() -> None:
    """The next look only remembers; what is shared out then is shared out exactly."""
    back = [0.0]
    turns = Turns(
        time_zone="Europe/Stockholm", wall_at=lambda s: BEGUN + timedelta(seconds=s + back[0])
    )
    desk = Desk()
    made = keeper(None, desk)
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 0.0), 0.0)
    assert made.running is not None
    running, text = made.running.session, turning(**HAPPY_HOUR)
    assert turns.since(text, running, SHOWN, 1799.0) is None
    back[0] = -3600.0
    assert turns.since(text, running, SHOWN, 1801.0) is None
    back[0] = 0.0
    assert turns.since(text, running, SHOWN, 1801.5) == 1800.0
    assert turns.since("{", running, SHOWN, 1900.0) is None


COURSES = [
    # what is drawn from each of these seconds on, where periods begin
    pytest.param({"min_current": 20}, {1: 10.0}, [0, 1], id="never reached"),
    pytest.param({"min_current": 20}, {1: 10.0, 300: 30.0}, [0, 1, 300], id="reached"),
    pytest.param({"max_current": 30}, {1: 30.0, 300: 10.0}, [0, 1, 300], id="not any more"),
    pytest.param({"min_current": 20}, {1: 0.0, 9: 30.0}, [0, 1], id="while it ramps up"),
    pytest.param({"min_current": 20}, {1: 30.0, 30: 10.0}, [0, 1, 61], id="too soon: a minute on"),
    pytest.param(
        {"min_current": 20}, {1: 10.0, 300: 30.0, 310: 10.0}, [0, 1, 300, 360], id="a flicker"
    ),
    pytest.param({"max_power": 5}, {1: 10.0, 300: 30.0}, [0, 1, 300], id="power"),
]


@pytest.mark.parametrize(("restrictions", "drawn", "starts"), COURSES)
def test_current_and_power_turn_a_period(
    restrictions: dict[str, float], drawn: dict[int, float], starts: list[int]
) -> None:
    """A new one where a limit of the tariff is crossed, a minute apart at least."""
    desk, amps = Desk(), 0.0
    made = keeper(turning(**restrictions), desk)
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 0.0), 0.0)
    for second in range(1, 500):
        amps = drawn.get(second, amps)
        seen = replace(
            metered(1000.0 + second, float(second)),
            current_a=Sample(value=(amps, 0.0, 0.0), taken_s=float(second)),
            power_w=Sample(value=amps * 230.0, taken_s=float(second)),
        )
        made.observe(seen, float(second), closed=True)
    assert made.running is not None
    periods = made.running.session.periods
    assert [int(period.start_s) for period in periods] == starts
    assert periods[-1].max_a[0] == max(
        value for second, value in drawn.items() if second >= starts[-1] or value == amps
    )
