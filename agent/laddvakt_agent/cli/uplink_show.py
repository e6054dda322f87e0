"""`uplink status`, `sync` and `log`: how far the platforms know this charger."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.uplink_words import log_lines, platform_lines, well
from laddvakt_agent.cli.words import objects

LIMIT = 20
_WAIT_S = 30.0
_MARGIN_S = 10.0  # the answer may take so long beside what was waited for

NAME = click.option("--name", metavar="NAME", help="Of the platform, as in the configuration.")
SOCKET = click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")


@click.command()
@NAME
@SOCKET
@JSON
def status(name: str | None, socket_option: str | None, as_json: bool) -> None:
    """Say of each platform: version, modules, last success, what waits and why.

    Exits 1 while one is not reached, refuses something or is not registered.
    """
    answer = ask(socket_path(socket_option), "GET", "/uplink")
    shown = _named(answer, name)
    if as_json:
        click.echo(json.dumps({**answer, "platforms": list(shown)}, ensure_ascii=False))
    else:
        _print(shown)
    raise SystemExit(int(Exit.OK if all(map(well, shown)) else Exit.FAULT))


@click.command()
@NAME
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.0, 300.0),
    default=_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="For everything to be confirmed.",
)
@SOCKET
@JSON
def sync(name: str | None, wait_s: float, socket_option: str | None, as_json: bool) -> None:
    """Try everything that waits again now, and wait until the platforms have it.

    Exits 75 when something still waits then.
    """
    wish: JsonObject = {"timeout_s": wait_s} | ({} if name is None else {"name": name})
    path = socket_path(socket_option)
    answer = ask(path, "POST", "/uplink/sync", wish, timeout_s=wait_s + _MARGIN_S)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _print(objects(answer, "platforms"))
    raise SystemExit(int(Exit.OK if answer.get("settled") else Exit.TEMPORARY))


@click.command()
@NAME
@click.option(
    "--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="So many newest."
)
@SOCKET
@JSON
def log(name: str | None, limit: int, socket_option: str | None, as_json: bool) -> None:
    """List the last requests to the platforms. The newest stands last.

    Bodies, headers and tokens are not kept. Ask the platform's operator about a request by its
    correlation id.
    """
    wish = {"limit": str(limit)} | ({} if name is None else {"name": name})
    answer = ask(socket_path(socket_option), "GET", f"/uplink/log?{urlencode(wish)}")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for line in log_lines(objects(answer, "requests")):
        click.echo(line)


def _named(answer: JsonObject, name: str | None) -> list[JsonObject]:
    every = objects(answer, "platforms")
    shown = [one for one in every if name in (None, one.get("name"))]
    if name is not None and not shown:
        names = ", ".join(str(one.get("name")) for one in every)
        fail(
            Exit.NOT_APPLICABLE,
            f"There is no [[uplink]] named {name!r}.",
            f"Known are: {names}." if names else "The configuration has no [[uplink]].",
        )
    return shown


def _print(shown: list[JsonObject]) -> None:
    if not shown:
        click.echo("Nobody is told of this charger: the configuration has no [[uplink]].")
    for one in shown:
        for line in platform_lines(one):
            click.echo(line)
