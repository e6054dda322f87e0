"""`laddvakt-sim backend` as a process: starts, tells where, keeps its memory, ends cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sim_backend.backend_kit import AUTHORISED, FAULT, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

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


async def test_a_taken_port_is_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    async with started(tmp_path) as (_, info):
        second = await spawn(tmp_path, f"--port={info['url'].rpartition(':')[2]}")
        _, said = await asyncio.wait_for(second.communicate(), 10)
    assert second.returncode == 1
    assert b"choose another --port" in said
    assert b"Traceback" not in said


async def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "backend.sqlite").write_text("not a database, " * 100)
    process = await spawn(tmp_path)
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 1
    assert b"move the file away" in said
    assert b"Traceback" not in said
