"""What a scenario may ask of the simulated board, said before anything is started."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_sim.scenario.checks import Problem
from laddvakt_sim.scenario.model import Expect, Scenario
from laddvakt_sim.scenario.real.look import CLOCK
from laddvakt_sim.scenario.wishes import Profile, Reserve, WantPhases

FITTED = ("feedback", "emergency_stop", "residual_monitor")
ELSEWHERE = "run it in process, where plant and core are joined in virtual time"


def beyond_board(scenario: Scenario) -> tuple[Problem, ...]:
    """Everything the scenario asks that the real board does not have."""
    return (
        *_charger(scenario),
        *(
            _beyond(do.line, "only a backend may ask that, and the simulated one does not")
            for do in scenario.do
            if isinstance(do.action, Reserve | WantPhases | Profile)
        ),
        *(problem for expect in scenario.expect for problem in _expectation(expect)),
    )


def _charger(scenario: Scenario) -> Iterator[Problem]:
    charger = scenario.charger
    if charger.supply != "tn-tt-230-400":
        yield _beyond(1, f'the simulated board is fed by tn-tt-230-400, not "{charger.supply}"')
    if charger.voltage_side != "line":
        yield _beyond(1, "the meters of the simulated board sit on the line side")
    if missing := [name for name in charger.fitted if name not in FITTED]:
        yield _beyond(1, f"the simulated board has no {', '.join(missing)}")


def _expectation(expect: Expect) -> Iterator[Problem]:
    if expect.wish.locked is not None:
        yield _beyond(expect.line, "the simulated board has no lock")
    if named := {*expect.wish.faults, expect.wish.cause} & set(CLOCK):
        yield _beyond(expect.line, f"{named.pop()}: a real run has the clock of this machine")


def _beyond(line: int, what: str) -> Problem:
    return Problem(line=line, what=what, remedy=ELSEWHERE)
