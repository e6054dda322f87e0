"""The diagnosis benchmark: labelled scenarios through plant and core, the named cause judged.

`python -m bench.diagnosis [FOLDER] [--blind]` plays every scenario file below a folder in virtual
time and prints as JSON how often the root cause named first was the labelled one, every miss with
what was named instead and why, and every false alarm. Exit 0 while that is good enough. `--blind`
only counts the held-out ones: whoever changes rules shall not learn which they are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.driver import Lab
from laddvakt_agent.core.diagnose.causes import Cause
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Severity
from laddvakt_sim.scenario import Judge, Observed, Outcome, Scenario, ScenarioError, load, play
from laddvakt_sim.scenario.model import Action, Wish

CORPUS = Path(__file__).parents[1] / "scenarios"
HELD_OUT = "held_out"
ENOUGH_SHARE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one scenario came to."""

    name: str
    folder: str
    expected: str
    named: str
    why: str = ""  # the diagnosis in a line, where another cause was named
    unseen: tuple[str, ...] = ()  # causes expected at a time and not named then
    alarms: tuple[str, ...] = ()  # faults that stood although nothing was wrong
    unmet: tuple[str, ...] = ()  # other expectations of the file; no part of the accuracy

    @property
    def right(self) -> bool:
        """The labelled cause was named, and at the times the file asks for."""
        named = self.expected in ("none", self.named)
        return named and not self.unseen and not self.alarms


@dataclass(slots=True)
class Settling:
    """The cause named first once nothing more is raised, and before anything clears."""

    lab: Lab
    named: str = "none"
    why: str = ""
    alarms: set[str] = field(default_factory=set)
    _stood: frozenset[str] = frozenset()
    _waning: bool = False

    def see(self, observed: Observed) -> None:
        """Take in what stands now, and what is named."""
        stands = observed.faults or frozenset()
        self.alarms |= set(filter(is_alarm, stands))
        if stands - self._stood:
            self._waning = False
        elif self._stood - stands:
            self._waning = True
        self._stood = stands
        if stands and not self._waning:
            self.named, self.why = observed.cause or "none", told(self.lab.book.causes)


@dataclass(slots=True)
class _Watched:
    """A laboratory that others watch too."""

    lab: Lab
    watchers: tuple[Callable[[Observed], None], ...]

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        def all_see(observed: Observed) -> None:
            for watcher in (*self.watchers, see):
                watcher(observed)

        self.lab.advance(to_s, all_see)

    def act(self, action: Action) -> str | None:
        return self.lab.act(action)


def is_alarm(code: str) -> bool:
    """Whether a person would be alarmed: evidence rows are told, but nothing is wrong."""
    return CATALOGUE[code].severity is not Severity.INFO


def told(causes: Iterable[Cause]) -> str:
    """A diagnosis in one line."""
    return "; ".join(
        f"{cause.fault.code}@{cause.fault.subject} ({cause.fault.evidence})"
        + "".join(f" > {s.code}@{s.subject}" for s in cause.symptoms)
        for cause in causes
    )


def measure(path: Path) -> Result:
    """Play one scenario and judge what was named.

    Raises:
        ScenarioError: the file is none.
    """
    scenario = load(path, CATALOGUE)
    lab = Lab.of(scenario)
    settling, judge = Settling(lab), Judge(_causes_only(scenario))

    verdicts = play(scenario, _Watched(lab, (settling.see, judge.see)))
    expected = scenario.truth.cause if scenario.truth else "none"
    unseen = [v for v in judge.finish() if v.outcome is not Outcome.MET]
    benign = expected == "none"
    return Result(
        name=scenario.name,
        folder=path.parent.name,
        expected=expected,
        named=settling.named,
        why="" if settling.named == expected and not unseen else settling.why,
        unseen=tuple(f"{v.what}: {v.seen}" for v in unseen),
        alarms=tuple(sorted(settling.alarms)) if benign else (),
        unmet=tuple(f"{v.what}: {v.seen}" for v in verdicts if v.outcome is not Outcome.MET),
    )


def _causes_only(scenario: Scenario) -> Scenario:
    """The scenario with nothing expected but causes, each at its time."""
    kept = tuple(
        replace(expect, wish=Wish(cause=expect.wish.cause), what=f'cause = "{expect.wish.cause}"')
        for expect in scenario.expect
        if expect.wish.cause is not None
    )
    return replace(scenario, expect=kept)


def measure_all(folder: Path) -> tuple[Result, ...]:
    """Every scenario below a folder, in the order of their paths."""
    return tuple(measure(path) for path in sorted(folder.rglob("*.toml")))


def accuracy(results: Iterable[Result]) -> float:
    """The share of scenarios whose cause was named first; 1 of none."""
    judged = [result.right for result in results]
    return sum(judged) / len(judged) if judged else 1.0


def report(results: tuple[Result, ...], *, blind: bool = False) -> dict[str, object]:
    """The whole measurement as JSON takes it; `blind`: without the names of held-out misses."""
    held = [result for result in results if result.folder == HELD_OUT]
    benign = [result for result in results if result.expected == "none"]
    return {
        "schema_version": 1,
        "scenarios": len(results),
        "accuracy": round(accuracy(results), 4),
        "held_out": {
            "scenarios": len(held),
            "accuracy": round(accuracy(held), 4) if held else None,
        },
        "benign": len(benign),
        "false_alarms": [
            {"name": r.name, "faults": list(r.alarms)}
            for r in benign
            if r.alarms and not (blind and r in held)
        ],
        "misses": [_miss(r) for r in results if not r.right and not (blind and r in held)],
    }


def _miss(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "folder": result.folder,
        "expected": result.expected,
        "named": result.named,
        "why": result.why,
        "unseen": list(result.unseen),
    }


def good_enough(results: tuple[Result, ...]) -> bool:
    """At least 99 % right, and never an alarm where nothing is wrong."""
    alarmed = any(result.alarms for result in results)
    return accuracy(results) >= ENOUGH_SHARE and not alarmed


def main(arguments: list[str] | None = None) -> int:
    """Measure a folder and print what came of it."""
    parser = argparse.ArgumentParser(prog="bench.diagnosis", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--blind", action="store_true", help="only count the held-out ones")
    given = parser.parse_args(arguments)
    folder: Path = given.folder
    if not any(folder.rglob("*.toml")):
        sys.stderr.write(f"no scenario below {folder}: name a folder with *.toml files\n")
        return 2
    begun_s = time.perf_counter()
    try:
        results = measure_all(folder)
    except ScenarioError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    shown = report(results, blind=given.blind)
    sys.stdout.write(f"{json.dumps(shown, indent=2, ensure_ascii=False)}\n")
    took_s = time.perf_counter() - begun_s
    sys.stderr.write(f"{len(results)} scenarios in {took_s:.1f} s\n")
    return 0 if good_enough(results) else 1


if __name__ == "__main__":
    sys.exit(main())
