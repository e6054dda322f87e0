"""Every way to misbehave: whether the request is kept, and what its sender sees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from laddvakt_sim.backend.behaviour import Mode
from laddvakt_sim.backend.modes import DEEDS
from sim_backend.backend_kit import CDR, SESSION, Peer, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

S1 = "sessions/SE/LAD/S1"


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    async with receiving(tmp_path) as made:
        yield made


# What a client sees of a posted CDR; a pair is HTTP and OCPI status.
SEEN: dict[Mode, object] = {
    Mode.OK: (201, 1000),
    Mode.HTTP_500_KEPT: (500, 3000),
    Mode.DROP: aiohttp.ServerDisconnectedError,
    Mode.SILENT: TimeoutError,
    Mode.LOST_REPLY: aiohttp.ServerDisconnectedError,
    Mode.HTML: aiohttp.ContentTypeError,
    Mode.EMPTY: aiohttp.ContentTypeError,
    Mode.GARBAGE: ValueError,
    Mode.NO_ENVELOPE: KeyError,
    Mode.REDIRECT_307: (307, "/moved/ocpi/2.2.1/cdrs"),
    Mode.REDIRECT_308: (308, "/moved/ocpi/2.2.1/cdrs"),
    Mode.REDIRECT_AWAY: (307, "/away/ocpi/2.2.1/cdrs"),
    Mode.REDIRECT_LOOP: (307, "/ocpi/2.2.1/cdrs"),
    Mode.TRUNCATED: ValueError,
    Mode.WRONG_LENGTH: aiohttp.ClientPayloadError,
    Mode.TEXT_CODE: (200, "1000"),
}
HTTP_CODES = {400: 2001, 401: 2000, 403: 2000, 404: 2000, 405: 2000, 429: 2000} | dict.fromkeys(
    (500, 502, 503), 3000
)


def seen(mode: Mode) -> object:
    kind, _, number = mode.value.partition("_")
    if mode in SEEN:
        return SEEN[mode]
    if kind == "status":
        return 200, int(number)
    if kind == "http":
        return int(number), HTTP_CODES[int(number)]
    return 201, 1000  # spoilt in its form alone


async def posted(peer: Peer) -> object:
    try:
        async with asyncio.timeout(1.5 if peer.slow else 0.3):
            reply = await peer.ocpi("POST", "cdrs", CDR, follow=False)
        if 300 <= reply.http_status < 400:
            return reply.http_status, reply.headers["Location"].removeprefix("http://here")
        return reply.codes  # noqa: TRY300 - raises where there is no envelope
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        return type(error)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.HUGE], ids=str)
async def test_each_misbehaviour_does_what_it_says(peer: Peer, mode: Mode) -> None:
    """Whether it is kept, and what is answered; other modules are not concerned."""
    assert await peer.behave(mode=mode.value, module="cdrs") == 200
    peer.slow = mode is Mode.SLOW
    answered, expected = await posted(peer), seen(mode)
    if isinstance(answered, type) and isinstance(expected, type):
        assert issubclass(answered, expected)
    else:
        assert answered == expected
    kept = (await peer.get("/objects"))["cdrs"]
    assert bool(kept) is DEEDS[mode].kept
    assert len((await peer.get("/received"))["requests"]) == 1
    assert (await peer.ocpi("PUT", S1, SESSION)).codes == (201, 1000)


async def test_a_counted_misbehaviour_wears_off(peer: Peer) -> None:
    assert await peer.behave(mode="http_500", count=2, retry_after_s=3) == 200
    replies = [await peer.ocpi("PUT", S1, SESSION) for _ in range(3)]
    assert [reply.http_status for reply in replies] == [500, 500, 201]
    assert replies[0].headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    "rule", [{}, {"mode": "angry"}, {"mode": "ok", "module": "x"}, {"mode": "ok", "count": 0}]
)
async def test_a_wrong_wish_is_refused(peer: Peer, rule: dict[str, object]) -> None:
    assert await peer.behave(**rule) == 400
