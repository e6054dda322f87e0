"""Which line a `bus` command means, and how it gets there: through the agent, or directly."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from laddvakt_agent.cli.bus_options import Options
from laddvakt_agent.cli.bus_remote import AgentLine, agent_lines, answers, settings_of
from laddvakt_agent.cli.client import JsonObject, socket_path
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.words import objects
from laddvakt_hal.errors import BusDown, NoReply, Refused
from laddvakt_hal.settings import Framing, LineSettings, SerialSettings, TcpSettings
from laddvakt_hal.survey_io import meant
from laddvakt_hal.survey_line import (
    Channel,
    LineTrouble,
    NotAllowed,
    Trouble,
    open_line,
    trouble_now,
)

if TYPE_CHECKING:
    from laddvakt_agent.config import Config

R = TypeVar("R")

_CODES = {
    Trouble.IN_USE: Exit.PERMISSION,
    Trouble.NO_PERMISSION: Exit.PERMISSION,
    Trouble.BABBLE: Exit.TEMPORARY,
    Trouble.LOST: Exit.TEMPORARY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A device somebody has given a name."""

    name: str
    unit: int
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A line, who is on it as far as is known, and the agent's socket when it holds the line."""

    settings: LineSettings
    devices: tuple[Known, ...] = ()
    socket: Path | None = None  # ask the agent there; `None`: directly
    told: JsonObject = field(default_factory=dict)  # what the agent says about the line

    @property
    def through_agent(self) -> bool:
        """True when the agent holds the line."""
        return self.socket is not None

    @property
    def text(self) -> str:
        """The line as a person names it."""
        its = self.settings
        if isinstance(its, TcpSettings):
            return f"{its.host}:{its.port}"
        return f"{its.port} {its.baud} {its.format}"


def resolve(options: Options) -> Where:
    """The line that is meant; leaves the program when that is not one line."""
    if options.port and options.tcp:
        raise click.UsageError("give --port or --tcp, not both")
    if (options.port or options.tcp) and (options.line or options.config):
        raise click.UsageError("--line and --config name a known line; --port and --tcp another")
    if options.port is None and (options.baud or options.form):
        raise click.UsageError("--baud and --format go with --port")
    if options.port is not None:
        return Where(settings=_serial(options.port, options))
    if options.tcp is not None:
        return Where(settings=_tcp(options.tcp, options.framing))
    return _known_line(options)


def socket_of(options: Options) -> Path:
    """The agent's socket: as said, or as the configuration says."""
    if options.socket is None and options.config is not None:
        return Path(_load(options.config).agent.api_socket)
    return socket_path(options.socket)


@contextlib.asynccontextmanager
async def open_where(where: Where, settings: LineSettings | None = None) -> AsyncIterator[Channel]:
    """The line, ready to be asked.

    Raises:
        LineTrouble: it cannot be used.
    """
    if where.socket is not None:
        yield AgentLine(where.socket, where.told)
        return
    async with open_line(settings or where.settings) as bus:
        yield bus


def unit_of(where: Where, text: str) -> tuple[int, Known | None]:
    """A unit by its number or its device's name; leaves the program when there is none."""
    if text.isdecimal():
        unit = int(text)
        low, high = (0, 255) if isinstance(where.settings, TcpSettings) else (1, 247)
        if not low <= unit <= high:
            fail(Exit.CONFIG, f"{where.settings.name}: units are {low} to {high}, not {unit}.")
        return unit, next((known for known in where.devices if known.unit == unit), None)
    names = {known.name: known for known in where.devices}
    if text not in names:
        fail(
            Exit.CONFIG,
            f"There is no device {text!r} on {where.settings.name}{meant(text, names)}",
            "Name a device of the configuration, or its unit as a number.",
        )
    return names[text].unit, names[text]


def give_up(error: LineTrouble) -> NoReturn:
    """Leave with the line's own words and its exit code."""
    fail(_CODES.get(error.trouble, Exit.CONFIG), str(error))


