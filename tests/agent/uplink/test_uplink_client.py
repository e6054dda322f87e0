"""The client against a receiver that answers any bytes: what each answer means to the caller."""

from __future__ import annotations

import asyncio
import base64
import random
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from agent.uplink.uplink_kit import TOKEN, settings
from laddvakt_agent.uplink.client import MAX_ANSWER_BYTES, Client, join_url
from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
    Unreachable,
    UplinkError,
)
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.settings import Endpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.integration


def http(body: str, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def envelope(status_code: object, data: str = "null") -> str:
    code = status_code if isinstance(status_code, int | str) else "null"
    return f'{{"status_code": {code}, "data": {data}, "timestamp": "2027-01-01T00:00:00Z"}}'


class RawServer:
    """Answers every request with the same bytes, or with nothing when there are none."""

    def __init__(self, reply: bytes | None) -> None:
        self.reply = reply
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.then: list[bytes] = []  # replies after the first
        self.url = ""
        self.tasks: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.create_task(self.answer(reader, writer)))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        length = dict(_headers(head)).get("content-length", "0")
        self.bodies.append(await reader.readexactly(int(length)))
        if self.reply is None:
            await reader.read()  # silent until the client gives up
        else:
            writer.write(self.reply)
            await writer.drain()
            self.reply = self.then.pop(0) if self.then else self.reply
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving(reply: bytes | None) -> AsyncIterator[RawServer]:
    server = RawServer(reply)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/cdrs"
    async with listener:
        yield server
        await asyncio.gather(*server.tasks)


def client(url: str, *, request_timeout_s: float = 0.4) -> Client:
    endpoints = Endpoints(locations=url, sessions=url, cdrs=url)
    made = settings(endpoints, request_timeout_s=request_timeout_s)
    return Client(made, random.Random(7))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param(http("<html>Log in</html>"), Unanswered, id="200 HTML"),
        pytest.param(http(""), Unanswered, id="200 empty"),
        pytest.param(http("[1, 2]"), Unanswered, id="JSON, no envelope"),
        pytest.param(http('{"data": {}}'), Unanswered, id="no status_code"),
        pytest.param(http(envelope('"1000"')), Unanswered, id="status_code a string"),
        pytest.param(http(envelope("true")), Unanswered, id="status_code a boolean"),
        pytest.param(http("\x00\x01"), Unanswered, id="binary"),
        pytest.param(http("[" * 100_000), Unanswered, id="nested without end"),
        pytest.param(http("x" * (MAX_ANSWER_BYTES + 1)), Unanswered, id="too long"),
        pytest.param(b"nonsense\r\n\r\n", Unanswered, id="no HTTP"),
        pytest.param(b"", Unanswered, id="closed at once"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", Unanswered, id="cut off"),
        pytest.param(None, Unanswered, id="silent"),
        pytest.param(http(envelope(2001)), Rejected, id="200 with 2001"),
        pytest.param(http(envelope(2003), "400 Bad Request"), Rejected, id="HTTP 400"),
        pytest.param(http("conflict", "409 Conflict"), Rejected, id="HTTP 409"),
        pytest.param(http(envelope(3000)), ServerFailed, id="200 with 3000"),
        pytest.param(http(envelope(4001)), ServerFailed, id="hub does not know the receiver"),
        pytest.param(http("", "500 Internal Server Error"), ServerFailed, id="HTTP 500"),
        pytest.param(http(envelope(1000), "503 Busy"), ServerFailed, id="HTTP 503 with 1000"),
        pytest.param(http("", "429 Too Many Requests"), ServerFailed, id="HTTP 429"),
        pytest.param(http("", "302 Found", "Location: /x"), ServerFailed, id="redirect"),
        pytest.param(http("", "401 Unauthorized"), Unauthorised, id="HTTP 401"),
        pytest.param(http(envelope(2000), "403 Forbidden"), Unauthorised, id="HTTP 403"),
        pytest.param(http(envelope(2003), "404 Not Found"), Missing, id="HTTP 404"),
    ],
)
async def test_every_answer_is_one_of_our_errors(
    reply: bytes | None, error: type[UplinkError]
) -> None:
    """HTTP 200 alone is no success, and no answer gets past as a foreign exception."""
    async with serving(reply) as server, client(server.url) as http_client:
        with pytest.raises(error) as caught:
            await http_client.send("PUT", server.url, {"id": "x"}, correlation_id="c")
    assert type(caught.value) is error
    assert len(str(caught.value)) < 600
    assert TOKEN not in str(caught.value)
    assert server.url in str(caught.value)


