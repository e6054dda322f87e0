"""Registration from both sides, rotation, its end, and what does not come to an agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sim_backend.backend_kit import LOCATION, TOKEN
from sim_backend.fake_cpo import A, B, C, Meeting, meeting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

L1 = "locations/SE/LAD/L1"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting(tmp_path, initial_token=A) as made:
        yield made


async def registered(there: Meeting, version: str = "2.3.0") -> str:
    """The CPO registers with the backend; its token C."""
    body = there.cpo.credentials(B)
    http, content, _ = await there.ocpi("POST", "credentials", A, body, version=version)
    assert (http, content["status_code"]) == (200, 1000), content
    return str(content["data"]["token"])


async def test_the_cpo_registers(there: Meeting) -> None:
    """Versions and details are fetched with B before the answer; A is dead, C opens everything."""
    assert await there.codes("PUT", L1, A, LOCATION) == (401, 2000)
    token_c = await registered(there)
    assert [(method, path) for method, path, _ in there.cpo.asked] == [
        ("GET", "/versions"),
        ("GET", "/2.3.0"),
    ]
    assert await there.codes("GET", f"{there.backend}/ocpi/versions", A) == (401, 2000)
    assert await there.codes("PUT", L1, token_c, LOCATION) == (201, 1000)
    agreed = await there.tell("GET", "/agreement")
    assert (agreed["registered"], agreed["version"], agreed["started_by"]) == (
        True,
        "2.3.0",
        "agent",
    )
    assert agreed["tokens"] == {"A": A, "B": B, "C": token_c}
    own = (await there.ocpi("GET", "credentials", token_c))[1]["data"]
    assert (own["token"], own["roles"][0]["party_id"]) == (token_c, "EMS")


async def test_methods_that_come_at_the_wrong_time_are_405(there: Meeting) -> None:
    body = there.cpo.credentials(B)
    for method in ("PUT", "DELETE"):
        assert await there.codes(method, "credentials", A, body) == (405, 2000)
    token_c = await registered(there)
    assert await there.codes("POST", "credentials", token_c, body) == (405, 2000)
    assert await there.codes("PATCH", "credentials", token_c, body) == (405, 2001)
    for method in ("POST", "PUT", "DELETE"):  # a pre-agreed token cannot be agreed on
        assert await there.codes(method, "credentials", TOKEN, body) == (405, 2000)


async def test_the_cpo_rotates(there: Meeting) -> None:
    """The old token holds until the new one is used; then it is dead."""
    first = await registered(there)
    body = there.cpo.credentials(B)
    second = (await there.ocpi("PUT", "credentials", first, body))[1]["data"]["token"]
    assert second != first
    assert await there.codes("PUT", L1, first, LOCATION) == (201, 1000)
    assert await there.codes("PUT", L1, second, LOCATION) == (200, 1000)
    assert await there.codes("PUT", L1, first, LOCATION) == (401, 2000)


async def test_the_cpo_leaves(there: Meeting) -> None:
    token_c = await registered(there)
    assert await there.codes("DELETE", "credentials", token_c) == (200, 1000)
    assert await there.codes("GET", f"{there.backend}/ocpi/versions", token_c) == (401, 2000)
    assert (await there.tell("GET", "/agreement"))["registered"] is False
    await there.tell("PUT", "/initial-token", {"token": "again"})
    assert await there.codes("POST", "credentials", "again", there.cpo.credentials(B)) == (
        200,
        1000,
    )


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param({"accepts": set()}, 3001, id="it does not know its own token"),
        pytest.param({"answers": {"versions": (500, 3000)}}, 3001, id="its versions fail"),
        pytest.param({"answers": {"versions": [{"version": 1}]}}, 3001, id="no versions"),
        pytest.param({"headers": {"X-Request-ID": "x"}}, 3001, id="wrong message id"),
        pytest.param({"versions": ("2.2.1",)}, 3002, id="not this version"),
        pytest.param({"modules": (("credentials", "SENDER"),)}, 3003, id="no locations"),
    ],
)
async def test_a_cpo_that_cannot_be_used_is_not_registered(
    there: Meeting, spoil: dict[str, Any], code: int
) -> None:
    """The right code, and the initial token can be used again."""
    for name, value in spoil.items():
        setattr(there.cpo, name, value)
    assert await there.codes("POST", "credentials", A, there.cpo.credentials(B)) == (200, code)
    fresh = type(there.cpo)(url=there.cpo.url)
    for name in spoil:
        setattr(there.cpo, name, getattr(fresh, name))
    await registered(there)


async def test_a_body_that_is_no_credentials_is_refused(there: Meeting) -> None:
    body = {**there.cpo.credentials("with space"), "roles": []}
    http, content, _ = await there.ocpi("POST", "credentials", A, body)
    assert (http, content["status_code"]) == (200, 2001)
    assert "token: not in the form" in content["status_message"]
    assert "roles: at least one" in content["status_message"]


async def test_the_backend_registers(there: Meeting) -> None:
    """The newest version both speak; the tokens are A, then C."""
    agreed = await there.register()
    assert (there.told, agreed["version"], agreed["we_show"]) == (200, "2.3.0", C)
    method, path, body = there.cpo.asked[-1]
    assert (method, path) == ("POST", "/2.3.0/credentials")
    token_b = body["token"]
    assert agreed["tokens"] == {"A": A, "B": token_b, "C": C}
    assert await there.codes("PUT", L1, token_b, LOCATION) == (201, 1000)
    assert await there.codes("PUT", L1, token_b, LOCATION, version="2.2.1") == (200, 2001)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_the_backend_registers_with_a_version(there: Meeting, version: str) -> None:
    assert (await there.register(version))["version"] == version


@pytest.mark.parametrize(
    ("spoil", "code", "posted"),
    [
        pytest.param({"accepts": set()}, 3001, False, id="wrong initial token"),
        pytest.param({"versions": ("2.1.1",)}, 3002, False, id="no version in common"),
        pytest.param({"modules": (("locations", "SENDER"),)}, 3003, False, id="no credentials"),
        pytest.param({"answers": {"credentials": (200, 3001)}}, 3001, True, id="it refuses"),
        pytest.param({"answers": {"credentials": {"token": "x"}}}, 3001, True, id="no object"),
    ],
)
async def test_nothing_is_agreed_with_what_cannot_be_used(
    there: Meeting, spoil: dict[str, Any], code: int, *, posted: bool
) -> None:
    """An endpoint that is missing is found before a POST goes out."""
    for name, value in spoil.items():
        setattr(there.cpo, name, value)
    answer = await there.register()
    assert (there.told, answer["status_code"]) == (502, code), answer
    assert ("POST" in [method for method, _, _ in there.cpo.asked]) is posted
    assert (await there.tell("GET", "/agreement"))["registered"] is False


async def test_the_backend_rotates_and_leaves(there: Meeting) -> None:
    """A rotation that fails leaves the old tokens."""
    old = await there.register()
    there.cpo.answers = {"credentials": (200, 3000)}
    await there.tell("POST", "/rotate")
    assert there.told == 502
    kept = await there.tell("GET", "/agreement")
    assert (kept["we_show"], kept["they_show"]) == (old["we_show"], old["they_show"])
    there.cpo.answers, there.cpo.issues = {}, "token-D"
    new = await there.tell("POST", "/rotate")
    assert (new["we_show"], new["they_show"] != old["they_show"]) == ("token-D", True)
    assert there.cpo.asked[-1][:2] == ("PUT", "/2.3.0/credentials")
    assert (await there.tell("POST", "/unregister"))["http_status"] == 200
    assert await there.codes("PUT", L1, new["they_show"], LOCATION) == (401, 2000)
    assert "nobody is registered" in (await there.tell("POST", "/rotate"))["error"]


async def test_an_agreement_outlives_a_restart(tmp_path: Path) -> None:
    """And the initial token is not good for a second one, though it is given again."""
    async with meeting(tmp_path, initial_token=A) as first:
        token_c = await registered(first)
    async with meeting(tmp_path, initial_token=A) as second:
        assert await second.codes("PUT", L1, token_c, LOCATION) == (201, 1000)
        assert await second.codes("PUT", "locations/SE/XXX/L1", token_c, LOCATION) == (404, 2001)
        assert await second.codes("DELETE", "credentials", token_c) == (200, 1000)
    async with meeting(tmp_path, initial_token=A) as third:
        assert await third.codes("GET", "credentials", A) == (401, 2000)
