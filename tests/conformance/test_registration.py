"""Registration: cases 4 and 19 to 28, ours with them and theirs with us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from conformance.kit import authorization
from conformance.peer import TOKEN_A, Seen, ok, without
from conformance.registration_kit import BOTH_VERSIONS, NAME, Both, both, now
from laddvakt_agent.uplink.parties.agreement import Record
from laddvakt_agent.uplink.parties.desk import DeskError, Overview
from laddvakt_agent.uplink.parties.folder import Folder, NotKept
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

each_version = pytest.mark.parametrize("version", BOTH_VERSIONS)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Both]:
    async with both(tmp_path) as made:
        yield made


@each_version
async def test_c04_the_initial_token_opens_registration_alone(pair: Both, version: str) -> None:
    assert (await pair.ask("GET", f"{version}/locations")).status == 401
    for path in ("versions", version, f"{version}/credentials"):
        assert (await pair.ask("GET", path)).status == 200, path


@pytest.mark.parametrize("pinned", [None, *BOTH_VERSIONS])
async def test_c19_we_register_and_use_the_new_token_alone(
    tmp_path: Path, pinned: str | None
) -> None:
    """Token A until the answer, C ever after; our Credentials and theirs are told and kept."""
    terms = {} if pinned is None else {"versions": (Version(pinned),)}
    async with both(tmp_path, **terms) as pair:
        shown = await pair.desk.register(NAME, pair.peer.versions_url)
        await pair.tell()
        expected = pinned or "2.3.0"
        assert shown.version is Version(expected)
        assert shown.parties == ("NL TNM",)
        assert pair.peer.shown("GET") == [TOKEN_A] * 2
        assert pair.peer.shown("POST") == [TOKEN_A]
        assert pair.peer.shown("PUT") == pair.peer.issued
        posted = next(one for one in pair.peer.seen if one.method == "POST")
        assert posted.path == f"/{expected}/credentials"
        body = posted.body
        assert isinstance(body, dict)
        assert body["url"] == f"{pair.base}/versions"
        assert body["roles"] == [
            {
                "role": "CPO",
                "business_details": {"name": "Laddvakt AB"},
                "party_id": "LAD",
                "country_code": "SE",
            }
        ]
        assert await pair.works(body["token"], expected)
        assert len(body["token"]) == 64
        assert (await pair.ask("GET", "versions")).status == 401  # A is spent here, too
        assert Party("NL", "TNM") in pair.standing.parties
        assert (Party("NL", "HUB") in pair.standing.parties) is (expected == "2.3.0")


async def test_c19_routing_headers_are_for_functional_modules_alone(pair: Both) -> None:
    await pair.desk.register(NAME, pair.peer.versions_url)
    await pair.tell()
    routed = [one.path for one in pair.peer.seen if "ocpi-from-party-id" in one.headers]
    assert routed == ["/2.3.0/locations/SE/LAD/L1"]
    assert all({"x-request-id", "x-correlation-id"} <= one.headers.keys() for one in pair.peer.seen)


_HUB = ("NL", "HUB")
_EMSP = ("NL", "TNM")


@pytest.mark.parametrize(
    ("version", "method", "module", "receiver"),
    [
        pytest.param("2.2.1", "PUT", "locations", _EMSP, id="the only party there is"),
        pytest.param("2.2.1", "POST", "cdrs", _EMSP, id="in every module"),
        pytest.param("2.3.0", "PUT", "locations", _HUB, id="a hub broadcasts places"),
        pytest.param("2.3.0", "PUT", "sessions", None, id="not sessions: it finds the party"),
        pytest.param("2.3.0", "GET", "locations", None, id="nothing is got by broadcast"),
        pytest.param("2.3.0", "GET", "tokens", _HUB, id="everybody's tokens come from the hub"),
    ],
)
async def test_requests_name_their_receiver(
    pair: Both, version: str, method: str, module: str, receiver: tuple[str, str] | None
) -> None:
    """transport_and_format, Message Routing: direct, broadcast, open, and GET All via hubs."""
    pair.peer.modules = (*pair.peer.modules, ("tokens", "SENDER"))
    await pair.joins(version)
    url = f"{pair.peer.base}/{version}/{module}"
    await pair.connection.send(method, url, None if method == "GET" else {"id": "1"})
    sent = pair.peer.seen[-1].headers
    told = (sent.get("ocpi-to-country-code"), sent.get("ocpi-to-party-id"))
    assert told == (receiver or (None, None))
    assert (sent["ocpi-from-country-code"], sent["ocpi-from-party-id"]) == ("SE", "LAD")


@each_version
async def test_c20_they_register_and_are_asked_back_before_the_answer(
    pair: Both, version: str
) -> None:
    """Versions and details with their token, while their POST is open; then ours opens all."""
    token = await pair.joins(version)
    assert [(one.path, one.token) for one in pair.peer.seen] == [
        ("/versions", "b-1"),
        (f"/{version}", "b-1"),
    ]
    assert await pair.works(token)
    assert not await pair.works(TOKEN_A)
    assert pair.standing.version is Version(version)
    await pair.tell()
    assert pair.peer.shown("PUT") == ["b-1"]


def _broken(seen: Seen) -> web.StreamResponse:
    del seen
    return web.Response(status=500, text="out of order")


def _garbage(seen: Seen) -> web.StreamResponse:
    del seen
    return web.Response(text="<html>welcome</html>")


def _circle(seen: Seen) -> web.StreamResponse:
    return web.Response(status=308, headers={"Location": seen.path})


def _away(seen: Seen) -> web.StreamResponse:
    del seen
    return web.Response(status=307, headers={"Location": "http://198.51.100.1/versions"})


def _endless(seen: Seen) -> web.StreamResponse:
    del seen
    return ok([{"version": "2.2.1", "url": "x" * 5_000_000}])


def _nothing(seen: Seen) -> web.StreamResponse:
    del seen
    return ok([])


@pytest.mark.parametrize(
    ("path", "answer", "code"),
    [
        pytest.param("GET /versions", _broken, 3001, id="500"),
        pytest.param("GET /versions", _garbage, 3001, id="HTML"),
        pytest.param("GET /versions", _circle, 3001, id="redirected in a circle"),
        pytest.param("GET /versions", _away, 3001, id="redirected elsewhere"),
        pytest.param("GET /versions", _endless, 3001, id="without an end"),
        pytest.param("GET /versions", _nothing, 3002, id="no versions"),
        pytest.param("GET /2.2.1", _broken, 3001, id="no details"),
        pytest.param("GET /2.2.1", _nothing, 3003, id="empty details"),
    ],
)
async def test_c21_what_cannot_be_used_is_3001(
    pair: Both, path: str, answer: object, code: int
) -> None:
    """HTTP 200 with the code, and nothing has changed: the same token registers later."""
    pair.peer.answers[path] = answer  # type: ignore[assignment]  # one of those above
    heard = await pair.ask("POST", "2.2.1/credentials", pair.peer.credentials("b-1"))
    assert (heard.status, heard.code) == (200, code)
    assert "out of order" not in str(heard.envelope), "what a URL of theirs answers is not theirs"
    assert pair.agreement is None
    pair.peer.answers.clear()
    assert await pair.works(await pair.joins())


async def test_c21_one_that_hangs_is_answered_in_time(
    pair: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a usual client gives up; here the wait is shortened."""
    monkeypatch.setattr("laddvakt_agent.uplink.parties.credentials.ASK_BACK_S", 0.2)
    pair.peer.during.append(lambda seen: asyncio.sleep(1.0))
    heard = await pair.ask("POST", "2.2.1/credentials", pair.peer.credentials("b-1"))
    assert (heard.status, heard.code) == (200, 3001)


