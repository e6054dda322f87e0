"""What an agent says and does when the world around it is wrong: plain words, nothing lost."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from integration.acting import charge, closed, connectors, faults, run_agent
from laddvakt_agent.demo.play import TOKEN_UID, template
from laddvakt_agent.demo.stage import Stage, wait_for
from laddvakt_agent.demo.watch import objects_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def test_a_wrong_configuration_ends_with_78_and_every_mistake(tmp_path: Path) -> None:
    path = tmp_path / "laddvakt.toml"
    path.write_text('[station]\ncountry_code = "Sweden"\n[[line]]\nname = "a"\nbaudrate = 5\n')
    done = run_agent("run", "--config", str(path))
    assert done.returncode == 78
    assert f"{path}:2: station.country_code" in done.stderr
    assert f"{path}:5: unknown key 'baudrate': did you mean baud?" in done.stderr
    assert "nothing was started" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_at_the_socket_is_said_plainly(tmp_path: Path) -> None:
    done = run_agent("status", "--socket", str(tmp_path / "none.sock"))
    assert done.returncode == 3
    assert "The agent is not running" in done.stderr
    assert "systemctl start laddvakt" in done.stderr


def test_a_missing_port_is_a_fault_and_the_rest_goes_on(scene: Stage) -> None:
    """READY comes all the same: a broken line is declared, not waited for."""
    scene.start_board()
    scene.start_backend()
    lines = scene.layout["lines"]
    assert isinstance(lines, dict)
    line2 = lines["line2"]
    assert isinstance(line2, dict)
    line2["port"] = str(scene.directory / "no-such-port")
    scene.start_agent(template())
    wait_for("bus_down", 10, lambda: "bus_down" in faults(scene))
    assert faults(scene)["bus_down"]["subject"] == "line2"
    assert connectors(scene)["1"]["closed_commanded"] is False
    charge(scene, "2")
    assert "Traceback" not in scene.log_text("agent")


def test_a_port_that_vanishes_while_charging_opens_and_comes_back(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    charge(scene)
    scene.board.ask("POST", "/faults", {"name": "adapter_gone", "line": "line1"})
    wait_for("open by the dead-man", 5, lambda: not closed(scene))
    wait_for("bus_down", 6, lambda: "bus_down" in faults(scene))
    scene.board.ask("DELETE", "/faults/adapter_gone")
    wait_for("line back", 15, lambda: "bus_down" not in faults(scene))
    assert "Traceback" not in scene.log_text("agent")


def test_a_backend_that_misbehaves_in_every_way_costs_nothing(scene: Stage) -> None:
    """A whole session under 500, HTML, nothing, 401 and silence: at the end one CDR."""
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())

    def cdrs() -> int:
        found = scene.backend.ask("GET", "/objects")["cdrs"]
        assert isinstance(found, list)
        return len(found)

    since = behave(scene, "http_500")
    charge(scene, "2")
    answered(scene, "http_500", since)
    since = behave(scene, "html")
    scene.agent.ask("POST", "/connectors/2/stop", {})
    answered(scene, "html", since)
    since = behave(scene, "empty")
    wait_for("open", 10, lambda: not closed(scene, "2"))
    answered(scene, "empty", since)
    since = behave(scene, "http_401")
    scene.board.ask("POST", "/connectors/2/unplug", {})
    wait_for("available", 10, lambda: connectors(scene)["2"]["state"] == "available")
    answered(scene, "http_401", since)
    since = behave(scene, "silent")
    answered(scene, "silent", since)
    path = scene.directory / "state" / "ledger.db"
    wait_for("CDR in the ledger", 20, lambda: len(ledger_cdrs(path)) == 1)
    behave(scene, "ok")
    wait_for("its CDR", 60, lambda: cdrs() == 1)
    assert "Traceback" not in scene.log_text("agent")


# The HTTP status and the OCPI status code the backend keeps of a request it met in each mode.
MET: dict[str, tuple[int | None, int | None]] = {
    "http_500": (500, 3000),
    "html": (200, None),
    "empty": (200, None),
    "http_401": (401, 2000),
    "silent": (None, None),
}


def behave(scene: Stage, mode: str) -> int:
    """Let the backend misbehave; the number of the last request before that."""
    scene.backend.ask("POST", "/behaviour", {"mode": mode})
    return int(str(scene.backend.ask("GET", "/received?since=0")["next"]))


def answered(scene: Stage, mode: str, since: int) -> None:
    """At least one request met the backend in this mode, and none met another."""

    def met() -> list[tuple[object, object]]:
        answer = scene.backend.ask("GET", f"/received?since={since}")
        parts = objects_in(answer, "requests")
        return [(part["http_status"], part["status_code"]) for part in parts]

    wait_for(f"a request answered by {mode}", 10, lambda: bool(met()))
    assert set(met()) == {MET[mode]}, mode


def ledger_cdrs(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return ledger.execute("SELECT session_id FROM cdrs").fetchall()


def test_a_ledger_that_is_no_database_is_set_aside(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    state = scene.directory / "state"
    state.mkdir(parents=True)
    (state / "ledger.db").write_bytes(b"these are no pages of a database" * 100)
    scene.start_agent(template())
    aside = list(state.glob("ledger.db.damaged-*"))
    assert len(aside) == 1
    assert aside[0].read_bytes().startswith(b"these are no pages")
    assert "ledger_set_aside" in scene.log_text("agent")
    charge(scene, "2")


def test_a_second_agent_on_the_same_ledger_is_refused(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    done = run_agent("run", "--config", str(scene.directory / "laddvakt.toml"))
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    assert connectors(scene)


def test_commands_that_do_not_apply_say_why(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    at = ("--socket", str(scene.directory / "api.sock"))
    done = run_agent("connector", "1", "start", "--token", TOKEN_UID, *at)
    assert (done.returncode, done.stdout) == (5, "")
    assert "no vehicle at connector 1" in done.stderr
    assert run_agent("connector", "9", "stop", *at).returncode == 5
    assert run_agent("connector", "1", "dance", *at).returncode == 2
    scene.board.ask("POST", "/connectors/1/plug", {})
    wait_for("preparing", 5, lambda: connectors(scene)["1"]["state"] == "preparing")
    done = run_agent("connector", "1", "start", "--token", "UNKNOWN", *at)
    assert done.returncode == 5
    assert "may not charge here" in done.stderr
    status = run_agent("status", "--json", *at)
    assert json.loads(status.stdout)["schema_version"] == 1


def test_killed_while_charging_one_cdr_and_every_watt_hour(scene: Stage) -> None:
    """After `kill -9` the same session goes on and is billed once, from its first start value."""
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    charge(scene)
    session = connectors(scene)["1"]["session"]
    scene.kill("agent", signal.SIGKILL)
    wait_for("open by the dead-man", 3.0, lambda: not closed(scene))
    scene.start_agent(template())
    wait_for("the session goes on", 15, lambda: connectors(scene)["1"]["state"] == "charging")
    assert connectors(scene)["1"]["session"] == session
    scene.agent.ask("POST", "/connectors/1/stop", {})
    wait_for("open", 10, lambda: not closed(scene))
    scene.board.ask("POST", "/connectors/1/unplug", {})
    path = scene.directory / "state" / "ledger.db"
    wait_for("one CDR", 20, lambda: ledger_cdrs(path) == [(session,)])


def test_a_stop_opens_tells_the_board_and_closes_the_ledger(scene: Stage) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(template())
    charge(scene)
    process = scene.processes["agent"]
    scene.kill("agent", signal.SIGTERM)
    assert process.returncode == 0
    assert not closed(scene)
    state = scene.board.ask("GET", "/state")["connectors"]
    assert isinstance(state, dict)
    assert all(part["offered_a"] == 0 for part in state.values() if isinstance(part, dict))
    assert '"safe": true' in scene.log_text("agent")
    assert not (scene.directory / "state" / "ledger.db-wal").exists()
