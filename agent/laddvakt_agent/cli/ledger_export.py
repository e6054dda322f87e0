"""`ledger export`: a backup of the ledger, or its rows for other programs."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.ledger_place import SINCE, STATE, plainly
from laddvakt_agent.ledger import backup
from laddvakt_agent.ledger.export import lines, write_lines
from laddvakt_agent.ledger.files import NAME
from laddvakt_agent.ledger.reading import Reading, find, read

_ENDINGS = {"sqlite": "db", "json": "jsonl"}
_OURS = (NAME, "ledger.lock", "latches.", "telemetry.db")


@click.command()
@click.option(
    "--to",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to; by default into this folder, named by the time. With json '-' for stdout.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(_ENDINGS)),
    default="sqlite",
    show_default=True,
    help="A backup that a ledger can be put back from, or JSON lines.",
)
@SINCE
@click.option("--with-tokens", is_flag=True, help="json: who charged, not a name for it.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@STATE
def export(
    target: Path | None,
    form: str,
    since: str | None,
    with_tokens: bool,
    force: bool,
    place: Path,
) -> None:
    """Copy the ledger, while the agent goes on writing: one moment of it, whole and checked.

    sqlite: everything, as a ledger.db of its own. json: a line for each row with corrected times,
    driver identifiers replaced by names of this export alone.
    """
    if form == "sqlite" and (since or with_tokens):
        raise click.UsageError("a backup is always whole: --since and --with-tokens go with json")
    now = datetime.now(UTC)
    target = target or Path(f"laddvakt-ledger-{now:%Y%m%dT%H%M%SZ}.{_ENDINGS[form]}")
    to_stdout = str(target) == "-"
    if to_stdout and form != "json":
        raise click.UsageError("a backup is a file: name it with --to")
    with plainly():
        if not to_stdout:
            _require_free(target, find(place), force=force)
        key = None if with_tokens else os.urandom(16)
        told = read(place, lambda reading: _export(reading, target, form, since, key, now))
    if told:
        click.echo(f"{target}: {told}")


def _export(
    reading: Reading, target: Path, form: str, since: str | None, key: bytes | None, now: datetime
) -> str:
    if form == "sqlite":
        return f"{backup.back_up(reading, target) / 1e6:.1f} MB, whole and checked"
    rows = lines(reading, made_at=now, since=since, key=key)
    if str(target) == "-":
        write_lines(rows, sys.stdout)
        return ""
    backup.require_room(target, reading)
    with backup.written(target) as file:
        return f"{write_lines(rows, file)} lines"


def _require_free(target: Path, ledger: Path, *, force: bool) -> None:
    if target.is_dir():
        fail(Exit.USAGE, f"{target} is a folder.", "Name a file in it with --to.")
    beside = target.resolve().parent == ledger.resolve().parent
    if beside and target.name.startswith(_OURS):
        fail(Exit.USAGE, f"{target} is the agent's own file.", "Give the export another name.")
    if target.exists() and not force:
        fail(
            Exit.NOT_APPLICABLE,
            f"{target} exists already.",
            "Give another name, or replace it with --force.",
        )