@pytest.mark.parametrize(
    ("url", "remedy", "why"),
    [
        ("http://127.0.0.1:1/x", "check the network", "127.0.0.1 port 1: Connection refused"),
        ("http://no.such.invalid/x", "check the network", "the name no.such.invalid is not found"),
        ("nonsense", "check the addresses in [uplink]", "not a usable URL"),
    ],
)
async def test_no_connection_is_unreachable(url: str, remedy: str, why: str) -> None:
    """Nothing was sent, so nothing can have arrived; said as a person would say it."""
    async with client(url) as http_client:
        with pytest.raises(Unreachable) as caught:
            await http_client.send("PUT", url, {"id": "x"}, correlation_id="c")
    assert caught.value.remedy.startswith(remedy)
    assert why in str(caught.value)


async def test_a_server_without_tls_is_told_apart() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS here")
        await writer.drain()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listener:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/cdrs"
        async with client(url) as http_client:
            with pytest.raises(Unreachable) as caught:
                await http_client.send("PUT", url, {"id": "x"}, correlation_id="c")
    assert "certificate" in caught.value.remedy


@pytest.mark.parametrize(
    ("reply", "remedy"),
    [
        pytest.param(http("<html>Log in</html>"), "check the addresses in [uplink]", id="HTML"),
        pytest.param(http(""), "check the addresses in [uplink]", id="empty"),
        pytest.param(http("x" * (MAX_ANSWER_BYTES + 1)), "check the addresses", id="too long"),
        pytest.param(b"", "nothing to do if it passes", id="closed at once"),
        pytest.param(http("", "500 Internal Server Error"), "nothing to do here", id="HTTP 500"),
        pytest.param(http(envelope(3000)), "nothing to do here", id="OCPI 3000"),
        pytest.param(http("", "302 Found", "Location: /x"), "put the address", id="redirect"),
        pytest.param(http("", "401 Unauthorized"), "check the token", id="HTTP 401"),
        pytest.param(http("", "403 Forbidden"), "check the token", id="HTTP 403"),
        pytest.param(http("", "404 Not Found"), "check the addresses in [uplink]", id="HTTP 404"),
        pytest.param(http(envelope(2001)), "correct in the configuration", id="OCPI 2001"),
    ],
)
async def test_every_error_says_what_a_person_can_do(reply: bytes, remedy: str) -> None:
    async with serving(reply) as server, client(server.url) as http_client:
        with pytest.raises(UplinkError) as caught:
            await http_client.send("PUT", server.url, {"id": "x"}, correlation_id="c")
    assert caught.value.remedy.startswith(remedy)


async def test_a_request_carries_what_ocpi_demands() -> None:
    """Token in base64 without a line feed, both ids, routing headers, JSON."""
    async with serving(http(envelope(1000, '{"a": 1}'))) as server, client(server.url) as c:
        answer = await c.send("PUT", server.url, {"id": "x"}, correlation_id="chain")
        await c.send("GET", server.url, correlation_id="chain")
    assert answer.data == {"a": 1}
    first, second = (dict(_headers(head)) for head in server.requests)
    scheme, _, encoded = first["authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Token", TOKEN)
    assert uuid.UUID(first["x-request-id"]).version == 4
    assert first["x-request-id"] != second["x-request-id"]
    assert first["x-correlation-id"] == second["x-correlation-id"] == "chain"
    assert first["content-type"] == "application/json"
    assert "content-type" not in second
    routing = [first[f"ocpi-{way}-{part}"] for way in ("from", "to") for part in _PARTS]
    assert routing == ["SE", "LAD", "SE", "EMS"]


_PARTS = ("country-code", "party-id")


