"""`status` and `faults`: what is wrong, since when, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit
from laddvakt_agent.cli.lazy import lazy_group
from laddvakt_agent.cli.words import durable, fault_lines, grouped, objects, standing, status_lines

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
@click.option("--details", is_flag=True, help="With causes, checks and who can mend each cause.")
@click.option(
    "--lang", type=click.Choice(("en", "sv", "de")), default="en", help="Of titles and details."
)
@click.pass_context
def faults(
    ctx: click.Context,
    socket_option: str | None,
    as_json: bool,
    show_all: bool,
    details: bool,
    lang: str,
) -> None:
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
        titled = [_titled(fault, lang) for fault in shown]
        for line in fault_lines(titled) if titled else ("No fault stands.",):
            click.echo(line)
        if details:
            for line in _details(shown, lang):
                click.echo(line)
    raise SystemExit(int(Exit.FAULT if standing(answer) else Exit.OK))


def _titled(fault: JsonObject, language: str) -> JsonObject:
    """With its title in this language; English is what the agent says itself."""
    if language == "en":
        return fault
    from laddvakt_agent.texts import text_for  # noqa: PLC0415 - only who asks pays for it

    return {**fault, "title": text_for(str(fault.get("code")), language).title}


def _details(shown: list[JsonObject], language: str) -> Iterator[str]:
    """The catalogue's page of each root cause, once."""
    from laddvakt_agent.cli.catalog import page  # noqa: PLC0415 - only who asks pays for it
    from laddvakt_agent.core.faults.catalogue import rule_for  # noqa: PLC0415

    causes = [fault for fault, _ in grouped(shown)]
    causes += [fault for fault in shown if fault.get("cleared_at")]
    codes = dict.fromkeys(
        str(fault.get("code")) for fault in causes if fault.get("cause") == fault.get("code")
    )
    for code in codes:
        yield ""
        yield from page(rule_for({}, code), language)
