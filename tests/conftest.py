"""What a test measured is told at the end, whichever worker measured it."""

from __future__ import annotations

import pytest

FIGURE = "figure"  # the property's name: `record_property("figure", "a sentence")`


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for outcome in ("passed", "failed"):
        for told in terminalreporter.stats.get(outcome, []):
            for name, value in told.user_properties:
                if name == FIGURE:
                    terminalreporter.write_line(str(value))