async def test_c21_nobody_there_is_3001(pair: Both) -> None:
    body = {**pair.peer.credentials("b-1"), "url": "http://127.0.0.1:1/versions"}
    heard = await pair.ask("POST", "2.2.1/credentials", body)
    assert (heard.status, heard.code) == (200, 3001)


async def test_c22_no_version_of_ours_is_3002(pair: Both) -> None:
    pair.peer.versions = ("2.1.1", "2.3.0")
    heard = await pair.ask("POST", "2.2.1/credentials", pair.peer.credentials("b-1"))
    assert (heard.status, heard.code) == (200, 3002)


async def test_c22_a_version_that_was_not_agreed_is_3002(tmp_path: Path) -> None:
    async with both(tmp_path, versions=(Version.V2_3_0,)) as pair:
        heard = await pair.ask("POST", "2.2.1/credentials", pair.peer.credentials("b-1"))
        assert (heard.status, heard.code) == (200, 3002)


async def test_c16_what_is_not_spoken_with_a_platform_is_not_listed(tmp_path: Path) -> None:
    """It would take the newest listed, and be refused."""
    async with both(tmp_path, versions=(Version.V2_2_1,)) as pair:
        (listed,) = (await pair.ask("GET", "versions")).items
        assert listed["version"] == "2.2.1"
        assert (await pair.ask("GET", "2.3.0")).status == 404
        token = await pair.joins()
        assert await pair.works(token)
        assert (await pair.ask("GET", "2.3.0/locations", token=token)).status == 404


