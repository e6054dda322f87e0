"""`laddvakt-sim backend`: an OCPI receiver to talk to."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import click

from laddvakt_sim.backend.process import serve
from laddvakt_sim.claim import TEMPORARY_FAILURE, StartError, claim, make_folder, told

DEFAULT_TOKEN = "simulated-backend-token"
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
@click.option("--exit-with-stdin", is_flag=True, help="End when stdin closes.")
def backend(
    directory: Path, port: int, token: str, faults_module: str, *, exit_with_stdin: bool
) -> None:
    """Receive OCPI 2.2.1 from a charger, check it strictly and keep all of it."""
    try:
        make_folder(directory)
        claim(directory / "backend.sqlite", "backend")
        asyncio.run(
            serve(
                directory,
                port=port,
                token=token,
                faults_module=faults_module,
                exit_with_stdin=exit_with_stdin,
            )
        )
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
