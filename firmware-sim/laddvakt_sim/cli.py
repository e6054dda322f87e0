"""`laddvakt-sim`: the world outside the agent, on the command line."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import os
from pathlib import Path

import click

_LAZY = {"backend": "laddvakt_sim.backend.cli:backend"}  # loaded when it is asked for
_TEMPORARY_FAILURE = 75


class _LazyGroup(click.Group):
    """Commands that live in other modules, imported at their first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, name = _LAZY[cmd_name].split(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_LAZY[cmd_name]} is not a command")
        return command


@click.group(cls=_LazyGroup)
def main() -> None:
    """Simulated charger and backend to try Laddvakt on."""


def _claim(directory: Path) -> None:
    # Held until the process ends; a lock on the directory itself leaves no file behind.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(f"another board runs in {directory}") from None


_Directory = click.Path(file_okay=False, path_type=Path)
_Port = click.IntRange(0, 65535)


@main.command()
@click.option("--dir", "directory", type=_Directory, required=True, help="Where the ports appear.")
@click.option("--control-port", type=_Port, default=0, help="Control API; 0: any free port.")
@click.option("--tcp-port", type=_Port, default=0, help="Modbus TCP device; 0: any free port.")
@click.option("--seed", type=int, default=1, help="Seed of the meters' noise.")
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input closes.")
def board(
    directory: Path, control_port: int, tcp_port: int, seed: int, exit_with_stdin: bool
) -> None:
    """Run the charger: two serial lines, one Modbus TCP device, control API."""
    from laddvakt_sim.run import run_board  # noqa: PLC0415  web server: not for --help

    try:
        directory.mkdir(parents=True, exist_ok=True)
        _claim(directory)
        code = asyncio.run(
            run_board(
                directory.resolve(),
                control_port=control_port,
                tcp_port=tcp_port,
                seed=seed,
                exit_with_stdin=exit_with_stdin,
            )
        )
    except OSError as error:
        click.echo(f"laddvakt-sim board: {error}; choose another port or directory", err=True)
        code = _TEMPORARY_FAILURE
    raise SystemExit(code)
