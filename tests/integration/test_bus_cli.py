"""`laddvakt bus …` on real ports: through a running agent, and without one on a simulated line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from string import Template

import pytest
from click.testing import CliRunner, Result

from agent.station_kit import PLACES
from integration.acting import connectors
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import JsonObject, Stage, now_s, wait_for
from laddvakt_agent.demo.watch import objects_in
from laddvakt_hal.recording import load

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "sdm630-9600.lvrec"
SAFE_AGE_S = 1.5  # older safety readings open the contactor


def bus(*args: str) -> Result:
    done = CliRunner().invoke(laddvakt, ["bus", *args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def told(*args: str) -> JsonObject:
    answer = json.loads(bus(*args, "--json").stdout)
    assert isinstance(answer, dict)
    assert answer["schema_version"] == 1
    return answer


def port(scene: Stage, line: str = "line1") -> str:
    lines = scene.layout["lines"]
    assert isinstance(lines, dict)
    its = lines[line]
    assert isinstance(its, dict)
    return str(its["port"])


def start_agent(scene: Stage) -> tuple[str, ...]:
    """An agent without a backend; the options that reach it."""
    nobody = "http://127.0.0.1:9/"
    scene.endpoints = dict.fromkeys(("locations", "sessions", "cdrs", "faults"), nobody)
    scene.start_agent(template())
    return "--line", "line1", "--socket", str(scene.agent.socket_path)


def safety_gaps_s(scene: Stage, since_s: float) -> list[float]:
    """The times between two reads of the emergency stop's inputs, as they were on the wire."""
    answer = scene.board.ask("GET", "/trace?line=line1&since=0&limit=5000")
    asked = [
        float(str(frame["first_s"]))
        for frame in objects_in(answer, "frames")
        if (frame["dir"], frame["unit"], frame["fc"]) == ("request", 3, 2)
    ]
    return [after - before for before, after in pairwise(asked) if before >= since_s]


def test_through_the_agent_safety_goes_first(scene: Stage, tmp_path: Path) -> None:
    scene.start_board()
    reach = start_agent(scene)

    wait_for("connector 1", 10, lambda: connectors(scene)["1"]["state"] == "available")
    raised = scene.log_text("agent").count("fault_raised")

    # Units 41 and 42 do not exist: each holds the line as long as a survey ever may.
    since_s = now_s()
    scanned = told("scan", "--units", "2,41,42", *reach)
    assert [found["unit"] for found in objects_in(scanned, "found")] == [2]
    gaps_s = safety_gaps_s(scene, since_s)
    assert len(gaps_s) > 4
    assert max(gaps_s) < SAFE_AGE_S
    assert scene.log_text("agent").count("fault_raised") == raised

    value = told("read", "meter1", "voltage_l1", *reach)["value"]
    assert isinstance(value, float)
    assert 200 < value < 250
    refused = bus("write", "relay1", "relay_1", "on", "--yes", *reach)
    assert (refused.exit_code, "guards a connector" in refused.stderr) == (5, True)

    shown = objects_in(told("stats", *reach), "lines")[0]
    meter = next(its for its in objects_in(shown, "devices") if its["name"] == "meter1")
    assert int(str(meter["ok"])) > 10
    assert float(str(meter["p50_ms"])) > 10
    doctor = told("doctor", "--seconds", "1", *reach)
    assert [v["code"] for v in objects_in(objects_in(doctor, "lines")[0], "verdicts")] == [
        "all_good"
    ]

    out = tmp_path / "line1.lvrec"
    recorded = bus("record", "--out", str(out), "--seconds", "0.6", *reach)
    assert recorded.exit_code == 0
    assert {frame.unit for frame in load(out).frames} >= {1, 2, 3}

    in_use = bus("scan", "--port", port(scene))
    assert in_use.exit_code == 4
    assert f"{port(scene)}: another program has it open" in in_use.stderr


def test_without_an_agent_the_line_is_used_directly(
    scene: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LATE_S", 0.1), ("TIMES", 8)):  # nothing comes late, half is damaged
        monkeypatch.setattr(f"laddvakt_agent.cli.bus_checkup.{name}", value)
    scene.start_board()
    here = ("--port", port(scene))
    config = tmp_path / "laddvakt.toml"
    places = {**PLACES, "line1": port(scene)}
    config.write_text(Template(template()).substitute(places, dir=str(tmp_path)))
    found = told("scan", "--units", "1-4", "--one-speed", *here)
    assert [its["unit"] for its in objects_in(found, "found")] == [1, 2, 3]
    best = objects_in(told("identify", "2", *here), "matches")[0]
    assert (best["profile"], best["confidence"]) == ("eastron-sdm72d-m-v2", "certain")

    written = bus(
        "write", "3", "relay_8", "on", "--profile", "waveshare-modbus-rtu-relay", "--yes", *here
    )
    assert written.exit_code == 0
    event = json.loads(written.stderr)
    assert (event["event"], event["unit"], event["outcome"]) == ("bus_written", 3, "confirmed")
    relay = told("read", "3", "relay_8", "--profile", "waveshare-modbus-rtu-relay", *here)
    assert relay["value"] is True

    out = tmp_path / "direct.lvrec"
    known = ("--config", str(config), "--line", "line1")
    assert bus("record", "--out", str(out), "--seconds", "0.6", *known).exit_code == 0
    assert [frame.error for frame in load(out).frames if frame.direction == "reply"][:5] == [""] * 5

    fault: JsonObject = {"name": "crc_errors", "line": "line1", "rate": 0.5}
    scene.board.ask("POST", "/faults", fault)
    sick = told("doctor", *known)
    assert sick["ok"] is False
    verdicts = objects_in(objects_in(sick, "lines")[0], "verdicts")
    assert [verdict["code"] for verdict in verdicts] == ["crc_everywhere"]


@contextmanager
def hanging_up() -> Iterator[str]:
    """A gateway that takes connections and drops them."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                return  # closed: the test is over

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_gateway_that_hangs_up_is_named() -> None:
    with hanging_up() as peer:
        done = bus("read", "1", "0", "--tcp", peer)
    assert done.exit_code == 78
    assert done.stderr.startswith(f"{peer}: ")
    assert "at once" in done.stderr


def test_a_recording_answers_like_the_meter_it_was(tmp_path: Path) -> None:
    where = tmp_path / "meter"
    playing = subprocess.Popen(
        [
            *(sys.executable, "-m", "laddvakt_agent", "bus", "replay", str(RECORDING)),
            *("--pty", str(where), "--seconds", "30"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for("the port", 10, where.exists)
        here = ("--port", str(where))
        code = told("read", "1", "meter_code", "--profile", "eastron-sdm630", *here)
        assert code["value"] == 0x70
        silent = bus("read", "9", "0", *here)
        assert (silent.exit_code, "does not answer" in silent.stderr) == (1, True)
    finally:
        playing.terminate()
        said, _ = playing.communicate(timeout=10)
    assert said.splitlines()[0].endswith("33 frames of unit 1")
    assert said.splitlines()[1] == "1 answers given."
    assert not where.exists()
