"""Several platforms at once: each by itself, as what is agreed on with it comes and goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.station_kit import Bench, bench
from conformance.kit import authorization
from conformance.peer import TOKEN_A, Seen, ok, peer
from laddvakt_agent.uplink.server.listening import Place
from laddvakt_agent.uplinks import Uplinks

pytestmark = pytest.mark.integration


def device(name: str, base: str, token: Path, **more: str) -> str:
    urls = {module: f"{base}/{module}" for module in ("locations", "sessions", "cdrs")}
    return table({"name": name, "mode": "device", "token_file": str(token), **urls, **more})


def table(keys: dict[str, str]) -> str:
    rows = (f'{key} = "{value}"' for key, value in keys.items())
    return "\n".join(("[[uplink]]", *rows, "retry_min_s = 0.1", "retry_max_s = 0.5", ""))


@asynccontextmanager
async def station(directory: Path, uplinks: str) -> AsyncIterator[Bench]:
    """The demo's station with these platforms."""

    def change(text: str) -> str:
        begin, end = text.index("[uplink]"), text.index("[fault.")
        server = '[server]\nurl = "http://127.0.0.1:9"\n'
        return text[:begin] + uplinks + server + text[end:]

    async with bench(directory, change) as made:
        yield made


@asynccontextmanager
async def running(made: Bench, place: Place | None = None) -> AsyncIterator[Uplinks]:
    config = made.parts.supervisor.config
    uplinks = Uplinks(config, made.ledger, made.thread, made.clock, place)
    made.parts.watch.set_durable()
    try:
        await uplinks.start()
        uplinks.serve(made.parts)
        uplinks.offer(made.parts.publisher.station())
        yield uplinks
    finally:
        await uplinks.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5.0):
        while not true():  # noqa: ASYNC110 - a process's worth of parts
            await asyncio.sleep(0.01)


def token_file(directory: Path, name: str, token: str) -> Path:
    path = directory / name
    path.write_text(token)
    path.chmod(0o600)
    return path


async def test_one_that_hangs_delays_no_other(tmp_path: Path) -> None:
    async with peer() as deaf, peer() as good:
        deaf.during.append(lambda seen: asyncio.sleep(0.5))
        files = [token_file(tmp_path, name, f"token-{name}") for name in ("deaf", "good")]
        uplinks = device("deaf", deaf.base, files[0]) + device("good", good.base, files[1])
        async with station(tmp_path, uplinks) as made, running(made) as told:
            await until(lambda: good.shown("PUT", "/locations"))
            await until(lambda: not told.synchronisers()["good"].health().pending)
            assert set(good.shown("PUT")) == {"token-good"}
            assert set(told.outwards()) == {"deaf", "good"}
            platforms = told.status()["platforms"]
            assert isinstance(platforms, list)
            assert [one["name"] for one in platforms] == ["deaf", "good"]
            assert [bool(one["pending"]) for one in platforms] == [True, False]
            assert told.delivered() == frozenset()
            assert not told.heard("nobody has heard of it")
            health = told.health()
            assert health is not None
            assert health["pending"] == sum(one["pending"] for one in platforms)


async def test_addresses_are_looked_for_again_as_soon_as_somebody_wants_it(tmp_path: Path) -> None:
    async with peer() as backend:
        keys = {
            "name": "b",
            "mode": "device",
            "versions_url": backend.versions_url,
            "token_file": str(token_file(tmp_path, "token", "for-good")),
        }
        backend.answers["GET /versions"] = _busy
        slow = table(keys).replace("= 0.1", "= 60").replace("= 0.5", "= 900")
        async with station(tmp_path, slow) as made, running(made) as told:
            await until(lambda: told.desk.overview()[0].trouble)
            backend.answers.clear()
            told.look_again(None)
            await until(told.outwards)


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after a while"])
async def test_addresses_are_looked_up_in_device_mode(tmp_path: Path, *, later: bool) -> None:
    """With the token for good; they are kept, and serve when nobody can be asked."""
    async with peer() as backend:
        keys = {
            "name": "b",
            "mode": "device",
            "versions_url": backend.versions_url,
            "token_file": str(token_file(tmp_path, "token", "for-good")),
        }
        if later:
            backend.answers["GET /versions"] = _busy
        async with station(tmp_path, table(keys)) as made:
            async with running(made) as told:
                if later:
                    await until(lambda: len(backend.shown("GET", "/versions")) > 1)
                    assert not told.outwards()
                    assert "HTTP 503" in told.desk.overview()[0].trouble
                    backend.answers.clear()
                await until(lambda: backend.shown("PUT", "/2.3.0/locations"))
                assert not told.desk.overview()[0].trouble
                assert set(backend.shown("PUT")) == {"for-good"}
            backend.answers["GET /versions"] = _busy
            backend.seen.clear()
            async with running(made) as told:
                assert set(told.outwards()) == {"b"}
                made.parts.publisher.evses.clear()
                await until(lambda: backend.shown("GET", "/versions"))


async def test_what_is_agreed_on_starts_and_ends_the_telling(tmp_path: Path) -> None:
    """They register at our server, are told with their token, unregister, and hear no more."""
    keys = {
        "name": "emsp",
        "mode": "platform",
        "token_file": str(token_file(tmp_path, "token", TOKEN_A)),
    }
    port = free_port()
    place = Place(url=f"http://127.0.0.1:{port}", port=port)
    async with (
        peer() as emsp,
        station(tmp_path, table(keys)) as made,
        running(made, place) as told,
        asking(f"{place.url}/ocpi/2.2.1/credentials") as ask,
    ):
        assert told.health() is None
        assert told.heard("nobody is told")
        token = await ask("POST", emsp.credentials("b-1"), TOKEN_A)
        await until(lambda: emsp.shown("PUT", "/2.2.1/locations"))
        assert set(emsp.shown("PUT")) == {"b-1"}
        assert not told.heard("nobody has heard of it")
        again = await ask("PUT", emsp.credentials("b-2"), token)
        await until(lambda: (now := told.health()) is not None and not now["pending"])
        (overview,) = told.desk.overview()
        assert (overview.registered, overview.parties) == (True, ("NL TNM",))
        await ask("DELETE", None, again)
        await until(lambda: not told.synchronisers())
        assert not told.outwards()
        assert told.health() is None
        rows = await made.thread.call(made.ledger.security.rows)
        rows = tuple(sorted(rows, key=lambda row: row.number))
        noted = [row for row in rows if row.event == "platform_agreement"]
        assert [(row.who, row.result) for row in noted] == [
            ("emsp", "begun"), ("emsp", "renewed"), ("emsp", "ended"),
        ]  # fmt: skip
        assert noted[0].detail == "NL TNM"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Callable[[str, object, str], Awaitable[str]]]:
    """Calls to our credentials module: the token in the answer."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask(method: str, body: object, token: str) -> str:
            headers = {"Authorization": authorization(token)}
            async with asyncio.timeout(5.0):
                while True:
                    try:
                        async with session.request(
                            method, url, json=body, headers=headers
                        ) as response:
                            envelope = await response.json()
                            assert envelope["status_code"] == 1000, envelope
                            return str((envelope.get("data") or {}).get("token"))
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0.02)  # it does not listen yet

        yield ask


def _busy(seen: Seen) -> web.StreamResponse:
    del seen
    return ok(None, status=503, code=3000)