def _headers(head: str) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in head.splitlines()[1:] if line]
    return [(name.strip().lower(), value.strip()) for name, _, value in lines]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        pytest.param("/cdrs/9", "/cdrs/9", id="relative"),
        pytest.param("http://evil.example/cdrs/9", None, id="another host gets no token"),
        pytest.param("http://[nonsense", None, id="not a URL"),
    ],
)
async def test_the_location_header_stays_with_the_receiver(
    location: str, expected: str | None
) -> None:
    reply = http(envelope(1000), "201 Created", f"Location: {location}")
    async with serving(reply) as server, client(server.url) as c:
        answer = await c.send("POST", server.url, {"id": "9"}, correlation_id="c")
    base = server.url.removesuffix("/cdrs")
    assert answer.location_url == (None if expected is None else base + expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), ("99999999", 86_400.0), ("soon", None), ("-1", None), ("٣", None)],
)
async def test_retry_after_in_seconds_is_read(value: str, expected: float | None) -> None:
    head = f"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n".encode()
    async with serving(head) as server, client(server.url) as c:
        with pytest.raises(ServerFailed) as caught:
            await c.send("GET", server.url, correlation_id="c")
    assert caught.value.retry_after_s == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("Date: Mon, 01 Mar 2027 12:00:00 GMT", 90.0, id="by their own clock"),
        pytest.param("Date: Mon, 01 Mar 2027 12:30:00 GMT", 0.0, id="in the past"),
        pytest.param("Date: Fri, 01 Jan 2027 12:00:00 GMT", 86_400.0, id="a day at most"),
        pytest.param("X-Nothing: 1", None, id="nobody knows what time it is"),
        pytest.param("Date: soon", None, id="no date"),
    ],
)
async def test_retry_after_may_be_a_date(head: str, expected: float | None) -> None:
    until = "Retry-After: Mon, 01 Mar 2027 12:01:30 GMT"
    reply = http("", "503 Busy", head, until)
    async with serving(reply) as server, client(server.url) as c:
        with pytest.raises(ServerFailed) as caught:
            await c.send("GET", server.url, correlation_id="c")
    assert caught.value.retry_after_s == expected


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_within_the_server_keeps_everything(status: str) -> None:
    """Method, body, token and ids; what it asks for is a success there."""
    async with serving(http("", status, "Location: /moved?x=1")) as server:
        moved = http(envelope(1000, '{"moved": true}'))
        server.then = [moved]
        async with client(server.url) as c:
            answer = await c.send("PUT", server.url, {"id": "x"}, correlation_id="c")
    assert answer.data == {"moved": True}
    first, second = server.requests
    assert second.startswith("PUT /moved?x=1 ")
    assert first.split("\r\n")[1:] == second.split("\r\n")[1:]
    assert server.bodies == [b'{"id":"x"}'] * 2


@pytest.mark.parametrize(
    ("location", "requests"),
    [
        pytest.param("/cdrs", 4, id="in a circle"),
        pytest.param("http://evil.example/cdrs", 1, id="elsewhere"),
        pytest.param("http://127.0.0.1:1/cdrs", 1, id="another port"),
        pytest.param("//evil.example/cdrs", 1, id="another host"),
        pytest.param("http://[nonsense", 1, id="nowhere"),
    ],
)
async def test_a_redirect_never_takes_the_token_away(location: str, requests: int) -> None:
    reply = http("", "307 Temporary Redirect", f"Location: {location}")
    async with serving(reply) as server, client(server.url) as c:
        with pytest.raises(ServerFailed) as caught:
            await c.send("PUT", server.url, {"id": "x"}, correlation_id="c")
    assert caught.value.remedy.startswith("put the address")
    assert len(server.requests) == requests


async def test_a_raw_token_is_sent_as_it_is_where_that_was_agreed() -> None:
    async with serving(http(envelope(1000))) as server:
        url = server.url
        endpoints = Endpoints(locations=url, sessions=url, cdrs=url)
        made = settings(endpoints, token="plain-token", raw_token=True)
        async with Client(made, random.Random(7)) as c:
            await c.send("GET", url)
    assert dict(_headers(server.requests[0]))["authorization"] == "Token plain-token"


async def test_a_hubs_receiver_may_be_named() -> None:
    async with serving(http(envelope(1000))) as server, client(server.url) as c:
        await c.send("GET", server.url, to=Party("NL", "HUB"))
    sent = dict(_headers(server.requests[0]))
    assert (sent["ocpi-to-country-code"], sent["ocpi-to-party-id"]) == ("NL", "HUB")


@pytest.mark.parametrize(
    ("endpoint", "segments", "expected"),
    [
        ("http://b/l", ("SE", "LAD", "1"), "http://b/l/SE/LAD/1"),
        ("http://b/l/", ("SE", "LAD", "1"), "http://b/l/SE/LAD/1"),
        ("http://b/l", ("a/b", "#NA", "å"), "http://b/l/a%2Fb/%23NA/%C3%A5"),
    ],
)
def test_urls_are_joined_and_quoted(
    endpoint: str, segments: tuple[str, ...], expected: str
) -> None:
    assert join_url(endpoint, *segments) == expected


def test_the_token_is_not_shown() -> None:
    """Settings end up in logs and bundles."""
    assert TOKEN not in repr(settings(Endpoints(locations="a", sessions="b", cdrs="c")))
