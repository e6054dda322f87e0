"""Somebody comes with a card: plug, tap, charge, tap. A real reader's port, a real agent."""

from __future__ import annotations

import re

import pytest

from integration.acting import run_agent
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

LISTED, STRANGER = "04A1B2C3D4E5F6", "11223344"
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


def _without_uplink(text: str) -> str:
    return re.sub(r"\n\[uplink\]\n(?:[^\[\n].*\n|\n)*", "\n", text)


def test_plug_tap_charge_tap(scene: Stage) -> None:
    """The card is in the configuration's list; another one is refused, and said why."""
    scene.start_board()
    scene.start_agent(_without_uplink(template()) + READER)
    wait_for("the reader", 5, lambda: _reader(scene)["down"] is None)
    scene.board.ask("PATCH", "/reader", {"babble": "TWN4/B1.06/STD2.04\r\n"})
    scene.board.ask("POST", "/connectors/2/plug", {})
    wait_for("the plug is seen", 5, lambda: _connector(scene, "2")["state"] != "available")

    _tap(scene, STRANGER)
    wait_for("the refusal", 5, lambda: _connector(scene, "2")["authorisation"] is not None)
    told = _connector(scene, "2")["authorisation"]
    assert isinstance(told, dict)
    assert (told["uid"], told["allowed"]) == ("1122…", False)
    said = run_agent("status", "--socket", str(scene.directory / "api.sock")).stdout
    assert "card 1122… refused" in said

    _tap(scene, LISTED)
    wait_for("a session", 8, lambda: _connector(scene, "2")["session"] is not None)
    wait_for("two seconds apart", 5, lambda: (_seen_s(scene) or 0.0) > 2.1)
    _tap(scene, LISTED)
    wait_for("its end", 8, lambda: _connector(scene, "2")["session"] is None)

    scene.board.ask("PATCH", "/reader", {"there": False})
    wait_for("the loss", 5, lambda: _reader(scene)["down"] is not None)
    scene.board.ask("PATCH", "/reader", {"there": True})
    wait_for("the return", 5, lambda: _reader(scene)["down"] is None)
    assert _reader(scene)["refused"] == 1
    assert LISTED not in scene.log_text("agent")


def _seen_s(scene: Stage) -> float | None:
    seen = _reader(scene)["card_ago_s"]
    return seen if isinstance(seen, float) else None
