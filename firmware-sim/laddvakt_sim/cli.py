"""`laddvakt-sim`: the world outside the agent, on the command line."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path

import click

from laddvakt_sim.claim import TEMPORARY_FAILURE, StartError, claim, make_folder, told

_LAZY = {"backend": "laddvakt_sim.backend.cli:backend"}  # loaded when it is asked for


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
        make_folder(directory)
        claim(directory, "board")  # the folder itself: that leaves no file behind
        code = asyncio.run(
            run_board(
                directory.resolve(),
                control_port=control_port,
                tcp_port=tcp_port,
                seed=seed,
                exit_with_stdin=exit_with_stdin,
            )
        )
    except StartError as error:
        click.echo(f"laddvakt-sim board: {error}", err=True)
        code = TEMPORARY_FAILURE
    except OSError as error:
        click.echo(
            f"laddvakt-sim board: {told(error)}; "
            "choose another --control-port, --tcp-port or --dir",
            err=True,
        )
        code = TEMPORARY_FAILURE
    raise SystemExit(code)
