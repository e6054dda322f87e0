"""`run --check` and the logs' looks, as a person at a terminal meets them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import resources
from pathlib import Path
from string import Template

import pytest
from click.testing import CliRunner

from agent.station_kit import PLACES, bench
from laddvakt_agent import logs
from laddvakt_agent.app import _Agent
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.run import profile
from laddvakt_agent.service import Notifier

TEXT = Template(
    (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
).substitute(PLACES, dir="/var/lib/laddvakt")


def check(tmp_path: Path, text: str) -> tuple[int, str]:
    path = tmp_path / "laddvakt.toml"
    path.write_text(text)
    done = CliRunner().invoke(laddvakt, ["run", "--check", "--config", str(path)])
    return done.exit_code, done.output.replace(str(path), "FILE")


def test_a_good_file_is_ok(tmp_path: Path) -> None:
    assert check(tmp_path, TEXT) == (0, "FILE: ok\n")


def test_a_device_in_a_wrong_role_ends_with_78_and_its_line(tmp_path: Path) -> None:
    text = TEXT.replace('board = "evse1"', 'board = "meter1"')
    line = text.splitlines().index('board = "meter1"') + 1
    code, said = check(tmp_path, text)
    assert code == 78
    assert said.splitlines() == [
        f"FILE:{line}: connector 1: meter1 cannot be its board: "
        "eastron-sdm72d-m-v2 is not a pilot board; here that is: evse1, charx1",
        "1 problem in the configuration; nothing was started.",
    ]


def test_the_service_does_without_rich() -> None:
    """Loaded for nothing it costs 3 MB; the demo can still have it."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from laddvakt_agent.cli.run import load_structlog; load_structlog();"
            "import laddvakt_agent.app; print('rich' in sys.modules);"
            "import rich; print(rich.__name__)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["False", "rich"]


def test_an_unknown_profile_lists_the_known_ones() -> None:
    said = profile("no-such")
    assert isinstance(said, str)
    assert "known: " in said
    assert "bender-rcmb300" in said


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_colours_only_where_they_are_wanted(environment: dict[str, str], expected: bool) -> None:
    assert logs.colourful(environment) is expected


async def test_a_changed_file_is_checked_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    """The running configuration stays in force; a file that is good again tells nothing."""
    said = ""
    async with bench(tmp_path) as station:
        facts = station.parts.supervisor.facts
        agent = _Agent(
            config=station.parts.supervisor.config,
            clock=station.clock,
            notifier=Notifier({}),
            recheck=lambda: said,
        )
        agent.parts = station.parts
        task = asyncio.create_task(agent._reread())
        for said in ("FILE:3: unknown key", ""):
            agent.reread.set()
            async with asyncio.timeout(5.0):
                while facts.configuration_error != said:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        task.cancel()
