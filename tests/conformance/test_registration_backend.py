"""Registration with the simulated backend, which has transcribed OCPI by itself."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from agent.test_uplinks import free_port, running, station, table, token_file, until
from laddvakt_agent.uplink.server.listening import Place
from laddvakt_agent.uplinks import Uplinks

pytestmark = pytest.mark.integration

A = "initial-token-of-both"
READY_S = 20.0


@contextmanager
def backend(directory: Path, version: str) -> Iterator[dict[str, object]]:
    """A process of its own; what it says about itself."""
    command = (
        *(sys.executable, "-m", "laddvakt_sim.backend", "--dir", str(directory)),
        *("--initial-token", A, "--version", version, "--exit-with-stdin"),
    )
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"ready" in process.stdout.readline()
            yield json.loads((directory / "backend.json").read_bytes())
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(READY_S)


@asynccontextmanager
async def control(base: object) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Control(session, str(base))


class Control:
    """Steers the backend."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base = session, base

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        async with self.session.post(f"{self.base}{path}", json=body) as response:
            told = await response.json()
            assert response.status == 200, told
            return dict(told)

    async def get(self, path: str) -> dict[str, object]:
        async with self.session.get(f"{self.base}{path}") as response:
            return dict(await response.json())

    async def errors(self) -> list[object]:
        """What it found wrong with anything that it was sent."""
        received = (await self.get("/received?since=0"))["requests"]
        assert isinstance(received, list)
        assert received
        return [one["errors"] for one in received if one["errors"]]


@pytest.mark.parametrize(
    ("version", "we_begin"),
    [
        pytest.param("2.2.1", True, id="we register"),
        pytest.param("2.3.0", False, id="they register"),
    ],
)
async def test_c19_c20_c26_c27_a_whole_agreement(
    tmp_path: Path, version: str, *, we_begin: bool
) -> None:
    """Register, be told, be asked, rotate from both sides, end it: no mistake in any request."""
    port = free_port()
    place = Place(url=f"http://127.0.0.1:{port}", port=port)
    keys = {
        "name": "backend",
        "mode": "platform",
        "token_file": str(token_file(tmp_path, "token", A)),
    }
    (tmp_path / "backend").mkdir()
    with backend(tmp_path / "backend", version) as told:
        async with (
            station(tmp_path, table(keys)) as made,
            running(made, place) as uplinks,
            control(told["url"]) as other,
        ):
            await until(lambda: _listens(port))
            if we_begin:
                await uplinks.desk.register("backend", str(told["versions_url"]))
            else:
                url = f"{place.url}/ocpi/versions"
                await other.post("/register", {"url": url, "token": A, "version": version})
            await _settled(uplinks)
            crawled = await other.post("/crawl", {"module": "locations"})
            assert (crawled["count"], crawled["errors"]) == (1, [])
            before = await other.get("/agreement")
            await uplinks.desk.rotate("backend")
            await other.post("/rotate", {})
            after = await other.get("/agreement")
            assert {before[side] for side in ("they_show", "we_show")}.isdisjoint(
                after[side] for side in ("they_show", "we_show")
            )
            await _settled(uplinks)
            crawled = await other.post("/crawl", {"module": "locations"})
            assert (crawled["count"], crawled["errors"]) == (1, [])
            assert uplinks.desk.overview()[0].confirmed
            if we_begin:
                await uplinks.desk.unregister("backend")
            else:
                await other.post("/unregister", {})
            await until(lambda: not uplinks.synchronisers())
            assert await other.errors() == []


async def _settled(uplinks: Uplinks) -> None:
    await until(lambda: (health := uplinks.health()) is not None and not health["pending"])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