@each_version
async def test_c23_a_missing_endpoint_is_3003(pair: Both, version: str) -> None:
    pair.peer.modules = without("cdrs")
    body = pair.peer.credentials("b-1", version)
    heard = await pair.ask("POST", f"{version}/credentials", body)
    assert (heard.status, heard.code) == (200, 3003)
    assert "cdrs RECEIVER" in str(heard.envelope["status_message"])


async def test_c23_one_that_is_not_needed_may_be_missing(tmp_path: Path) -> None:
    """Nothing of it is told then."""
    async with both(tmp_path, needs=()) as pair:
        pair.peer.modules = ()
        assert await pair.works(await pair.joins())


async def test_c24_c25_what_is_not_allowed_is_405(pair: Both) -> None:
    """PUT and DELETE before there is a registration, POST after it, PATCH never."""
    body = pair.peer.credentials("b-1")
    for method in ("PUT", "DELETE", "PATCH"):
        heard = await pair.ask(method, "2.2.1/credentials", body)
        assert heard.status == 405, method
        assert heard.code != 1000
    token = await pair.joins()
    for shown in (TOKEN_A, token):  # A is good until C was seen: its answer may be lost
        assert (await pair.ask("POST", "2.2.1/credentials", body, token=shown)).status == 405
    assert (await pair.ask("POST", "2.2.1/credentials", body)).status == 401
    assert [one.path for one in pair.peer.seen] == ["/versions", "/2.2.1"]  # asked back once


@each_version
async def test_c26_after_a_delete_nothing_is_open(pair: Both, version: str) -> None:
    token = await pair.joins(version)
    await pair.tell()
    assert (await pair.ask("DELETE", f"{version}/credentials", token=token)).code == 1000
    for shown in (token, TOKEN_A):
        for path in ("versions", f"{version}/credentials", f"{version}/locations"):
            assert (await pair.ask("GET", path, token=shown)).status == 401
    assert pair.connection.agreement is None
    await pair.die()
    assert not await pair.works(token)


async def test_c26_ours_ends_here_even_when_they_are_deaf(pair: Both) -> None:
    token = await pair.joins()
    pair.peer.answers["DELETE /credentials"] = _broken
    ended = await pair.desk.unregister(NAME)
    assert not ended.registered
    assert "could not be told" in ended.trouble
    assert not await pair.works(token)
    assert pair.peer.shown("DELETE") == ["b-1"]


@each_version
async def test_c27_a_put_changes_both_tokens(pair: Both, version: str) -> None:
    """Old and new are good until the new one is seen; then the old one is void."""
    first = await pair.joins("2.2.1")
    assert await pair.works(first)
    second = await pair.agrees("PUT", version, "b-2", first)
    assert second != first
    assert await pair.works(first)
    assert await pair.works(second)
    assert not await pair.works(first)
    assert pair.standing.version is Version(version)
    await pair.tell()
    assert pair.peer.shown("PUT") == ["b-2"]
    assert pair.peer.shown("GET")[2:] == ["b-2", "b-2"]  # asked back, also for the same version


