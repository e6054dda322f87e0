"""The healing benchmark: the policy of the agent against two simpler ones, over the same years."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import pytest

from bench.healing import policies
from bench.healing.__main__ import as_object, best, measure
from bench.healing.policies import POLICIES, Laddvakt
from bench.healing.run import lived
from bench.healing.score import Score
from bench.healing.trace import YEAR_S, Trouble, Visit, Year, year
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act, Recovery

YEARS = int(os.environ.get("LADDVAKT_HEALING_YEARS", "20"))


@pytest.mark.timeout(180 + 2 * YEARS)
def test_twenty_charger_years(capsys: pytest.CaptureFixture[str]) -> None:
    """No unsafe reclosure, the best availability, the fewest openings under load."""
    scores = measure(YEARS, seed=1)
    with capsys.disabled():
        for name, score in scores.items():
            print(f"\n{name}: {as_object(score)}", end="")  # noqa: T201 – the figures CI shows
    ours, *others = scores.values()
    assert ours.unsafe_reclosures == 0
    assert all(other.unsafe_reclosures > 0 for other in others)
    assert best(scores)


def year_with(*codes: str) -> Year:
    """The first year in which one of these happens."""
    years = (year(seed) for seed in range(1, 90))
    return next(one for one in years if {trouble.code for trouble in one.troubles} & set(codes))


CARELESS = ("contactor_welded", "residual_monitor_failed", "residual_current_dc")


@pytest.mark.parametrize("code", CARELESS)
def test_a_policy_that_forgives_is_noticed(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same agent with one row made automatic recloses on that hazard: the score shows it."""
    row = replace(CATALOGUE[code], recovery=Recovery.AUTO, retries=None, tests=())
    row = replace(row, early_trip_s=0.0, ends_session=False)
    troubled = year_with(code)
    assert lived(troubled, Laddvakt()).unsafe_reclosures == 0
    monkeypatch.setattr(policies, "CATALOGUE", {**CATALOGUE, code: row})
    assert lived(troubled, Laddvakt()).unsafe_reclosures > 0


@dataclass(slots=True)
class Blind(Laddvakt):
    """Sees every fault and does nothing about any."""

    def act(self, now_s: float) -> Act:
        del now_s
        return Act.NONE


def test_a_policy_that_never_opens_is_noticed() -> None:
    """A hazard is one whether the policy acts on it or not."""
    troubled = year_with("contactor_welded")
    assert lived(troubled, Blind()).unsafe_reclosures > 0
    assert not best({"blind": lived(troubled, Blind()), "agent": lived(troubled, Laddvakt())})


def test_every_policy_meets_the_same() -> None:
    """The same vehicles, and the same time to be judged by."""
    scores = [lived(year(3), policy()) for policy in POLICIES]
    assert len({score.sessions for score in scores}) == 1
    assert len({round(score.judged_s) for score in scores}) == 1


def test_a_session_ends_as_the_catalogue_says() -> None:
    """Held back for longer than it is kept, nobody charges on without showing the card again."""
    visit = Visit(plug_s=0.0, asks_until_s=20_000.0, unplug_s=21_000.0, disobeys=False)
    parted = [
        lived(Year(visits=(visit,), troubles=(outage(end_s),), service=year(1).service,
                   yardstick=year(1).yardstick), Laddvakt()).closed_s
        for end_s in (3000.0, 8000.0)
    ]  # fmt: skip
    assert parted[0] > 16_000.0
    assert parted[1] < 1100.0


def outage(end_s: float) -> Trouble:
    return Trouble(
        code="power_lost", owner="grid", visible="always", start_s=1000.0, end_s=end_s
    )  # fmt: skip


def test_a_year_is_the_same_for_everybody() -> None:
    """Seeded, and untouched by who lives it."""
    assert year(3) == year(3)
    assert year(3) != year(4)
    assert lived(year(3), Laddvakt()) == lived(year(3), Laddvakt())


TIMES = [(0.0, 100.0, False), (100.0, 110.0, True), (105.0, 110.0, True), (112.0, 130.0, False)]


@pytest.mark.parametrize(("at_s", "next_s", "on"), TIMES)
def test_troubles_come_and_go(at_s: float, next_s: float, on: bool) -> None:
    """Each edge is named before it comes; between them nothing changes."""
    trouble = Trouble(
        code="x", owner="station", visible="always", start_s=100.0, end_s=500.0, on_s=10.0,
        off_s=20.0,
    )  # fmt: skip
    assert (trouble.on(at_s), trouble.next_s(at_s)) == (on, next_s)
    assert trouble.next_s(499.0) == 500.0


def test_best_is_all_three() -> None:
    """One unsafe reclosure, less availability or more openings under load are each not best."""
    good = Score(years=1, safe_s=YEAR_S, judged_s=YEAR_S, load_openings=1)
    poor = Score(years=1, safe_s=YEAR_S / 2, judged_s=YEAR_S, load_openings=9, unsafe_reclosures=9)
    assert best({"ours": good, "other": poor})
    assert not best({"ours": replace(good, unsafe_reclosures=1), "other": poor})
    assert not best({"ours": replace(good, safe_s=0.0), "other": poor})
    assert not best({"ours": replace(good, load_openings=10), "other": poor})
