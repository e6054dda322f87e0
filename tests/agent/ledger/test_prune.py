"""What is settled and confirmed leaves the ledger once it is surely old; nothing else ever does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, CommandRow, Ledger
from laddvakt_agent.ledger.retention import ACK_KEPT, KEPT, NEWEST_KEPT
from laddvakt_agent.uplink.book import Kind

KINDS = ("session", "fault", "cdr", "location", "evse", "tariff")
DAY_S = 86_400.0
ACK_DAYS, DAYS = ACK_KEPT.days, KEPT.days


def ack(kind: str, object_id: str, **changes: object) -> AckRow:
    made = AckRow(
        kind=kind,
        object_id=object_id,
        last_updated=WALL,
        body='{"id": "x"}',
        acknowledged=True,
        location_url="https://b/1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def billed(ledger: Ledger, session_id: str, cdr_id: str, *, confirmed: bool = True) -> None:
    row = ended(session_row(session_id))
    ledger.save_session(session_row(session_id))
    ledger.close_session_with_cdr(row, cdr_of(row, cdr_id))
    ledger.save_ack(ack("session", session_id))
    ledger.save_ack(ack("cdr", cdr_id, acknowledged=confirmed))


def sweep(ledger: Ledger, *, need: bool = False) -> dict[str, int]:
    """A whole sweep; what was dropped by then."""
    for _ in range(10_000):
        if not ledger.retention.step(need=need):
            break
    return ledger.retention.dropped()


def after(tmp_path: Path, days: float, fill: Callable[[Ledger], None]) -> Ledger:
    """A ledger that was filled so long ago, in one boot."""
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    fill(ledger)
    time.advance(days * DAY_S)
    ledger.heartbeat(time.boot_s(), time.wall())
    return ledger


def left(tmp_path: Path, table: str, column: str) -> list[str]:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        found = connection.execute(f"SELECT {column} FROM {table} ORDER BY rowid").fetchall()
    return [str(record[0]) for record in found]


def test_the_kinds_are_the_uplinks() -> None:
    assert {kind.value for kind in Kind} == set(KINDS)


@pytest.mark.parametrize(
    ("days", "acknowledged", "kept"),
    [
        pytest.param(ACK_DAYS + 1, True, {"location", "evse", "tariff"}, id="old"),
        pytest.param(ACK_DAYS - 1, True, set(KINDS), id="young"),
        pytest.param(ACK_DAYS + 1, False, set(KINDS), id="in doubt"),
    ],
)
def test_what_was_confirmed_long_ago_goes(
    tmp_path: Path, days: float, acknowledged: bool, kept: set[str]
) -> None:
    def fill(ledger: Ledger) -> None:
        for kind in KINDS:
            ledger.save_ack(ack(kind, "x", acknowledged=acknowledged))

    ledger = after(tmp_path, days, fill)
    sweep(ledger)
    assert {row.kind for row in ledger.acks()} == kept
    ledger.close()


def test_what_may_still_change_stays(tmp_path: Path) -> None:
    """A session that still runs, a fault that still stands: their next news needs the last."""

    def fill(ledger: Ledger) -> None:
        ledger.save_session(session_row("running"))
        ledger.save_session(ended(session_row("unbilled")))
        billed(ledger, "billed", "c1")
        ledger.raise_fault(fault_row("open"))
        ledger.raise_fault(fault_row("over"))
        ledger.clear_fault("over", at_s=130.0, at_wall=WALL)
        for name in ("running", "unbilled"):
            ledger.save_ack(ack("session", name))
        for name in ("open", "over"):
            ledger.save_ack(ack("fault", name))

    ledger = after(tmp_path, ACK_DAYS + 1, fill)
    sweep(ledger)
    found = [(row.kind, row.object_id) for row in ledger.acks()]
    assert found == [("fault", "open"), ("session", "running"), ("session", "unbilled")]
    ledger.close()


def test_a_cdr_confirmed_long_ago_is_never_sent_again(tmp_path: Path) -> None:
    """Its text goes, the fact stays as long as the CDR itself; later both go together."""

    def fill(ledger: Ledger) -> None:
        billed(ledger, "s1", "c1")
        billed(ledger, "s2", "c2", confirmed=False)

    ledger = after(tmp_path, ACK_DAYS + 1, fill)
    sweep(ledger)
    assert [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)] == ["c2"]
    assert [cdr.id for cdr in ledger.cdrs()] == ["c1", "c2"]
    ledger.close()
    ledger = after(tmp_path, DAYS + ACK_DAYS + 2, lambda _: None)
    sweep(ledger)
    assert [cdr.id for cdr in ledger.cdrs()] == ["c2"]
    assert left(tmp_path, "sessions", "id") == ["s2"]
    assert [(row.kind, row.object_id) for row in ledger.acks()] == [("cdr", "c2")]
    ledger.close()


def test_what_is_old_goes_and_is_counted(tmp_path: Path) -> None:
    """Everything of each class that may go, and nothing that may not, whatever its age."""

    def fill(ledger: Ledger) -> None:
        billed(ledger, "old", "c1")
        billed(ledger, "unsent", "c2", confirmed=False)
        ledger.save_session(replace(ended(session_row("signed")), settled=True))
        ledger.raise_fault(fault_row("stands"))
        ledger.raise_fault(fault_row("over"))
        ledger.clear_fault("over", at_s=130.0, at_wall=WALL)
        for verb in ("out", "maintenance", "in", "out", "start"):
            ledger.add_command(
                CommandRow(
                    source="local", who="uid 0", verb=verb, connector="1", outcome="done",
                    at_s=100.0, at_wall=WALL,
                )
            )  # fmt: skip

    ledger = after(tmp_path, DAYS + 1, fill)
    dropped = sweep(ledger)
    assert left(tmp_path, "sessions", "id") == ["unsent", "signed"]
    assert [row.id for row in ledger.open_faults()] == ["stands"]
    assert [row.id for row in ledger.faults()] == ["stands"]
    assert [row.verb for row in ledger.commands()] == ["out", "maintenance"]  # the last words
    assert {name: dropped[name] for name in ("sessions", "cleared_faults", "commands")} == {
        "sessions": 1, "cleared_faults": 1, "commands": 3,
    }  # fmt: skip
    ledger.close()


def test_in_need_the_oldest_go_and_the_newest_stay(tmp_path: Path) -> None:
    """Young as they are, what is billed and confirmed makes room, the oldest first."""
    many = NEWEST_KEPT + 30

    def fill(ledger: Ledger) -> None:
        for number in range(many):
            billed(ledger, f"s{number}", f"c{number}", confirmed=number != 3)

    ledger = after(tmp_path, 1, fill)
    sweep(ledger)
    assert len(left(tmp_path, "sessions", "id")) == many
    sweep(ledger, need=True)
    stays = {f"s{number}" for number in range(30, many)} | {"s3"}
    assert set(left(tmp_path, "sessions", "id")) == stays
    assert [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)] == ["c3"]
    ledger.close()


def test_without_anything_to_drop_nothing_is_written(tmp_path: Path) -> None:
    ledger = after(tmp_path, DAYS + 1, lambda ledger: ledger.save_session(session_row("running")))
    log = tmp_path / "ledger.db-wal"
    before = log.read_bytes()
    sweep(ledger)
    sweep(ledger, need=True)
    assert log.read_bytes() == before
    ledger.close()


@pytest.mark.parametrize(
    ("ever_synced", "kept"),
    [
        pytest.param(False, ["x", "y"], id="never right: nothing has an age"),
        pytest.param(True, ["y"], id="right in an earlier boot, and that is late enough"),
    ],
)
def test_a_clock_that_is_not_right_forgets_nothing(
    tmp_path: Path, ever_synced: bool, kept: list[str]
) -> None:
    """Ten years ahead by mistake must not empty the memory, nor a row from 1970 seem old."""
    time = FakeTime(synced=ever_synced)
    ledger = open_ledger(tmp_path, time)
    ledger.save_ack(ack("fault", "x"))
    time.advance((ACK_DAYS + 1) * DAY_S)
    ledger.heartbeat(time.boot_s(), time.wall())
    ledger.close()
    wrong = FakeTime(wall=WALL + timedelta(days=3650), synced=False, boot_id="b" * 36)
    ledger = open_ledger(tmp_path, wrong)
    ledger.save_ack(ack("fault", "y"))
    ledger.close()
    back = FakeTime(wall=WALL - timedelta(days=20_000), synced=False, boot_id="c" * 36)
    ledger = open_ledger(tmp_path, back)
    sweep(ledger)
    assert [row.object_id for row in ledger.acks()] == kept
    ledger.close()


def test_a_clock_set_ahead_in_a_synchronised_boot_makes_nothing_old(tmp_path: Path) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    ledger.save_ack(ack("fault", "x"))
    time.step_wall(WALL + timedelta(days=3650))
    sweep(ledger)
    assert [row.object_id for row in ledger.acks()] == ["x"]
    ledger.close()
