"""Scenario files: a timeline of actions and what must be seen, for real or in a model.

`load` reads one, `play` carries it out with a `Driver`, `Judge` says what became of it. Pure but
for reading the file; `firmware-sim/SCENARIOS.md` describes the format.
"""

from __future__ import annotations

from laddvakt_sim.scenario.checks import Problem, ScenarioError
from laddvakt_sim.scenario.judge import Judge, Observed, Outcome, Seen, SeenOcpi, Verdict
from laddvakt_sim.scenario.model import Do, Expect, Kind, Scenario
from laddvakt_sim.scenario.play import ActionError, Driver, passed, play
from laddvakt_sim.scenario.read import load, loads

__all__ = [
    "ActionError",
    "Do",
    "Driver",
    "Expect",
    "Judge",
    "Kind",
    "Observed",
    "Outcome",
    "Problem",
    "Scenario",
    "ScenarioError",
    "Seen",
    "SeenOcpi",
    "Verdict",
    "load",
    "loads",
    "passed",
    "play",
]
