"""What the agent leaves on record of itself, as somebody reads it later from the file alone."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from integration.acting import run_agent, statuses
from laddvakt_agent.clock import Clock
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import Stage, wait_for
from laddvakt_agent.ledger.intervals import broken
from laddvakt_agent.ledger.ledger import Ledger

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]


def column(path: Path, sql: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [str(row[0]) for row in connection.execute(sql)]


def test_who_did_what_and_why_it_did_not_work_can_be_read_later(scene: Stage) -> None:
    """A maintenance, a reset without a fault, a crash, another configuration, an orderly stop."""
    path = scene.directory / "state" / "ledger.db"

    def said() -> list[str]:
        return column(path, "SELECT event || ': ' || result FROM security ORDER BY number")

    def causes() -> list[str]:
        told = "SELECT DISTINCT cause || ', ' || cause_class FROM intervals WHERE connector = '1'"
        return column(path, told)

    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    wait_for("free", 15, lambda: statuses(scene)["1"] == "AVAILABLE")
    at = ("--socket", str(scene.directory / "api.sock"))
    assert run_agent("connector", "1", "maintenance", *at).returncode == 0
    assert run_agent("connector", "1", "out", *at).returncode == 0
    assert run_agent("connector", "2", "reset", *at).returncode == 5
    scene.processes["agent"].send_signal(signal.SIGHUP)
    wait_for("the check is noted", 15, lambda: "configuration_checked: valid" in said())
    # Within a second of the change before it may be lost, and is only written then.
    wait_for("the closing is written", 15, lambda: "closed by command, planned" in causes())
    scene.kill("agent", signal.SIGKILL)
    scene.start_agent(template().replace("max_current_a = 16", "max_current_a = 13", 1))
    scene.kill("agent", signal.SIGTERM)

    assert [event for event in said() if not event.startswith("clock_")] == [
        "agent_started: first start", "maintenance: done", "out: done", "reset: refused",
        "configuration_checked: valid", "agent_started: after a crash",
        "configuration_changed: done", "agent_stopped: done",
    ]  # fmt: skip
    changed = "SELECT detail FROM security WHERE event = 'configuration_changed'"
    assert column(path, changed) == ["connector[1].max_current_a"]
    for cause in ("free, own", "closed by command, planned", "agent_not_running, unknown"):
        assert cause in causes()
    clock = Clock()
    ledger = Ledger.open(path.parent, boot=clock.boot(), clock=clock)
    assert ledger.security.verify().whole
    assert broken(ledger._store) == ()
    ledger.close()
