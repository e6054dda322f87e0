"""Somebody comes with a card: plug, tap, charge, tap. A real reader's port, a real agent."""

from __future__ import annotations

import re

import pytest

from integration.acting import run_agent
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

MEMBER, BLOCKED = "AABBCCDD00EEFF", "11223344"
READER = '\n[[reader]]\nname = "front"\nport = "$dir/board/reader"\nformat = "uid-line"\n'


def _connector(scene: Stage, name: str) -> JsonObject:
    told = scene.agent.ask("GET", "/status")["connectors"]
    assert isinstance(told, list)
    return next(part for part in told if isinstance(part, dict) and part["id"] == name)


def _reader(scene: Stage) -> JsonObject:
    told = scene.agent.ask("GET", "/status")["readers"]
    assert isinstance(told, list)
    assert isinstance(told[0], dict)
    return told[0]


def _tap(scene: Stage, uid: str) -> None:
    scene.board.ask("POST", "/reader/card", {"uid": uid, "times": 3})


def _configuration(scene: Stage) -> str:
    """The demo's station with a reader, and a platform of which only the versions are known."""
    text = re.sub(r"\n\[uplink\]\n(?:[^\[\n].*\n|\n)*", "\n", template())
    url = f"{scene.backend.url}/ocpi/versions"
    return (
        f'{text}\n[uplink]\nmode = "device"\nversions_url = "{url}"\n'
        f'token_file = "$dir/token"\n{READER}'
    )


def _sessions(scene: Stage) -> list[JsonObject]:
    told = scene.backend.ask("GET", "/objects").get("sessions")
    return [part for part in told if isinstance(part, dict)] if isinstance(told, list) else []


def test_plug_tap_charge_tap(scene: Stage) -> None:
    """The platform's word counts, and its reference is found again in what it is told."""
    scene.start_board()
    scene.start_backend()
    scene.backend.ask("PUT", "/tokens", [_token(MEMBER, "NEVER"), _token(BLOCKED, "NEVER")])  # type: ignore[arg-type]
    scene.backend.ask(
        "PUT", "/authorisations", {MEMBER: {"allowed": "ALLOWED"}, BLOCKED: {"allowed": "BLOCKED"}}
    )
    scene.start_agent(_configuration(scene))
    wait_for("the reader", 5, lambda: _reader(scene)["down"] is None)
    wait_for("the agreement", 10, lambda: _agreed(scene))
    scene.board.ask("PATCH", "/reader", {"babble": "TWN4/B1.06/STD2.04\r\n"})
    scene.board.ask("POST", "/connectors/2/plug", {})
    wait_for("the plug is seen", 5, lambda: _connector(scene, "2")["state"] != "available")

    _tap(scene, BLOCKED)
    wait_for("the refusal", 8, lambda: _connector(scene, "2")["authorisation"] is not None)
    said = run_agent("status", "--socket", str(scene.directory / "api.sock")).stdout
    assert "card 1122… refused: BLOCKED, says backend" in said

    _tap(scene, MEMBER)
    wait_for("a session", 8, lambda: _connector(scene, "2")["session"] is not None)
    wait_for("two seconds apart", 5, lambda: (_seen_s(scene) or 0.0) > 2.1)
    _tap(scene, MEMBER)
    wait_for("its end", 8, lambda: _connector(scene, "2")["session"] is None)

    scene.board.ask("PATCH", "/reader", {"there": False})
    wait_for("the loss", 5, lambda: _reader(scene)["down"] is not None)
    scene.board.ask("PATCH", "/reader", {"there": True})
    wait_for("the return", 5, lambda: _reader(scene)["down"] is None)
    assert _reader(scene)["refused"] == 1
    wait_for("the backend's session", 5, lambda: bool(_sessions(scene)))
    assert [one["auth_method"] for one in _sessions(scene)] == ["AUTH_REQUEST"]
    assert MEMBER not in scene.log_text("agent")


def _agreed(scene: Stage) -> bool:
    uplink = scene.agent.ask("GET", "/status")["uplink"]
    return isinstance(uplink, dict) and uplink["reachable"] is True and bool(uplink["pushed"])


def _token(uid: str, whitelist: str) -> JsonObject:
    return {
        "country_code": "SE",
        "party_id": "EMS",
        "uid": uid,
        "type": "RFID",
        "contract_id": f"SE-EMS-{uid}",
        "issuer": "EMS",
        "valid": True,
        "whitelist": whitelist,
        "last_updated": "2026-01-31T10:00:00Z",
    }


def _seen_s(scene: Stage) -> float | None:
    seen = _reader(scene)["card_ago_s"]
    return seen if isinstance(seen, float) else None
