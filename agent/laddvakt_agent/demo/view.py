"""What the demo shows while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from laddvakt_agent.demo.check import Check

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from laddvakt_agent.demo.stage import JsonObject


class View(Protocol):
    """Where the demo tells its story."""

    def say(self, text: str) -> None:
        """A step of the story."""
        ...

    def show(self, status: JsonObject) -> None:
        """The agent's status as it is now."""
        ...


class Quiet:
    """Says nothing: for `--json`."""

    def say(self, text: str) -> None:
        """Nothing."""
        del text

    def show(self, status: JsonObject) -> None:
        """Nothing."""
        del status


class Plain:
    """One line per step and per change of a connector, on stderr."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print the step."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the demo's output

    def show(self, status: JsonObject) -> None:
        """Print a connector's line when it says something new."""
        for name, state, reason, _numbers in rows(status):
            line = f"    connector {name}: {state} ({reason})"
            if self._last.get(name) != line:
                self._last[name] = line
                self.say(line)


class Lively:
    """A table that renews itself, the latest steps below it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._story: list[str] = []

    def say(self, text: str) -> None:
        """Add a step."""
        self._story = [*self._story, text][-12:]
        self._live.console.print(text)

    def show(self, status: JsonObject) -> None:
        """Redraw."""
        self._live.update(_table(status))


@contextmanager
def open_view(*, quiet: bool) -> Iterator[View]:
    """The view that fits where the output goes."""
    if quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - loaded for a terminal only
        from rich.live import Live  # noqa: PLC0415

        with Live(console=Console(stderr=True), refresh_per_second=5) as live:
            yield Lively(live)
    else:
        yield Plain()


def rows(status: JsonObject) -> Iterator[tuple[str, str, str, str]]:
    """Connector, OCPI status and state, reason, numbers."""
    connectors = status.get("connectors")
    for part in connectors if isinstance(connectors, list) else []:
        if isinstance(part, dict):
            numbers = (
                f"{part.get('current_a')} A  {part.get('power_w')} W  "
                f"{part.get('session_energy_wh')} Wh"
            )
            state = f"{part.get('status')} / {part.get('state')}"
            yield str(part.get("id")), state, str(part.get("reason")), numbers


def result_lines(checks: Sequence[Check]) -> list[str]:
    """The closing table as text."""
    head = ("check", "measured", "expected", "unit", "")
    body = [
        (c.name, _number(c.measured), c.expected, c.unit, "ok" if c.ok else "FAILED")
        for c in checks
    ]
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(5)]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (head, *body)
    ]


def _number(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"
    return "-" if value is None else str(value)


def _table(status: JsonObject) -> Table:
    from rich.table import Table  # noqa: PLC0415 - loaded for a terminal only

    table = Table("connector", "status / state", "why", "current  power  session")
    for row in rows(status):
        table.add_row(*row)
    return table
