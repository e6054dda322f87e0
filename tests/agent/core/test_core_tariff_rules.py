"""Each restriction, the look-up of elements and the step size, where they change the price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest

from agent.core.core_tariff_kit import (
    Stay,
    clock,
    element,
    local,
    money,
    session,
    tariff,
    zone,
)
from laddvakt_agent.core.tariff import (
    UTC,
    Bill,
    Element,
    Part,
    Period,
    Reserved,
    Restrictions,
    price,
)

DAY = "2026-06-15"  # a Monday
HOUR = Fraction(3600)


def charge(
    minutes: int,
    kwh: str = "0",
    *,
    amps: tuple[int | None, int | None] = (None, None),
    kw: tuple[int | None, int | None] = (None, None),
) -> Stay:
    return Stay(kind="charge", minutes=minutes, kwh=kwh, amps=amps, kw=kw)


def park(minutes: int) -> Stay:
    return Stay(kind="park", minutes=minutes)


def bill(
    elements: Sequence[Element], at: str, stays: Sequence[Stay], where: str = "Europe/Stockholm"
) -> Bill:
    day = at if "T" in at else f"{DAY}T{at}"
    periods = session(tariff(*elements), local(day, where), stays)
    return price(periods, zone(where, day[:10], 4))


def time_at_two(when: Restrictions, otherwise: str = "1") -> list[Element]:
    """2 an hour while this holds, else 1."""
    return [element(("TIME", "2"), when=when), element(("TIME", otherwise))]


def at(start: str | None = None, end: str | None = None) -> Restrictions:
    return Restrictions(
        start_minute=None if start is None else clock(start),
        end_minute=None if end is None else clock(end),
    )


MON, SUN = frozenset({0}), frozenset({6})
TIMES = [
    # restriction, begin (local), minutes of charging, cost
    pytest.param(at("13:00", "14:00"), "12:00", 180, "4", id="one hour of three"),
    pytest.param(at("12:00", "14:00"), "12:00", 120, "4", id="from its first minute on"),
    pytest.param(at("10:00", "12:00"), "12:00", 120, "2", id="not at its end"),
    pytest.param(at("22:00", "06:00"), "21:00", 600, "18", id="over midnight"),
    pytest.param(at("22:00", "00:00"), "21:00", 240, "6", id="00:00 ends the day"),
    pytest.param(at("00:00", "00:00"), "21:00", 240, "8", id="the whole day"),
    pytest.param(at("22:00"), "21:00", 240, "6", id="only a start"),
    pytest.param(at(end="22:00"), "21:00", 240, "6", id="only an end, again the next day"),
    pytest.param(at(end="00:00"), "21:00", 240, "8", id="only the end of the day"),
    pytest.param(Restrictions(weekdays=MON), "22:00", 240, "6", id="Monday into Tuesday"),
    pytest.param(Restrictions(weekdays=SUN), "2026-06-14T22:00", 240, "6", id="Sunday's end"),
    pytest.param(
        Restrictions(start_minute=clock("22:00"), end_minute=clock("06:00"), weekdays=MON),
        "21:00",
        600,
        "12",  # Tuesday's morning is not on a Monday
        id="over midnight on Mondays",
    ),
    pytest.param(Restrictions(start_day=20620), "22:00", 240, "6", id="from a date on"),
    pytest.param(Restrictions(end_day=20620), "22:00", 240, "6", id="until before a date"),
    pytest.param(Restrictions(min_duration_s=3600), "12:00", 120, "3", id="after an hour"),
    pytest.param(Restrictions(max_duration_s=3600), "12:00", 120, "3", id="in the first hour"),
]


@pytest.mark.parametrize(("when", "begun", "minutes", "cost"), TIMES)
def test_a_period_is_cut_where_time_restricts(
    when: Restrictions, begun: str, minutes: int, cost: str
) -> None:
    """2 an hour within, 1 an hour without; the cut is exact to the microsecond."""
    if when.start_day == 20620:
        when = Restrictions(start_day=_day("2026-06-16"))
    if when.end_day == 20620:
        when = Restrictions(end_day=_day("2026-06-16"))
    assert bill(time_at_two(when), begun, [charge(minutes)]).total.before_taxes == Decimal(cost)


def _day(text: str) -> int:
    return local(f"{text}T00:00", "UTC") // 86_400_000_000


CHANGES = [
    # A night of this clock time has so many real hours.
    pytest.param("Europe/Stockholm", "2026-03-28T20:00", at("22:00", "06:00"), 7, id="23 h day"),
    pytest.param("Europe/Stockholm", "2026-10-24T20:00", at("22:00", "06:00"), 9, id="25 h day"),
    pytest.param("Europe/Stockholm", "2026-03-28T20:00", at("02:00", "03:00"), 0, id="no 02:30"),
    pytest.param("Europe/Stockholm", "2026-10-24T20:00", at("02:00", "03:00"), 2, id="two 02:30"),
    pytest.param("America/New_York", "2026-03-07T20:00", at("22:00", "06:00"), 7, id="the US"),
    pytest.param("Europe/Stockholm", "2026-06-15T20:00", at("22:00", "06:00"), 8, id="no change"),
]


@pytest.mark.parametrize(("where", "begun", "when", "hours"), CHANGES)
def test_local_time_follows_daylight_saving(
    where: str, begun: str, when: Restrictions, hours: int
) -> None:
    """A night tariff lasts as long as that night."""
    made = bill(time_at_two(when, "0"), begun, [charge(14 * 60)], where)
    assert made.total.before_taxes == 2 * hours


ENERGY = [
    pytest.param(Restrictions(min_kwh=Decimal(10)), ["30"], "50", id="the last 20 of 30 kWh"),
    pytest.param(Restrictions(max_kwh=Decimal(10)), ["30"], "40", id="the first 10 of 30 kWh"),
    pytest.param(Restrictions(min_kwh=Decimal(10)), ["10", "5"], "20", id="from a period's end"),
    pytest.param(Restrictions(min_kwh=Decimal(10)), ["10"], "10", id="not before it is reached"),
    pytest.param(
        Restrictions(min_kwh=Decimal("3.3"), max_kwh=Decimal("6.6")), ["10"], "13.3", id="between"
    ),
    pytest.param(Restrictions(min_kwh=Decimal(4)), ["6", "-4", "4"], "8", id="fed back"),
]


@pytest.mark.parametrize(("when", "kwh", "cost"), ENERGY)
def test_energy_is_shared_out_evenly(when: Restrictions, kwh: list[str], cost: str) -> None:
    """A period that crosses an amount of energy is cut there; its energy adds up to all of it."""
    elements = [element(("ENERGY", "2"), when=when), element(("ENERGY", "1"))]
    made = bill(elements, "12:00", [charge(60, each) for each in kwh])
    assert made.total.before_taxes == Decimal(cost)
    shares = [line.volume for line in made.lines if line.part is Part.ENERGY]
    assert sum(shares) == sum(Fraction(each) for each in kwh)


def test_energy_of_a_moment_is_shared_out_as_well() -> None:
    """A period without length still has its energy on both sides of a limit."""
    elements = [element(("ENERGY", "2"), when=Restrictions(max_kwh=Decimal(1)))]
    made = bill(elements, "12:00", [charge(0, "4")])
    assert made.total.before_taxes == 2


def test_energy_flows_evenly_over_a_change_of_time() -> None:
    """Three quarters of the time before 13:00, three quarters of the energy."""
    elements = [element(("ENERGY", "1"), when=at(end="13:00"))]
    made = bill(elements, "12:00", [charge(80, "8")])
    assert made.parts[Part.ENERGY].before_taxes == 6


FLOWS = [
    # restriction, period, whether it holds
    pytest.param({"min_current_a": 32}, charge(60, amps=(32, 40)), True, id="at least, reached"),
    pytest.param({"min_current_a": 32}, charge(60, amps=(31, 40)), False, id="at least, below"),
    pytest.param({"min_current_a": 32}, charge(60, amps=(None, 40)), True, id="only the most"),
    pytest.param({"max_current_a": 32}, charge(60, amps=(6, 32)), False, id="less than, reached"),
    pytest.param({"max_current_a": 32}, charge(60, amps=(6, 31)), True, id="less than"),
    pytest.param({"max_current_a": 32}, charge(60, amps=(43, None)), False, id="only the least"),
    pytest.param({"max_current_a": 32}, charge(60), False, id="current not known"),
    pytest.param({"min_current_a": 0}, charge(60), False, id="not known is not nothing"),
    pytest.param({"min_power_kw": 11}, charge(60, kw=(11, 22)), True, id="power reached"),
    pytest.param({"max_power_kw": 11}, charge(60, kw=(4, 11)), False, id="power not below"),
    pytest.param({"max_power_kw": 11}, charge(60, "10"), True, id="power by energy and time"),
    pytest.param({"min_power_kw": 11}, charge(60, "10"), False, id="… not reached"),
    pytest.param({"min_power_kw": 11}, charge(0, "10"), False, id="… in no time"),
]


@pytest.mark.parametrize(("when", "stay", "holds"), FLOWS)
def test_current_and_power_are_those_of_the_period(
    when: dict[str, int], stay: Stay, holds: bool
) -> None:
    """The least that flowed must reach a minimum, the most must stay below a maximum."""
    limit = Restrictions(**{name: Decimal(value) for name, value in when.items()})  # type: ignore[arg-type]
    made = bill([element(("FLAT", "1"), when=limit)], "12:00", [stay])
    assert made.total.before_taxes == (1 if holds else 0)


def test_what_does_not_charge_has_no_current() -> None:
    """Parking is below every maximum and below every minimum."""
    low = [element(("PARKING_TIME", "1"), when=Restrictions(max_power_kw=Decimal(1)))]
    high = [element(("PARKING_TIME", "1"), when=Restrictions(min_current_a=Decimal(1)))]
    assert bill(low, "12:00", [park(60)]).total.before_taxes == 1
    assert bill(high, "12:00", [park(60)]).total.before_taxes == 0


def test_restrictions_hold_together() -> None:
    """A logical AND: a weekend's night is neither the weekend nor the night."""
    when = Restrictions(start_minute=clock("22:00"), weekdays=frozenset({5, 6}))
    assert bill(time_at_two(when), "22:00", [charge(60)]).total.before_taxes == 1
    assert bill(time_at_two(when), "2026-06-13T22:00", [charge(60)]).total.before_taxes == 2