async def test_c27_a_failed_put_keeps_the_old_tokens(pair: Both) -> None:
    token = await pair.joins()
    pair.peer.answers["GET /versions"] = _broken
    body = pair.peer.credentials("b-2")
    heard = await pair.ask("PUT", "2.2.1/credentials", body, token=token)
    assert heard.code == 3001
    assert await pair.works(token)
    await pair.tell()
    assert pair.peer.shown("PUT") == ["b-1"]


async def test_c27_the_answer_to_a_put_may_be_lost(pair: Both) -> None:
    """They go on with what they have: the old token is good, and a PUT once more, too."""
    first = await pair.joins()
    assert await pair.works(first)
    await pair.agrees("PUT", "2.2.1", "b-2", first)
    assert await pair.works(first)
    again = await pair.agrees("PUT", "2.2.1", "b-3", first)
    assert await pair.works(again)
    assert not await pair.works(first)


async def test_c27_the_answer_to_a_post_may_be_lost(pair: Both) -> None:
    """The initial token still is good for a PUT, and for nothing after that worked."""
    await pair.joins()
    token = await pair.agrees("PUT", "2.2.1", "b-2", TOKEN_A)
    assert await pair.works(token)
    assert (await pair.ask("GET", "versions")).status == 401


async def test_c27_ours_is_tried_with_the_old_token_of_theirs(pair: Both) -> None:
    """They forgot the PUT whose answer they did not get: what they know is good, too."""
    first = await pair.joins()
    await pair.agrees("PUT", "2.2.1", "b-2", first)

    def only_old(seen: Seen) -> web.StreamResponse:
        return ok(None) if seen.token == "b-1" else ok(None, status=401, code=2000)

    pair.peer.answers["PUT /L1"] = only_old
    await pair.tell()
    assert pair.peer.shown("PUT") == ["b-2", "b-1"]
    pair.peer.answers.clear()
    await pair.tell()  # b-2 is taken: b-1 is forgotten
    await pair.connection.close()
    assert pair.standing.shown_before is None


async def test_c27_we_rotate(pair: Both) -> None:
    """While our PUT is open both of ours are good; after its answer the new one alone."""
    old = await pair.joins()
    assert await pair.works(old)
    during: list[bool] = []

    async def look(seen: Seen) -> None:
        if seen.method == "PUT" and seen.path.endswith("/credentials"):
            assert isinstance(seen.body, dict)
            during.extend([await pair.works(seen.body["token"]), await pair.works(old)])

    pair.peer.during.append(look)
    await pair.desk.rotate(NAME)
    put = next(one for one in pair.peer.seen if one.method == "PUT")
    assert during == [True, True]
    assert put.token == "b-1"
    assert isinstance(put.body, dict)
    assert await pair.works(put.body["token"])
    assert not await pair.works(old)
    await pair.tell()
    assert pair.peer.shown("PUT", "/L1") == pair.peer.issued


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param(ok(None, code=2001), 1, id="refused"),
        pytest.param(ok(None, status=405, code=2000), 1, id="not allowed"),
        pytest.param(ok(None, code=3001), 2, id="they could not ask back"),
        pytest.param(web.Response(status=502), 2, id="502"),
        pytest.param(ok({"token": "no credentials"}), 2, id="nonsense"),
    ],
)
async def test_c27_our_failed_rotation_keeps_the_old_tokens(
    pair: Both, answer: web.Response, kept: int
) -> None:
    """In doubt the new token of ours is good, too: they may have it."""
    old = await pair.joins()
    assert await pair.works(old)
    pair.peer.answers["PUT /credentials"] = lambda seen: answer
    with pytest.raises(DeskError) as caught:
        await pair.desk.rotate(NAME)
    assert caught.value.remedy
    agreement = pair.standing
    assert [agreement.accepted, agreement.accepted_next].count(None) == 2 - kept
    await pair.die()
    assert await pair.works(old)
    await pair.tell()
    assert pair.peer.shown("PUT", "/L1") == ["b-1"]
    pair.peer.answers.clear()
    await pair.desk.rotate(NAME)
    told = [one.body for one in pair.peer.seen if one.path.endswith("/credentials")]
    assert isinstance(told[-1], dict)
    assert isinstance(told[0], dict)
    # Told again where they may have it: whichever they kept is good.
    assert (told[-1]["token"] == told[0]["token"]) is (kept == 2)
    assert await pair.works(told[-1]["token"])


