"""`laddvakt-sim backend`: an OCPI receiver to talk to."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import click

from laddvakt_sim.backend.process import serve

DEFAULT_TOKEN = "simulated-backend-token"


@click.command("backend")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for backend.sqlite and backend.json.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free port.")
@click.option("--token", default=DEFAULT_TOKEN, show_default=True, help="Credentials token.")
@click.option(
    "--faults-module",
    default="selad-faults",
    show_default=True,
    help="Identifier of the custom fault module: <country><party>-faults.",
)
@click.option("--exit-with-stdin", is_flag=True, help="End when stdin closes.")
def backend(
    directory: Path, port: int, token: str, faults_module: str, *, exit_with_stdin: bool
) -> None:
    """Receive OCPI 2.2.1 from a charger, check it strictly and keep all of it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        asyncio.run(
            serve(
                directory,
                port=port,
                token=token,
                faults_module=faults_module,
                exit_with_stdin=exit_with_stdin,
            )
        )
    except OSError as error:
        raise click.ClickException(
            f"cannot serve on port {port} from {directory}: {error.strerror}; "
            "choose another --port or --dir"
        ) from error
    except sqlite3.Error as error:
        raise click.ClickException(
            f"{directory / 'backend.sqlite'}: {error}; move the file away to start anew"
        ) from error
