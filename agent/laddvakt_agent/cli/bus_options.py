"""The options by which every `bus` command names a line."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import click

from laddvakt_hal.settings import Framing

R = TypeVar("R")

_OPTIONS = (
    click.option("--line", metavar="NAME", help="A line of the configuration: asks the agent."),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="With a stopped agent: where --line is described.",
    ),
    click.option("--port", metavar="DEVICE", help="A serial port, used directly."),
    click.option("--baud", type=click.IntRange(50, 4_000_000), help="Its speed; 9600."),
    click.option("--format", "form", metavar="8N1", help="Its format: 8N1, 8E1, 8O1, 8N2 …"),
    click.option("--tcp", metavar="HOST:PORT", help="A Modbus TCP peer or gateway, directly."),
    click.option(
        "--framing",
        type=click.Choice(["tcp", "rtu"]),
        default="tcp",
        show_default=True,
        help="What the peer at --tcp speaks: Modbus TCP, or RTU frames passed through.",
    ),
    click.option("--socket", metavar="PATH", help="The agent's Unix socket."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was said on the command line about the line."""

    line: str | None
    config: Path | None
    port: str | None
    baud: int | None
    form: str | None
    tcp: str | None
    framing: Framing
    socket: str | None


def factor(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """What `--scale` may be; click's callback.

    Raises:
        click.BadParameter: nothing can be multiplied or divided by it.
    """
    del context, parameter
    if not math.isfinite(value) or value == 0:
        raise click.BadParameter(f"{value:g} is no factor; 0.1 or 10 are")
    return value


def line_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that name a line; it gets them as `where_options`."""

    @functools.wraps(command)
    def with_line(
        *,
        line: str | None,
        config: Path | None,
        port: str | None,
        baud: int | None,
        form: str | None,
        tcp: str | None,
        framing: str,
        socket: str | None,
        **rest: object,
    ) -> R:
        options = Options(
            line=line,
            config=config,
            port=port,
            baud=baud,
            form=form,
            tcp=tcp,
            framing=cast("Framing", framing),
            socket=socket,
        )
        return command(where_options=options, **rest)

    for option in reversed(_OPTIONS):  # the first is shown first
        with_line = option(with_line)
    return with_line