async def test_c27_an_answer_that_is_lost_is_found(pair: Both) -> None:
    """They have taken our PUT and hung up: their new token is asked for, and works."""
    await pair.joins()
    pair.peer.silent = frozenset({"PUT"})
    await pair.desk.rotate(NAME)
    await pair.tell()
    assert pair.peer.shown("PUT", "/L1") == pair.peer.issued[-1:]


@pytest.mark.parametrize("taken", [True, False], ids=["they took it", "it did not arrive"])
async def test_c27_a_crash_in_a_rotation_leaves_a_way(pair: Both, *, taken: bool) -> None:
    """Dead with the PUT open: our old token and the told one are good after the restart."""
    old = await pair.joins()
    assert await pair.works(old)
    told = await _crash_in(pair, asyncio.create_task(pair.desk.rotate(NAME)), "PUT")
    assert pair.standing.shown == "b-1"
    await pair.tell()
    if taken:
        assert await pair.works(told)
        assert not await pair.works(old)
    else:
        assert await pair.works(old)
        await pair.desk.rotate(NAME)
        assert not await pair.works(old)
        assert await pair.works(told)  # the same was told again


async def test_c27_a_crash_in_a_registration_leaves_a_way(pair: Both) -> None:
    """They hold us registered and we do not know: registering again renews it with a PUT."""
    register = pair.desk.register(NAME, pair.peer.versions_url)
    await _crash_in(pair, asyncio.create_task(register), "POST")
    assert pair.agreement is None
    pair.peer.answers["POST /credentials"] = lambda seen: ok(None, status=405, code=2000)
    await pair.desk.register(NAME, pair.peer.versions_url)
    await pair.tell()
    assert pair.peer.shown("PUT", "/credentials") == [TOKEN_A]
    assert pair.peer.shown("PUT", "/L1") == pair.peer.issued[-1:]


async def _crash_in(pair: Both, work: asyncio.Task[Overview], method: str) -> str:
    """Kill us while their answer is on its way; the token that was told them."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold(seen: Seen) -> None:
        if seen.method == method:
            assert isinstance(seen.body, dict)
            told.set_result(seen.body["token"])
            await over.wait()

    pair.peer.during.append(hold)
    token = await told
    work.cancel()
    await asyncio.wait([work])
    over.set()
    pair.peer.during.clear()
    await pair.die()
    return token


async def test_c27_a_disk_that_refuses_stops_a_rotation_before_it_begins(
    pair: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await pair.joins()
    assert await pair.works(token)
    asked = len(pair.peer.seen)
    monkeypatch.setattr(Folder, "write", _refuse)
    with pytest.raises(DeskError, match="disk"):
        await pair.desk.rotate(NAME)
    assert {one.method for one in pair.peer.seen[asked:]} == {"GET"}
    heard = await pair.ask("PUT", "2.2.1/credentials", pair.peer.credentials("b-2"), token=token)
    assert (heard.status, heard.code) == (200, 3000)
    heard = await pair.ask("DELETE", "2.2.1/credentials", token=token)
    assert (heard.status, heard.code) == (200, 3000)
    assert await pair.works(token)


async def test_c27_a_disk_that_refuses_their_answer_is_tried_until_it_takes_it(
    pair: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have changed already: so have we, and the disk follows."""
    monkeypatch.setattr("laddvakt_agent.uplink.parties.book.RETRY_S", 0.02)
    token = await pair.joins()
    assert await pair.works(token)
    await pair.book.change(NAME, lambda record: record)
    write = Folder.write

    def full(seen: Seen) -> None:
        if seen.method == "PUT" and "credentials" in seen.path:
            monkeypatch.setattr(Folder, "write", _refuse)

    pair.peer.during.append(full)
    await pair.desk.rotate(NAME)
    await pair.tell()
    assert pair.peer.shown("PUT", "/L1") == pair.peer.issued
    monkeypatch.setattr(Folder, "write", write)
    async with asyncio.timeout(5.0):
        while Folder(pair.folder).read(NAME, now()) != pair.book.record(NAME):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)


