"""What a test measured is told at the end, whichever worker measured it; and Ctrl-C is heard."""

from __future__ import annotations

import signal

import pytest

FIGURE = "figure"  # the property's name: `record_property("figure", "a sentence")`


def pytest_configure() -> None:
    """A suite run in the background of a script ignores SIGINT, and its children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for outcome in ("passed", "failed"):
        for told in terminalreporter.stats.get(outcome, []):
            for name, value in told.user_properties:
                if name == FIGURE:
                    terminalreporter.write_line(str(value))
