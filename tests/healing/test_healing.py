"""The healing benchmark: the policy of the agent against two simpler ones, over the same years."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.healing import policies
from bench.healing.__main__ import as_object, best, measure
from bench.healing.policies import Laddvakt
from bench.healing.run import Score, lived
from bench.healing.trace import YEAR_S, Trouble, year
from laddvakt_agent.core.catalogue import CATALOGUE
from laddvakt_agent.core.rules import Recovery

YEARS = 20


@pytest.mark.timeout(180)
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


def test_a_policy_that_forgets_a_weld_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same agent with the weld's row made automatic recloses on welds: the score shows it."""
    weld = replace(CATALOGUE["contactor_welded"], recovery=Recovery.AUTO, retries=None, tests=())
    careless = {**CATALOGUE, "contactor_welded": weld}
    welding = next(
        seed
        for seed in range(1, 60)
        if any(trouble.code == "contactor_welded" for trouble in year(seed).troubles)
    )
    assert lived(year(welding), Laddvakt()).unsafe_reclosures == 0
    monkeypatch.setattr(policies, "CATALOGUE", careless)
    assert lived(year(welding), Laddvakt()).unsafe_reclosures > 0


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
