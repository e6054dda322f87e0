"""Reads the configuration and says everything that is wrong with it, with file and line."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from laddvakt_agent.config.schema import Problem, check
from laddvakt_agent.config.settings import Config, ConnectorConfig, LineConfig
from laddvakt_agent.config.tables import ROOT
from laddvakt_agent.config.toml_lines import key_lines, line_of
from laddvakt_agent.core import catalogue

MAX_BYTES = 1_000_000  # a configuration is a few kB; more is the wrong file


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are ready to print, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path, known_profile: Callable[[str], bool]) -> Config:
    """Read and check `path`.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds anything that is not allowed.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= MAX_BYTES else None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError((f"{path}: cannot be read: {reason}; check --config",)) from error
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: is not UTF-8 text; save it as UTF-8",)) from error
    if text is None:
        raise ConfigError((f"{path}: {size} bytes is no configuration; check --config",))
    return parse(text, str(path), known_profile)


def parse(text: str, name: str, known_profile: Callable[[str], bool]) -> Config:
    """Check TOML text; `name` stands in the messages.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{name}: is not valid TOML: {error}",)) from error
    problems = check(ROOT, data)
    config: Config | None = None
    if not problems:
        config = msgspec.convert(data, Config)
        problems = tuple(_cross_checks(config, known_profile))
    if problems or config is None:
        lines = key_lines(text)
        raise ConfigError(tuple(_show(name, lines, problem) for problem in problems))
    return config


def _show(name: str, lines: dict[tuple[str | int, ...], int], problem: Problem) -> str:
    line = line_of(lines, problem.path)
    return f"{name}:{line}: {problem.message}" if line else f"{name}: {problem.message}"


def _cross_checks(config: Config, known_profile: Callable[[str], bool]) -> Iterator[Problem]:
    yield from _line_checks(config.line)
    yield from _device_checks(config, known_profile)
    yield from _connector_checks(config)
    yield from _fault_checks(config)
    if config.station.authorisation == "token" and not config.token:
        yield Problem(
            path=("station",),
            message='no [[token]] is listed, nobody could charge: add one, or set "free" here',
        )
    if config.uplink and config.uplink.retry_max_s < config.uplink.retry_min_s:
        yield Problem(
            path=("uplink", "retry_max_s"), message="uplink.retry_max_s is below retry_min_s"
        )


def _line_checks(lines: tuple[LineConfig, ...]) -> Iterator[Problem]:
    yield from _unique("line", "name", [line.name for line in lines])
    for index, line in enumerate(lines):
        if (line.port is None) == (line.host is None):
            yield Problem(
                path=("line", index),
                message=f"line {line.name}: give either port (serial) or host (Modbus TCP)",
            )


def _device_checks(config: Config, known_profile: Callable[[str], bool]) -> Iterator[Problem]:
    lines = {line.name for line in config.line}
    seen: dict[tuple[str, int], str] = {}
    yield from _unique("device", "name", [device.name for device in config.device])
    for index, device in enumerate(config.device):
        path = ("device", index)
        if device.line not in lines:
            yield Problem(
                path=(*path, "line"),
                message=f"device {device.name}: no line is called '{device.line}'",
            )
        if not known_profile(device.profile):
            yield Problem(
                path=(*path, "profile"),
                message=f"device {device.name}: no profile is called '{device.profile}'",
            )
        other = seen.setdefault((device.line, device.unit), device.name)
        if other != device.name:
            yield Problem(
                path=(*path, "unit"),
                message=f"devices {other} and {device.name} share unit {device.unit} on one line",
            )


def _connector_checks(config: Config) -> Iterator[Problem]:
    devices = {device.name for device in config.device}
    yield from _unique("connector", "id", [part.id for part in config.connector])
    yield from _unique("connector", "evse_uid", [part.evse_uid for part in config.connector])
    for index, connector in enumerate(config.connector):
        for name in connector.device_names():
            if name not in devices:
                yield Problem(
                    path=("connector", index),
                    message=f"connector {connector.id}: no device is called '{name}'",
                )
    yield from _shared_outputs(config.connector)


def _shared_outputs(connectors: tuple[ConnectorConfig, ...]) -> Iterator[Problem]:
    """Two connectors on one board or one coil would switch each other."""
    boards = Counter(part.board for part in connectors)
    coils = Counter((p.contactor.device, p.contactor.coil) for p in connectors if p.contactor)
    for index, part in enumerate(connectors):
        if boards[part.board] > 1:
            yield Problem(
                path=("connector", index, "board"),
                message=f"connector {part.id}: board {part.board} already serves another connector",
            )
        if part.contactor and coils[part.contactor.device, part.contactor.coil] > 1:
            yield Problem(
                path=("connector", index, "contactor"),
                message=f"connector {part.id}: its coil already serves another connector",
            )


def _fault_checks(config: Config) -> Iterator[Problem]:
    try:
        catalogue.with_overrides(config.fault)
    except catalogue.OverrideError as error:
        for message in error.messages:
            place = message.split(":", 1)[0].split(".")
            yield Problem(path=("fault", *place), message=f"fault.{message}")


def _unique(table: str, key: str, values: list[str]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Problem(
                path=(table, index, key), message=f"{table} {key} '{value}' is used twice"
            )
