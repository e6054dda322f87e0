"""The OCPI server under attack: strangers learn nothing, nobody keeps others out, it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from conformance.kit import HUB, TOKEN, Callers, authorization
from laddvakt_agent import uplink_server
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.server import listening as listening_module
from laddvakt_agent.uplink.server.connection import Server
from laddvakt_agent.uplink.server.limits import Limits
from laddvakt_agent.uplink.server.listening import Listening, Place, listen
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

PEM = Path(__file__).parents[2] / "data" / "tls" / "valid.pem"
PLAIN = Place(url="http://127.0.0.1:0")
WRONG = (
    "versions?a=1&a=2",
    "versions?a=%ff",
    "2.2.1/%ff",
    "2.2.1/" + "x" * 300,
    "nowhere",
)


class Taking:
    """A Receiver that takes anything."""

    identifier = "taking"
    role = Role.RECEIVER
    versions = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        return True

    async def answer(self, asked: Asked) -> Reply:
        return Reply()


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[tuple[Listening, str]]:
    made = await listen(
        place,
        authority=Callers(),
        modules=lambda: (Taking(),),
        wall=lambda: datetime.now(UTC),
    )
    try:
        yield made, f"{place.url.removesuffix(':0')}:{made.port}/ocpi"
    finally:
        await made.close()


@asynccontextmanager
async def caller(token: str | None, limit: int = 1) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {} if token is None else {"Authorization": authorization(token)}
    connector = aiohttp.TCPConnector(limit=limit, ssl=False)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield session


async def statuses(session: aiohttp.ClientSession, base: str, *paths: str) -> list[int]:
    found = []
    for path in paths:
        async with session.get(f"{base}/{path}") as response:
            found.append(response.status)
            assert "status_code" in await response.json()
    return found


async def test_a_stranger_learns_nothing_else() -> None:
    """Whatever else is wrong with a request: without a token it is a 401, and soon a 429."""
    limits = Limits(stranger_per_s=0.1, stranger_burst=len(WRONG), tarpit_s=0.01)
    async with served(replace(PLAIN, limits=limits)) as (_, base), caller(None) as session:
        assert await statuses(session, base, *WRONG) == [401] * len(WRONG)
        assert await statuses(session, base, WRONG[0], WRONG[2]) == [429, 429]


async def test_a_callers_mistakes_are_counted() -> None:
    limits = Limits(rate_per_s=0.1, burst=4, tarpit_s=0.01)
    async with served(replace(PLAIN, limits=limits)) as (_, base), caller(TOKEN) as session:
        assert await statuses(session, base, "nowhere", "2.2.1/none", "versions?a=1&a=2") == [
            404,
            404,
            200,
        ]
        assert await statuses(session, base, "versions", "nowhere", "nowhere") == [200, 429, 429]


@pytest.mark.parametrize("head", ["", "Expect: 100-continue\r\n"], ids=["plain", "asked first"])
async def test_who_hangs_up_in_a_body_is_no_defect(
    head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log stays free for what somebody should read."""
    async with served(PLAIN) as (listening, base):
        _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        shown = f"Authorization: {authorization(TOKEN)}\r\n{head}Content-Length: 100\r\n\r\n"
        writer.write(f"POST /ocpi/2.2.1/taking HTTP/1.1\r\nHost: x\r\n{shown}{{".encode())
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
        async with caller(TOKEN) as session:
            assert await statuses(session, base, "versions") == [200]
    assert "request_failed" not in capsys.readouterr().out


async def test_one_caller_does_not_keep_out_another() -> None:
    """Its connections are all trusted; the one with the most gives one up."""
    limits = Limits(connections=4)
    async with served(replace(PLAIN, limits=limits)) as (_, base), caller(TOKEN, 4) as greedy:
        answers = [await greedy.get(f"{base}/versions") for _ in range(4)]  # kept: not read
        assert [answer.status for answer in answers] == [200] * 4
        async with asyncio.timeout(8.0), caller(HUB) as other:
            assert await statuses(other, base, "versions") == [200]
        for answer in answers:
            answer.close()


async def test_handshakes_that_do_not_go_on_give_way() -> None:
    limits = Limits(connections=4, accepts_per_s=200.0)
    place = Place(url="https://127.0.0.1:0", certificate=PEM, key=PEM, limits=limits)
    async with served(place) as (listening, base):
        stuck = [await asyncio.open_connection("127.0.0.1", listening.port) for _ in range(12)]
        async with asyncio.timeout(8.0), caller(TOKEN) as session:
            assert await statuses(session, base, "versions") == [200]
        for _, writer in stuck:
            writer.close()


async def test_a_thread_that_dies_is_begun_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A defect of the web ends no more than the connections of then."""
    made: list[Listening] = []
    doors: list[listening_module._Door] = []
    accepted = listening_module._Door._accept

    async def kept(place: Place, **what: object) -> Listening:
        made.append(await listen(place, **what))  # type: ignore[arg-type]  # handed on
        return made[-1]

    async def accept(self: listening_module._Door, server: Server) -> None:
        doors.append(self)
        if self is doors[0]:
            raise ZeroDivisionError
        await accepted(self, server)

    class Book:
        caller = Callers().caller

        async def load(self) -> None:
            pass

    monkeypatch.setattr(uplink_server, "listen", kept)
    monkeypatch.setattr(uplink_server, "RESTART_S", 0.01)
    monkeypatch.setattr(listening_module._Door, "_accept", accept)
    book: PartyBook = Book()  # type: ignore[assignment]  # as far as it is asked
    task = asyncio.create_task(
        uplink_server.let_in(PLAIN, book, tuple, lambda: datetime.now(UTC), lambda: True)
    )
    try:
        await _until(lambda: len(made) == 2)
        async with caller(TOKEN) as session:
            base = f"http://127.0.0.1:{made[1].port}/ocpi"
            assert await statuses(session, base, "versions") == [200]
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not done():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
