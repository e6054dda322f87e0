"""The receiver over HTTP: status codes, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sim_backend.backend_kit import (
    CDR,
    CONNECTOR,
    EVSE,
    FAULT,
    LOCATION,
    SESSION,
    T1,
    T2,
    T3,
    TOKEN,
    Peer,
    receiving,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

L1 = "locations/SE/LAD/L1"
S1 = "sessions/SE/LAD/S1"


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    async with receiving(tmp_path) as made:
        yield made


async def test_versions_lead_to_the_endpoints(peer: Peer) -> None:
    """Both versions, each with the modules of an eMSP that takes and gives prices."""
    versions = (await peer.ocpi("GET", "../versions")).body["data"]
    assert versions == [
        {"version": version, "url": f"http://here/ocpi/{version}"} for version in ("2.2.1", "2.3.0")
    ]
    for version in ("2.2.1", "2.3.0"):
        details = (await peer.ocpi("GET", f"../{version}")).body["data"]
        assert details["version"] == version
        assert {(e["identifier"], e["role"]) for e in details["endpoints"]} == {
            ("credentials", "SENDER"),
            *((name, "RECEIVER") for name in ("locations", "sessions", "cdrs", "selad-faults")),
            *((name, "SENDER") for name in ("tokens", "commands", "chargingprofiles")),
            *(("tariffs", role) for role in ("SENDER", "RECEIVER")),
        }


@pytest.mark.parametrize(
    "header",
    ["", "Token", f"Token {TOKEN}", "Bearer c2VjcmV0IHRva2Vu", "Token d3Jvbmc=", "Token !!!"],
)
async def test_only_the_base64_of_the_token_opens(peer: Peer, header: str) -> None:
    """HTTP 401, with an envelope and the ids echoed all the same."""
    reply = await peer.ocpi("PUT", L1, LOCATION, Authorization=header)
    assert reply.codes == (401, 2000)
    assert reply.headers["X-Request-ID"] == "r-1"


async def test_the_answer_echoes_ids_and_swaps_the_parties(peer: Peer) -> None:
    sent = {"OCPI_from_party_id": "LAD", "OCPI_to_party_id": "EMS"}
    sent |= {"OCPI_from_country_code": "SE", "OCPI_to_country_code": "DE"}
    reply = await peer.ocpi("PUT", L1, LOCATION, follow=True, **sent)
    headers = {name: reply.headers[name] for name in reply.headers if name.startswith("OCPI")}
    assert headers == {
        "OCPI-to-party-id": "LAD",
        "OCPI-from-party-id": "EMS",
        "OCPI-to-country-code": "SE",
        "OCPI-from-country-code": "DE",
    }
    assert reply.headers["X-Correlation-ID"] == "c-1"


LATER = {**SESSION, "kwh": 2, "last_updated": T2}
DONE = {**SESSION, "status": "COMPLETED", "end_date_time": T2, "last_updated": T2}
PERIOD = {"start_date_time": T2, "dimensions": [{"type": "TIME", "volume": 0.1}]}
STATUS = {"status": "CHARGING", "last_updated": T2}


@pytest.mark.parametrize(
    ("steps", "codes"),
    [
        pytest.param([("PUT", L1, LOCATION)] * 2, [(201, 1000), (200, 1000)], id="put twice"),
        pytest.param([("PUT", L1, {**LOCATION, "id": "L2"})], [(200, 2001)], id="other id"),
        pytest.param([("PUT", L1, "{")], [(400, 2001)], id="not JSON"),
        pytest.param([("PUT", L1, '{"x": NaN}')], [(400, 2001)], id="NaN is not JSON"),
        pytest.param([("PUT", L1, [LOCATION])], [(200, 2001)], id="a list"),
        pytest.param([("PATCH", f"{L1}/E1", STATUS)], [(404, 2001)], id="patch of nothing"),
        pytest.param(
            [("PUT", L1, LOCATION), ("PATCH", f"{L1}/E1", {"status": "CHARGING"})],
            [(201, 1000), (200, 2001)],
            id="patch without last_updated",
        ),
        *(
            pytest.param(
                [("PUT", L1, LOCATION), ("PATCH", path, {**change, "last_updated": T2})],
                [(201, 1000), (200, 2001)],
                id=f"patch of {name}",
            )
            for path, change, name in (
                (L1, {"name": None}, "a name away"),
                (L1, {"evses": [EVSE]}, "EVSEs within"),
                (f"{L1}/E1", {"connectors": [CONNECTOR]}, "connectors within"),
            )
        ),
        pytest.param(
            [("PUT", L1, LOCATION), ("PATCH", f"{L1}/E2", STATUS)],
            [(201, 1000), (404, 2001)],
            id="patch of an unknown EVSE",
        ),
        pytest.param(
            [("PUT", L1, LOCATION), ("PUT", f"{L1}/E2", {**EVSE, "uid": "E2"})],
            [(201, 1000), (201, 1000)],
            id="a new EVSE",
        ),
        pytest.param(
            [("PUT", L1, LOCATION), ("PUT", f"{L1}/E1/1", {**CONNECTOR, "last_updated": T2})],
            [(201, 1000), (200, 1000)],
            id="a connector replaced",
        ),
        pytest.param(
            [("PUT", L1, LOCATION), ("PATCH", L1, {"city": "Lund", "last_updated": T2})],
            [(201, 1000), (200, 1000)],
            id="patch of the location",
        ),
        pytest.param([("PUT", S1, SESSION), ("PUT", S1, LATER)], [(201, 1000), (200, 1000)]),
        pytest.param(
            [("PUT", S1, DONE), ("PATCH", S1, {"kwh": 3, "last_updated": T3}), ("PUT", S1, DONE)],
            [(201, 1000), (200, 2001), (200, 1000)],
            id="a completed session is final, the same again is harmless",
        ),
        pytest.param([("PATCH", S1, {"last_updated": T2})], [(404, 2001)], id="unknown session"),
        pytest.param([("PATCH", f"{S1}/x", {"last_updated": T2})], [(404, 2001)], id="too deep"),
        pytest.param([("POST", S1, SESSION)], [(405, 2001)], id="no POST here"),
        pytest.param(
            [("POST", "cdrs", CDR), ("POST", "cdrs/", CDR)],
            [(201, 1000), (200, 2001)],
            id="a CDR only once",
        ),
        pytest.param([("POST", "cdrs", {**CDR, "currency": 5})], [(200, 2001)], id="wrong CDR"),
        pytest.param([("PUT", "cdrs/SE/LAD/C1", CDR)], [(404, 2001)], id="no PUT of a CDR"),
        pytest.param([("GET", f"{L1}/E1", None)], [(404, 2001)], id="get of nothing"),
        pytest.param([("GET", "bookings", None)], [(404, 2001)], id="no such module"),
        pytest.param(
            [("PUT", "selad-faults/SE/LAD/F1", FAULT), ("GET", "selad-faults/se/lad/f1", None)],
            [(201, 1000), (200, 1000)],
            id="a fault, found without case",
        ),
    ],
)
async def test_each_request_gets_its_status(
    peer: Peer, steps: list[tuple[str, str, Any]], codes: list[tuple[int, int]]
) -> None:
    """Valid JSON with a wrong content is HTTP 200 and 2001, with a message naming the field."""
    replies = [await peer.ocpi(method, path, body) for method, path, body in steps]
    assert [reply.codes for reply in replies] == codes
    for reply in replies:
        assert bool(reply.body.get("status_message")) is (reply.body["status_code"] != 1000)


async def test_a_status_moves_the_times_above_it(peer: Peer) -> None:
    await peer.ocpi("PUT", L1, LOCATION)
    await peer.ocpi("PATCH", f"{L1}/E1", {"status": "CHARGING", "last_updated": T3})
    kept = (await peer.ocpi("GET", L1)).body["data"]
    assert (kept["last_updated"], kept["evses"][0]["last_updated"]) == (T3, T3)
    assert kept["evses"][0]["connectors"] == [CONNECTOR]
    assert (await peer.ocpi("GET", f"{L1}/E1/1")).body["data"] == CONNECTOR


async def test_patched_periods_are_added(peer: Peer) -> None:
    await peer.ocpi("PUT", S1, SESSION)
    await peer.ocpi("PATCH", S1, {"charging_periods": [PERIOD], "last_updated": T2})
    await peer.ocpi("PATCH", S1, {"charging_periods": [], "last_updated": T3})
    kept = (await peer.ocpi("GET", S1)).body["data"]
    assert kept["charging_periods"] == [*SESSION["charging_periods"], PERIOD]


async def test_a_missing_id_header_is_told(peer: Peer) -> None:
    reply = await peer.ocpi("PUT", L1, LOCATION, X_Request_ID="")
    assert reply.body["status_message"] == "X-Request-ID: header is missing"


async def test_a_cdr_is_found_where_the_answer_says(peer: Peer) -> None:
    """Also the refusal of the second one says where the first one is."""
    for _ in range(2):
        reply = await peer.ocpi("POST", "cdrs", CDR)
        assert reply.headers["Location"] == "http://here/ocpi/2.2.1/cdrs/SE/LAD/C1"
    assert (await peer.ocpi("GET", "cdrs/SE/LAD/C1")).body["data"] == CDR


async def test_the_list_of_faults_has_pages(peer: Peer) -> None:
    """date_from counts, date_to does not; the last page has no next one."""
    for number, stamp in enumerate((T1, T2, T3)):
        body = {**FAULT, "id": f"F{number}", "last_updated": stamp}
        await peer.ocpi("PUT", f"selad-faults/SE/LAD/F{number}", body)
    first = await peer.ocpi("GET", f"selad-faults?limit=1&date_from={T2}")
    assert [fault["id"] for fault in first.body["data"]] == ["F1"]
    assert (first.headers["X-Total-Count"], first.headers["X-Limit"]) == ("2", "100")
    following = first.headers["Link"].partition(">")[0].removeprefix("<http://here/ocpi/2.2.1/")
    second = await peer.ocpi("GET", following)
    assert [fault["id"] for fault in second.body["data"]] == ["F2"]
    assert "Link" not in second.headers
    before = await peer.ocpi("GET", f"selad-faults?date_to={T2}&limit=9999")
    assert [fault["id"] for fault in before.body["data"]] == ["F0"]
    assert (await peer.ocpi("GET", "selad-faults?limit=x&date_to=y")).codes == (200, 2001)


async def test_everything_received_can_be_read_back(peer: Peer) -> None:
    await peer.ocpi("PUT", L1, {**LOCATION, "city": 1})
    await peer.ocpi("POST", "cdrs", "{")
    received = await peer.get("/received")
    first, second = received["requests"]
    assert (first["module"], first["object_id"], first["status_code"]) == ("locations", "L1", 2001)
    assert first["errors"] == ["city: a string is required, got 1"]
    assert (second["body"], second["http_status"]) == ("{", 400)
    assert first["at_s"] <= second["at_s"]
    assert await peer.get(f"/received?since={received['next']}") == {"requests": [], "next": 2}
    assert "error" in await peer.get("/received?since=x")
    assert (await peer.get("/objects"))["locations"] == []


async def test_the_page_shows_what_stands_and_escapes_it(peer: Peer) -> None:
    await peer.ocpi("PUT", L1, {**LOCATION, "evses": [{**EVSE, "uid": "<script>"}]})
    page = await peer.page()
    assert "AVAILABLE" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
