"""`ledger check`: is everything there and sound, and what to do where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit
from laddvakt_agent.cli.ledger_place import plainly
from laddvakt_agent.ledger import check as checking
from laddvakt_agent.ledger.points import Point, Verdict

_SHOWN = {Verdict.OK: "ok    ", Verdict.NOTE: "note  ", Verdict.WRONG: "WRONG "}
_INDENT = " " * 7


@click.command()
@click.argument(
    "place",
    metavar="[PATH]",
    type=click.Path(path_type=Path),
    envvar="LADDVAKT_STATE",
    default=Path("/var/lib/laddvakt"),
)
@click.option("--full", is_flag=True, help="Also every index and reference; takes longer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def check(place: Path, full: bool, as_json: bool) -> None:
    """Check the ledger and what lies beside it; PATH is a state folder or a backup.

    Without PATH /var/lib/laddvakt. Changes nothing. Exits 1 when something is wrong.
    """
    with plainly():
        points = checking.check(place, full=full)
    wrong = sum(point.verdict is Verdict.WRONG for point in points)
    if as_json:
        found = [{**asdict(point), "verdict": point.verdict.value} for point in points]
        answer = {"schema_version": 1, "sound": not wrong, "points": found}
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for line in _lines(points, wrong):
            click.echo(line)
    raise SystemExit(int(Exit.FAULT if wrong else Exit.OK))


def _lines(points: Sequence[Point], wrong: int) -> Iterator[str]:
    for point in points:
        yield f"{_SHOWN[point.verdict]} {point.name}: {point.detail}"
        if point.verdict is not Verdict.OK and point.where:
            yield f"{_INDENT}where: {point.where}"
        if point.remedy:
            yield f"{_INDENT}next: {point.remedy}"
    things = "1 thing is" if wrong == 1 else f"{wrong} things are"
    yield f"{things} wrong." if wrong else "The ledger is sound."
