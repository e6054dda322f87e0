"""`laddvakt-sim scenario`: run, check and begin scenario files."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click

from laddvakt_sim.claim import TEMPORARY_FAILURE
from laddvakt_sim.scenario import Outcome, Problem, Scenario, ScenarioError, Verdict, load
from laddvakt_sim.scenario.model import RestartAgent
from laddvakt_sim.scenario.real.elsewhere import Elsewhere
from laddvakt_sim.scenario.real.limits import beyond_board
from laddvakt_sim.scenario.real.peers import Peer
from laddvakt_sim.scenario.real.run import (
    Here,
    Report,
    Where,
    agent_beside,
    agent_codes,
    as_json,
    interpreter,
    run,
    stop_on_sigterm,
)
from laddvakt_sim.scenario.real.stage import StageError

MISSED, USAGE, INTERRUPTED = 1, 2, 130
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)
_JSON = click.option("--json", "as_json_text", is_flag=True, help="Print JSON, schema_version 1.")
_AGENT = click.option(
    "--agent",
    "agent",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The `laddvakt` command; else the one beside this interpreter.",
)


@click.group("scenario")
def scenario_group() -> None:
    """Try a charger on a timeline of actions and faults (firmware-sim/SCENARIOS.md).

    \b
    laddvakt-sim scenario new my-trouble
    laddvakt-sim scenario check my-trouble.toml
    laddvakt-sim scenario run my-trouble.toml

    Exit codes: 0 all well, 1 something expected was not seen, 2 a file is wrong or asks for what
    cannot be had here, 75 it could not be started, 130 interrupted.
    """  # noqa: D301 - \b is click's mark for lines to keep


@scenario_group.command("run")
@_FILES
@_JSON
@_AGENT
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for logs and ledger of each scenario; else they are gone afterwards.",
)
@click.option("--control-url", help="Control API of a board that runs already.")
@click.option(
    "--agent-socket",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Local API of the agent that runs on it.",
)
@click.option("--backend-url", help="Simulated backend of that agent.")
def run_command(
    files: tuple[Path, ...],
    as_json_text: bool,
    agent: Path | None,
    keep: Path | None,
    control_url: str | None,
    agent_socket: Path | None,
    backend_url: str | None,
) -> None:
    """Run scenarios for real, one after the other: board, agent and backend, in real time."""
    elsewhere = _elsewhere(control_url, agent_socket, backend_url)
    stop_on_sigterm()
    reports: list[Report] = []
    try:
        command = None if elsewhere and agent is None else _agent_of(agent)
        scenarios = _loaded(files, _codes(command))
        _refuse(scenarios, elsewhere)
        where = elsewhere or Here(agent_command=command or Path(), keep=keep)
        for scenario in scenarios:
            reports.append(_reported(scenario, where, quiet=as_json_text))
        code = 0 if all(report.passed for report in reports) else MISSED
    except StageError as error:
        click.echo(str(error), err=True)
        code = TEMPORARY_FAILURE
    except KeyboardInterrupt:
        click.echo("interrupted; everything that was started has ended", err=True)
        code = INTERRUPTED
    _summarise(reports, len(files), as_json_text=as_json_text)
    raise SystemExit(code)


@scenario_group.command("check")
@_FILES
@_JSON
@_AGENT
def check_command(files: tuple[Path, ...], as_json_text: bool, agent: Path | None) -> None:
    """Read scenario files and say everything that is wrong with them, with its line."""
    codes = _codes(None if agent is None else _agent_of(agent))
    rows: list[dict[str, object]] = []
    for path in files:
        problems, beyond, told = _checked(path, codes)
        rows.append(
            {
                "file": str(path),
                "ok": not problems,
                "problems": [_plain(problem) for problem in problems],
                "in_process_only": [_plain(problem) for problem in beyond],
            }
        )
        if not as_json_text:
            click.echo(told, err=bool(problems))
    if as_json_text:
        click.echo(json.dumps({"schema_version": 1, "files": rows}, indent=2, ensure_ascii=False))
    raise SystemExit(0 if all(row["ok"] for row in rows) else USAGE)


@scenario_group.command("new")
@click.argument("name")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where it is written; here.",
)
def new_command(name: str, directory: Path) -> None:
    """Write a commented scenario NAME.toml that runs as it is."""
    name = name.removesuffix(".toml")
    if not _NAME.fullmatch(name):
        _fail(USAGE, f"{name!r}: allowed are small letters, digits and . _ -, at most 80")
    path = directory / f"{name}.toml"
    template = resources.files("laddvakt_sim.scenario") / "template.toml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template.read_text("utf-8").replace("@NAME@", name))
    except FileExistsError:
        _fail(USAGE, f"{path} exists already; choose another name, or move it away")
    except OSError as error:
        _fail(USAGE, f"{path} cannot be written: {error.strerror}; choose another --dir")
    click.echo(f"{path} written; run it with: laddvakt-sim scenario run {path}")


def _elsewhere(
    control_url: str | None, agent_socket: Path | None, backend_url: str | None
) -> Elsewhere | None:
    if control_url is None and agent_socket is None and backend_url is None:
        return None
    if control_url is None or agent_socket is None:
        _fail(USAGE, "--control-url and --agent-socket belong together; give both, or none")
    return Elsewhere(
        board=Peer(name="the board", url=_url("--control-url", control_url)),
        agent=Peer(name="the agent", socket_path=agent_socket),
        backend=None
        if backend_url is None
        else Peer(name="the backend", url=_url("--backend-url", backend_url)),
    )


def _agent_of(agent: Path | None) -> Path:
    # A name without a folder would be looked for on the PATH.
    return agent_beside(interpreter()) if agent is None else agent.absolute()


def _url(option: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        _fail(USAGE, f"{option} {url} is no address; write one such as http://127.0.0.1:8080")
    return url


def _codes(command: Path | None) -> frozenset[str] | None:
    if command is None:
        return None
    codes = agent_codes(command)
    if codes is None:
        click.echo(f"{command} tells no catalogue: fault codes are not checked", err=True)
    return codes


def _loaded(files: tuple[Path, ...], codes: frozenset[str] | None) -> list[Scenario]:
    found: list[Scenario] = []
    wrong: list[str] = []
    for path in files:
        try:
            found.append(load(path, codes))
        except ScenarioError as error:
            wrong.append(str(error))
    if wrong:
        _fail(USAGE, *wrong, "nothing was started")
    return found


def _refuse(scenarios: list[Scenario], elsewhere: Elsewhere | None) -> None:
    """Say what cannot be had here, of all the scenarios at once."""
    beyond = [
        f"{scenario.source}:{problem.line}: {problem.what}; {problem.remedy}"
        for scenario in scenarios
        for problem in beyond_board(scenario)
    ]
    if elsewhere is not None:
        beyond += [
            f"{scenario.source}:{do.line}: this agent was not started here and cannot be restarted;"
            " leave out --agent-socket"
            for scenario in scenarios
            for do in scenario.do
            if isinstance(do.action, RestartAgent)
        ]
    if elsewhere is not None and elsewhere.backend is None:
        beyond += [
            f"{scenario.source}:{expect.line}: it asks for OCPI objects; give --backend-url"
            for scenario in scenarios
            for expect in scenario.expect
            if expect.wish.ocpi is not None
        ]
    if beyond:
        _fail(USAGE, *beyond, "nothing was started")


def _checked(
    path: Path, codes: frozenset[str] | None
) -> tuple[tuple[Problem, ...], tuple[Problem, ...], str]:
    try:
        scenario = load(path, codes)
    except ScenarioError as error:
        return error.problems, (), str(error)
    beyond = beyond_board(scenario)
    where = f"in process only: {beyond[0].what}" if beyond else f"takes {scenario.duration_s:g} s"
    return (), beyond, f"{path}: ok, {len(scenario.expect)} expectations, {where}"


def _reported(scenario: Scenario, where: Where, *, quiet: bool) -> Report:
    if not quiet:
        click.echo(f"{scenario.name}: {scenario.about} ({scenario.duration_s:g} s)")
    report = run(scenario, where)
    if not quiet:
        for verdict in report.verdicts:
            click.echo(_told(verdict))
        for sentence in report.trouble:
            click.echo(f"  FAILED   {sentence}")
        met = sum(verdict.outcome is Outcome.MET for verdict in report.verdicts)
        word = "passed" if report.passed else "NOT PASSED"
        total = len(scenario.expect)
        click.echo(f"{scenario.name}: {word}, {met} of {total} met in {report.duration_s:.1f} s")
    return report


def _told(verdict: Verdict) -> str:
    met = verdict.outcome is Outcome.MET
    word = "met" if met else verdict.outcome.name
    at_s = "" if verdict.at_s is None else f"{verdict.at_s:.1f} s"
    instead = "" if met else f"; seen: {verdict.seen}"
    return f"  {word:8}{at_s:>8}  line {verdict.line}: {verdict.what}{instead}"


def _summarise(reports: list[Report], files: int, *, as_json_text: bool) -> None:
    """What became of those that came to their end."""
    if as_json_text:
        click.echo(json.dumps(as_json(reports), indent=2, ensure_ascii=False))
    elif files > 1:
        click.echo(f"{sum(report.passed for report in reports)} of {files} scenarios passed")


def _plain(problem: Problem) -> dict[str, object]:
    return {"line": problem.line, "what": problem.what, "remedy": problem.remedy}


def _fail(code: int, *lines: str) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)
