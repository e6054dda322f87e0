"""Reads the configuration and says everything that is wrong with it, with file and line."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from laddvakt_agent.config.cross import cross_checks
from laddvakt_agent.config.role_checks import Lookup
from laddvakt_agent.config.schema import check
from laddvakt_agent.config.settings import Config
from laddvakt_agent.config.tables import ROOT
from laddvakt_agent.config.toml_lines import key_lines, line_of

MAX_BYTES = 1_000_000  # a configuration is a few kB; more is the wrong file


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are ready to print, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path, look_up: Lookup) -> Config:
    """Read and check `path`; `look_up` gives a device profile by its name, or says what is wrong.

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
    return parse(text, str(path), look_up)


def parse(text: str, name: str, look_up: Lookup) -> Config:
    """Check TOML text; `name` stands in the messages, `look_up` gives the device profiles.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{name}: is not valid TOML: {error}",)) from error
    problems = list(check(ROOT, data))
    wrong = {problem.path for problem in problems}
    # A value that is wrong in itself need not also be wrong beside others.
    problems += [p for p in cross_checks(data, cache(look_up)) if p.path not in wrong]
    if problems:
        lines = key_lines(text)
        placed = [(line_of(lines, problem.path) or 0, problem.message) for problem in problems]
        placed.sort(key=lambda place: place[0])
        raise ConfigError(tuple(_show(name, line, message) for line, message in placed))
    if isinstance(data.get("uplink"), dict):
        data["uplink"] = [data["uplink"]]
    return msgspec.convert(data, Config)


def _show(name: str, line: int, message: str) -> str:
    return f"{name}:{line}: {message}" if line else f"{name}: {message}"
