"""Scenarios run for real: what is met, what is missed, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Runner: TypeAlias = Callable[..., subprocess.Popen[str]]

HEAD = 'schema = 1\nname = "{name}"\nabout = "One sentence."\nduration_s = {duration_s}\n'
CHARGE = """
[charger]
connectors = 2
[[do]]
at_s = 0.5
plug = { connector = "2", phases = 3 }
[[do]]
at_s = 1.5
start = { connector = "2", token = "NOBODY" }
refused = true
[[do]]
at_s = 2.0
start = { connector = "2" }
[[expect]]
by_s = 8.0
connector = "2"
status = "CHARGING"
contactor = "closed"
limit_a = { min = 16, max = 16 }
no_faults = true
ocpi = { status = "CHARGING", sessions = 1, cdrs = 0 }
"""
THERE = """
[charger]
connectors = 2
[[do]]
at_s = 0.5
plug = { connector = "2", phases = 3 }
[[expect]]
by_s = 2.5
connector = "2"
state = "preparing"
no_faults = true
ocpi = { sessions = 0, cdrs = 0 }
"""
KILLED = (
    CHARGE
    + """
[[do]]
at_s = 8.0
restart_agent = { kill = true, away_s = 3.5 }
[[expect]]
by_s = 11.5
connector = "2"
contactor = "open"
[[expect]]
by_s = 11.5
connector = "2"
status = "CHARGING"
[[expect]]
by_s = 20.0
after_s = 11.5
connector = "2"
status = "CHARGING"
"""
)


def written(folder: Path, name: str, duration_s: float, story: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(HEAD.format(name=name, duration_s=duration_s) + story)
    return path


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Runner]:
    """Start `laddvakt-sim scenario run`, with a folder of its own for what it makes."""
    scratch = folder / "tmp"
    scratch.mkdir()
    with contextlib.ExitStack() as ends:

        def start(*args: str | Path) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "laddvakt_sim", "scenario", "run", *map(str, args)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(scratch)},
            )
            ends.enter_context(process)
            ends.callback(process.terminate)  # of no account where it has ended
            return process

        yield start


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with running(tmp_path) as start:
        yield start


LongRun: TypeAlias = tuple[Path, subprocess.Popen[str]]


@pytest.fixture(scope="module", autouse=True)
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRun]:
    """The longest of them runs beside the others; the last test asks what became of it."""
    folder = tmp_path_factory.mktemp("long")
    with running(folder) as start:
        yield folder, start(written(folder, "killed", 20.0, KILLED), "--json")


def ended(process: subprocess.Popen[str], code: int) -> str:
    output, errors = process.communicate(timeout=90)
    assert process.returncode == code, errors + output
    assert "Traceback" not in errors
    return output


def left_running(folder: Path) -> list[str]:
    """Processes whose command names this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(folder / "tmp") in words:
            found.append(words.replace("\0", " "))
    return found


def test_a_scenario_on_a_charger_that_runs_already(
    scene: Stage, tmp_path: Path, runner: Runner
) -> None:
    """Its own words and objects are seen, and nothing is ended."""
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    vehicle: JsonObject = {"phases": 3}
    scene.board.ask("POST", "/connectors/1/plug", vehicle)
    path = written(tmp_path, "there", 2.5, THERE)
    output = ended(
        runner(
            path, "--control-url", scene.board.url, "--backend-url", scene.backend.url,
            "--agent-socket", scene.directory / "api.sock",
        ),
        0,
    )  # fmt: skip
    assert "there: passed, 1 of 1 met in " in output
    assert {process.poll() for process in scene.processes.values()} == {None}


ENDS = {"Ctrl-C": (signal.SIGINT, 130), "asked to": (signal.SIGTERM, 130), "killed": (9, -9)}


def test_ended_early_it_leaves_nothing_running(tmp_path: Path, runner: Runner) -> None:
    """However it is ended; the three run side by side."""
    path, kept = written(tmp_path, "long", 60.0, CHARGE), tmp_path / "tmp"
    started = {how: runner(path, "--keep", kept / str(n)) for n, how in enumerate(ENDS)}
    sockets = [kept / str(n) / "long" / "api.sock" for n in range(len(ENDS))]
    wait_for("the agents answer", 60, lambda: all(socket.exists() for socket in sockets))
    assert left_running(tmp_path)
    for how, (number, _) in ENDS.items():
        started[how].send_signal(number)
    for how, (_, code) in ENDS.items():
        ended(started[how], code)
    wait_for("everything has ended", 10, lambda: not left_running(tmp_path))


def test_an_agent_that_does_not_come_up_is_told_with_its_words(
    tmp_path: Path, runner: Runner
) -> None:
    agent = tmp_path / "laddvakt"
    agent.write_text("#!/bin/sh\necho I would rather not >&2\nexit 78\n")
    agent.chmod(0o755)
    path = written(tmp_path, "never", 10.0, CHARGE)
    # The usual folder of a worker is too long a name for a socket.
    process = runner(path, "--agent", agent, "--keep", tmp_path / "k")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert "the agent ended before it was ready:\nI would rather not" in errors
    assert left_running(tmp_path) == []


def test_a_scenario_on_processes_of_its_own(long_run: LongRun) -> None:
    """What is met and what is missed, each with its line, across a death of the agent."""
    folder, process = long_run
    report = json.loads(ended(process, 1))
    assert report["schema_version"] == 1
    (row,) = report["scenarios"]
    assert (row["name"], row["passed"], row["trouble"]) == ("killed", False, [])
    assert row["actions_failed"] == []
    assert 20.0 <= row["duration_s"] < 23.0
    charged, opened, silent, back = row["expectations"]
    assert [e["outcome"] for e in row["expectations"]] == ["met", "met", "missed", "met"]
    rows = (folder / "killed.toml").read_text().splitlines()
    assert {rows[e["line"] - 1] for e in row["expectations"]} == {"[[expect]]"}
    assert 2.0 < charged["met_at_s"] <= 8.0
    assert 8.0 < opened["met_at_s"] <= 11.5
    assert (silent["met_at_s"], silent["seen"]) == (None, "status unknown")
    assert 11.5 < back["met_at_s"] <= 20.0
    assert left_running(folder) == []
    assert list((folder / "tmp").iterdir()) == []