def test_each_dimension_finds_its_own_element() -> None:
    """The first element for a dimension wins; another dimension may come from a later one."""
    elements = [
        element(("TIME", "9"), ("ENERGY", "8"), when=at("20:00")),
        element(("ENERGY", "1")),
        element(("ENERGY", "7"), ("TIME", "2")),
    ]
    made = bill(elements, "12:00", [charge(60, "3")])
    assert made.parts[Part.ENERGY].before_taxes == 3
    assert made.parts[Part.TIME].before_taxes == 2


def test_without_an_element_it_costs_nothing() -> None:
    """The account still shows what was not priced."""
    made = bill([element(("ENERGY", "1"), when=at("20:00"))], "12:00", [charge(60, "3"), park(5)])
    assert made.total.before_taxes == 0
    assert made.parts == {}
    assert [line.price for line in made.lines] == [None, None, None]
    assert [line.amount for line in made.lines] == [None, None, None]


FLATS = [
    pytest.param([element(("FLAT", "3"))], [charge(9), park(9), charge(9)], "3", id="once"),
    pytest.param(
        [element(("FLAT", "3"), when=at("12:30")), element(("FLAT", "2"))],
        [charge(60)],
        "2",
        id="the first that applies",
    ),
    pytest.param([element(("FLAT", "3"), when=at("12:30"))], [charge(60)], "3", id="later on"),
    pytest.param([element(("FLAT", "3"))], [Stay(kind="held", minutes=9)], "3", id="held back"),
]


