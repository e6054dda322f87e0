"""Logs as data: JSON for the journal, readable lines on a terminal; changes, never polls."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

import structlog


def set_up(level: str) -> None:
    """Send every event to stdout from `level` ("debug" … "error") up."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=colourful(os.environ), exception_formatter=structlog.dev.plain_traceback
        )
        if sys.stdout.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def colourful(environment: Mapping[str, str]) -> bool:
    """Whether a terminal gets colours: not with NO_COLOR (no-color.org), not a dumb one."""
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
