"""`laddvakt ledger credit` against the local API's real route and a whole station."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from agent.test_local_api import Agent
from agent.test_rebilling import WHY, Office, office
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.diagnostics.api import LocalApi
from laddvakt_agent.diagnostics.billing_api import billing_routes

pytestmark = pytest.mark.integration


async def cli(path: Path, *args: str, text: str | None = None) -> Result:
    def run() -> Result:
        given = ["ledger", "credit", *args, "--socket", str(path)]
        return CliRunner().invoke(laddvakt, given, input=text)

    return await asyncio.to_thread(run)


@asynccontextmanager
async def asked(directory: Path) -> AsyncIterator[tuple[Office, Callable[..., Any]]]:
    """The command line against the real route; `ask` runs it."""
    async with office(directory) as one:
        path = directory / "api.sock"
        api = LocalApi(path, Agent(), billing_routes(one.biller))
        with capture_logs():
            await api.start()
            try:
                yield one, lambda *args, text=None: cli(path, *args, text=text)
            finally:
                await api.close()


async def test_the_command_asks_first_and_says_what_was_done(tmp_path: Path) -> None:
    async with asked(tmp_path) as (one, ask):
        wish = ("c-1", "--reason", WHY, "--energy-wh", "2500")
        left = await ask(*wish, text="n\n")
        assert left.exit_code == 1
        assert "Take CDR c-1 back and bill 2.500 kWh instead? It is final." in left.stderr
        assert await one.cdrs() == ["c-1"]
        done = await ask(*wish, text="y\n")
        assert done.exit_code == 0, done.output
        lines = done.stdout.splitlines()
        assert lines[0] == "CDR c-1 is taken back."
        assert lines[1] == "  credit     c-1-C: 5.000 kWh, -13.5000 SEK before taxes"
        assert lines[2].startswith("  corrected  ")
        assert lines[2].endswith(": 2.500 kWh, 7.2500 SEK before taxes")
        told = json.loads((await ask(*wish, "--yes", "--json")).stdout)
        assert (told["schema_version"], told["changed"]) == (1, False)
        assert told["credit"]["id"] == "c-1-C"
        assert Decimal(told["corrected"]["total_before_taxes"]) == Decimal("7.25")
        again = await ask(*wish, "--yes")
        assert again.stdout.startswith("CDR c-1 was taken back before; nothing changed.")
        other = await ask("c-9", "--reason", WHY, "--yes")
        assert (other.exit_code, other.stderr) == (
            5, "there is no CDR c-9\nsee: laddvakt ledger show cdrs\n"
        )  # fmt: skip
        blank = await ask("c-1", "--reason", " ", "--yes")
        assert "say why: --reason TEXT" in blank.stderr
        assert (await ask("c-1", "--yes")).exit_code == 2
