"""The pages for people: what is shown, that it is escaped, and that the forms do what they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sim_backend.backend_kit import LOCATION, SESSION, TOKEN, changed
from sim_backend.fake_cpo import A, Meeting, meeting
from sim_backend.test_backend_control import CARD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting(tmp_path) as made:
        yield made


async def page(there: Meeting, path: str = "/", **fields: str) -> str:
    """A page, or the one that is seen after a form was sent."""
    method = "POST" if fields else "GET"
    async with there.http.request(method, there.backend + path, data=fields or None) as reply:
        assert reply.status == 200
        return re.sub(r"\s+", " ", await reply.text())


async def test_the_first_page_shows_both_sides(there: Meeting) -> None:
    """Parties, version, endpoints, objects, requests both ways, commands with their results."""
    token = str((await there.register())["they_show"])
    await there.ocpi("PUT", "locations/SE/LAD/L1", token, LOCATION)
    await there.ocpi("PUT", "sessions/SE/LAD/S1", token, {**SESSION, "kwh": "much"})
    await there.tell("POST", "/commands/STOP_SESSION", {"session_id": "S1"})
    url = there.cpo.asked[-1][2]["response_url"]
    await there.ocpi("POST", url, token, {"result": "FAILED"})
    shown = await page(there)
    for words in (
        "SE-LAD (CPO)",
        "2.3.0",
        "commands RECEIVER",
        "AVAILABLE",
        "STOP_SESSION</td><td>ACCEPTED</td><td>FAILED",
        "kwh: a number is required",
        "POST http://127.0.0.1",
        "name=&quot;viewport&quot;".replace("&quot;", '"'),
    ):
        assert words in shown
    assert token not in shown
    assert "<script" not in shown


@pytest.mark.parametrize("path", ["/", "/steer"])
async def test_whatever_came_is_escaped(there: Meeting, path: str) -> None:
    """Ids, errors, bodies, and what the agent says of itself."""
    there.cpo.modules = (*there.cpo.modules, (EVIL, "SENDER"))
    await there.register()
    for place in ("id", "city", "evses.0.uid"):
        body = changed(LOCATION, place, EVIL)
        await there.ocpi("PUT", f"locations/SE/LAD/{body['id']}", TOKEN, body)
    await there.ocpi("PUT", f"locations/SE/LAD/{EVIL}", TOKEN, "text")
    await there.tell("PUT", "/tokens", [{**CARD, "uid": EVIL}])
    assert "<script" not in await page(there, path)
    assert "&lt;script" in await page(there, path)
    assert "<script" not in await page(there, f"/steer?said={EVIL}")


async def test_a_form_sends_a_command(there: Meeting) -> None:
    """The token is the whole one of the list; a reservation gets an end."""
    await there.register()
    await there.tell("PUT", "/tokens", [CARD])
    said = await page(there, "/steer/START_SESSION", token="04A1", location_id="L1", evse_uid="")
    assert "START_SESSION: {&quot;result&quot;: &quot;ACCEPTED&quot;" in said
    sent = there.cpo.asked[-1][2]
    assert (sent["token"], sent["location_id"]) == (CARD, "L1")
    assert "evse_uid" not in sent
    await page(there, "/steer/RESERVE_NOW", token="04A1", location_id="L1", reservation_id="R")
    assert there.cpo.asked[-1][2]["expiry_date"].endswith("Z")


async def test_forms_register_and_misbehave(there: Meeting) -> None:
    assert "POST /register first" in await page(there, "/steer/STOP_SESSION", session_id="S1")
    said = await page(there, "/steer/register", url=f"{there.cpo.url}/versions", token=A)
    assert "registered, OCPI 2.3.0" in said
    assert "http_503 from now on" in await page(
        there, "/steer/behaviour", mode="http_503", count="1"
    )
    token = (await there.tell("GET", "/agreement"))["they_show"]
    codes = [await there.codes("PUT", "locations/SE/LAD/L1", token, LOCATION) for _ in range(2)]
    assert codes == [(503, 3000), (201, 1000)]
    assert "mode: one of" in await page(there, "/steer/behaviour", mode="angry")
    assert "no such command" in await page(there, "/steer/DANCE", x="1")
