"""`demo`: the whole path in under 100 seconds, with a table of what was promised and measured."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.demo.check import Check
from laddvakt_agent.demo.checks import PROCESSES, all_checks, house
from laddvakt_agent.demo.play import play, shortened
from laddvakt_agent.demo.stage import Stage, StageError, now_s
from laddvakt_agent.demo.view import open_view, result_lines

ENDED_BY_SIGNAL = 128  # plus its number: the shell's own way of saying so


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print only the checks, as JSON.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Leave logs, ledger and the backend's database in this folder, a new or empty one.",
)
def demo(as_json: bool, keep: Path | None) -> None:
    """Play a day of a charger: simulator, agent and backend as real processes on real lines.

    Exits 1 if any check fails.
    """
    directory = _folder(keep).resolve()
    begun_s = now_s()
    failed = True
    try:
        with _signals_end_it():
            checks = _play(directory, begun_s, quiet=as_json)
        _print(checks, as_json=as_json)
        failed = not all(check.ok for check in checks)
    except StageError as error:
        fail(Exit.FAULT, f"The demo stopped: {error}", f"Its logs are in {directory}.")
    except OSError as error:
        fail(Exit.FAULT, f"The demo stopped: {error}", f"Its folder was {directory}.")
    except KeyboardInterrupt as stop:
        click.echo(f"Stopped; every process has ended. The logs are in {directory}.", err=True)
        number = stop.args[0] if stop.args else signal.SIGINT
        raise SystemExit(ENDED_BY_SIGNAL + number) from None
    finally:
        if keep is None and not failed:
            shutil.rmtree(directory)
    if failed:
        fail(Exit.FAULT, f"A check failed; the logs are in {directory}.")


def _folder(keep: Path | None) -> Path:
    """Where everything is written; leaves with a sentence if that cannot be."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="laddvakt-demo-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        used = any(keep.iterdir())
    except OSError as error:
        fail(Exit.USAGE, f"--keep: cannot make {keep}: {error.strerror}.", "Name another folder.")
    if used:
        fail(Exit.USAGE, f"--keep: {keep} is not empty.", "Name a new or an empty folder.")
    return keep


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP unwind the story once; the clearing up cannot be interrupted."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _frame: FrameType | None) -> None:
        for ignored in numbers:
            signal.signal(ignored, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _play(directory: Path, begun_s: float, *, quiet: bool) -> list[Check]:
    with open_view(quiet=quiet) as view:
        view.say("Times shortened for the demo:")
        for line in shortened():
            view.say(f"    {line}")
        stages: list[Stage] = []
        seen = play(directory, view, stages.append)
    logs = {name: stages[0].log_text(name) for name in PROCESSES}
    return [*all_checks(seen), *house(logs, now_s() - begun_s)]


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
