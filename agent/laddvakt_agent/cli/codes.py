"""Exit codes and the way every command says that something went wrong."""

from __future__ import annotations

import enum
from typing import NoReturn

import click


class Exit(enum.IntEnum):
    """What a script can learn from a command."""

    OK = 0
    FAULT = 1  # a fault stands, the ledger cannot be written, or a check failed
    USAGE = 2
    NOT_RUNNING = 3
    PERMISSION = 4
    NOT_APPLICABLE = 5
    TEMPORARY = 75
    CONFIG = 78  # never restarted by systemd


def fail(code: Exit, *lines: str) -> NoReturn:
    """Print `lines` to stderr and leave with `code`."""
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(int(code))
