"""Tokens, tariffs, leave to charge, commands and profiles: what the backend is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sim_backend.backend_kit import T1, T2, T3, TOKEN
from sim_backend.fake_cpo import Meeting, meeting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

CARD: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "EMS",
    "uid": "04A1",
    "type": "RFID",
    "contract_id": "SE-EMS-1",
    "issuer": "Simulated eMSP",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": T1,
}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting(tmp_path) as made:
        yield made


async def their_token(there: Meeting) -> str:
    """After a registration by the backend: what the CPO shows from now on."""
    return str((await there.register())["they_show"])


async def test_tokens_are_pulled_page_by_page(there: Meeting) -> None:
    """Five to a page, also when more are asked for; order is that of the list."""
    cards = [{**CARD, "uid": f"U{n}", "last_updated": T1 if n else T3} for n in range(12)]
    assert (await there.tell("PUT", "/tokens", cards))["count"] == 12
    url: str | None = f"tokens?limit=2000&date_to={T2}"
    uids, pages = [], 0
    while url is not None:
        _, content, headers = await there.ocpi("GET", url, TOKEN)
        uids += [card["uid"] for card in content["data"]]
        assert (headers["X-Total-Count"], headers["X-Limit"]) == ("11", "5")
        match = re.fullmatch(r'<(.*)>; rel="next"', headers.get("Link", ""))
        url, pages = (match[1] if match else None), pages + 1
        assert url is None or f"date_to={T2.replace(':', '%3A')}" in url
    assert (uids, pages) == ([f"U{n}" for n in range(1, 12)], 3)
    await there.tell("PUT", "/tokens", cards[:1])
    assert (await there.ocpi("GET", "tokens", TOKEN))[1]["data"] == cards[:1]


async def test_tariffs_are_pulled_and_pushed_apart(there: Meeting) -> None:
    ours = {"country_code": "SE", "party_id": "EMS", "id": "T1", "last_updated": T1}
    await there.tell("PUT", "/tariffs", [ours])
    assert (await there.ocpi("GET", "tariffs", TOKEN))[1]["data"] == [ours]
    theirs = {
        **ours,
        "party_id": "LAD",
        "currency": "SEK",
        "tax_included": "NO",
        "min_price": {"before_taxes": 1, "after_taxes": 1.25},
        "elements": [{"price_components": [{"type": "ENERGY", "price": 2.5, "step_size": 1}]}],
    }
    path = "tariffs/SE/LAD/T1"
    assert await there.codes("PUT", path, TOKEN, theirs) == (201, 1000)
    assert await there.codes("PUT", path, TOKEN, theirs, version="2.2.1") == (200, 2001)
    assert await there.codes("PATCH", path, TOKEN, theirs) == (405, 2001)
    assert (await there.ocpi("GET", path, TOKEN))[1]["data"] == theirs
    assert [await there.codes("DELETE", path, TOKEN) for _ in range(2)] == [
        (200, 1000),
        (404, 2001),
    ]


WHERE = {"location_id": "L1"}


@pytest.mark.parametrize(
    ("wish", "path", "body", "codes", "data"),
    [
        pytest.param({}, "04a1", None, (200, 1000), {"allowed": "ALLOWED"}, id="known"),
        pytest.param({}, "04A1", WHERE, (200, 1000), {"location": WHERE}, id="with a place"),
        pytest.param({}, "NOPE", None, (404, 2004), None, id="unknown"),
        pytest.param({}, "04A1?type=APP_USER", None, (404, 2004), None, id="other type"),
        pytest.param({}, "BAD", None, (200, 1000), {"allowed": "BLOCKED"}, id="not valid"),
        pytest.param({}, "04A1", {"evse_uids": []}, (200, 2001), None, id="no location_id"),
        pytest.param(
            {"04A1": {"allowed": "NO_CREDIT", "info": {"language": "sv", "text": "Nej"}}},
            "04A1",
            None,
            (200, 1000),
            {"allowed": "NO_CREDIT", "info": {"language": "sv", "text": "Nej"}},
            id="as told",
        ),
        pytest.param(
            {"04A1": {"http_status": 404, "status_code": 2004}},
            "04A1",
            None,
            (404, 2004),
            None,
            id="told to know nothing",
        ),
        pytest.param(
            {"04A1": {"needs_location": True}}, "04A1", None, (200, 2002), None, id="where?"
        ),
        pytest.param(
            {"04A1": {"needs_location": True}},
            "04A1",
            WHERE,
            (200, 1000),
            {"allowed": "ALLOWED"},
            id="there",
        ),
    ],
)
async def test_leave_to_charge(
    there: Meeting,
    wish: dict[str, Any],
    path: str,
    body: object,
    codes: tuple[int, int],
    data: dict[str, Any] | None,
) -> None:
    await there.tell("PUT", "/tokens", [CARD, {**CARD, "uid": "BAD", "valid": False}])
    await there.tell("PUT", "/authorisations", wish)
    uid, _, query = path.partition("?")
    url = f"tokens/{uid}/authorize" + (f"?{query}" if query else "")
    http, content, _ = await there.ocpi("POST", url, TOKEN, body)
    assert (http, content["status_code"]) == codes
    assert data is None or data.items() <= content["data"].items()


STOP = {"session_id": "S1"}


async def test_a_command_gets_its_answer_and_then_its_result(there: Meeting) -> None:
    token = await their_token(there)
    answer = await there.tell("POST", "/commands/STOP_SESSION", STOP)
    assert answer["answer"]["data"] == {"result": "ACCEPTED", "timeout": 30}
    assert answer["answer"]["errors"] == []
    sent = there.cpo.asked[-1][2]
    assert sent["session_id"] == "S1"
    assert await there.codes("POST", sent["response_url"], token, {"result": "ACCEPTED"}) == (
        200,
        1000,
    )
    (result,) = await there.tell("GET", "/results")
    assert (result["id"], result["command"]) == (answer["id"], "STOP_SESSION")
    assert (result["result"], result["errors"]) == ("ACCEPTED", [])


WRAPPED = {"data": {"result": "ACCEPTED"}, "status_code": 1000}


@pytest.mark.parametrize(
    ("answered", "results", "problem"),
    [
        pytest.param({}, [WRAPPED], "without an envelope", id="wrapped"),
        pytest.param({}, [{"result": "FINE"}], "one of CommandResultType", id="no such result"),
        pytest.param({}, [{"result": "FAILED"}] * 2, "a result has come already", id="twice"),
        pytest.param({"timeout": -1}, [{"result": "FAILED"}], "later than the time-out", id="late"),
        pytest.param({"result": "REJECTED"}, [{"result": "FAILED"}], "no result is due", id="not"),
    ],
)
async def test_a_wrong_result_is_kept_with_its_errors(
    there: Meeting, answered: dict[str, Any], results: list[Any], problem: str
) -> None:
    token = await their_token(there)
    there.cpo.answers["commands"] = {"result": "ACCEPTED", "timeout": 30, **answered}
    await there.tell("POST", "/commands/STOP_SESSION", STOP)
    url = there.cpo.asked[-1][2]["response_url"]
    codes = [await there.codes("POST", url, token, result) for result in results]
    assert codes[-1] == (200, 2001)
    kept = await there.tell("GET", "/results")
    assert len(kept) == len(results)
    assert problem in " ".join(kept[-1]["errors"])
    assert await there.codes("POST", f"{url}x", token, results[0]) == (404, 2001)


async def test_a_reservation_may_be_cancelled_later(there: Meeting) -> None:
    token = await their_token(there)
    await there.tell("POST", "/commands/RESERVE_NOW", {"reservation_id": "R1"})
    url = there.cpo.asked[-1][2]["response_url"]
    for result in ("ACCEPTED", "CANCELED_RESERVATION"):
        assert await there.codes("POST", url, token, {"result": result}) == (200, 1000)


async def test_profiles_are_set_asked_for_and_cleared(there: Meeting) -> None:
    """A profile in force may be told only after one was taken."""
    token = await their_token(there)
    limits = {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": 6.5}],
    }
    active = {"start_date_time": T1, "charging_profile": limits}
    assert await there.codes("PUT", "chargingprofiles/S1", token, active) == (200, 2001)
    urls = {}
    for method, body in (("PUT", {"charging_profile": limits}), ("GET", None), ("DELETE", None)):
        assert (await there.tell(method, "/profiles/S1", body))["answer"]["errors"] == []
        _, path, sent = there.cpo.asked[-1]
        match = re.search(r"response_url=([^&]+)", path)
        urls[method] = (
            sent["response_url"] if sent else re.sub("%3A", ":", match[1] if match else "")
        )
        assert path.startswith("/2.3.0/chargingprofiles/S1")
    assert await there.codes("POST", urls["PUT"], token, {"result": "ACCEPTED"}) == (200, 1000)
    asked = {"result": "ACCEPTED", "profile": active}
    assert await there.codes("POST", urls["GET"], token, asked) == (200, 1000)
    assert await there.codes("POST", urls["DELETE"], token, {"result": "gone"}) == (200, 2001)
    assert await there.codes("PUT", "chargingprofiles/s1", token, active) == (200, 1000)
    told = await there.tell("GET", "/active_profiles")
    assert [bool(item["errors"]) for item in told] == [True, False]
    assert [item["command"] for item in await there.tell("GET", "/results")] == [
        "PROFILE_PUT",
        "PROFILE_GET",
        "PROFILE_DELETE",
    ]


async def test_a_token_is_pushed_and_patched(there: Meeting) -> None:
    await their_token(there)
    assert (await there.tell("POST", "/tokens/push", CARD))["http_status"] == 200
    assert there.cpo.asked[-1] == ("PUT", "/2.3.0/tokens/SE/EMS/04A1?type=RFID", CARD)
    assert (await there.ocpi("GET", "tokens", TOKEN))[1]["data"] == [CARD]
    patch = {name: CARD[name] for name in ("country_code", "party_id", "uid", "type")}
    await there.tell("POST", "/tokens/patch", {**patch, "valid": False, "last_updated": T2})
    sent = {"valid": False, "last_updated": T2}
    assert there.cpo.asked[-1] == ("PATCH", "/2.3.0/tokens/SE/EMS/04A1?type=RFID", sent)


async def test_any_request_can_be_sent(there: Meeting) -> None:
    await their_token(there)
    wish = {"module": "tokens", "method": "PUT", "path": "/x", "body": {"a": 1}, "query": {"q": 2}}
    assert (await there.tell("POST", "/call", wish))["errors"] == []
    assert there.cpo.asked[-1] == ("PUT", "/2.3.0/tokens/x?q=2", {"a": 1})


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/commands/STOP_SESSION", STOP, "nobody is registered"),
        ("POST", "/crawl", {"module": "locations"}, "nobody is registered"),
        ("PUT", "/tokens", {}, "a list of objects"),
        ("PUT", "/tokens", [{"uid": "x"}], "a list of objects"),
        ("PUT", "/authorisations", [], "a JSON object"),
        ("PUT", "/needs", {}, "a list such as"),
        ("POST", "/register", {"url": "http://127.0.0.1:9/"}, "token: a text"),
    ],
)
async def test_a_wish_that_is_not_understood_is_400(
    there: Meeting, method: str, path: str, body: object, words: str
) -> None:
    assert words in (await there.tell(method, path, body))["error"]
    assert there.told == 400
