"""A station with a platform: the demo's charger, its agent with a server, the simulator's backend.

The backend checks every answer and every push against its own transcription of the specification.
"""

from __future__ import annotations

import json
import re
import socket

from integration.acting import connectors, statuses
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, StageError, wait_for

INITIAL = "token-a-of-no-value"
APP: JsonObject = {
    "country_code": "SE",
    "party_id": "EMS",
    "uid": "APP-1",
    "type": "APP_USER",
    "contract_id": "SE-EMS-C1",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-01-31T09:00:00Z",
}
CARD: JsonObject = {**APP, "uid": "CARD-1", "type": "RFID", "whitelist": "ALWAYS"}
TARIFF: JsonObject = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "start-and-energy",
    "currency": "SEK",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 10.0, "vat": 25.0, "step_size": 1},
                {"type": "ENERGY", "price": 100.0, "vat": 25.0, "step_size": 1},
            ]
        }
    ],
    "last_updated": "2026-01-31T09:00:00Z",
}
EIGHT_AMPERE: JsonObject = {
    "charging_profile": {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": 8.0}],
    }
}


def configured(scene: Stage) -> str:
    """The demo's configuration with a server, a tariff, and a backend that registers here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scene.layout["server"] = port
    (scene.directory / "initial").write_text(INITIAL, encoding="utf-8")
    (scene.directory / "initial").chmod(0o600)
    (scene.directory / "tariff.json").write_text(json.dumps(TARIFF), encoding="utf-8")
    served = f"""
[server]
url = "http://127.0.0.1:{port}"
port = {port}

[[tariff]]
file = "$dir/tariff.json"

[[uplink]]
mode = "platform"
token_file = "$dir/initial"
faults_module = true
retry_min_s = 0.5
retry_max_s = 2.0
"""
    text = template().replace("[station]", '[station]\ncurrency = "SEK"')
    return re.sub(r"\n\[uplink\]\n(?:[^\[].*\n)*", lambda _: served, text + "\n")


def begun(scene: Stage) -> str:
    """Everything runs, the backend has registered with the agent; the configuration."""
    scene.start_board()
    scene.start_backend()
    config = configured(scene)
    scene.start_agent(config)
    versions = f"http://127.0.0.1:{scene.layout['server']}/ocpi/versions"

    def registered() -> bool:
        try:
            scene.backend.ask("POST", "/register", {"url": versions, "token": INITIAL})
        except StageError:  # it may not listen yet
            return False
        return True

    wait_for("the registration", 10, registered, every_s=0.3)
    wait_for("both free", 10, lambda: set(statuses(scene).values()) == {"AVAILABLE"})
    return config


def plug(scene: Stage, connector: str) -> None:
    scene.board.ask("POST", f"/connectors/{connector}/plug", {"phases": 3, "max_current_a": 16})


def place(connector: str) -> JsonObject:
    """How a command names it."""
    return {"location_id": "DEMO1", "evse_uid": f"DEMO1-{connector}"}


def order(scene: Stage, command: str, **body: object) -> JsonObject:
    """One command; its only result."""
    sent = scene.backend.ask("POST", f"/commands/{command}", body)  # type: ignore[arg-type]
    return result(scene, sent)


def reserve(scene: Stage, name: str, connector: str) -> None:
    """Keep a connector for the app's customer."""
    got = order(
        scene, "RESERVE_NOW", token=APP, reservation_id=name,
        expiry_date="2099-01-01T00:00:00Z", **place(connector),
    )  # fmt: skip
    assert got["result"] == "ACCEPTED"


def limit(scene: Stage, session_id: str) -> None:
    """Allow a session 8 A."""
    sent = scene.backend.ask("PUT", f"/profiles/{session_id}", EIGHT_AMPERE)
    assert result(scene, sent)["result"] == "ACCEPTED"


def result(scene: Stage, sent: JsonObject) -> JsonObject:
    answer = sent["answer"]
    assert "ACCEPTED" in str(answer), sent

    def mine() -> list[JsonObject]:
        results = scene.backend.ask("GET", "/results")["answer"]
        assert isinstance(results, list)
        return [r for r in results if isinstance(r, dict) and r["id"] == sent["id"]]

    wait_for(f"the result of {sent}", 20, lambda: bool(mine()))
    (got,) = mine()
    assert got["errors"] == []
    return got


def kept(scene: Stage, module: str) -> list[JsonObject]:
    """What the backend has."""
    objects = scene.backend.ask("GET", "/objects")[module]
    assert isinstance(objects, list)
    return [one for one in objects if isinstance(one, dict)]


def session(scene: Stage, uid: str) -> JsonObject:
    """The session of this customer, as the backend has it; empty before it has."""
    mine = [one for one in kept(scene, "sessions") if one["cdr_token"]["uid"] == uid]  # type: ignore[index, call-overload]
    assert len(mine) <= 1
    return mine[0] if mine else {}


def evse(scene: Stage, connector: str) -> JsonObject:
    """As the backend has it."""
    (location,) = kept(scene, "locations")
    evses = location["evses"]
    assert isinstance(evses, list)
    (mine,) = (e for e in evses if isinstance(e, dict) and e["uid"] == f"DEMO1-{connector}")
    return mine


def received(scene: Stage, since: int = 0) -> list[JsonObject]:
    """The requests the backend got after number `since`."""
    requests = scene.backend.ask("GET", f"/received?since={since}")["requests"]
    assert isinstance(requests, list)
    return [one for one in requests if isinstance(one, dict)]


def crawled(scene: Stage, module: str) -> list[JsonObject]:
    """What the agent shows when it is asked for everything; each page without a fault."""
    wish: JsonObject = {"module": module, "limit": 2}
    if module == "sessions":
        wish["date_from"] = "2020-01-01T00:00:00Z"
    got = scene.backend.ask("POST", "/crawl", wish)
    assert got["errors"] == [], (module, got["errors"])
    objects = got["objects"]
    assert isinstance(objects, list)
    return [one for one in objects if isinstance(one, dict)]


def told(scene: Stage) -> bool:
    """Whether nothing waits to be told."""
    uplink = scene.agent.ask("GET", "/status")["uplink"]
    return isinstance(uplink, dict) and uplink["pending"] == 0


def limit_a(scene: Stage, connector: str) -> object:
    """What the agent lets its vehicle have."""
    return connectors(scene)[connector]["limit_a"]
