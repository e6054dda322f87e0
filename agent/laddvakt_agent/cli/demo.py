"""`demo`: the whole path in under 100 seconds, with a table of what was promised and measured."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.demo.check import Check
from laddvakt_agent.demo.checks import all_checks
from laddvakt_agent.demo.play import play, shortened
from laddvakt_agent.demo.stage import Stage, StageError, now_s
from laddvakt_agent.demo.view import open_view, result_lines


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print only the checks, as JSON.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Leave logs, ledger and the backend's database in this folder.",
)
def demo(as_json: bool, keep: Path | None) -> None:
    """Play a day of a charger: simulator, agent and backend as real processes on real lines.

    Exits 1 if any check fails.
    """
    directory = keep or Path(tempfile.mkdtemp(prefix="laddvakt-demo-"))
    begun_s = now_s()
    failed = True
    try:
        checks = _play(directory.resolve(), quiet=as_json)
        checks.append(_duration(now_s() - begun_s))
        _print(checks, as_json=as_json)
        failed = not all(check.ok for check in checks)
    except StageError as error:
        fail(Exit.FAULT, f"The demo stopped: {error}", f"Its logs are in {directory}.")
    finally:
        if keep is None and not failed:
            shutil.rmtree(directory)
    if failed:
        fail(Exit.FAULT, f"A check failed; the logs are in {directory}.")


def _play(directory: Path, *, quiet: bool) -> list[Check]:
    with open_view(quiet=quiet) as view:
        view.say("Times shortened for the demo:")
        for line in shortened():
            view.say(f"    {line}")
        stages: list[Stage] = []
        seen = play(directory, view, stages.append)
    checks = all_checks(seen)
    tracebacks = sum(stage.log_text("agent").count("Traceback") for stage in stages)
    checks.append(
        Check(
            name="tracebacks",
            ok=tracebacks == 0,
            measured=tracebacks,
            expected="0",
            unit="in the log",
        )
    )
    return checks


def _duration(seconds: float) -> Check:
    return Check(name="duration", ok=seconds <= 100, measured=seconds, expected="≤ 100", unit="s")


def _print(checks: list[Check], *, as_json: bool) -> None:
    ok = all(check.ok for check in checks)
    if as_json:
        rows = [
            {name: getattr(c, name) for name in ("name", "ok", "measured", "expected", "unit")}
            for c in checks
        ]
        click.echo(json.dumps({"schema_version": 1, "ok": ok, "checks": rows}))
        return
    click.echo("")
    for line in result_lines(checks):
        click.echo(line)
    click.echo("\nAll checks passed." if ok else "\nSome checks failed.")
