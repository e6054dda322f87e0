"""The laboratory itself: the example scenarios hold in virtual time as they do for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.driver import Lab
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_sim.scenario import Outcome, load, play

EXAMPLES = sorted(Path(__file__).parents[2].glob("firmware-sim/scenarios/*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_holds_in_virtual_time(path: Path) -> None:
    """The same files are run for real elsewhere."""
    scenario = load(path, CATALOGUE)
    verdicts = play(scenario, Lab.of(scenario))
    assert [v for v in verdicts if v.outcome is not Outcome.MET] == []
