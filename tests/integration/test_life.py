"""The agent as people meet it: stopped by a button, locked out, restarted, killed, left alone."""

from __future__ import annotations

import signal

import pytest

from integration.acting import charge, closed, connectors, faults, run_agent, statuses, truth
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import Stage, now_s, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def begin(scene: Stage, config: str | None = None) -> None:
    scene.start_board()
    scene.start_backend()
    scene.start_agent(config or template())


def plug(scene: Stage, connector: str, **vehicle: bool | float) -> None:
    scene.board.ask("POST", f"/connectors/{connector}/plug", {"phases": 3, **vehicle})


def test_an_emergency_stop_opens_both_and_only_a_person_there_lets_it_go_on(scene: Stage) -> None:
    begin(scene)
    charge(scene, "1")
    charge(scene, "2")
    scene.board.ask("POST", "/faults", {"name": "emergency_stop"})
    wait_for("both open", 2, lambda: not closed(scene, "1") and not closed(scene, "2"))
    wait_for("told", 2, lambda: set(statuses(scene).values()) == {"INOPERATIVE"})
    stop = faults(scene)["emergency_stop"]
    assert stop["connectors"] == ["1", "2"]
    scene.board.ask("DELETE", "/faults/emergency_stop")
    at = ("--socket", str(scene.directory / "api.sock"))
    for connector in ("1", "2"):
        assert run_agent("connector", connector, "reset", *at).returncode == 0
    until_s = now_s() + 7
    wait_for("longer than its clear time", 10, lambda: now_s() > until_s, every_s=0.5)
    assert "emergency_stop" in faults(scene)
    for connector in ("1", "2"):
        assert run_agent("connector", connector, "reset", "--local", *at).returncode == 0
    wait_for("over", 10, lambda: "emergency_stop" not in faults(scene))
    assert not closed(scene, "1")
    assert not closed(scene, "2")
    assert {part["state"] for part in connectors(scene).values()} == {"finishing"}


def test_a_weld_stays_locked_out_over_kill_and_restart_with_its_id(scene: Stage) -> None:
    begin(scene)
    plug(scene, "2", obeys_pwm_off=False)
    charge(scene, "2", plugged=True)
    wait_for("full current", 10, lambda: float(str(truth(scene, "2")["power_w"])) > 3000)
    scene.board.ask("POST", "/faults", {"name": "contactor_welded", "connector": "2"})
    scene.agent.ask("POST", "/connectors/2/stop", {})
    wait_for("weld", 25, lambda: "contactor_welded" in faults(scene), every_s=0.02)
    weld = faults(scene)["contactor_welded"]
    scene.kill("agent", signal.SIGKILL)
    scene.board.ask("DELETE", "/faults")
    scene.board.ask("POST", "/connectors/2/unplug", {})
    scene.start_agent(template())
    assert faults(scene)["contactor_welded"]["id"] == weld["id"]
    wait_for("OUTOFORDER", 5, lambda: statuses(scene)["2"] == "OUTOFORDER")
    at = ("--socket", str(scene.directory / "api.sock"))
    assert run_agent("connector", "2", "reset", "--local", *at).returncode == 0
    until_s = now_s() + 2
    wait_for("a while", 5, lambda: now_s() > until_s, every_s=0.5)
    assert statuses(scene)["2"] == "OUTOFORDER"
    assert run_agent("connector", "2", "reset", "--service", *at).returncode == 0
    wait_for("back", 15, lambda: statuses(scene)["2"] == "AVAILABLE")


def test_killed_the_second_connector_is_let_go_by_its_boards_watchdog(scene: Stage) -> None:
    """The offer ends within watchdog + 0.5 s; the board opens once its vehicle has let go."""
    begin(scene)
    plug(scene, "2", stop_s=0.3)
    charge(scene, "2", plugged=True)
    wait_for("full current", 10, lambda: float(str(truth(scene, "2")["power_w"])) > 3000)
    killed_s = scene.kill("agent", signal.SIGKILL)
    wait_for("no offer", 4, lambda: truth(scene, "2")["pwm_on"] is False, every_s=0.01)
    assert now_s() - killed_s <= 2.5
    wait_for("open", 8, lambda: not closed(scene, "2"))
    assert float(str(truth(scene, "2")["opened_at_s"])) - killed_s <= 3.0


def test_a_core_that_hangs_lets_go_like_one_that_died(scene: Stage) -> None:
    begin(scene)
    charge(scene)
    process = scene.processes["agent"]
    process.send_signal(signal.SIGSTOP)
    stopped_s = now_s()
    try:
        wait_for("open", 5, lambda: not closed(scene), every_s=0.02)
        assert now_s() - stopped_s <= 2.7
    finally:
        process.send_signal(signal.SIGCONT)
    wait_for("it notices and goes on", 40, lambda: closed(scene))


def test_a_line_of_nonsense_opens_and_blames_the_line(scene: Stage) -> None:
    begin(scene)
    charge(scene)
    scene.board.ask("POST", "/faults", {"name": "crc_errors", "line": "line1", "rate": 1.0})
    wait_for("open", 12, lambda: not closed(scene))
    wait_for("named", 10, lambda: bool({"bus_down", "device_lost"} & faults(scene).keys()))
    scene.board.ask("DELETE", "/faults/crc_errors")
    wait_for("charging again", 60, lambda: closed(scene))
    assert "Traceback" not in scene.log_text("agent")


def test_free_charging_begins_at_the_plug_and_a_stop_lasts_until_the_unplug(scene: Stage) -> None:
    begin(scene, template().replace('authorisation = "token"', 'authorisation = "free"'))
    plug(scene, "1")
    wait_for("charging", 15, lambda: closed(scene))
    scene.agent.ask("POST", "/connectors/1/stop", {})
    wait_for("open", 10, lambda: not closed(scene))
    until_s = now_s() + 6
    wait_for("longer than any pause", 10, lambda: now_s() > until_s, every_s=0.5)
    assert not closed(scene)
    scene.board.ask("POST", "/connectors/1/unplug", {})
    wait_for("available", 10, lambda: connectors(scene)["1"]["state"] == "available")
    plug(scene, "1")
    wait_for("charging again", 15, lambda: closed(scene))
