"""`ledger show`: the newest rows of one kind, as a table or as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from laddvakt_agent.cli.ledger_place import SINCE, STATE, plainly
from laddvakt_agent.cli.ledger_words import TABLES, table
from laddvakt_agent.ledger.listing import KINDS, Row, listed
from laddvakt_agent.ledger.pseudonyms import Pseudonyms
from laddvakt_agent.ledger.reading import Reading, read

LIMIT = 20


@click.command()
@click.argument("what", type=click.Choice(tuple(TABLES)), default="sessions")
@click.option(
    "--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="So many newest."
)
@SINCE
@click.option("--connector", metavar="N", help="Only this connector's.")
@STATE
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
@click.option("--with-tokens", is_flag=True, help="With --json: who charged, not a name for it.")
def show(
    what: str,
    limit: int,
    since: str | None,
    connector: str | None,
    place: Path,
    as_json: bool,
    with_tokens: bool,
) -> None:
    """Show the newest rows of WHAT; without it the sessions. The newest stands last.

    \b
    WHAT: sessions, cdrs (bills), faults, status (of each EVSE), commands,
    security, tests, contactors, latches (lock-outs and used-up retries),
    clock (its steps), dropped (let go, by class), runs (of the agent)

    Times are corrected by what was learnt of the clock later. "~": the backend told the time, it
    is right to within seconds. "?": nobody did; only the order is certain.
    """  # noqa: D301 - \b is click's mark for lines to keep
    if connector is not None and not KINDS[what].by_connector:
        raise click.UsageError(f"{what} belong to no connector: leave --connector out")
    if with_tokens and not as_json:
        raise click.UsageError("--with-tokens goes with --json: the table does not name drivers")

    def look(reading: Reading) -> tuple[int, list[Row]]:
        rows = list(listed(reading, what, limit=limit, since=since, connector=connector))
        if as_json and not with_tokens:
            names = Pseudonyms(reading.rows, os.urandom(16))
            rows = [names.row(row) for row in rows]
        return reading.schema, rows

    with plainly():
        schema, rows = read(place, look)
    if as_json:
        answer = {"schema_version": 1, "ledger_schema": schema, "kind": what, "rows": rows}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for line in table(what, rows):
        click.echo(line)
