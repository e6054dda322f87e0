"""Conformance cases 1 to 14: transport and envelope, all against real sockets."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass

import pytest

from conformance.kit import HUB, INITIAL, TOKEN, Platform
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.serving import Asked, Caller, Refused, Reply, Role
from laddvakt_agent.uplink.structs import Invalid
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FUNCTIONAL = "2.2.1/locations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """A Receiver that takes Connectors, and breaks when it is told to."""

    identifier: str = "boxes"
    role: Role = Role.RECEIVER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        return caller.registered

    async def answer(self, asked: Asked) -> Reply:
        if asked.method == "DELETE":
            raise ZeroDivisionError
        try:
            box = structs.decode(asked.caller.version, "Connector", asked.body)
        except Invalid as error:
            raise Refused(str(error)) from error
        return Reply(data=structs.encode(asked.caller.version, box), http_status=201)


BOX = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 16,
    "last_updated": "2026-11-10T08:00:00Z",
}


async def test_c01_no_authorization(platform: Platform) -> None:
    """Without a token: 401, and an envelope all the same."""
    for path in ("versions", "2.2.1", FUNCTIONAL, "2.2.1/credentials", "nowhere"):
        heard = await platform.ask("GET", path, token=None)
        assert (heard.status, heard.code) == (401, 2000), path


async def test_c02_unknown_token(platform: Platform) -> None:
    """A token of nobody: 401."""
    heard = await platform.ask("GET", "versions", token="nobody's")
    assert heard.status == 401


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(f"Token {TOKEN}", id="raw"),
        pytest.param(f"Bearer {base64.b64encode(TOKEN.encode()).decode()}", id="bearer"),
        pytest.param("Token", id="nothing"),
        pytest.param("Token ====", id="no-base64"),
    ],
)
async def test_c03_not_base64(platform: Platform, shown: str) -> None:
    """A token as it is instead of base64, or with another scheme: 401."""
    heard = await platform.ask("GET", "versions", token=None, headers={"Authorization": shown})
    assert heard.status == 401


async def test_c04_initial_token(platform: Platform) -> None:
    """The initial token opens versions and details, no functional module."""
    assert (await platform.ask("GET", "versions", token=INITIAL)).status == 200
    assert (await platform.ask("GET", "2.2.1", token=INITIAL)).status == 200
    heard = await platform.ask("GET", FUNCTIONAL, token=INITIAL)
    assert (heard.status, heard.code) == (401, 2000)


@pytest.mark.parametrize(
    "raw",
    [b"{", b"", b"\xff\xfe", b'{"a":NaN}', b"[" * 5000, b'{"a":"\\ud800"}', b'{"a":1}x'],
    ids=["cut", "empty", "no-utf8", "nan", "deep", "surrogate", "more"],
)
async def test_c05_malformed_json(platform: Platform, raw: bytes) -> None:
    """What is no JSON: HTTP 400 with an envelope; no body at all is judged by the module."""
    platform.modules.append(Boxes())
    heard = await platform.ask("PUT", "2.2.1/boxes", raw=raw)
    assert (heard.status, heard.code) == ((400, 2001) if raw else (200, 2001))


async def test_c06_missing_field(platform: Platform) -> None:
    """Valid JSON that lacks a required field: HTTP 200 with 2001, which names the field."""
    platform.modules.append(Boxes())
    heard = await platform.ask(
        "PUT", "2.2.1/boxes", {k: v for k, v in BOX.items() if k != "format"}
    )
    assert (heard.status, heard.code) == (200, 2001)
    assert "format" in str(heard.envelope["status_message"])


async def test_c07_unknown_field(platform: Platform) -> None:
    """A field that nobody knows is accepted."""
    platform.modules.append(Boxes())
    heard = await platform.ask("PUT", "2.3.0/boxes", {**BOX, "colour": {"name": "red"}})
    assert (heard.status, heard.code) == (201, 1000)


@pytest.mark.parametrize(
    ("method", "path", "token", "raw"),
    [
        ("GET", FUNCTIONAL, TOKEN, None),
        ("GET", FUNCTIONAL, None, None),
        ("GET", "2.2.1/nothing", TOKEN, None),
        ("POST", FUNCTIONAL, TOKEN, b"{}"),
        ("PUT", "2.2.1/boxes", TOKEN, b"{"),
        ("PUT", "2.2.1/boxes", TOKEN, b" " * 300_000),
        ("DELETE", "2.2.1/boxes", TOKEN, None),
        ("GET", "versions", TOKEN, None),
    ],
    ids=["200", "401", "404", "405", "400", "413", "3000", "versions"],
)
async def test_c08_ids_echoed(
    platform: Platform, method: str, path: str, token: str | None, raw: bytes | None
) -> None:
    """Request and correlation id come back, on every error too; missing ones are made."""
    platform.modules.append(Boxes())
    heard = await platform.ask(method, path, token=token, raw=raw)
    assert heard.headers["X-Request-ID"] == "request-1"
    assert heard.headers["X-Correlation-ID"] == "correlation-1"
    bare = await platform.ask(
        method, path, token=token, raw=raw, headers={"X-Request-ID": "", "X-Correlation-ID": ""}
    )
    assert len(bare.headers["X-Request-ID"]) == len(bare.headers["X-Correlation-ID"]) == 36


async def test_c09_routing_swapped(platform: Platform) -> None:
    """From becomes to and the other way round, also on an error."""
    for path in (FUNCTIONAL, "2.2.1/locations/none", "2.2.1/sessions"):
        heard = await platform.get(path)
        route = {k.lower(): v for k, v in heard.headers.items() if k.lower().startswith("ocpi")}
        assert route == {
            "ocpi-from-country-code": "SE",
            "ocpi-from-party-id": "LAD",
            "ocpi-to-country-code": "NL",
            "ocpi-to-party-id": "TNM",
        }, path


async def test_c09_hub_forwards(platform: Platform) -> None:
    """A party behind a hub is answered by its own name; a hub that says nothing gets no party."""
    behind = {"OCPI-from-country-code": "de", "OCPI-from-party-id": "abc"}
    heard = await platform.ask("GET", FUNCTIONAL, token=HUB, headers=behind)
    assert heard.headers["OCPI-to-party-id"] == "ABC"
    nobody = dict.fromkeys(behind, "")
    heard = await platform.ask("GET", FUNCTIONAL, token=HUB, headers=nobody)
    assert "OCPI-to-party-id" not in heard.headers
    assert heard.headers["OCPI-from-party-id"] == "LAD"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        pytest.param({"OCPI-to-party-id": "XYZ"}, 404, 4001, id="another-party"),
        pytest.param(
            {"OCPI-to-country-code": "se", "OCPI-to-party-id": "lad"}, 200, 1000, id="case"
        ),
        pytest.param({"OCPI-to-country-code": "", "OCPI-to-party-id": ""}, 200, 1000, id="open"),
        pytest.param({"OCPI-to-party-id": ""}, 200, 2001, id="half"),
        pytest.param({"OCPI-from-party-id": "NOBODY"}, 200, 2001, id="too-long"),
    ],
)
async def test_c09_to_whom(
    platform: Platform, headers: dict[str, str], status: int, code: int
) -> None:
    """Another party is unknown here; open routing is ours; half a party is a mistake."""
    heard = await platform.ask("GET", FUNCTIONAL, headers=headers)
    assert (heard.status, heard.code) == (status, code)


async def test_c10_no_routing_outside(platform: Platform) -> None:
    """Versions, details and their errors carry no routing headers."""
    for path in ("versions", "2.3.0", "2.3.0/credentials", "nowhere"):
        heard = await platform.get(path)
        assert not [name for name in heard.headers if name.lower().startswith("ocpi")], path


async def test_c11_envelope(platform: Platform) -> None:
    """A time with Z and three decimals and an integer code, whatever happened."""
    for path in ("versions", FUNCTIONAL, "nowhere", "2.2.1/locations/none"):
        heard = await platform.get(path)
        assert STAMP.fullmatch(str(heard.envelope["timestamp"]))
        assert type(heard.code) is int
        assert heard.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    "sent",
    [b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n"],
    ids=["no-http", "long-header"],
)
async def test_c11_envelope_without_http(platform: Platform, sent: bytes) -> None:
    """What cannot even be read as a request gets an envelope and ids, too."""
    host, port = platform.base.removesuffix("/ocpi").removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    assert re.match(rb"HTTP/1\.\d 4(00|31)", answer)
    assert b'"status_code":2000' in answer
    assert b"X-Request-ID: " in answer


async def test_c12_unknown_location(platform: Platform) -> None:
    """An object that is not there: HTTP 404 with an envelope."""
    for path in ("locations/LOC0", "locations/DEMO1/none", "locations/DEMO1/DEMO1-1/9"):
        heard = await platform.get(f"2.2.1/{path}")
        assert (heard.status, heard.code) == (404, 2000), path


async def test_c13_case_of_ids(platform: Platform) -> None:
    """Ids, module names and parties compare without regard to case."""
    heard = await platform.get("2.3.0/LOCATIONS/demo1/demo1-2")
    assert (heard.status, heard.item["uid"]) == (200, "DEMO1-2")


async def test_c14_case_of_headers(platform: Platform) -> None:
    """Header names in any case, and the scheme, too."""
    shown = base64.b64encode(TOKEN.encode()).decode()
    headers = {
        "aUTHORIZATION": f"token {shown}",
        "x-request-id": "lower",
        "OCPI-TO-PARTY-ID": "XYZ",
        "ocpi-to-country-code": "se",
        "OCPI-to-party-id": "",
        "OCPI-to-country-code": "",
        "X-Request-ID": "",
    }
    heard = await platform.ask("GET", FUNCTIONAL, token=None, headers=headers)
    assert (heard.status, heard.headers["X-Request-ID"]) == (404, "lower")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods(platform: Platform, method: str) -> None:
    """HEAD is a GET without its body; what OCPI does not know is 405 with what it does."""
    async with platform.session.request(
        method,
        platform.url("versions"),
        headers={"Authorization": f"Token {base64.b64encode(TOKEN.encode()).decode()}"},
    ) as response:
        assert response.status == (200 if method == "HEAD" else 405)
        assert method == "HEAD" or "GET" in response.headers["Allow"]


async def test_defect_in_a_module(platform: Platform) -> None:
    """A defect behind the transport is 3000 under HTTP 200, and the server goes on."""
    platform.modules.append(Boxes())
    heard = await platform.ask("DELETE", "2.2.1/boxes")
    assert (heard.status, heard.code) == (200, 3000)
    assert (await platform.get("versions")).status == 200
