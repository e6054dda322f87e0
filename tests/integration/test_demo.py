"""The demo as a user runs it: three processes, real paced lines, every check."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from laddvakt_agent.demo.stage import wait_for

CHECKS = (
    "agent_start", "authorised_to_closed", "bad_frames_rejected", "noise_state_changes",
    "impossible_voltages_shown", "residual_reaction", "residual_detection",
    "residual_contactor_open", "residual_fault_at_backend", "residual_recovered",
    "weld_status_sent", "weld_status_at_backend", "weld_locked_out", "pushes_after_outage",
    "pushes_of_the_unchanged", "rejected_by_backend", "statuses_in_order_1",
    "statuses_in_order_2", "meter_lost_to_open", "meter_recovered", "fault_to_status_at_backend",
    "cdrs_received", "cdrs_per_session", "cdr_energy_first", "cdr_energy_second",
    "cdr_energy_third", "cdr_energy_welded", "readings_without_a_reply",
    "readings_past_their_time", "machine_stalls", "killed_to_open", "tracebacks", "duration",
)  # fmt: skip


@pytest.mark.alone
@pytest.mark.integration
@pytest.mark.timeout(200)
def test_every_promise_of_the_demo_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "laddvakt_agent", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=190,
        check=False,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    failed = [check for check in result["checks"] if not check["ok"]]
    assert not failed, failed
    assert result["schema_version"] == 1
    assert result["ok"] is True
    assert tuple(check["name"] for check in result["checks"]) == CHECKS
    assert done.returncode == 0


@pytest.mark.integration
@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C, which reaches all of them"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM, which reaches the demo alone"),
    ],
)
def test_an_interrupted_demo_ends_its_processes_and_tells_where_the_logs_are(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    kept = tmp_path / "kept"
    with subprocess.Popen(
        [sys.executable, "-m", "laddvakt_agent", "demo", "--keep", str(kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as demo:
        wait_for("the agent to listen", 30, (kept / "api.sock").exists)
        if number is signal.SIGINT:
            os.killpg(demo.pid, number)
        else:
            demo.send_signal(number)
        _, words = demo.communicate(timeout=50)
    assert demo.returncode == code, words
    assert f"Stopped; every process has ended. The logs are in {kept}." in words
    assert "Traceback" not in words
    assert not (kept / "api.sock").exists()
    assert "agent_stopped" in (kept / "agent.log").read_text()
    assert processes_of(kept) == []


def processes_of(directory: Path) -> list[str]:
    """The command lines that name a directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it ended while we looked
    return [line for line in found if str(directory) in line]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("folder", "words"),
    [
        pytest.param("/proc/kept", "--keep: cannot make /proc/kept", id="cannot be made"),
        pytest.param(__file__, "is a file", id="a file"),
        pytest.param(str(Path(__file__).parent), "is not empty", id="in use"),
    ],
)
def test_a_folder_that_cannot_be_used_is_said_plainly(folder: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "laddvakt_agent", "demo", "--keep", folder],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