@pytest.mark.parametrize(("elements", "stays", "cost"), FLATS)
def test_a_fixed_price_is_charged_once(
    elements: list[Element], stays: list[Stay], cost: str
) -> None:
    """When an element with one is active for the first time."""
    assert bill(elements, "12:00", stays).parts[Part.FIXED].before_taxes == Decimal(cost)


def test_a_fixed_price_of_parking_belongs_to_parking() -> None:
    """mod_cdrs, total_parking_cost: with the fixed prices of parking."""
    made = bill([element(("FLAT", "3"), ("PARKING_TIME", "1"))], "12:00", [park(60)])
    assert made.parts.keys() == {Part.PARKING}
    assert made.parts[Part.PARKING].before_taxes == 4


STEPS = [
    pytest.param(300, 0, "0", id="nothing used, nothing stepped"),
    pytest.param(300, 1, "5", id="up to a whole step"),
    pytest.param(300, 5, "5", id="a whole step stays"),
    pytest.param(300, 6, "10", id="the next one"),
    pytest.param(0, 6, "6", id="0 does not step"),
]


@pytest.mark.parametrize(("step", "minutes", "billed"), STEPS)
def test_a_step_size_rounds_up(step: int, minutes: int, billed: str) -> None:
    """60 an hour is 1 a minute."""
    made = bill([element(("TIME", "60", None, step))], "12:00", [charge(minutes, "1")])
    assert made.total.before_taxes == Decimal(billed)


