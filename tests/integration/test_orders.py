"""A foreign backend drives the whole station: it registers, starts, limits, reserves and stops.

Real processes: the agent on its lines, the simulated charger, and the simulated backend, which
checks every answer against its own transcription of the specification.
"""

from __future__ import annotations

import re
import socket

import pytest

from integration.acting import connectors, statuses, truth
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, StageError, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
INITIAL = "token-a-of-no-value"
TOKEN: JsonObject = {
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


def platform(scene: Stage) -> str:
    """The demo's configuration with a server, and the backend as a platform that registers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (scene.directory / "initial").write_text(INITIAL, encoding="utf-8")
    (scene.directory / "initial").chmod(0o600)
    served = f"""
[server]
url = "http://127.0.0.1:{port}"
port = {port}

[[uplink]]
mode = "platform"
token_file = "$dir/initial"
"""
    scene.layout["server"] = port
    return re.sub(r"\n\[uplink\]\n(?:[^\[].*\n)*", lambda _: served, template() + "\n")


def order(scene: Stage, command: str, **body: object) -> JsonObject:
    """One command; its only result."""
    sent = scene.backend.ask("POST", f"/commands/{command}", body)  # type: ignore[arg-type]
    return result(scene, sent)


def profile(
    scene: Stage, method: str, session_id: str, body: JsonObject | None = None
) -> JsonObject:
    return result(scene, scene.backend.ask(method, f"/profiles/{session_id}", body))


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


def sessions(scene: Stage) -> list[JsonObject]:
    """As the backend has them."""
    objects = scene.backend.ask("GET", "/objects")["sessions"]
    assert isinstance(objects, list)
    return [one for one in objects if isinstance(one, dict)]


def limit_a(scene: Stage) -> object:
    return connectors(scene)["1"]["limit_a"]


def test_a_backend_drives_a_session(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(platform(scene))
    versions = f"http://127.0.0.1:{scene.layout['server']}/ocpi/versions"

    def registered() -> bool:
        try:
            scene.backend.ask("POST", "/register", {"url": versions, "token": INITIAL})
        except StageError:  # it may not listen yet
            return False
        return True

    wait_for("the registration", 10, registered, every_s=0.3)
    wait_for("both free", 10, lambda: set(statuses(scene).values()) == {"AVAILABLE"})
    place = {"location_id": "DEMO1", "evse_uid": "DEMO1-1"}
    reserved = order(
        scene, "RESERVE_NOW", token=TOKEN, reservation_id="R-1",
        expiry_date="2099-01-01T00:00:00Z", **place,
    )  # fmt: skip
    assert reserved["result"] == "ACCEPTED"
    wait_for("the reservation", 5, lambda: statuses(scene)["1"] == "RESERVED")
    wait_for("its session", 10, lambda: bool(sessions(scene)))
    (waiting,) = sessions(scene)
    assert waiting["status"] == "RESERVATION"
    scene.board.ask("POST", "/connectors/1/plug", {"phases": 3, "max_current_a": 16})
    assert order(scene, "START_SESSION", token=TOKEN, **place)["result"] == "ACCEPTED"
    wait_for("charging", 15, lambda: connectors(scene)["1"]["state"] == "charging")
    wait_for("told", 10, lambda: sessions(scene)[0]["status"] == "ACTIVE")
    (running,) = sessions(scene)
    session_id = str(running["id"])
    assert (session_id, running["auth_method"]) == (waiting["id"], "COMMAND")
    eight = {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": 8.0}],
    }
    put = profile(scene, "PUT", session_id, {"charging_profile": eight})  # type: ignore[dict-item]
    assert put["result"] == "ACCEPTED"
    wait_for("8 A", 10, lambda: limit_a(scene) == 8.0)
    told = profile(scene, "GET", session_id)["profile"]
    assert "'limit': 8.0" in str(told)
    assert order(scene, "STOP_SESSION", session_id=session_id)["result"] == "ACCEPTED"
    assert truth(scene)["contactor_closed"] is False
    wait_for("the end", 20, lambda: sessions(scene)[0]["status"] == "COMPLETED")
