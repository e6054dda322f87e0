"""Runs one scenario for real and reports what became of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from laddvakt_sim.clock import now_s
from laddvakt_sim.scenario.judge import Outcome, Verdict
from laddvakt_sim.scenario.model import Scenario
from laddvakt_sim.scenario.play import passed, play
from laddvakt_sim.scenario.real.driver import RealDriver
from laddvakt_sim.scenario.real.elsewhere import Elsewhere
from laddvakt_sim.scenario.real.stage import Stage, StageError

SCHEMA_VERSION = 1
_CATALOGUE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one scenario; `trouble`: sentences about processes that ended."""

    scenario: Scenario
    verdicts: tuple[Verdict, ...]
    trouble: tuple[str, ...]
    duration_s: float

    @property
    def passed(self) -> bool:
        """True when everything was met and nothing broke down."""
        return passed(self.verdicts) and not self.trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Start everything: in `keep`, or in a folder that is gone afterwards."""

    agent_command: Path
    keep: Path | None = None


Where: TypeAlias = Here | Elsewhere


def run(scenario: Scenario, where: Where) -> Report:
    """Carry it out in real time.

    Raises:
        StageError: it could not be started.
    """
    with _scene(scenario, where) as scene:
        driver = RealDriver(scene, ocpi=_asks_backend(scenario))
        begun_s = now_s()
        verdicts = play(scenario, driver)
        return Report(
            scenario=scenario,
            verdicts=verdicts,
            trouble=tuple(scene.trouble()),
            duration_s=now_s() - begun_s,
        )


def agent_beside(python: Path) -> Path:
    """The `laddvakt` command beside this interpreter, else the one on the path.

    Raises:
        StageError: there is none.
    """
    beside = python.parent / "laddvakt"
    if beside.exists():
        return beside
    if found := shutil.which("laddvakt"):
        return Path(found)
    raise StageError(
        f"there is no `laddvakt` in {python.parent} nor on the path; install it, or name it "
        "with --agent"
    )


def agent_codes(command: Path) -> frozenset[str] | None:
    """The fault codes of the agent's catalogue, None when it does not tell them."""
    try:
        answer = subprocess.run(
            [str(command), "faults", "catalog", "--json"],
            capture_output=True,
            check=True,
            timeout=_CATALOGUE_S,
        )
        rows = json.loads(answer.stdout)["faults"]
        return frozenset(str(row["code"]) for row in rows)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None


def as_json(reports: list[Report]) -> dict[str, object]:
    """All reports, as `--json` prints them."""
    return {"schema_version": SCHEMA_VERSION, "scenarios": [_json(report) for report in reports]}


def _json(report: Report) -> dict[str, object]:
    counted = len(report.scenario.expect)
    return {
        "name": report.scenario.name,
        "file": report.scenario.source,
        "passed": report.passed,
        "expectations": [_row(verdict) for verdict in report.verdicts[:counted]],
        "actions_failed": [_row(verdict) for verdict in report.verdicts[counted:]],
        "trouble": list(report.trouble),
        "duration_s": round(report.duration_s, 3),
    }


def _row(verdict: Verdict) -> dict[str, object]:
    met = verdict.outcome is Outcome.MET
    at_s = None if verdict.at_s is None else round(verdict.at_s, 3)
    return {
        "line": verdict.line,
        "what": verdict.what,
        "outcome": verdict.outcome.value,
        "met_at_s": at_s if met else None,
        "broken_at_s": None if met else at_s,
        "seen": verdict.seen,
    }


def _asks_backend(scenario: Scenario) -> bool:
    return any(expect.wish.ocpi is not None for expect in scenario.expect)


@contextlib.contextmanager
def _scene(scenario: Scenario, where: Where) -> Iterator[Stage | Elsewhere]:
    if isinstance(where, Elsewhere):
        where.check()
        yield where
        return
    with _folder(where.keep, scenario.name) as directory:
        stage = Stage(directory, where.agent_command)
        try:
            stage.start(scenario.charger)
            yield stage
        finally:
            with _unhurried():
                stage.end()


@contextlib.contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="laddvakt-scenario-") as made:
            yield Path(made)
        return
    directory = (keep / name).resolve()
    try:
        directory.mkdir(parents=True)
    except FileExistsError as error:
        raise StageError(f"{directory} exists; name another folder with --keep") from error
    except OSError as error:
        why = f"{directory} cannot be made: {error.strerror}"
        raise StageError(f"{why}; name another folder with --keep") from error
    yield directory


@contextlib.contextmanager
def _unhurried() -> Iterator[None]:
    """While cleaning up, a second Ctrl-C must not leave anything running."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOPS = (signal.SIGINT, signal.SIGTERM)


def stop_on_sigterm() -> None:
    """Let SIGTERM end the runner as Ctrl-C does: with everything cleaned up."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def interpreter() -> Path:
    """This interpreter, as it was called: in a virtual environment its own."""
    return Path(sys.executable)
