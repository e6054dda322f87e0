"""Message routing: what a hub wants to know, what a peer may leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laddvakt_sim.backend.transport import misrouted
from sim_backend.backend_kit import LOCATION, SESSION
from sim_backend.fake_cpo import B, meeting

if TYPE_CHECKING:
    from pathlib import Path

PEERS = ("SEEMS",)
HUB = ("SEEMS", "SEHUB")
FROM, TO = ("LAD", "SE"), ("EMS", "SE")
BROADCAST = ("HUB", "SE")
Party = tuple[str | None, str | None]


def headers(sender: Party | None, receiver: Party | None) -> dict[str, str]:
    named = {}
    for which, party in (("from", sender), ("to", receiver)):
        for name, text in zip(("party-id", "country-code"), party or (None, None), strict=True):
            if text is not None:
                named[f"OCPI-{which}-{name}"] = text
    return named


@pytest.mark.parametrize(
    ("sender", "receiver", "method", "module", "peer", "hub"),
    [
        pytest.param(FROM, TO, "PUT", "locations", None, None, id="both"),
        pytest.param(None, None, "PUT", "locations", None, 2001, id="none"),
        pytest.param(FROM, None, "PUT", "locations", None, None, id="open routing"),
        pytest.param(None, TO, "PUT", "locations", None, 2001, id="from nobody"),
        pytest.param(("lad", "se"), ("ems", "se"), "PUT", "locations", None, None, id="case"),
        pytest.param(FROM, ("XXX", "SE"), "PUT", "locations", 2001, 4001, id="to a stranger"),
        pytest.param(("LAD", None), TO, "PUT", "locations", 2001, 2001, id="half a sender"),
        pytest.param(FROM, ("EMS", "SWE"), "PUT", "locations", 2001, 2001, id="long country"),
        pytest.param(FROM, BROADCAST, "PUT", "locations", 2001, None, id="broadcast"),
        pytest.param(FROM, BROADCAST, "PUT", "sessions", 2001, 2001, id="broadcast of a session"),
        pytest.param(FROM, BROADCAST, "POST", "cdrs", 2001, 2001, id="broadcast of a CDR"),
        pytest.param(FROM, BROADCAST, "GET", "tokens", 2001, None, id="GET all"),
        pytest.param(FROM, TO, "POST", "credentials", 2001, 2001, id="credentials"),
        pytest.param(FROM, None, "GET", "versions", 2001, 2001, id="versions"),
        pytest.param(None, None, "GET", "versions", None, None, id="versions without"),
    ],
)
def test_routing_headers(
    sender: Party | None,
    receiver: Party | None,
    method: str,
    module: str,
    peer: int | None,
    hub: int | None,
) -> None:
    """What a peer and what a hub say; `None`: it is well."""
    sent = headers(sender, receiver)
    for parties, hub_party, code in ((PEERS, None, peer), (HUB, "SEHUB", hub)):
        answer = misrouted(sent, method, module, parties, hub_party)
        assert (None if answer is None else answer.status_code) == code


def test_a_platform_speaks_for_its_own_parties() -> None:
    sent = headers(FROM, TO)
    assert misrouted(sent, "PUT", "locations", PEERS, None, frozenset({"SELAD"})) is None
    answer = misrouted(sent, "PUT", "locations", PEERS, None, frozenset({"SEXXX"}))
    assert answer is not None
    assert answer.errors == ("OCPI-from-…: SELAD is none of your parties",)


@pytest.mark.integration
async def test_a_hub_registers_as_one(tmp_path: Path) -> None:
    """2.3.0 has a field for it, 2.2.1 a role; then every request needs a sender."""
    async with meeting(tmp_path, initial_token="A", hub_party_id="SEHUB") as there:
        body = there.cpo.credentials(B)
        (old,) = (await there.ocpi("GET", "credentials", "A", version="2.2.1"))[1]["data"]["roles"]
        assert (old["role"], old["country_code"], old["party_id"]) == ("HUB", "SE", "HUB")
        http, content, _ = await there.ocpi("POST", "credentials", "A", body)
        assert (http, content["data"]["hub_party_id"]) == (200, "SEHUB")
        token, path = content["data"]["token"], "locations/SE/LAD/L1"
        assert await there.codes("PUT", path, token, LOCATION) == (200, 2001)
        there.sends = {"OCPI-from-party-id": "LAD", "OCPI-from-country-code": "SE"}
        assert await there.codes("PUT", path, token, LOCATION) == (201, 1000)
        there.sends |= {"OCPI-to-party-id": "HUB", "OCPI-to-country-code": "SE"}
        assert await there.codes("PUT", path, token, LOCATION) == (200, 1000)
        session = "sessions/SE/LAD/S1"
        assert await there.codes("PUT", session, token, SESSION) == (200, 2001)
        there.sends["OCPI-to-party-id"] = "XXX"
        assert await there.codes("PUT", path, token, LOCATION) == (200, 4001)