BOTH = element(("TIME", "60", None, 600), ("PARKING_TIME", "60", None, 900))
ORDERS = [
    pytest.param([charge(21), park(16)], 21 + 30, id="charging, parking"),
    pytest.param([park(16), charge(21)], 30 + 21, id="parking, charging: still the parking"),
    pytest.param([charge(21), park(16), charge(1)], 22 + 30, id="there and back"),
    pytest.param([park(16)], 30, id="parking alone"),
    pytest.param([charge(21), Stay(kind="held", minutes=7)], 30, id="held back is no parking"),
]


@pytest.mark.parametrize(("stays", "minutes"), ORDERS)
def test_time_is_stepped_once(stays: list[Stay], minutes: int) -> None:
    """mod_cdrs, step_size: where both are priced only the total parking time is stepped."""
    assert bill([BOTH], "12:00", stays).total.before_taxes == minutes


def test_what_was_not_used_does_not_set_the_step() -> None:
    """A period told with 0 kWh is not the last one that used energy."""
    elements = [
        element(("ENERGY", "1", None, 1000), when=at(end="13:00")),
        element(("ENERGY", "9", None, 5000)),
    ]
    made = bill(elements, "12:00", [charge(60, "1.5"), park(30)])
    assert made.total.before_taxes == 2


def test_an_unpriced_dimension_takes_no_part_in_steps() -> None:
    """Free parking after charging leaves the charging stepped."""
    made = bill([element(("TIME", "60", None, 600))], "12:00", [charge(21), park(16)])
    assert made.total.before_taxes == 30


RESERVED = Restrictions(reservation=Reserved.RESERVATION)
EXPIRES = Restrictions(reservation=Reserved.EXPIRES)


def reserve(minutes: int) -> Stay:
    return Stay(kind="reserve", minutes=minutes)


def test_a_reservation_before_charging_time_is_not_stepped() -> None:
    """TIME of both counts as one dimension, and the last one is stepped."""
    elements = [
        element(("TIME", "60", None, 600), when=RESERVED),
        element(("TIME", "60", None, 600)),
    ]
    made = bill(elements, "12:00", [reserve(13), charge(21)])
    assert made.parts[Part.RESERVATION].before_taxes == 13
    assert made.parts[Part.TIME].before_taxes == 30


