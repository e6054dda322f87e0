"""The real backend in its own process, and an uplink that talks to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from agent.uplink.uplink_kit import TOKEN, MemoryStore, TestClock, settings
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class BackendProcess:
    """`laddvakt-sim backend` as it is started for real."""

    def __init__(self, directory: Path, *options: str) -> None:
        """`options` of `laddvakt-sim backend`, as `--initial-token=A`; see its README."""
        self.directory = directory
        self.options = options
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._seen = 0

    async def start(self) -> None:
        """Start, or start again on the same port with the same memory."""
        ready = self.directory / "backend.json"
        ready.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "laddvakt_sim.backend",
            f"--dir={self.directory}",
            f"--port={self.port}",
            f"--token={TOKEN}",
            "--exit-with-stdin",
            *self.options,
            stdout=2,  # a benchmark prints one JSON object and nothing else
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        async with asyncio.timeout(10):
            while not ready.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.02)
        self.info = json.loads(ready.read_text())
        self.port = int(self.info["url"].rpartition(":")[2])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        status = await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return status

    def lose_memory(self) -> None:
        """Delete what it kept; it must be stopped."""
        for file in self.directory.glob("backend.sqlite*"):
            file.unlink()
        self._seen = 0

    def endpoints(self) -> Endpoints:
        return Endpoints(**self.info["endpoints"])

    async def behave(self, mode: str, **more: object) -> None:
        await self.tell("POST", "/behaviour", {"mode": mode, **more})

    async def tell(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """One request to the control API, as POST /register or PUT /tokens; its JSON answer."""
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, f"{self.info['url']}{path}", json=body) as reply,
        ):
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def read(self, path: str) -> dict[str, list[dict[str, Any]]]:
        content: dict[str, list[dict[str, Any]]] = await self.tell("GET", path)
        return content

    async def news(self) -> list[dict[str, Any]]:
        """The requests that came since the last call."""
        content = await self.read(f"/received?since={self._seen}")
        if content["requests"]:
            self._seen = int(str(content["requests"][-1]["seq"]))
        return content["requests"]


@asynccontextmanager
async def running(sync: Synchroniser) -> AsyncIterator[Synchroniser]:
    task = asyncio.create_task(sync.run())
    try:
        yield sync
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def in_sync(sync: Synchroniser) -> None:
    async with asyncio.timeout(8):
        while sync.health().pending or not sync.health().pushed:  # noqa: ASYNC110 - as its readers do
            await asyncio.sleep(0.005)


def make(
    backend: BackendProcess, store: MemoryStore, clock: TestClock | None = None
) -> Synchroniser:
    return Synchroniser(
        settings(backend.endpoints()), store, clock or TestClock(), random.Random(1)
    )


def lines(requests: list[dict[str, Any]]) -> list[str]:
    return [f"{r['method']} {r['module']} {r['object_id']} {r['status_code']}" for r in requests]


async def arrived(backend: BackendProcess, method: str) -> dict[str, Any]:
    """The next request of this method."""
    async with asyncio.timeout(5):
        while True:
            for request in await backend.news():
                if request["method"] == method:
                    return request
            await asyncio.sleep(0.01)
