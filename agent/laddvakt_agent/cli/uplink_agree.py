"""`uplink register`, `rotate` and `unregister`: agreements with platforms, made and ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.uplink_show import JSON, NAME, SOCKET
from laddvakt_agent.cli.uplink_words import agreement_lines
from laddvakt_agent.cli.words import objects

_LONGEST_S = 150.0  # five requests of a slow platform, and theirs to us meanwhile
_MOST_TOKEN = 4096  # characters; far above OCPI's 64, so that a wrong file is told plainly


@click.command()
@NAME
@click.option("--url", metavar="URL", help="Of the platform's versions; else as configured.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH",
    help="Holds the initial token from the operator; - reads it from the keyboard or a pipe.",
)
@SOCKET
@JSON
def register(
    name: str | None,
    url: str | None,
    token_file: Path | None,
    socket_option: str | None,
    as_json: bool,
) -> None:
    """Register with a platform: versions, endpoints and tokens are exchanged. Needs root.

    The initial token is used once and not kept; those that replace it lie in the state folder.
    """
    wish: JsonObject = {} if url is None else {"url": url}
    if token_file is not None:
        wish["token"] = _token(token_file)
    _act("register", name, wish, socket_option, as_json=as_json)


@click.command()
@NAME
@SOCKET
@JSON
def rotate(name: str | None, socket_option: str | None, as_json: bool) -> None:
    """Exchange both tokens with a platform; if that fails the old ones stay good. Needs root."""
    _act("rotate", name, {}, socket_option, as_json=as_json)


@click.command()
@NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@SOCKET
@JSON
def unregister(name: str | None, yes: bool, socket_option: str | None, as_json: bool) -> None:
    """End the agreement with a platform. Needs root.

    Bills that it has not confirmed are kept, and told when it is registered again.
    """
    if not yes:
        click.confirm(f"End the agreement with {name or 'the platform'}?", abort=True, err=True)
    _act("unregister", name, {}, socket_option, as_json=as_json)


def _act(
    verb: str, name: str | None, wish: JsonObject, socket_option: str | None, *, as_json: bool
) -> None:
    path = socket_path(socket_option)
    chosen = quote(name or _only_one(path), safe="")
    answer = ask(path, "POST", f"/uplink/{chosen}/{verb}", wish, timeout_s=_LONGEST_S)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    platform = answer.get("platform")
    for line in agreement_lines(verb, platform if isinstance(platform, dict) else {}):
        click.echo(line)


def _only_one(path: Path) -> str:
    names = [str(one.get("name")) for one in objects(ask(path, "GET", "/uplink"), "platforms")]
    if not names:
        fail(Exit.NOT_APPLICABLE, "The configuration has no [[uplink]].", "Add one and restart.")
    if len(names) > 1:
        raise click.UsageError(f"say which with --name: {', '.join(names)}")
    return names[0]


def _token(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        fail(
            Exit.PERMISSION if isinstance(error, PermissionError) else Exit.USAGE,
            f"{file}: the token cannot be read: {error.strerror or error}.",
            "Name a file that you may read.",
        )
    except UnicodeDecodeError:
        fail(Exit.USAGE, f"{file}: this is no text.", "Put the token alone into the file.")
    token = text.strip()
    if not token or len(token) > _MOST_TOKEN or len(token.split()) > 1:
        fail(Exit.USAGE, f"{file}: there is no token in it.", "Put the token alone into the file.")
    return token
