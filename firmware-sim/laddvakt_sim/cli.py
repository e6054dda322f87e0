"""`laddvakt-sim`: the world outside the agent, on the command line."""

from __future__ import annotations

import asyncio
import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from laddvakt_sim.claim import (
    CONFIGURATION_ERROR,
    TEMPORARY_FAILURE,
    StartError,
    claim,
    make_folder,
    told,
)
from laddvakt_sim.clock import now_s
from laddvakt_sim.plant.words import GridSpec, Supply

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from laddvakt_sim.rig import Rig

_LAZY = {  # loaded when it is asked for
    "backend": "laddvakt_sim.backend.cli:backend",
    "list": "laddvakt_sim.cli_list:list_command",
    "scenario": "laddvakt_sim.cli_scenario:scenario_group",
}


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
_File = click.Path(dir_okay=False, path_type=Path)
_Port = click.IntRange(0, 65535)


def _real(number: float) -> float:
    """A number that is one: no range that click checks keeps nan out."""
    if math.isnan(number):
        raise click.BadParameter("nan is no number; write one such as 60")
    return number


@main.command()
@click.option("--dir", "directory", type=_Directory, required=True, help="Where the ports appear.")
@click.option("--control-port", type=_Port, default=0, help="Control API; 0: any free port.")
@click.option("--tcp-port", type=_Port, default=0, help="Modbus TCP device; 0: any free port.")
@click.option("--seed", type=int, default=1, help="Seed of the meters' noise.")
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 100_000),
    default=1.0,
    callback=lambda _context, _option, speed: _real(speed),
    help="The plant lives so many times faster; the lines do not.",
)
@click.option(
    "--supply",
    type=click.Choice([supply.value for supply in Supply]),
    default=Supply.TN.value,
    help="How the site is fed.",
)
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input closes.")
def board(
    directory: Path,
    control_port: int,
    tcp_port: int,
    seed: int,
    speed: float,
    supply: str,
    exit_with_stdin: bool,
) -> None:
    """Run the charger: two serial lines, one Modbus TCP device, control API."""
    from laddvakt_sim.board import Board  # noqa: PLC0415  web server: not for --help
    from laddvakt_sim.control import Control  # noqa: PLC0415

    def make() -> tuple[Rig, web.Application]:
        board = Board(
            directory.resolve(),
            seed=seed,
            tcp_port=tcp_port,
            speed=speed,
            grid=GridSpec(supply=Supply(supply)),
        )
        return board, Control(board).app()

    remedy = "choose another --control-port, --tcp-port or --dir"
    _run("board", directory, make, remedy, control_port, exit_with_stdin)


@main.command()
@click.option("--dir", "directory", type=_Directory, required=True, help="Where the ports appear.")
@click.option("--layout", type=_File, required=True, help="TOML file with lines and devices.")
@click.option("--control-port", type=_Port, default=0, help="Control API; 0: any free port.")
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input closes.")
def bench(directory: Path, layout: Path, control_port: int, exit_with_stdin: bool) -> None:
    """Run the lines and devices of a layout file, and a control API."""
    from laddvakt_sim.bench import Bench, furnish  # noqa: PLC0415
    from laddvakt_sim.bench_control import BenchControl  # noqa: PLC0415
    from laddvakt_sim.firmware.library import models  # noqa: PLC0415
    from laddvakt_sim.layout import LayoutError, load  # noqa: PLC0415

    try:
        plan = load(layout, models())
        world = furnish(plan, now_s())
    except LayoutError as error:
        click.echo(f"laddvakt-sim bench: {error}", err=True)
        raise SystemExit(CONFIGURATION_ERROR) from None

    def make() -> tuple[Rig, web.Application]:
        running = Bench(directory.resolve(), plan, world)
        return running, BenchControl(running).app()

    remedy = "choose another --control-port, another --dir, or other ports in the layout"
    _run("bench", directory, make, remedy, control_port, exit_with_stdin)


def _run(
    what: str,
    directory: Path,
    make: Callable[[], tuple[Rig, web.Application]],
    remedy: str,
    control_port: int,
    exit_with_stdin: bool,
) -> NoReturn:
    from laddvakt_sim.run import run_rig  # noqa: PLC0415  web server: not for --help

    try:
        make_folder(directory)
        claim(directory, what)  # the folder itself: that leaves no file behind
        running = run_rig(make, control_port=control_port, exit_with_stdin=exit_with_stdin)
        code = asyncio.run(running)
    except StartError as error:
        click.echo(f"laddvakt-sim {what}: {error}", err=True)
        code = TEMPORARY_FAILURE
    except OSError as error:
        click.echo(f"laddvakt-sim {what}: {told(error)}; {remedy}", err=True)
        code = TEMPORARY_FAILURE
    raise SystemExit(code)
