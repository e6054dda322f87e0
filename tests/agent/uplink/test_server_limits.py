"""What the OCPI server bounds: requests, bodies, connections, slowness; and what stays served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from conformance.kit import TOKEN, Callers, authorization
from laddvakt_agent.uplink.server.limits import Buckets, Busy, Limits, TokenBucket
from laddvakt_agent.uplink.server.listening import Listening, Place, ServerError, listen
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

SHOWN = {"Authorization": authorization(TOKEN)}


class Slow:
    """A Receiver that replies when it is let."""

    identifier = "slow"
    role = Role.RECEIVER
    versions = frozenset(Version)

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    def offered_to(self, caller: Caller) -> bool:
        return True

    async def answer(self, asked: Asked) -> Reply:
        await self.go_on.wait()
        return Reply(data=len(str(asked.body)))


@asynccontextmanager
async def served(limits: Limits, slow: Slow) -> AsyncIterator[tuple[Listening, str]]:
    listening = await listen(
        Place(url="http://127.0.0.1:0", limits=limits),
        authority=Callers(),
        modules=lambda: (slow,),
        wall=lambda: datetime.now(UTC),
    )
    try:
        yield listening, f"http://127.0.0.1:{listening.port}/ocpi"
    finally:
        slow.go_on.set()
        await listening.close()


def test_bucket() -> None:
    """So many at once, then so many a second, never more than so many saved."""
    bucket = TokenBucket(2.0, 3)
    assert [bucket.take(10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(10.5) == 0.0
    assert bucket.take(10.5) == 0.5
    assert [bucket.take(99.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(98.0) > 0.0, "a clock that goes back gives nothing"


def test_buckets_are_bounded() -> None:
    """Names that nobody uses any more are forgotten, those in use are not."""
    buckets = Buckets(0.001, 1)
    assert buckets.take("mine", 0.0) == 0.0
    for number in range(1000):
        buckets.take(f"stranger {number}", 0.0)
        assert buckets.take("mine", 0.0) > 0.0
    assert len(buckets._known) == 256


def test_busy() -> None:
    """Neither all together nor one alone may be more than allowed."""
    busy = Busy(2, 1)
    assert [busy.enter(), busy.enter(), busy.enter()] == [True, True, False]
    assert [busy.enter_named("a"), busy.enter_named("a"), busy.enter_named("b")] == [
        True,
        False,
        True,
    ]
    busy.leave_named("a")
    busy.leave()
    assert busy.enter()
    assert busy.enter_named("a")


@pytest.mark.parametrize(
    ("limits", "token"),
    [
        pytest.param(Limits(rate_per_s=0.1, burst=3, tarpit_s=0.01), TOKEN, id="caller"),
        pytest.param(Limits(total_per_s=3.0, tarpit_s=0.01), TOKEN, id="everybody"),
        pytest.param(
            Limits(stranger_per_s=0.1, stranger_burst=3, tarpit_s=0.01), "none", id="stranger"
        ),
    ],
)
async def test_too_many_requests(limits: Limits, token: str) -> None:
    """429 with Retry-After and an envelope, once what may come at once is used up."""
    async with (
        served(limits, Slow()) as (_, base),
        aiohttp.ClientSession(headers={"Authorization": authorization(token)}) as session,
    ):
        statuses = []
        for _ in range(5):
            async with session.get(f"{base}/versions") as response:
                statuses.append(response.status)
                body = await response.json()
        assert statuses[:3] == [200 if token == TOKEN else 401] * 3
        assert statuses[4] == 429
        assert int(response.headers["Retry-After"]) >= 1
        assert body["status_code"] == 2000


async def test_strangers_take_nothing_from_callers() -> None:
    """While strangers are refused by the dozen, a caller is answered at once."""
    limits = Limits(requests=2, total_per_s=5.0, stranger_burst=1, tarpit_s=0.5)
    async with (
        served(limits, Slow()) as (_, base),
        aiohttp.ClientSession() as session,
    ):
        strangers = [asyncio.create_task(session.get(f"{base}/versions")) for _ in range(20)]
        await asyncio.sleep(0.2)
        for _ in range(3):
            async with session.get(f"{base}/versions", headers=SHOWN) as response:
                assert response.status == 200
        answers = [(await task).status for task in strangers]
        assert answers.count(401) >= 1
        assert answers.count(429) >= 18


async def test_too_many_at_once() -> None:
    """503 while too many are being answered; those go on."""
    slow = Slow()
    async with (
        served(Limits(requests=3, requests_per_caller=2), slow) as (_, base),
        aiohttp.ClientSession(headers=SHOWN) as session,
    ):
        waiting = [
            asyncio.create_task(session.get(f"{base}/2.2.1/slow/{number}")) for number in range(2)
        ]
        await asyncio.sleep(0.1)
        async with session.get(f"{base}/2.2.1/slow") as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
        slow.go_on.set()
        assert [(await task).status for task in waiting] == [200, 200]
        async with session.get(f"{base}/2.2.1/slow") as response:
            assert response.status == 200


async def test_slow_head_and_slow_body() -> None:
    """A head that does not come ends the connection, a body that does not come is 408."""
    async with served(Limits(idle_s=0.3, body_s=0.2), Slow()) as (listening, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(b"GET /ocpi/versions HTTP/1.1\r\nHost: x\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        head = f"PUT /ocpi/2.2.1/slow HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization(TOKEN)}"
        writer.write(f"{head}\r\nContent-Length: 10\r\n\r\n[".encode())
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Length": "99999999"}, 413, id="said"),
        pytest.param({"Transfer-Encoding": "chunked"}, 413, id="chunked"),
        pytest.param({"Content-Encoding": "gzip"}, 415, id="packed"),
    ],
)
async def test_large_body(headers: dict[str, str], status: int) -> None:
    """Neither a large body nor one that would unpack to a large one is read."""
    async with served(Limits(body_bytes=1000), Slow()) as (listening, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        lines = {
            "Host": "x",
            "Authorization": authorization(TOKEN),
            "Content-Length": "4",
            **headers,
        }
        if "Transfer-Encoding" in lines:
            del lines["Content-Length"]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        chunk = b"7d0\r\n" + b" " * 2000 + b"\r\n"
        body = chunk if status == 413 and "Transfer-Encoding" in lines else b"1234"
        writer.write(f"PUT /ocpi/2.2.1/slow HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b'"status_code":2000' in answer
        writer.close()


async def test_connections() -> None:
    """Idle strangers give way, the oldest first; who has shown a token keeps its connection."""
    async with served(Limits(connections=4), Slow()) as (listening, base):
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(headers=SHOWN, connector=connector) as session:
            async with session.get(f"{base}/versions") as response:
                assert response.status == 200
            idle = [await asyncio.open_connection("127.0.0.1", listening.port) for _ in range(12)]
            gone = await asyncio.gather(
                *(asyncio.wait_for(reader.read(), 1.0) for reader, _ in idle),
                return_exceptions=True,
            )
            assert gone[:9] == [b""] * 9
            assert all(isinstance(still, TimeoutError) for still in gone[9:])
            begun_s = time.monotonic()
            async with session.get(f"{base}/versions") as response:
                assert response.status == 200
            assert time.monotonic() - begun_s < 2.0
        for _, writer in idle:
            writer.close()


async def test_address_in_use() -> None:
    """An address that somebody has: told with what to change."""
    async with served(Limits(), Slow()) as (listening, _):
        with pytest.raises(ServerError, match=r"change server\.host or server\.port"):
            await listen(
                Place(url="http://127.0.0.1", port=listening.port),
                authority=Callers(),
                modules=tuple,
                wall=lambda: datetime.now(UTC),
            )
