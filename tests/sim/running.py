"""A board in a process of its own, and ways to look at it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).resolve().parents[2]


class RunningBoard:
    """`laddvakt-sim board` over a pipe: it ends when this object does."""

    what = "board"

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.config: dict[str, Any] = json.loads((directory / f"{self.what}.json").read_text())
        self._session = aiohttp.ClientSession(self.config["control_url"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 10)

    def port(self, line: str) -> str:
        return str(self.config["lines"][line]["port"])

    @property
    def tcp_port(self) -> int:
        return int(self.config["tcp"]["tcp1"]["port"])

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, status: int = 200
    ) -> dict[str, Any]:
        async with self._session.request(method, path, json=body) as response:
            answer = await response.json()
            assert response.status == status, answer
            assert isinstance(answer, dict)
            return answer

    async def state(self, connector: str) -> dict[str, Any]:
        answer = await self.ask("GET", "/state")
        view = answer["connectors"][connector]
        assert isinstance(view, dict)
        return view

    async def until(
        self, connector: str, holds: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        async with asyncio.timeout(8):
            while not holds(view := await self.state(connector)):  # noqa: ASYNC110  other process
                await asyncio.sleep(0.02)
        return view


class RunningBench(RunningBoard):
    """`laddvakt-sim bench` over a pipe."""

    what = "bench"

    def net(self, line: str) -> int:
        return int(self.config["tcp"][line]["port"])

    async def truth(self, device: str) -> dict[str, Any]:
        values = (await self.ask("GET", f"/devices/{device}"))["values"]
        assert isinstance(values, dict)
        return values


@asynccontextmanager
async def running_bench(directory: Path, layout: str) -> AsyncIterator[RunningBench]:
    """Start a bench of that layout, wait for bench.json, end it afterwards."""
    process = await start(directory, "--layout", written(directory, layout), what="bench")
    await announced(process, directory, "bench")
    async with RunningBench(process, directory) as bench:
        yield bench


@asynccontextmanager
async def running_board(directory: Path, *options: str) -> AsyncIterator[RunningBoard]:
    """Start a board, wait for board.json, end it afterwards."""
    process = await start(directory, *options)
    await announced(process, directory)
    async with RunningBoard(process, directory) as board:
        yield board


async def start(
    directory: Path, *options: str, what: str = "board", errors: bool = False
) -> asyncio.subprocess.Process:
    path = os.pathsep.join((str(ROOT / "firmware-sim"), os.environ.get("PYTHONPATH", "")))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "laddvakt_sim", what, "--dir", str(directory)),
        *("--exit-with-stdin", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE if errors else asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )


async def announced(
    process: asyncio.subprocess.Process, directory: Path, what: str = "board"
) -> None:
    async with asyncio.timeout(15):
        while not (directory / f"{what}.json").exists():
            assert process.returncode is None, f"the {what} ended before it was ready"
            await asyncio.sleep(0.02)


def written(directory: Path, layout: str) -> str:
    """Put a layout beside the folder the bench will work in."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory.with_suffix(".toml")
    file.write_text(layout)
    return str(file)


def alive(pid: int) -> bool:
    """True while the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
