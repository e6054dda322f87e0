"""`laddvakt uplink …` against the local API's real routes, real synchronisers and a fake desk."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer, unused_port
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from agent.test_local_api import Agent
from agent.uplink.uplink_kit import (
    T0,
    TOKEN,
    MemoryStore,
    TestClock,
    cdr,
    finished,
    session,
    settings,
    station,
)
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.words import objects
from laddvakt_agent.diagnostics.api import LocalApi
from laddvakt_agent.diagnostics.uplink_api import uplink_routes
from laddvakt_agent.uplink.parties.desk import DeskError, Overview
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage

pytestmark = pytest.mark.integration

SECRET = "initial-token-of-the-operator"


@dataclass
class Desk:
    """Remembers what it was asked; refuses on demand."""

    platforms: list[Overview]
    refuses: str = ""
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def register(
        self, name: str, url: str | None = None, token: str | None = None
    ) -> Overview:
        return self._done("register", name, str(url), str(token))

    async def rotate(self, name: str) -> Overview:
        return self._done("rotate", name)

    async def unregister(self, name: str) -> Overview:
        return self._done("unregister", name)

    def overview(self) -> tuple[Overview, ...]:
        return tuple(self.platforms)

    def _done(self, *asked: str) -> Overview:
        self.asked.append(asked)
        if self.refuses:
            raise DeskError(self.refuses, remedy="ask the operator")
        (made,) = [one for one in self.platforms if one.name == asked[1]]
        return replace(made, registered=asked[0] != "unregister")


@dataclass
class Uplink:
    """What the routes ask; one platform is told for real."""

    desk: Desk
    sync: Synchroniser
    server: Server

    def synchronisers(self) -> Mapping[str, Synchroniser]:
        return {"backend": self.sync}

    def look_again(self, name: str | None) -> None:
        """Its addresses are configured."""

    def requests(self) -> Mapping[str, RequestLog]:
        return {"backend": self.sync.requests}

    def now_s(self) -> float:
        return TestClock().now_s()


BACKEND = Overview(
    name="backend",
    mode="device",
    registered=True,
    version=Version.V2_2_1,
    modules=("locations RECEIVER", "sessions RECEIVER"),
)
HUB = Overview(
    name="hub",
    mode="platform",
    registered=False,
    trouble="the token was refused",
    remedy="ask its operator for a new initial token",
)


@asynccontextmanager
async def running(directory: Path, *platforms: Overview) -> AsyncIterator[tuple[Uplink, Path]]:
    """A backend, a synchroniser that tells it, and the API's socket."""
    at = ServerSettings(
        base_url=f"http://127.0.0.1:{unused_port()}", token=TOKEN, faults_module="selad-faults"
    )
    storage = Storage(directory / "backend.sqlite")
    server = Server(storage, at)
    urls = Endpoints(**{name: at.endpoint(name) for name in ("locations", "sessions", "cdrs")})
    slow = settings(urls, retry_min_s=60.0, retry_max_s=900.0)
    sync = Synchroniser(slow, MemoryStore(), TestClock(), random.Random(1))
    uplink = Uplink(Desk(list(platforms or (BACKEND,))), sync, server)
    path = directory / "api.sock"
    api = LocalApi(path, Agent(), uplink_routes(lambda: uplink))
    port = int(at.base_url.rpartition(":")[2])
    with capture_logs():  # the command line's output is caught in this very process
        async with TestServer(server.application(), port=port), told(sync, api):
            yield uplink, path
    storage.close()


@asynccontextmanager
async def told(sync: Synchroniser, api: LocalApi) -> AsyncIterator[None]:
    task = asyncio.create_task(sync.run())
    await api.start()
    try:
        yield
    finally:
        await api.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def cli(path: Path, *args: str, text: str | None = None) -> Result:
    def run() -> Result:
        return CliRunner().invoke(laddvakt, ["uplink", *args, "--socket", str(path)], input=text)

    return await asyncio.to_thread(run)


def parsed(result: Result) -> JsonObject:
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    assert answer["schema_version"] == 1
    return answer


async def test_status_says_who_what_and_that_all_is_well(tmp_path: Path) -> None:
    async with running(tmp_path) as (uplink, path):
        uplink.sync.offer(station(sessions=(session(),)))
        assert await uplink.sync.settle(5.0)
        result = await cli(path, "status")
        assert result.exit_code == 0, result.output
        assert TOKEN not in (await cli(path, "status", "--json")).output
        first, told_of, modules, state = result.stdout.splitlines()
        assert first == "backend: OCPI 2.2.1, device"
        assert told_of == "  told of: locations, sessions, cdrs"
        assert modules == "  its modules: locations RECEIVER, sessions RECEIVER"
        assert state.startswith("  everything is told, last confirmed ")


async def test_status_says_what_waits_and_why_and_sync_tries_again(tmp_path: Path) -> None:
    """The pause would be up to a minute; `sync` does not wait for it."""
    async with running(tmp_path) as (uplink, path):
        uplink.sync.offer(station())
        assert await uplink.sync.settle(5.0)
        uplink.server.behave({"mode": "http_500", "module": "sessions"})
        uplink.sync.offer(station(sessions=(finished(),), cdrs=(cdr(),)))
        assert not await uplink.sync.settle(0.3)
        told = await cli(path, "status")
        assert told.exit_code == 1
        assert "1 waiting" in told.stdout
        assert "  waits: session s-1 since 2027-03-01T12:20:00.000Z, tried in" in told.stdout
        assert "HTTP 500" in told.stdout
        assert "it is tried again by itself" in told.stdout
        (shown,) = objects(parsed(await cli(path, "status", "--json")), "platforms")
        (waiting,) = objects(shown, "waiting")
        assert (waiting["kind"], waiting["id"]) == ("session", "s-1"), "its bill goes through"
        still = await cli(path, "sync", "--wait", "0.2")
        assert still.exit_code == 75
        uplink.server.behave({"mode": "ok"})
        done = await cli(path, "sync", "--json")
        assert (done.exit_code, parsed(done)["settled"]) == (0, True)


