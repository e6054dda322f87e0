"""`laddvakt-sim backend`: an OCPI receiver to talk to."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import click

from laddvakt_sim.backend.modes import described
from laddvakt_sim.backend.process import serve
from laddvakt_sim.backend.settings import VERSIONS, ServerSettings
from laddvakt_sim.claim import TEMPORARY_FAILURE, StartError, claim, make_folder, told

DEFAULT_TOKEN = "simulated-backend-token"
_CREDENTIALS_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_PARTY = re.compile(r"([A-Za-z]{2})-?([A-Za-z0-9]{3})")
_MODULE_ID = re.compile(r"[A-Za-z0-9._~-]{1,36}")  # ASCII, ≤ 36, whole in one URL segment


class _LaterError(click.ClickException):
    """It cannot start now; the message says what to do first."""

    exit_code = TEMPORARY_FAILURE


def _token(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise click.BadParameter("empty or not printable; give the token the charger will show")
    return value


def _module_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _MODULE_ID.fullmatch(value):
        raise click.BadParameter(
            f"{value!r}: 1 to 36 of the characters A-Z a-z 0-9 - . _ ~ are allowed, "
            "as in selad-faults"
        )
    return value


def _credentials_token(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    if value is not None and not _CREDENTIALS_TOKEN.fullmatch(value):
        raise click.BadParameter("1 to 64 printable ASCII characters without spaces are allowed")
    return value


def _party(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    match = None if value is None else _PARTY.fullmatch(value)
    if value is not None and match is None:
        raise click.BadParameter(f"{value!r}: a country and a party such as SE-EMS is required")
    return None if match is None else (match[1] + match[2]).upper()


def _list_modes(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(described())
        context.exit()


@click.command("backend")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for backend.sqlite and backend.json.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free port.")
@click.option(
    "--token",
    default=DEFAULT_TOKEN,
    show_default=True,
    callback=_token,
    help="Credentials token.",
)
@click.option(
    "--faults-module",
    default="selad-faults",
    show_default=True,
    callback=_module_id,
    help="Identifier of the custom fault module: <country><party>-faults.",
)
@click.option(
    "--version",
    "versions",
    type=click.Choice(VERSIONS),
    multiple=True,
    default=VERSIONS,
    show_default=True,
    help="OCPI version to speak; may be given several times.",
)
@click.option(
    "--initial-token",
    callback=_credentials_token,
    help="Token A: lets a charger register once.",
)
@click.option(
    "--party",
    default="SE-EMS",
    show_default=True,
    callback=_party,
    help="Country and party of this backend.",
)
@click.option(
    "--hub",
    callback=_party,
    metavar="SE-HUB",
    help="Answer as a hub of this country and party: routing headers are required.",
)
@click.option(
    "--page-limit",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Tokens and tariffs per page.",
)
@click.option(
    "--list-modes",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_modes,
    help="Print every way to misbehave, for POST /behaviour, and end.",
)
@click.option("--exit-with-stdin", is_flag=True, help="End when stdin closes.")
def backend(
    directory: Path,
    port: int,
    token: str,
    faults_module: str,
    versions: tuple[str, ...],
    initial_token: str | None,
    party: str,
    hub: str | None,
    page_limit: int,
    *,
    exit_with_stdin: bool,
) -> None:
    """Be an OCPI 2.2.1 and 2.3.0 party for a charger, check it strictly and keep all of it."""
    settings = ServerSettings(
        base_url="",  # known once there is a port
        token=token,
        faults_module=faults_module,
        versions=tuple(dict.fromkeys(versions)),
        initial_token=initial_token,
        country_code=party[:2],
        party_id=party[2:],
        hub_party_id=hub,
        page_limit=page_limit,
    )
    try:
        make_folder(directory)
        claim(directory / "backend.sqlite", "backend")
        asyncio.run(serve(directory, port, settings, exit_with_stdin=exit_with_stdin))
    except StartError as error:
        raise _LaterError(str(error)) from error
    except OSError as error:
        raise _LaterError(
            f"cannot serve on port {port} from {directory}: {told(error)}; "
            "choose another --port or --dir"
        ) from error
    except sqlite3.Error as error:
        raise click.ClickException(
            f"{directory / 'backend.sqlite'}: {error}; move the file away to start anew"
        ) from error
