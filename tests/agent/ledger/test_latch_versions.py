"""Copies of the latches that another version wrote, or will have to read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.core.core_world import ONE
from agent.ledger.latch_kit import ledger_row, put_body, saved
from agent.ledger.older import DATA
from agent.ledger.samples import open_ledger
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.ledger import NewerSchema

NEWER_BODY = {
    "sequence": 9,
    "format": 7,
    "signature": "not known here",
    "connectors": {
        "1": {
            "boot_id": "00000000-0000-4000-8000-000000000001",
            "at_s": 100.0,
            "at_wall": "2027-01-01T12:00:00Z",
            "clock_state": "by_satellite",
            "tilt": 3,
            "latches": [
                {
                    "code": "flux_too_high", "subject": "1", "locked_out": False, "active": True,
                    "act": 9, "colour": "red",
                },
            ],
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("readable_from", [1, 2])
def test_a_newer_versions_copy_that_says_it_can_be_read(tmp_path: Path, readable_from: int) -> None:
    """After a roll-back: unknown fields are left alone, unknown words count as the strictest."""
    saved(tmp_path)
    put_body(tmp_path / "latches.b", NEWER_BODY, readable_from=readable_from)
    ledger = open_ledger(tmp_path, FakeTime())
    latches, lost = ledger.load_latches()
    ledger.close()
    (found,) = latches["1"]
    assert (found.code, found.act, lost) == ("flux_too_high", None, False)
    (fault,) = machine.active_faults(machine.initial(ONE, latches["1"], 100.0))
    assert fault.act is Act.TRIP


@pytest.mark.parametrize("name", ["latches.a", "latches.b", "ledger.db"])
def test_a_copy_only_a_newer_version_can_read_stops_the_start(tmp_path: Path, name: str) -> None:
    saved(tmp_path)
    newer = tmp_path / "newer"
    put_body(newer, NEWER_BODY, readable_from=3)
    if name == "ledger.db":
        ledger_row(tmp_path, newer.read_text())
    else:
        (tmp_path / name).write_bytes(newer.read_bytes())
    before = _bytes_of_latches(tmp_path)
    with pytest.raises(NewerSchema, match=r"format 3, known up to 2.*install that version again"):
        open_ledger(tmp_path, FakeTime())
    assert _bytes_of_latches(tmp_path) == before


def _bytes_of_latches(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("latches.*")}


def test_what_is_written_now_an_older_version_reads(tmp_path: Path) -> None:
    """Its reader took header number 1 and these words, and left alone what else there was."""
    saved(tmp_path)
    older = json.loads((DATA / "latches_of_format_1").read_bytes().partition(b"\n")[2])
    header, _, body = (tmp_path / "latches.a").read_bytes().partition(b"\n")
    assert header.decode().split()[:2] == ["laddvakt-latches", "1"]
    now = json.loads(body)
    assert older.keys() <= now.keys()
    assert older["connectors"]["1"].keys() <= now["connectors"]["1"].keys()
    (told,) = now["connectors"]["1"]["latches"]
    assert older["connectors"]["1"]["latches"][0].keys() <= told.keys()
