"""`run`: the service itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.starting import begin
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile import Profile, load_profile


@click.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("/etc/laddvakt/laddvakt.toml"),
    show_default=True,
    help="The configuration file.",
)
@click.option("--check", is_flag=True, help="Only check the configuration, then leave.")
def run(config_path: Path, check: bool) -> None:
    """Guard the charger until told to stop (SIGTERM, SIGINT).

    At SIGHUP the file is checked again: what is wrong with it becomes a fault. The configuration
    that runs stays in force; a new one is used from the next start on.
    """
    load_structlog()
    # Imported here: the checks of a wrong configuration need not wait for the web stack.
    from laddvakt_agent.config import ConfigError, load  # noqa: PLC0415

    try:
        config = load(config_path, profile)
    except ConfigError as error:
        count = len(error.problems)
        fail(
            Exit.CONFIG,
            *error.problems,
            f"{count} problem{'s' if count > 1 else ''} in the configuration; nothing was started.",
        )
    if check:
        click.echo(f"{config_path}: ok")
        return
    begin()
    from laddvakt_agent.app import StartError, serve  # noqa: PLC0415

    def recheck() -> str:
        try:
            load(config_path, profile)
        except ConfigError as error:
            more = len(error.problems) - 1
            return error.problems[0] + (f"; and {more} more: laddvakt run --check" if more else "")
        return ""

    try:
        code = asyncio.run(serve(config, recheck))
    except StartError as error:
        fail(Exit(error.exit_code), str(error))
    raise SystemExit(code)


def load_structlog() -> None:
    """Load it without rich, which it takes along for tracebacks that the service never prints.

    That saves the service 3 MB and a twentieth of its start.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # importing it fails for now
    import structlog  # noqa: F401, PLC0415

    del sys.modules["rich"]


def profile(name: str) -> Profile | str:
    """The device profile of that name, or what is wrong with it."""
    try:
        return load_profile(name)
    except ProfileError as error:
        return str(error)
