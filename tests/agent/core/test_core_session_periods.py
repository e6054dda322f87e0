"""Charging periods: one for each change of price, and not one for each flicker of a limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_session_kit import CHARGING, FAULT, PARKED, STATION, TERMS, Case, begun
from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import Phases
from laddvakt_agent.core.session import Kind


def kinds(case: Case) -> list[tuple[Kind, float]]:
    return [(period.kind, period.start_s) for period in case.session.periods]


def test_each_change_of_who_holds_it_back_begins_one() -> None:
    case = begun()
    for at_s, kind in (
        (110, CHARGING),
        (111, CHARGING),
        (120, FAULT),
        (130, STATION),
        (140, PARKED),
    ):
        case.see(float(at_s), None, kind)
    assert kinds(case) == [
        (PARKED, 100.0), (CHARGING, 110.0), (FAULT, 120.0), (STATION, 130.0), (PARKED, 140.0),
    ]  # fmt: skip


def test_no_period_without_length() -> None:
    assert kinds(begun().see(100.0, None, CHARGING)) == [(CHARGING, 100.0)]


def test_what_was_between_for_no_time_parts_nothing() -> None:
    case = begun().see(110.0, None, CHARGING).see(120.0, None, FAULT).see(120.0, None, CHARGING)
    assert kinds(case) == [(PARKED, 100.0), (CHARGING, 110.0)]


def test_after_the_end_none_begins() -> None:
    case = begun().see(110.0, None, CHARGING).end(120.0).see(125.0, None, FAULT)
    assert kinds(case) == [(PARKED, 100.0), (CHARGING, 110.0)]


class TestLimits:
    """Another offered current is another period: by a step, after a while, and not for ever."""

    def charging(self, limit_a: float = 16.0) -> Case:
        return begun().see(110.0, None, CHARGING, limit_a=limit_a)

    @pytest.mark.parametrize(
        ("at_s", "limit_a", "parted"),
        [
            (170.0, 10.0, True),
            (170.0, 17.0, True),
            (169.9, 10.0, False),
            (170.0, 15.5, False),
            (170.0, 0.0, False),
        ],
        ids=["lower", "higher by a step", "too soon", "less than a step", "ramping down"],
    )
    def test_a_change_that_counts(self, at_s: float, limit_a: float, parted: bool) -> None:
        case = self.charging().see(at_s, None, CHARGING, limit_a=limit_a)
        assert [p.limit_a for p in case.session.periods[1:]] == [16.0, *[limit_a] * parted]

    def test_one_that_came_too_soon_is_told_later(self) -> None:
        case = self.charging(6.0).see(120.0, None, CHARGING)
        assert kinds(case.see(169.0, None, CHARGING))[-1] == (CHARGING, 110.0)
        assert kinds(case.see(175.0, None, CHARGING))[-1] == (CHARGING, 175.0)
        assert case.session.periods[-1].limit_a == 16.0

    def test_while_it_does_not_charge_no_limit_parts(self) -> None:
        case = begun().see(110.0, None, STATION, limit_a=6.0).see(300.0, None, STATION)
        assert [p.limit_a for p in case.session.periods] == [0.0, 0.0]

    def test_a_flickering_limit_makes_few(self) -> None:
        """Half an hour of a limit that changes each second: one period a minute."""
        case = self.charging()
        for second in range(1800):
            case.see(111.0 + second, None, CHARGING, limit_a=10.0 if second % 2 else 16.0)
        assert len(case.session.periods) <= 1 + 30

    def test_after_many_there_are_no_more(self) -> None:
        """What differs of who holds it back is told all the same."""
        terms = replace(TERMS, limit_periods_most=3)
        case = Case(self.charging().session, terms)
        for minute in range(1, 20):
            case.see(110.0 + 60.0 * minute, None, CHARGING, limit_a=10.0 if minute % 2 else 16.0)
        assert len(case.session.periods) == 2 + 3
        assert kinds(case.see(5000.0, None, FAULT))[-1] == (FAULT, 5000.0)


class TestCurrents:
    """The highest current measured in a period, phase by phase: OCPI's MAX_CURRENT."""

    def most_a(self, *seen: Phases) -> float | None:
        case = begun().see(110.0, None, CHARGING)
        for second, amps in enumerate(seen):
            case.see(111.0 + second, None, CHARGING, amps=amps)
        return sessions.totals(case.session, 200.0).periods[-1].max_a

    @pytest.mark.parametrize(
        ("seen", "most_a"),
        [
            ([], None),
            ([(10.0, 9.0, 8.0), (9.0, 10.0, 8.0)], 28.0),
            ([(10.0, None, None)], 10.0),
            ([(10.0, 9.0, 8.0), (None, None, None)], 27.0),
            ([(float("nan"), -3.0, 2.0)], 2.0),
        ],
        ids=["not measured", "of each phase", "one phase", "read once", "nonsense"],
    )
    def test_of_a_period(self, seen: list[Phases], most_a: float | None) -> None:
        assert self.most_a(*seen) == most_a

    def test_one_of_before_the_period_is_not_its_own(self) -> None:
        case = begun().see(110.0, None, CHARGING)
        case.see(111.0, None, CHARGING, amps=(10.0, 10.0, 10.0), late_s=2.0)
        assert case.session.periods[-1].max_a == sessions.NO_PHASES

    def test_only_while_it_charges(self) -> None:
        case = begun().see(110.0, None).see(111.0, None, amps=(1.0, 1.0, 1.0))
        assert case.session.periods[-1].max_a == sessions.NO_PHASES

    def test_a_new_period_begins_anew(self) -> None:
        case = begun().see(110.0, None, CHARGING).see(111.0, None, CHARGING, amps=(10.0, 0.0, 0.0))
        case.see(170.0, None, CHARGING, limit_a=6.0)
        case.see(171.0, None, CHARGING, limit_a=6.0, amps=(6.0, 0.0, 0.0))
        assert [p.max_a for p in sessions.totals(case.session, 180.0).periods] == [None, 10.0, 6.0]


class TestDivided:
    """A new period of the same kind where the price may change: OCPI mod_cdrs, ChargingPeriod."""

    def test_it_begins_with_the_newest_register(self) -> None:
        case = begun().see(110.0, 5000.0, CHARGING).see(150.0, 5040.0, CHARGING)
        case.session = sessions.divided(case.session, 149.5)
        case.see(160.0, 5050.0, CHARGING)
        assert kinds(case)[-2:] == [(CHARGING, 110.0), (CHARGING, 149.5)]
        energies = [p.energy_wh for p in sessions.totals(case.session, 160.0).periods[-2:]]
        assert energies == [40.0, 10.0]

    @pytest.mark.parametrize("at_s", [100.0, 110.0])
    def test_no_period_is_without_length(self, at_s: float) -> None:
        case = begun().see(110.0, 5000.0, CHARGING)
        assert sessions.divided(case.session, at_s) is case.session

    def test_not_after_the_end(self) -> None:
        case = begun().see(110.0, 1000.0, CHARGING).end(120.0)
        assert sessions.divided(case.session, 130.0) is case.session
