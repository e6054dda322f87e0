"""The demo as a user runs it: three processes, real paced lines, every check."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