def _refuse(self: Folder, record: Record) -> None:
    del self, record
    raise NotKept("the disk is full; make space")


@pytest.mark.parametrize("missing", ["locations", "cdrs", "credentials"])
async def test_c28_nothing_is_posted_where_endpoints_are_missing(pair: Both, missing: str) -> None:
    """And a person learns which."""
    if missing == "credentials":
        details = {"version": "2.3.0", "endpoints": [
            {"identifier": name, "role": role, "url": f"{pair.peer.base}/x"}
            for name, role in pair.peer.modules
        ]}  # fmt: skip
        pair.peer.answers["GET /2.3.0"] = lambda seen: ok(details)
    else:
        pair.peer.modules = without(missing)
    with pytest.raises(DeskError, match=missing) as caught:
        await pair.desk.register(NAME, pair.peer.versions_url)
    assert "operator" in caught.value.remedy
    assert {one.method for one in pair.peer.seen} == {"GET"}
    assert pair.agreement is None


async def test_two_registrations_at_once_are_one(pair: Both) -> None:
    pair.peer.during.append(lambda seen: asyncio.sleep(0.1))
    body = pair.peer.credentials("b-1")
    asked = [pair.ask("POST", "2.2.1/credentials", body) for _ in range(3)]
    heard = await asyncio.gather(*asked)
    assert sorted(str(one.code) for one in heard) == ["1000", "3000", "3000"]
    assert {one.status for one in heard} == {200}


async def test_an_agreement_that_is_being_renewed_does_not_end(pair: Both) -> None:
    """Else it would come back to life when the renewal is done."""
    token = await pair.joins()
    assert await pair.works(token)
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def hold(seen: Seen) -> None:
        asked.set()
        await go_on.wait()

    pair.peer.during.append(hold)
    renewal = asyncio.create_task(pair.agrees("PUT", "2.2.1", "b-2", token))
    await asked.wait()
    ended = await pair.ask("DELETE", "2.2.1/credentials", token=token)
    assert (ended.status, ended.code) == (200, 3000)
    with pytest.raises(DeskError, match="under way"):
        await pair.desk.unregister(NAME)
    go_on.set()
    assert await pair.works(await renewal)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"token": None}, id="no token"),
        pytest.param({"token": "two words"}, id="a blank in it"),
        pytest.param({"token": "x" * 65}, id="too long"),
        pytest.param({"url": "ftp://b.example"}, id="no web address"),
        pytest.param({"roles": []}, id="no roles"),
    ],
)
async def test_credentials_that_break_the_tables_are_2001(
    pair: Both, change: dict[str, object]
) -> None:
    heard = await pair.ask("POST", "2.2.1/credentials", pair.peer.credentials("b") | change)
    assert (heard.status, heard.code) == (200, 2001)
    assert not pair.peer.seen


async def test_credentials_without_a_body_are_2001(pair: Both) -> None:
    heard = await pair.ask("POST", "2.2.1/credentials")
    assert (heard.status, heard.code) == (200, 2001)
    assert "belongs into the body" in str(heard.envelope["status_message"])


async def test_credentials_tell_who_we_are(pair: Both) -> None:
    """Before, with the token they have; after, with the one they shall show."""
    assert (await pair.ask("GET", "2.2.1/credentials")).item["token"] == TOKEN_A
    token = await pair.joins()
    assert (await pair.ask("GET", "2.2.1/credentials", token=token)).item["token"] == token


async def test_a_token_with_the_line_feed_of_the_examples_is_known(pair: Both) -> None:
    """The specification's sample headers have encoded it, too."""
    shown = authorization(f"{TOKEN_A}\n")
    async with pair.session.get(
        f"{pair.base}/versions", headers={"Authorization": shown}
    ) as response:
        assert response.status == 200


@pytest.mark.parametrize("raw", [False, True])
async def test_c03_a_raw_token_is_known_where_that_was_agreed(tmp_path: Path, *, raw: bool) -> None:
    async with both(tmp_path, raw_token=raw) as pair:
        headers = {"Authorization": f"Token {TOKEN_A}"}
        async with pair.session.get(f"{pair.base}/versions", headers=headers) as response:
            assert response.status == (200 if raw else 401)
