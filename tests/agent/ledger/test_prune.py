"""Acknowledgements do not pile up for ever, and forgetting one never bills or tells twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger
from laddvakt_agent.uplink.book import Kind

OLD = WALL - timedelta(days=90, seconds=1)
YOUNG = WALL - timedelta(days=89)
KINDS = ("session", "fault", "cdr", "location", "evse")


def ack(kind: str, object_id: str, **changes: object) -> AckRow:
    made = AckRow(
        kind=kind,
        object_id=object_id,
        last_updated=OLD,
        body='{"id": "x"}',
        acknowledged=True,
        location_url="https://b/1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def billed(ledger: Ledger, session_id: str, cdr_id: str) -> None:
    row = ended(session_row(session_id))
    ledger.close_session_with_cdr(row, cdr_of(row, cdr_id))


def reopened(tmp_path: Path, time: FakeTime, *acks: AckRow) -> list[tuple[str, str]]:
    """What is left of these after the next start."""
    ledger = open_ledger(tmp_path, time)
    for row in acks:
        ledger.save_ack(row)
    ledger.close()
    ledger = open_ledger(tmp_path, time)
    left = [(row.kind, row.object_id) for row in ledger.acks()]
    ledger.close()
    return left


def test_the_kinds_are_the_uplinks() -> None:
    assert {kind.value for kind in Kind} == set(KINDS)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        pytest.param({}, {"location", "evse"}, id="old"),
        pytest.param({"last_updated": YOUNG}, set(KINDS), id="young"),
        pytest.param({"acknowledged": False}, set(KINDS), id="in doubt"),
    ],
)
def test_what_was_confirmed_long_ago_goes(
    tmp_path: Path, changes: dict[str, object], kept: set[str]
) -> None:
    left = reopened(tmp_path, FakeTime(), *(ack(kind, "x", **changes) for kind in KINDS))
    assert {kind for kind, _ in left} == kept


def test_what_may_still_change_stays(tmp_path: Path) -> None:
    """A session that still runs, a fault that still stands: their next news needs the last."""
    ledger = open_ledger(tmp_path, FakeTime())
    ledger.save_session(session_row("running"))
    ledger.save_session(ended(session_row("unbilled")))
    billed(ledger, "billed", "c1")
    ledger.raise_fault(fault_row("open"))
    ledger.raise_fault(fault_row("over"))
    ledger.clear_fault("over", at_s=130.0, at_wall=WALL)
    ledger.close()
    sessions = [ack("session", name) for name in ("running", "unbilled", "billed")]
    faults = [ack("fault", name) for name in ("open", "over")]
    left = reopened(tmp_path, FakeTime(), *sessions, *faults)
    assert left == [("fault", "open"), ("session", "running"), ("session", "unbilled")]


def test_a_cdr_confirmed_long_ago_is_never_sent_again(tmp_path: Path) -> None:
    """Its text goes, the fact stays as long as the CDR itself."""
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    billed(ledger, "s1", "c1")
    billed(ledger, "s2", "c2")
    ledger.close()
    assert reopened(tmp_path, time, ack("cdr", "c1")) == []
    ledger = open_ledger(tmp_path, time)
    assert [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)] == ["c2"]
    assert [cdr.id for cdr in ledger.cdrs()] == ["c1", "c2"]
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        kept = connection.execute("SELECT object_id, acknowledged, body FROM acks").fetchall()
    assert kept == [("c1", 1, "")]


@pytest.mark.parametrize(
    ("ever_synced", "kept"),
    [
        pytest.param(False, [("fault", "x")], id="never right: nothing has an age"),
        pytest.param(True, [], id="right in an earlier boot, and that is late enough"),
    ],
)
def test_a_clock_that_is_not_right_forgets_nothing(
    tmp_path: Path, ever_synced: bool, kept: list[tuple[str, str]]
) -> None:
    """Ten years ahead by mistake must not empty the memory."""
    if ever_synced:
        open_ledger(tmp_path, FakeTime()).close()
    wrong = FakeTime(wall=WALL + timedelta(days=3650), synced=False, boot_id="b" * 36)
    young = ack("session", "y", last_updated=YOUNG)
    assert reopened(tmp_path, wrong, ack("fault", "x"), young) == [*kept, ("session", "y")]
