"""What the integration tests do to a stage, and what they look at."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from laddvakt_agent.demo.play import TOKEN_UID
from laddvakt_agent.demo.stage import JsonObject, Stage, wait_for


def run_agent(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "laddvakt_agent", *args],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def connectors(scene: Stage) -> dict[str, JsonObject]:
    parts = scene.agent.ask("GET", "/status")["connectors"]
    assert isinstance(parts, list)
    return {str(p["id"]): p for p in parts if isinstance(p, dict)}


def faults(scene: Stage) -> dict[str, JsonObject]:
    parts = scene.agent.ask("GET", "/status")["faults"]
    assert isinstance(parts, list)
    return {str(p["code"]): p for p in parts if isinstance(p, dict)}


def charge(scene: Stage, connector: str = "1", *, plugged: bool = False) -> None:
    """A vehicle comes, is let in, and charges."""
    if not plugged:
        vehicle: JsonObject = {"phases": 3, "max_current_a": 16}
        scene.board.ask("POST", f"/connectors/{connector}/plug", vehicle)
    wait_for("preparing", 5, lambda: connectors(scene)[connector]["state"] == "preparing")
    scene.agent.ask("POST", f"/connectors/{connector}/start", {"token": TOKEN_UID})
    wait_for("charging", 15, lambda: connectors(scene)[connector]["state"] == "charging")


def closed(scene: Stage, connector: str = "1") -> bool:
    """Whether current can flow, whatever the agent believes."""
    return truth(scene, connector)["contactor_closed"] is True


def truth(scene: Stage, connector: str = "1") -> JsonObject:
    """What the plant knows of a connector."""
    parts = scene.board.ask("GET", "/state")["connectors"]
    assert isinstance(parts, dict)
    part = parts[connector]
    assert isinstance(part, dict)
    return part


def statuses(scene: Stage) -> dict[str, object]:
    """The OCPI status of each connector."""
    return {name: part["status"] for name, part in connectors(scene).items()}


def ledger_cdrs(path: Path) -> list[tuple[str]]:
    """The session of every CDR in the ledger."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return ledger.execute("SELECT session_id FROM cdrs").fetchall()


def ledger_energies_wh(path: Path) -> list[float]:
    """What every settled session came to."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute("SELECT end_wh - start_wh FROM sessions WHERE end_wh IS NOT NULL")
        return [float(row[0]) for row in rows]


def ledger_faults(path: Path) -> list[str]:
    """The code of every fault in the ledger."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return [str(row[0]) for row in ledger.execute("SELECT code FROM faults")]