def test_a_duration_counts_from_the_arrival() -> None:
    """The reservation before it does not make the charging session longer."""
    elements = time_at_two(Restrictions(min_duration_s=3600))
    made = bill(elements, "12:00", [reserve(120), charge(120)])
    assert made.total.before_taxes == 3


EXPIRED = [
    pytest.param(
        [element(("FLAT", "1"), when=RESERVED), element(("FLAT", "5"), when=EXPIRES)],
        "1",
        id="fees by their order",
    ),
    pytest.param(
        [element(("FLAT", "5"), when=EXPIRES), element(("FLAT", "1"), when=RESERVED)],
        "5",
        id="… the other way",
    ),
    pytest.param(
        [element(("TIME", "1"), when=RESERVED), element(("TIME", "5"), when=EXPIRES)],
        "5",
        id="time by the expired one",
    ),
    pytest.param(
        [
            element(("ENERGY", "9"), ("PARKING_TIME", "9"), when=EXPIRES),
            element(("FLAT", "9"), ("TIME", "9")),
        ],
        "0",
        id="nothing else",
    ),
]


@pytest.mark.parametrize(("elements", "cost"), EXPIRED)
def test_an_expired_reservation(elements: list[Element], cost: str) -> None:
    """Its fee and its time, by the elements for reservations alone."""
    periods = session(tariff(*elements), local(f"{DAY}T12:00"), [reserve(60)])
    assert price(periods, UTC, expired=True).total.before_taxes == Decimal(cost)


def test_a_reservation_that_was_used_did_not_expire() -> None:
    """RESERVATION_EXPIRES costs nothing then."""
    elements = [element(("FLAT", "5"), when=EXPIRES), element(("TIME", "2"), when=RESERVED)]
    made = bill(elements, "12:00", [reserve(60), charge(60)])
    assert made.total.before_taxes == 2


def test_a_period_of_a_reservation_may_also_charge() -> None:
    """Volumes of both kinds in one period are priced each by its own elements."""
    start = local(f"{DAY}T12:00")
    mixed = Period(
        start_us=start,
        end_us=start + 3600 * 1_000_000,
        tariff=tariff(element(("TIME", "2"), when=RESERVED), element(("TIME", "4"))),
        reserved_s=HOUR / 2,
        charging_s=HOUR / 2,
    )
    assert price([mixed], UTC).total.before_taxes == 3


def test_several_tariffs_each_price_their_periods() -> None:
    """The step size is not taken in at the change; the fixed price comes once."""
    first = tariff(element(("FLAT", "1"), ("TIME", "60", None, 600)), id="A")
    other = tariff(element(("FLAT", "5"), ("TIME", "120", None, 900)), id="B")
    begun = local(f"{DAY}T12:00")
    periods = session(first, begun, [charge(21)])
    periods += session(other, periods[-1].end_us, [charge(4)])
    periods += session(None, periods[-1].end_us, [charge(60)])
    made = price(periods, UTC)
    assert made.total.before_taxes == 1 + 21 + 2 * 9  # 25 minutes become 30
    assert {line.tariff for line in made.lines} == {"A", "B"}


def test_nothing_at_all_costs_nothing() -> None:
    """No period, no line."""
    made = price([], UTC)
    assert not made.lines
    assert money(made.total) == (0, None)


def test_a_period_that_ends_before_it_begins_has_no_length() -> None:
    """The clock was set back: nothing goes wrong."""
    wrong = Period(
        start_us=10, end_us=0, tariff=tariff(element(("TIME", "1"), when=at("12:00"))),
        charging_s=Fraction(60),
    )  # fmt: skip
    assert price([wrong], UTC).total.before_taxes == 0
