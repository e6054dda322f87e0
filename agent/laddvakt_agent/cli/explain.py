"""`explain`: why a connector does not charge, and why it offers the current it offers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.words import objects


@click.command()
@click.argument("connector", required=False)
@click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def explain(connector: str | None, socket_option: str | None, as_json: bool) -> None:
    """Say why it is not charging, and why this current.

    Each answer is a chain of reasons, what is seen first: since when, and what would change it.
    Without CONNECTOR all of them.
    """
    answer = ask(socket_path(socket_option), "GET", "/explain")
    told = objects(answer, "connectors")
    if connector is not None:
        known = [str(part.get("id")) for part in told]
        told = [part for part in told if part.get("id") == connector]
        if not told:
            fail(
                Exit.NOT_APPLICABLE,
                f"There is no connector {connector}.",
                f"Connectors here: {', '.join(known)}.",
            )
    if as_json:
        shown = {**answer, "connectors": list(told)}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    for part in told:
        for line in explain_lines(part):
            click.echo(line)


def explain_lines(part: JsonObject) -> Iterator[str]:
    """One connector's two answers as a person reads them."""
    asked = "why is it charging?" if part.get("charging") else "why is it not charging?"
    yield f"connector {part.get('id')}: {asked}"
    yield from _chain(objects(part, "why"))
    yield "  why this current?"
    yield from _chain(objects(part, "current"))


def _chain(links: list[JsonObject]) -> Iterator[str]:
    for link in links:
        since, change = link.get("since"), link.get("change")
        when = f" (since {_clock(str(since))}, {_span(link.get('for_s'))})" if since else ""
        yield f"  - {_named(link)}{when}"
        if change:
            yield f"    changes with: {change}"


def _named(link: JsonObject) -> str:
    """What it is; a fault by its title, its code in brackets."""
    what, fault = str(link.get("what")), link.get("fault")
    if not isinstance(fault, dict):
        return what
    return what.replace(str(fault.get("code")), f"{fault.get('title')} [{fault.get('code')}]", 1)


def _clock(written: str) -> str:
    return written[11:19] + " UTC"


def _span(seconds: object) -> str:
    """A duration for a glance: seconds, then minutes, then hours."""
    if not isinstance(seconds, int | float):
        return "?"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
