"""The agent as people meet it: stopped by a button, locked out, restarted, killed, left alone."""

from __future__ import annotations

import signal
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from integration.acting import (
    charge,
    closed,
    connectors,
    faults,
    ledger_cdrs,
    ledger_energies_wh,
    ledger_faults,
    run_agent,
    statuses,
    truth,
)
from laddvakt_agent.demo.play import TOKEN_UID, template
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
        refused = run_agent("connector", connector, "reset", *at)
        assert refused.returncode == 5
        assert f"laddvakt connector {connector} reset --local" in refused.stderr
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
    path = scene.directory / "state" / "ledger.db"
    wait_for("it is written down", 2, lambda: "contactor_welded" in ledger_faults(path))
    weld = faults(scene)["contactor_welded"]
    scene.kill("agent", signal.SIGKILL)
    scene.board.ask("DELETE", "/faults")
    scene.board.ask("POST", "/connectors/2/unplug", {})
    scene.start_agent(template())
    assert faults(scene)["contactor_welded"]["id"] == weld["id"]
    wait_for("OUTOFORDER", 5, lambda: statuses(scene)["2"] == "OUTOFORDER")
    at = ("--socket", str(scene.directory / "api.sock"))
    refused = run_agent("connector", "2", "reset", "--local", *at)
    assert refused.returncode == 5
    assert "laddvakt connector 2 reset --service" in refused.stderr
    until_s = now_s() + 2
    wait_for("a while", 5, lambda: now_s() > until_s, every_s=0.5)
    assert statuses(scene)["2"] == "OUTOFORDER"
    service = ("connector", "2", "reset", "--service", *at)
    # Without a mirror contact only several fresh currents show that it is open.
    wait_for("seen open", 40, lambda: run_agent(*service).returncode == 0, every_s=1.0)
    wait_for("lifted", 15, lambda: "contactor_welded" not in faults(scene))


def test_killed_the_second_connector_is_opened_by_its_boards_watchdog(scene: Stage) -> None:
    """The offer ends within watchdog + 0.5 s; the board opens once its vehicle has let go."""
    begin(scene)
    charge(scene, "2")
    wait_for("full current", 10, lambda: float(str(truth(scene, "2")["power_w"])) > 3000)
    killed_s = scene.kill("agent", signal.SIGKILL)
    wait_for("no offer", 4, lambda: truth(scene, "2")["pwm_on"] is False, every_s=0.01)
    assert now_s() - killed_s <= 1.5
    wait_for("open", 8, lambda: not closed(scene, "2"))
    assert float(str(truth(scene, "2")["opened_at_s"])) - killed_s <= 2.5


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


def test_a_swapped_vehicle_does_not_charge_on_the_last_ones_token(scene: Stage) -> None:
    """Neither after a long absence of the agent nor on an authorisation nobody used."""
    begin(scene)
    charge(scene)
    scene.kill("agent", signal.SIGKILL)
    wait_for("open", 5, lambda: not closed(scene))
    # Away for longer than is bridged: as after a long power cut, only quicker.
    scene.start_agent(template().replace("[agent]", "[agent]\nresume_within_s = 1"))
    path = scene.directory / "state" / "ledger.db"
    wait_for("the session is billed", 25, lambda: len(ledger_cdrs(path)) == 1)
    assert not closed(scene)
    scene.board.ask("POST", "/connectors/1/unplug", {})
    wait_for("available", 10, lambda: connectors(scene)["1"]["state"] == "available")
    scene.board.ask("POST", "/faults", {"name": "meter_lost", "connector": "1"})
    plug(scene, "1")
    wait_for("meter_lost", 10, lambda: "meter_lost" in faults(scene))
    at = ("--socket", str(scene.directory / "api.sock"))
    run_agent("connector", "1", "start", "--token", TOKEN_UID, *at)
    scene.board.ask("POST", "/connectors/1/unplug", {})
    until_s = now_s() + 2
    wait_for("the unplug is read", 5, lambda: now_s() > until_s, every_s=0.5)
    scene.board.ask("DELETE", "/faults/meter_lost")
    plug(scene, "1")
    until_s = now_s() + 8
    wait_for("longer than any start", 15, lambda: now_s() > until_s, every_s=0.5)
    assert not closed(scene)


def test_stopped_and_started_again_at_once_nothing_is_billed_twice(scene: Stage) -> None:
    begin(scene)
    charge(scene)
    start_wh = float(str(truth(scene)["meter_register_wh"]))
    wait_for("full current", 10, lambda: float(str(truth(scene)["power_w"])) > 3000)
    scene.agent.ask("POST", "/connectors/1/stop", {})
    scene.agent.ask("POST", "/connectors/1/start", {"token": TOKEN_UID})
    path = scene.directory / "state" / "ledger.db"
    wait_for("the first is billed", 15, lambda: len(ledger_cdrs(path)) == 1)
    wait_for("the second runs", 25, lambda: closed(scene))
    wait_for("full current", 15, lambda: float(str(truth(scene)["power_w"])) > 3000)
    scene.agent.ask("POST", "/connectors/1/stop", {})
    wait_for("both are billed", 25, lambda: len(ledger_cdrs(path)) == 2)
    flowed_wh = float(str(truth(scene)["meter_register_wh"])) - start_wh
    billed_wh = sum(ledger_energies_wh(path))
    assert abs(billed_wh - flowed_wh) <= 2.0  # one step of the register at each start


def test_free_charging_a_stop_is_not_forgotten_by_a_restart(scene: Stage) -> None:
    free = template().replace('authorisation = "token"', 'authorisation = "free"')
    begin(scene, free)
    plug(scene, "1")
    wait_for("charging", 15, lambda: closed(scene))
    scene.agent.ask("POST", "/connectors/1/stop", {})
    wait_for("open", 10, lambda: not closed(scene))
    scene.agent.ask("POST", "/connectors/2/out", {})
    scene.kill("agent", signal.SIGKILL)
    scene.start_agent(free)
    until_s = now_s() + 8
    wait_for("longer than any start", 15, lambda: now_s() > until_s, every_s=0.5)
    assert not closed(scene)
    assert statuses(scene)["2"] == "INOPERATIVE"


def test_a_silent_line_is_bus_down_and_the_watchdog_goes_on(
    scene: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READY and pings come with one line dead from the start; the other connector charges."""
    heard: list[tuple[float, bytes]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(0.1)
        scene.start_board()
        scene.start_backend()
        scene.board.ask("POST", "/faults", {"name": "bus_down", "line": "line1"})
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "5000000")
        # Connector 2 as if it had no button of its own on the dead line.
        before, after = template().split('id = "2"')
        button = 'emergency_stop = { device = "relay1", input = 1 }\n'
        scene.start_agent(before + 'id = "2"' + after.replace(button, ""))
        charge(scene, "2")
        wait_for("bus_down", 10, lambda: "bus_down" in faults(scene))
        until_s = now_s() + 11
        while now_s() < until_s:
            try:
                heard.append((now_s(), systemd.recv(200)))
            except TimeoutError:
                continue
    assert b"READY=1" in [word for _, word in heard]
    pings = [at_s for at_s, word in heard if word == b"WATCHDOG=1"]
    assert len(pings) >= 4
    assert max(b - a for a, b in pairwise(pings)) < 4.0
    assert closed(scene, "2")
