"""Tokens in both directions: pushed to us, and asked for. Cases 59, 69, 70 and 71."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.ledger.samples import cdr_of, ended, session_row
from agent.tokens.token_kit import info, token
from conformance.emsp import OWN, Told
from conformance.kit import HUB, Platform
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.published import SessionRecord
from laddvakt_agent.uplink.tokens.authorising import Outcome
from laddvakt_agent.uplink.tokens.deciding import Why

VERSIONS = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
UID = "04A1B2C3"
ALLOWED = "04A1B2C3/authorize"
LONG_AGO = "2020-01-01T00:00:00Z"


def _token(**changed: object) -> dict[str, object]:
    return token(UID, country_code="NL", **changed)


async def _put(platform: Platform, version: str, **changed: object) -> int:
    body = _token(**changed)
    return (await platform.ask("PUT", f"{version}/tokens/NL/TNM/{UID}", body)).status


@VERSIONS
async def test_c69_a_token_is_new_once(platform: Platform, version: str) -> None:
    """PUT: 201, then 200; GET tells it as it is, also in small letters."""
    assert await _put(platform, version) == 201
    assert await _put(platform, version, valid=False) == 200
    heard = await platform.get(f"{version}/tokens/nl/tnm/{UID.lower()}")
    assert (heard.status, heard.code) == (200, 1000)
    assert heard.item == _token(valid=False)


@VERSIONS
async def test_c69_a_patch_changes_what_it_names(platform: Platform, version: str) -> None:
    await _put(platform, version, group_id="G1")
    url = f"{version}/tokens/NL/TNM/{UID}"
    change = {"valid": False, "last_updated": "2027-01-31T11:00:00Z"}
    heard = await platform.ask("PATCH", url, change)
    assert (heard.status, heard.code) == (200, 1000)
    assert (await platform.get(url)).item == {**_token(group_id="G1"), **change}


@VERSIONS
async def test_c69_a_patch_without_last_updated_is_refused(
    platform: Platform, version: str
) -> None:
    await _put(platform, version)
    url = f"{version}/tokens/NL/TNM/{UID}"
    heard = await platform.ask("PATCH", url, {"valid": False})
    assert (heard.status, heard.code) == (200, 2001)
    assert (await platform.get(url)).item["valid"] is True


@VERSIONS
async def test_c69_the_type_tells_tokens_apart(platform: Platform, version: str) -> None:
    """RFID where the URL names none."""
    url = f"{version}/tokens/NL/TNM/{UID}"
    app = _token(type="APP_USER", whitelist="NEVER")
    assert (await platform.ask("PUT", url, app)).code == 2001
    assert (await platform.ask("PUT", f"{url}?type=APP_USER", app)).status == 201
    missing = await platform.get(url)
    assert (missing.status, missing.code) == (404, 2004)
    assert (await platform.get(url, type="APP_USER")).item["whitelist"] == "NEVER"
    assert await _put(platform, version) == 201


@pytest.mark.parametrize(
    ("path", "body", "token_shown", "status", "code"),
    [
        ("NL/TNM/77", _token(), None, 200, 2001),
        ("NL/TNM/04A1B2C3", _token(party_id="ABC"), None, 200, 2001),
        ("NL/TNM/04A1B2C3", _token(whitelist="PERHAPS"), None, 200, 2001),
        ("NL/TNM/04A1B2C3", _token(valid="yes"), None, 200, 2001),
        ("NL/TNM/04A1B2C3", _token(issuer=None), None, 200, 2001),
        ("NL/TNM/04A1B2C3", _token(last_updated="yesterday"), None, 200, 2001),
        ("NL/TNM/04A1B2C3", [_token()], None, 200, 2001),
        ("NL/TNM", _token(), None, 404, 2000),
        ("SE/XYZ/04A1B2C3", _token(), None, 404, 2001),
        ("NL/TNM/04A1B2C3", _token(), HUB, 404, 2001),
    ],
    ids=["another uid", "another party", "whitelist", "valid", "no issuer", "time", "a list",
         "no uid in the URL", "a party of nobody", "a party of somebody else"],
)  # fmt: skip
async def test_c69_what_is_refused_is_not_kept(
    platform: Platform, path: str, body: object, token_shown: str | None, status: int, code: int
) -> None:
    shown = {} if token_shown is None else {"token": token_shown}
    heard = await platform.ask("PUT", f"2.2.1/tokens/{path}", body, **shown)  # type: ignore[arg-type]
    assert (heard.status, heard.code) == (status, code)
    assert await platform.context.thread.call(platform.context.ledger.tokens.count) == 0


async def test_c69_there_is_no_other_method(platform: Platform) -> None:
    url = f"2.2.1/tokens/NL/TNM/{UID}"
    assert (await platform.ask("DELETE", url)).status == 405
    unknown = await platform.ask("PATCH", url, {"last_updated": "2027-01-31T11:00:00Z"})
    assert (unknown.status, unknown.code) == (404, 2004)


async def _asked(platform: Platform, within_s: float = 5.0) -> Outcome:
    permits = platform.context.supervisor.permits
    permits.authoriser.within_s = within_s
    return await permits.asked(UID, [platform.bench.guard("1")])


# whitelist, valid → with the platform saying ALLOWED, BLOCKED, and nothing at all. Everything
# between: tests/agent/tokens/test_deciding.py
MATRIX = {
    ("ALWAYS", True): (True, True, True),
    ("ALWAYS", False): (False, False, False),
    ("ALLOWED", True): (True, True, True),
    ("ALLOWED", False): (True, False, False),
    ("ALLOWED_OFFLINE", True): (True, False, True),
    ("ALLOWED_OFFLINE", False): (True, False, False),
    ("NEVER", True): (True, False, False),
    ("NEVER", False): (True, False, False),
}


async def test_c70_the_whitelist_matrix(platform: Platform) -> None:
    """As pushed over the wire, as asked over the wire: whitelist × valid × what is answered."""
    seen = {}
    for whitelist, valid in MATRIX:
        await _put(platform, "2.2.1", whitelist=whitelist, valid=valid)
        row = []
        for told in (
            Told(data=info("ALLOWED")),
            Told(data=info("BLOCKED")),
            Told(http_status=500, status_code=3000),
        ):
            platform.emsp.answer("POST", "/", told)
            row.append((await _asked(platform)).allowed)
        seen[whitelist, valid] = tuple(row)
    assert seen == MATRIX


async def test_c71_a_token_the_platform_does_not_know_is_refused(platform: Platform) -> None:
    platform.emsp.answer("POST", "/", Told(http_status=404, status_code=2004))
    outcome = await _asked(platform)
    assert (outcome.allowed, outcome.verdict.why) == (False, Why.UNKNOWN)
    platform.emsp.answer("POST", "/", Told(status_code=2004))
    assert (await _asked(platform)).verdict.why is Why.UNKNOWN


async def test_c71_who_needs_to_know_where_is_told(platform: Platform) -> None:
    station = platform.context.config.station
    guard = platform.bench.guard("1")
    platform.emsp.answer("POST", "/", Told(data=info(authorization_reference="REF-1")))
    platform.emsp.rules.insert(
        0, lambda request: Told(status_code=2002) if request.body is None else None
    )
    outcome = await _asked(platform)
    assert (outcome.allowed, outcome.reference) == (True, "REF-1")
    first, second = platform.emsp.of("POST")
    assert first.path.endswith(ALLOWED)
    assert first.query == second.query == {"type": "RFID"}
    assert second.body == {"location_id": station.location_id, "evse_uids": [guard.evse_uid]}


async def test_c71_nobody_waits_longer_than_a_person_does(platform: Platform) -> None:
    """A platform that hangs is as good as one that is away."""

    class Hanging:
        name, version, own = "hanging", platform.outwards["emsp"].version, OWN

        def endpoint(self, identifier: str, role: object) -> str:
            return "http://127.0.0.1:9/tokens"

        async def send(self, *_: object, **__: object) -> object:
            await asyncio.sleep(60.0)
            raise AssertionError

    platform.context.supervisor.permits.authoriser.outwards = lambda: {"hanging": Hanging()}  # type: ignore[dict-item]
    async with asyncio.timeout(3.0):
        assert (await _asked(platform, within_s=0.1)).verdict.why is Why.SILENT_UNKNOWN


async def test_c59_the_reference_goes_into_session_and_cdr(platform: Platform) -> None:
    """What the platform answered is found again in what it is told."""
    platform.emsp.answer("POST", "/", Told(data=info(authorization_reference="REF-59")))
    guard, now_s = platform.bench.guard("1"), platform.context.clock.now_s()
    permits = platform.context.supervisor.permits
    assert permits.let_in(guard, permits.note(guard, UID, await _asked(platform)))
    guard._begin_session(Inputs(), now_s)
    (session,) = _sessions(platform)
    assert (session.authorization_reference, session.auth_method) == ("REF-59", "AUTH_REQUEST")
    assert session.token.uid == UID
    await platform.settled()
    row = platform.context.ledger.session(session.id)
    assert row is not None
    assert row.authorization_reference == "REF-59"
    for version in ("2.2.1", "2.3.0"):
        (told,) = (await platform.get(f"{version}/sessions", date_from=LONG_AGO)).items
        assert (told["authorization_reference"], told["auth_method"]) == ("REF-59", "AUTH_REQUEST")


@VERSIONS
async def test_c59_and_into_the_bill(platform: Platform, version: str) -> None:
    guard = platform.bench.guard("1")
    row = replace(ended(session_row()), evse_uid=guard.evse_uid)
    cdr = cdr_of(row)
    cdr = replace(cdr, session=replace(cdr.session, authorization_reference="REF-59"))
    await platform.context.thread.call(platform.context.ledger.close_session_with_cdr, row, cdr)
    (told,) = (await platform.get(f"{version}/cdrs", date_from=LONG_AGO)).items
    assert told["authorization_reference"] == "REF-59"


def _sessions(platform: Platform) -> tuple[SessionRecord, ...]:
    return platform.context.publisher.station().sessions