def no_answer(where: Where, unit: int, error: Exception) -> NoReturn:
    """Leave because the device or the line did not answer as it should; says what may help."""
    match error:
        case LineTrouble():
            give_up(error)
        case BusDown():
            give_up(trouble_now(where.settings, str(error)))
        case NotAllowed():
            fail(Exit.NOT_APPLICABLE, str(error), error.remedy)
        case TimeoutError():
            fail(Exit.TEMPORARY, f"{where.text}: no end in sight; given up.")
        case NoReply():
            remedy = "Look for it: laddvakt bus scan; or see: laddvakt bus doctor."
            fail(Exit.FAULT, f"{where.text}: unit {unit} does not answer.", remedy)
        case Refused():
            remedy = "It is there, but does not know that address or value."
            fail(Exit.FAULT, f"{where.text}: {error}", remedy)
        case _:
            fail(Exit.FAULT, f"{where.text}: {error}", "See: laddvakt bus doctor.")


async def with_line(
    where: Where,
    ask: Callable[[Channel], Awaitable[R]],
    *,
    deadline_s: float,
    clears: bool = False,
) -> R:
    """What `ask` says of the line, within the deadline.

    Raises:
        HalError: the line or the device failed.
        TimeoutError: it took too long.
    """
    async with asyncio.timeout(deadline_s), open_where(where) as line:
        if isinstance(line, AgentLine):
            line.clears = clears
        return await ask(line)


def _serial(port: str, options: Options) -> SerialSettings:
    form = (options.form or "8N1").upper()
    if not re.fullmatch(r"8[NEO][12]", form):
        raise click.UsageError(f"--format {form}: 8N1, 8E1, 8O1 or 8N2 is expected")
    return SerialSettings(
        name=port,
        port=port,
        baud=options.baud or 9600,
        parity=form[1],
        stop_bits=int(form[2]),
    )


def _tcp(text: str, framing: Framing) -> TcpSettings:
    host, _, port = text.rpartition(":")
    if not host:
        host, port = text, "502"
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise click.UsageError(f"--tcp {text}: HOST:PORT is expected")
    return TcpSettings(name=text, host=host.strip("[]"), port=int(port), framing=framing)


def _known_line(options: Options) -> Where:
    socket = socket_of(options)
    if options.config is None or answers(socket):
        return _agents_line(options.line, socket)
    return _configured_line(options)


def _agents_line(name: str | None, socket: Path) -> Where:
    lines = agent_lines(socket)
    by_name = {str(line.get("name")): line for line in lines}
    told = by_name[_chosen(name, by_name)]
    devices = tuple(
        Known(
            name=str(device.get("name")),
            unit=int(str(device.get("unit"))),
            profile=str(device.get("profile")),
        )
        for device in objects(told, "devices")
    )
    return Where(settings=settings_of(told), devices=devices, socket=socket, told=told)


def _configured_line(options: Options) -> Where:
    from laddvakt_agent.hardware import line_settings  # noqa: PLC0415 - not for the agent's way

    if options.config is None:
        raise click.UsageError("--config is missing")
    config = _load(options.config)
    lines = {line.name: line for line in config.line}
    line = lines[_chosen(options.line, lines)]
    devices = tuple(
        Known(name=part.name, unit=part.unit, profile=part.profile)
        for part in config.device
        if part.line == line.name
    )
    return Where(settings=line_settings(line), devices=devices)


def _chosen(name: str | None, lines: Mapping[str, object]) -> str:
    """The line that is meant: the one that is named, or the only one."""
    if name is None:
        if len(lines) == 1:
            return next(iter(lines))
        fail(Exit.USAGE, f"Which line? Add --line; there is {', '.join(lines)}.")
    if name not in lines:
        fail(Exit.CONFIG, f"There is no line {name!r}{meant(name, lines)}")
    return name


def _load(path: Path) -> Config:
    from laddvakt_agent.cli.run import profile  # noqa: PLC0415 - only with --config
    from laddvakt_agent.config import ConfigError, load  # noqa: PLC0415

    try:
        return load(path, profile)
    except ConfigError as error:
        fail(Exit.CONFIG, *error.problems, "Mend the configuration first.")
