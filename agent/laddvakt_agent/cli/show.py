"""`status` and `faults`: what is wrong, since when, and what to do."""

from __future__ import annotations

import json

import click

from laddvakt_agent.cli.client import ask, socket_path
from laddvakt_agent.cli.codes import Exit
from laddvakt_agent.cli.lazy import lazy_group
from laddvakt_agent.cli.words import durable, fault_lines, objects, standing, status_lines

_SOCKET = click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")


@click.command()
@_SOCKET
@_JSON
def status(socket_option: str | None, as_json: bool) -> None:
    """Say how the charger is: each connector, then what stands against it.

    Exits 1 while a fault stands or the ledger cannot be written.
    """
    answer = ask(socket_path(socket_option), "GET", "/status")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for line in status_lines(answer):
            click.echo(line)
    well = durable(answer) and not standing(answer)
    raise SystemExit(int(Exit.OK if well else Exit.FAULT))


@click.group(
    cls=lazy_group({"catalog": "laddvakt_agent.cli.catalog:catalog"}), invoke_without_command=True
)
@_SOCKET
@_JSON
@click.option("--all", "show_all", is_flag=True, help="Also the latest ones that have cleared.")
@click.pass_context
def faults(ctx: click.Context, socket_option: str | None, as_json: bool, show_all: bool) -> None:
    """List the faults that stand: each cause, its symptoms below it.

    Exits 1 while a fault stands. `laddvakt faults catalog` says what each one means.
    """
    if ctx.invoked_subcommand is not None:
        return
    answer = ask(socket_path(socket_option), "GET", "/faults")
    shown = objects(answer, "faults") if show_all else standing(answer)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for line in fault_lines(shown) if shown else ("No fault stands.",):
            click.echo(line)
    raise SystemExit(int(Exit.FAULT if standing(answer) else Exit.OK))