async def test_status_names_what_is_not_agreed_on(tmp_path: Path) -> None:
    async with running(tmp_path, BACKEND, HUB) as (uplink, path):
        uplink.sync.offer(station())
        assert await uplink.sync.settle(5.0)
        both = await cli(path, "status")
        assert both.exit_code == 1
        assert "hub: no version agreed on, platform, NOT registered" in both.stdout
        assert "  the token was refused\n    ask its operator for a new" in both.stdout
        assert (await cli(path, "status", "--name", "backend")).exit_code == 0
        unknown = await cli(path, "status", "--name", "nobody")
        assert unknown.exit_code == 5
        assert "Known are: backend, hub." in unknown.stderr


async def test_the_log_shows_requests_and_no_secret(tmp_path: Path) -> None:
    async with running(tmp_path) as (uplink, path):
        uplink.sync.offer(station(sessions=(session(),)))
        assert await uplink.sync.settle(5.0)
        head, *rows = (await cli(path, "log")).stdout.splitlines()
        assert head.split() == [
            "when", "platform", "request", "HTTP", "OCPI", "ms", "correlation", "id",
        ]  # fmt: skip
        assert "PUT /ocpi/2.2.1/locations/SE/LAD/LOC1" in rows[0]
        assert "PUT /ocpi/2.2.1/sessions/SE/LAD/s-1" in rows[1]
        raw = await cli(path, "log", "--json", "--limit", "1")
        (request,) = objects(parsed(raw), "requests")
        assert (request["http_status"], request["status_code"]) == (201, 1000)
        assert len(str(request["correlation_id"])) == 36
        assert "04A1B2C3" not in raw.stdout + head + "".join(rows), "who charged is in the body"


async def test_a_request_without_an_answer_is_in_the_log(tmp_path: Path) -> None:
    async with running(tmp_path) as (uplink, path):
        uplink.server.behave({"mode": "lost_reply"})
        uplink.sync.offer(station())
        assert not await uplink.sync.settle(0.3)
        (request,) = objects(parsed(await cli(path, "log", "--json")), "requests")
        assert (request["http_status"], request["trouble"]) == (None, "ServerDisconnectedError")


async def test_register_passes_address_and_token_and_shows_neither(tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(f"{SECRET}\n")
    async with running(tmp_path, HUB) as (uplink, path):
        url = "https://hub.example/versions"
        result = await cli(path, "register", "--url", url, "--token-file", str(file))
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("Registered with hub.\n")
        assert uplink.desk.asked == [("register", "hub", url, SECRET)]
        piped = await cli(path, "register", "--token-file", "-", "--json", text=SECRET)
        assert parsed(piped)["platform"]
        assert SECRET not in result.output + piped.output
        assert (await cli(path, "rotate")).stdout.startswith("New tokens are in force with hub.")
        ended = await cli(path, "unregister", "--yes", "--name", "hub")
        assert ended.stdout.startswith("The agreement has ended with hub.")
        assert [asked[0] for asked in uplink.desk.asked] == [
            "register", "register", "rotate", "unregister",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "exit_code", "said"),
    [
        pytest.param(("rotate",), 2, "say which with --name: backend, hub", id="two, not named"),
        pytest.param(("rotate", "--name", "hub"), 5, "ask the operator", id="refused"),
        pytest.param(("rotate", "--name", "no"), 5, "known are: backend, hub", id="unknown"),
        pytest.param(("sync", "--name", "no"), 5, "known are: backend, hub", id="unknown to sync"),
        pytest.param(("register", "--token-file", "{dir}"), 2, "cannot be read", id="a folder"),
        pytest.param(("register", "--token-file", "{empty}"), 2, "no token in it", id="empty"),
    ],
)
async def test_what_cannot_be_done_is_said_plainly(
    tmp_path: Path, args: tuple[str, ...], exit_code: int, said: str
) -> None:
    (tmp_path / "empty").write_text("")
    filled = [arg.format(dir=tmp_path, empty=tmp_path / "empty") for arg in args]
    async with running(tmp_path, BACKEND, HUB) as (uplink, path):
        uplink.desk.refuses = "hub: it answers HTTP 405"
        result = await cli(path, *filled)
        assert result.exit_code == exit_code, result.output
        assert said in result.stderr


async def test_without_a_platform_nobody_is_told(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    api = LocalApi(path, Agent(), uplink_routes(lambda: None))
    await api.start()
    status = await cli(path, "status")
    assert (status.exit_code, status.stdout.startswith("Nobody is told")) == (0, True)
    rotate = await cli(path, "rotate")
    assert (rotate.exit_code, "no [[uplink]]" in rotate.stderr) == (5, True)
    sync = await cli(path, "sync")
    assert (sync.exit_code, "no [[uplink]]" in sync.stderr) == (5, True)
    await api.close()


def test_the_ring_keeps_the_newest() -> None:
    log = RequestLog(lambda: 0.0, lambda: T0)
    for number in range(300):
        with log.noting("GET", f"http://b/{number}?token=x", "id") as heard:
            heard.http_status = 200
    assert (len(log.latest()), log.count) == (200, 300)
    assert [one.path for one in log.latest(2)] == ["/298", "/299"]
    assert log.latest(0) == ()
