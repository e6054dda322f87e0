"""The proof of the proof: each seeded defect is noticed, and without a defect nothing is."""

from __future__ import annotations

import pytest

from agent.core import core_explore_tracks
from agent.core.core_mutants import MUTANTS
from agent.core.core_mutants_seek import by_days, by_hot_day

pytestmark = [pytest.mark.xdist_group("mutants"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("name", MUTANTS)
def test_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search stops at the first thing it finds, and finds one."""
    mutant = MUTANTS[name]
    mutant.apply(monkeypatch)
    assert any(v.startswith(mutant.expected) for v in mutant.check()), "nobody noticed"


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 30


def test_without_a_defect_nothing_is_found() -> None:
    """Else a check that always complains would catch every mutant."""
    for name in ("tilted", "bus_down", "frequency_out_of_range"):
        rule = core_explore_tracks.ROWS[name]
        assert core_explore_tracks.explore(rule, first_only=True)[1].violations == []
    assert list(by_hot_day()) == []
    assert list(by_days(500)()) == []
