"""What each spoilt answer looks like on the wire, and where a redirect leads."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from laddvakt_sim.backend.modes import BLAMING, DEEDS, PASSING, Mode
from sim_backend.backend_kit import CDR, LOCATION, T1, TOKEN
from sim_backend.fake_cpo import Meeting, meeting
from sim_backend.test_backend_control import CARD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

L1 = "locations/SE/LAD/L1"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting(tmp_path) as made:
        yield made


async def spoilt(there: Meeting, mode: Mode, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
    """Status, parsed answer and headers of one request in this mode."""
    await there.tell("POST", "/behaviour", {"mode": mode.value, "count": 1})
    assert there.told == 200
    return await there.ocpi(method, path, TOKEN, body)


def test_every_mode_has_its_deed() -> None:
    """And says either that the request is at fault, or that it will pass."""
    assert DEEDS.keys() == set(Mode)
    assert set(PASSING) | BLAMING == set(Mode)
    assert {mode.value for mode in BLAMING} == {
        *(f"status_200{n}" for n in range(5)),
        "http_400",
        "http_404",
        "http_405",
    }


@pytest.mark.parametrize(
    ("mode", "stamps"),
    [(Mode.OFFSET_TIME, "+00:00"), (Mode.NO_Z, ""), (Mode.OK, "Z")],
)
async def test_times_are_spoilt_everywhere(there: Meeting, mode: Mode, stamps: str) -> None:
    await there.ocpi("PUT", L1, TOKEN, LOCATION)
    _, content, _ = await spoilt(there, mode, "GET", L1)
    said = [
        content["timestamp"].rpartition(".")[2][3:],
        content["data"]["last_updated"].removeprefix(T1[:-1]),
        content["data"]["evses"][0]["connectors"][0]["last_updated"].removeprefix(T1[:-1]),
    ]
    assert said == [stamps] * 3


@pytest.mark.parametrize(
    ("mode", "method", "path", "body", "data"),
    [
        (Mode.DATA_LIST, "GET", L1, None, [LOCATION]),
        (Mode.DATA_LIST, "PUT", L1, LOCATION, []),
        (Mode.NULL_DATA, "PUT", L1, LOCATION, None),
    ],
)
async def test_data_is_in_another_form(
    there: Meeting, mode: Mode, method: str, path: str, body: object, data: object
) -> None:
    await there.ocpi("PUT", L1, TOKEN, LOCATION)
    _, content, _ = await spoilt(there, mode, method, path, body)
    assert content["data"] == data
    if mode is Mode.NULL_DATA:
        assert content["status_message"] is None


@pytest.mark.parametrize(
    ("mode", "link"),
    [
        (Mode.BROKEN_LINK, "<<>"),
        (Mode.LOOP_LINK, "/ocpi/2.3.0/tokens?limit=1>"),
        (Mode.FOREIGN_LINK, "<http://localhost:9/next>"),
        (Mode.OK, "offset=1"),
    ],
)
async def test_links_lead_astray(there: Meeting, mode: Mode, link: str) -> None:
    await there.tell("PUT", "/tokens", [CARD, {**CARD, "uid": "2"}])
    _, content, headers = await spoilt(there, mode, "GET", "tokens?limit=1")
    assert link in headers["Link"]
    assert content["data"] == [CARD]


async def test_headers_are_lost_or_broken(there: Meeting) -> None:
    _, _, headers = await spoilt(there, Mode.NO_COUNT, "GET", "tokens")
    assert not {"X-Total-Count", "X-Limit"} & headers.keys()
    body = {**CDR, "total_cost": {"before_taxes": 0}}
    _, _, headers = await spoilt(there, Mode.BROKEN_LOCATION, "POST", "cdrs", body)
    assert headers["Location"] == "::not a URL::"


async def test_an_answer_is_compressed_though_nobody_asked(there: Meeting) -> None:
    await there.tell("POST", "/behaviour", {"mode": "gzip", "module": "versions"})
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(
            f"{there.backend}/ocpi/versions", headers={"Accept-Encoding": "identity"}
        ) as reply,
    ):
        assert reply.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(await reply.read()))["status_code"] == 2000


async def test_a_huge_answer_can_be_left(there: Meeting) -> None:
    """Who stops reading harms nothing here."""
    await there.tell("POST", "/behaviour", {"mode": "huge", "count": 1})
    async with there.http.get(f"{there.backend}/ocpi/2.3.0/{L1}") as reply:
        assert len(await reply.content.readexactly(100_000)) == 100_000
        reply.close()
    assert await there.codes("PUT", L1, TOKEN, LOCATION) == (201, 1000)


@pytest.mark.parametrize("mode", [Mode.REDIRECT_307, Mode.REDIRECT_308])
async def test_a_redirect_leads_to_the_object(there: Meeting, mode: Mode) -> None:
    """Method, body and token go with it; this client does so on one origin."""
    http, content, _ = await spoilt(there, mode, "PUT", L1, LOCATION)
    assert (http, content["status_code"]) == (201, 1000)
    assert len((await there.tell("GET", "/objects"))["locations"]) == 1


async def test_a_token_that_follows_to_another_origin_is_told(there: Meeting) -> None:
    """A client that takes it along, as none should, finds itself in the records."""
    away = there.backend.replace("127.0.0.1", "localhost") + f"/away/ocpi/2.3.0/{L1}"
    assert await there.codes("PUT", away, TOKEN, LOCATION) == (403, 2001)
    last = (await there.tell("GET", "/received"))["requests"][-1]
    assert last["errors"] == ["Authorization: sent to another origin"]
    async with there.http.put(away, json=LOCATION) as reply:
        assert (await reply.json())["status_message"] == "this is another origin"


async def test_a_loop_never_ends(there: Meeting) -> None:
    await there.tell("POST", "/behaviour", {"mode": "redirect_loop"})
    with pytest.raises(aiohttp.TooManyRedirects):
        await there.ocpi("GET", L1, TOKEN)


async def test_first_things_fail_only_when_they_are_named(there: Meeting) -> None:
    """Nobody could find anything otherwise."""
    versions = f"{there.backend}/ocpi/versions"
    await there.tell("POST", "/behaviour", {"mode": "http_503"})
    assert await there.codes("GET", versions, TOKEN) == (200, 1000)
    assert await there.codes("GET", "tokens", TOKEN) == (503, 3000)
    await there.tell("POST", "/behaviour", {"mode": "http_429", "module": "versions"})
    http, _, headers = await there.ocpi("GET", versions, TOKEN)
    assert (http, headers["Retry-After"]) == (429, "1")
