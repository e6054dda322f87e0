"""Carries out a scenario with whatever drives it: real processes, or a model in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from laddvakt_sim.scenario.judge import Judge, Observed, Outcome, Verdict
from laddvakt_sim.scenario.model import Action, Do, Scenario


class ActionError(Exception):
    """An action cannot be carried out at all; the message says why."""


class Driver(Protocol):
    """What a scenario is carried out with."""

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        """Let time pass until `to_s`; tell every change on the way, and what is there at `to_s`."""
        ...

    def act(self, action: Action) -> str | None:
        """Do something now; a sentence when the agent refused it, else None.

        Raises:
            ActionError: it cannot be done here.
        """
        ...


def play(scenario: Scenario, driver: Driver) -> tuple[Verdict, ...]:
    """Carry out the timeline to its end and judge it; at equal times observing precedes acting.

    Returns:
        One verdict per expectation in the order of the file, then one per failed action.
    """
    judge = Judge(scenario)
    failed: list[Verdict] = []
    acts = list(scenario.do)
    for at_s in sorted({*judge.moments, *(do.at_s for do in acts), scenario.duration_s}):
        driver.advance(at_s, judge.see)
        while acts and acts[0].at_s <= at_s:
            done = acts.pop(0)
            if (instead := _carried_out(driver, done)) is not None:
                failed.append(instead)
    return (*judge.finish(), *failed)


def passed(verdicts: tuple[Verdict, ...]) -> bool:
    """True when everything was met."""
    return all(verdict.outcome is Outcome.MET for verdict in verdicts)


def _carried_out(driver: Driver, do: Do) -> Verdict | None:
    """Do it; a verdict when it did not go as the file says."""
    try:
        refusal = driver.act(do.action)
    except ActionError as error:
        return _failed(do, str(error))
    if (refusal is not None) == do.refused:
        return None
    return _failed(do, "it was done" if refusal is None else f"refused: {refusal}")


def _failed(do: Do, seen: str) -> Verdict:
    expected = ", to be refused" if do.refused else ""
    what = f"{do.what}{expected}"
    return Verdict(line=do.line, what=what, outcome=Outcome.FAILED, at_s=do.at_s, seen=seen)
