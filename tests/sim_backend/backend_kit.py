"""Valid objects to spoil, and a receiver in this process on a real socket."""

from __future__ import annotations

import base64
import copy
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import TestClient, TestServer

from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "secret token"
AUTHORISED = {
    "Authorization": f"Token {base64.b64encode(TOKEN.encode()).decode()}",
    "X-Request-ID": "r-1",
    "X-Correlation-ID": "c-1",
}
T1, T2, T3 = (f"2027-01-01T00:00:0{second}Z" for second in (1, 2, 3))

CONNECTOR: dict[str, Any] = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "last_updated": T1,
}
EVSE: dict[str, Any] = {
    "uid": "E1",
    "status": "AVAILABLE",
    "connectors": [CONNECTOR],
    "last_updated": T1,
}
LOCATION: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "L1",
    "publish": False,
    "address": "Storgatan 1",
    "city": "Uppsala",
    "country": "SWE",
    "coordinates": {"latitude": "59.85856", "longitude": "17.63893"},
    "evses": [EVSE],
    "time_zone": "Europe/Stockholm",
    "last_updated": T1,
}
_TOKEN_OF_DRIVER = {
    "country_code": "SE",
    "party_id": "EMS",
    "uid": "04A1",
    "type": "RFID",
    "contract_id": "SE-EMS-1",
}
_PERIOD = {"start_date_time": T1, "dimensions": [{"type": "ENERGY", "volume": 1.5}]}
SESSION: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "S1",
    "start_date_time": T1,
    "kwh": 1.5,
    "cdr_token": _TOKEN_OF_DRIVER,
    "auth_method": "WHITELIST",
    "location_id": "L1",
    "evse_uid": "E1",
    "connector_id": "1",
    "currency": "SEK",
    "charging_periods": [_PERIOD],
    "status": "ACTIVE",
    "last_updated": T1,
}
CDR: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "C1",
    "start_date_time": T1,
    "end_date_time": T2,
    "session_id": "S1",
    "cdr_token": _TOKEN_OF_DRIVER,
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L1",
        "address": "Storgatan 1",
        "city": "Uppsala",
        "country": "SWE",
        "coordinates": {"latitude": "59.85856", "longitude": "17.63893"},
        "evse_uid": "E1",
        "evse_id": "SE*LAD*E1",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "SEK",
    "charging_periods": [_PERIOD],
    "total_cost": {"excl_vat": 0},
    "total_energy": 1.5,
    "total_time": 0.0003,
    "last_updated": T2,
}
FAULT: dict[str, Any] = {
    "id": "F1",
    "code": "meter_lost",
    "severity": "fault",
    "location_id": "L1",
    "evse_uid": "E1",
    "started_at": T1,
    "cause": "bus_down",
    "symptoms": ["device_lost"],
    "locked_out": False,
    "last_updated": T1,
}
SAMPLES = {"Location": LOCATION, "EVSE": EVSE, "Session": SESSION, "CDR": CDR, "Fault": FAULT}


def changed(sample: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one field set, or removed when the value is `...`; "a.0.b" goes into lists."""
    result = copy.deepcopy(sample)
    place: Any = result
    *way, last = path.split(".")
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return result


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    http_status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def codes(self) -> tuple[int, int]:
        """HTTP and OCPI status."""
        return self.http_status, self.body["status_code"]


class Peer:
    """Sends what a charger would."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self._client = client
        self.slow = False  # an answer may take its time

    async def ocpi(
        self, method: str, path: str, body: object = None, *, follow: bool = True, **headers: str
    ) -> Reply:
        """One request under `/ocpi/2.2.1/`; a text body goes as it is."""
        named = {**AUTHORISED, **{k.replace("_", "-"): v for k, v in headers.items()}}
        how: dict[str, Any] = {} if body is None else {"json": body}
        how["allow_redirects"] = follow
        if isinstance(body, str):
            how = {"data": body, "allow_redirects": follow}
            named["Content-Type"] = "application/json"
        url = f"/ocpi/2.2.1/{path}"
        async with self._client.request(method, url, headers=named, **how) as reply:
            content = {} if 300 <= reply.status < 400 else await reply.json()
            return Reply(reply.status, content, dict(reply.headers))

    async def get(self, path: str) -> dict[str, Any]:
        """One of the receiver's own answers."""
        async with self._client.get(path) as reply:
            answer: dict[str, Any] = await reply.json()
            return answer

    async def page(self) -> str:
        """The page for people."""
        async with self._client.get("/") as reply:
            return await reply.text()

    async def behave(self, **rule: object) -> int:
        """Set the behaviour; the HTTP status."""
        async with self._client.post("/behaviour", json=rule) as reply:
            return reply.status


@asynccontextmanager
async def receiving(directory: Path) -> AsyncIterator[Peer]:
    storage = Storage(directory / "backend.sqlite")
    settings = ServerSettings(base_url="http://here", token=TOKEN, faults_module="selad-faults")
    try:
        async with TestClient(TestServer(Server(storage, settings).application())) as client:
            yield Peer(client)
    finally:
        storage.close()
