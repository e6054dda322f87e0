"""`laddvakt-sim backend` as a process: starts, tells where, keeps its memory, ends cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from laddvakt_sim.backend.cli import backend
from laddvakt_sim.backend.modes import Mode
from sim_backend.backend_kit import AUTHORISED, FAULT, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.integration


async def spawn(directory: Path, *more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "laddvakt_sim.backend",
        f"--dir={directory}",
        f"--token={TOKEN}",
        *more,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@asynccontextmanager
async def started(
    directory: Path, *more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    ready = directory / "backend.json"
    ready.unlink(missing_ok=True)
    process = await spawn(directory, *more)
    async with asyncio.timeout(10):
        while not ready.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.02)
    yield process, json.loads(ready.read_text())
    if process.returncode is None:
        process.kill()
    await process.communicate()


def put_fault(endpoint: str) -> int:
    headers = {**AUTHORISED, "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{endpoint}/SE/LAD/F1", json.dumps(FAULT).encode(), headers, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=5) as reply:
        status: int = reply.status
        return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_restart_on_the_same_port_keeps_everything(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with started(tmp_path) as (process, info):
        assert info["pid"] == process.pid
        assert info["endpoints"].keys() == {"locations", "sessions", "cdrs", "faults"}
        assert await asyncio.to_thread(put_fault, info["endpoints"]["faults"]) == 201
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 5) == 0
    port = info["url"].rpartition(":")[2]
    async with started(tmp_path, f"--port={port}") as (_, again):
        assert again["url"] == info["url"]
        assert await asyncio.to_thread(put_fault, info["endpoints"]["faults"]) == 200


async def test_it_ends_with_the_parent(tmp_path: Path) -> None:
    """The closed pipe is all that is left of a killed parent."""
    async with started(tmp_path, "--exit-with-stdin") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_it_says_when_it_is_ready(tmp_path: Path) -> None:
    async with started(tmp_path) as (process, _):
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), 5)
    assert said.decode() == f"backend ready: {tmp_path / 'backend.json'}\n"


async def refused(directory: Path, *more: str) -> tuple[int | None, str]:
    """Exit code and words of a backend that must not start."""
    process = await spawn(directory, *more)
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert b"Traceback" not in said
    return process.returncode, " ".join(said.decode().split())


async def test_a_taken_port_is_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    async with started(tmp_path) as (_, info):
        port = info["url"].rpartition(":")[2]
        code, said = await refused(tmp_path / "other", f"--port={port}")
    assert code == 75
    assert "choose another --port" in said


async def test_a_second_backend_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two would share one memory and overwrite each other's address; the first goes on."""
    async with started(tmp_path) as (_, info):
        announced = (tmp_path / "backend.json").read_text()
        code, said = await refused(tmp_path)
        assert (tmp_path / "backend.json").read_text() == announced
        assert await asyncio.to_thread(put_fault, info["endpoints"]["faults"]) == 201
    assert code == 75
    assert f"another backend runs in {tmp_path}; end it, or choose another --dir" in said


async def test_a_folder_that_cannot_be_made_is_a_sentence() -> None:
    code, said = await refused(Path("/proc/nope"))
    assert code == 75
    assert "--dir /proc/nope: this folder cannot be made" in said
    assert "choose one in a place you can write to" in said


@pytest.mark.parametrize(
    ("option", "words"),
    [
        pytest.param("--token=", "empty or not printable", id="empty token"),
        pytest.param("--token=a\tb", "empty or not printable", id="tab in the token"),
        pytest.param("--faults-module=", "1 to 36 of the characters", id="no module"),
        pytest.param("--faults-module=se lad", "1 to 36 of the characters", id="space"),
        pytest.param("--faults-module=se/lad", "1 to 36 of the characters", id="slash"),
        pytest.param("--faults-module=" + "x" * 37, "1 to 36 of the characters", id="too long"),
        pytest.param("--initial-token=a b", "1 to 64 printable ASCII", id="space in token A"),
        pytest.param("--initial-token=" + "x" * 65, "1 to 64 printable ASCII", id="long token A"),
        pytest.param("--party=S-EMS", "a country and a party", id="short country"),
        pytest.param("--hub=SE-HUBB", "a country and a party", id="long hub"),
        pytest.param("--version=2.1.1", "is not one of", id="old version"),
        pytest.param("--faults-module=fält", "1 to 36 of the characters", id="not ASCII"),
    ],
)
def test_an_option_that_cannot_work_is_a_usage_error(
    tmp_path: Path, option: str, words: str
) -> None:
    result = CliRunner().invoke(backend, [f"--dir={tmp_path}", option])
    assert result.exit_code == 2
    assert words in result.output
    assert list(tmp_path.iterdir()) == []


async def test_versions_and_party_are_those_asked_for(tmp_path: Path) -> None:
    """The endpoints announced are those of the version that a device speaks."""
    more = ("--version=2.3.0", "--party=de-abc", "--hub=DE-HUB", "--initial-token=first")
    async with started(tmp_path, *more) as (_, info):
        assert info["endpoints"]["locations"] == f"{info['url']}/ocpi/2.3.0/locations"
        assert info["tariffs"] == f"{info['url']}/ocpi/2.3.0/tariffs"
        first = await asyncio.to_thread(urllib.request.urlopen, info["url"], timeout=5)
        with first:
            page = first.read().decode()
    assert "DEABC and DEHUB, OCPI 2.3.0" in page


def test_every_way_to_misbehave_is_listed() -> None:
    result = CliRunner().invoke(backend, ["--list-modes"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines] == [mode.value for mode in Mode]
    assert {line.split()[1] for line in lines} == {"kept", "lost"}


async def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "backend.sqlite").write_text("not a database, " * 100)
    code, said = await refused(tmp_path)
    assert code == 1
    assert "move the file away" in said
