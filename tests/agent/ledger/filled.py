"""A ledger with a row in every table, and what may happen to its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agent.ledger.samples import (
    WALL,
    cdr_of,
    ended,
    fault_row,
    latch,
    session_row,
)
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import (
    AckRow,
    CommandRow,
    Ledger,
)
from laddvakt_agent.ledger.rows import (
    ClockStepRow,
    ContactorRow,
    IntervalRow,
    SecurityRow,
    SelfTestRow,
)

PAGE = 4096
BOOT = FakeTime().boot_id()


def interval(status: str, at_s: float) -> IntervalRow:
    return IntervalRow(
        evse_uid="E1",
        status=status,
        cause_class="own",
        begun_boot_id=BOOT,
        begun_s=at_s,
        begun_wall=WALL,
        connector="1",
    )


def fill(ledger: Ledger, mark: str = "") -> None:
    """A row in every table."""
    row = ended(session_row(f"{mark}billed"))
    ledger.close_session_with_cdr(row, cdr_of(row, f"{mark}c"))
    ledger.save_session(session_row(f"{mark}running"))
    ledger.raise_fault(fault_row(f"{mark}stands"))
    ledger.raise_fault(fault_row(f"{mark}over"))
    ledger.clear_fault(f"{mark}over", at_s=130.0, at_wall=WALL)
    ledger.change_status([interval("AVAILABLE", 101.0)])
    ledger.change_status([interval("CHARGING", 102.0)])
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.add_command(
        CommandRow(source="local", who=mark, verb="out", outcome="done", at_s=103.0, at_wall=WALL)
    )
    ledger.save_ack(
        AckRow(
            kind="session", object_id=f"{mark}x", last_updated=WALL, body="{}", acknowledged=True
        )
    )
    ledger.add_self_test(
        SelfTestRow(
            connector="1", test="residual", passed=True, detail=mark, at_s=103.0, at_wall=WALL
        )
    )
    ledger.save_contactor(
        ContactorRow(connector=f"{mark}1", operations=7, load_openings=1, motion="{}")
    )
    ledger.security.add(
        SecurityRow(
            category="access", event="login", source="local", who=mark, detail="", result="done",
            boot_id=BOOT, clock_state="synced", at_s=103.0, at_wall=WALL,
        )
    )  # fmt: skip
    ledger.times.add_step(
        ClockStepRow(boot_id=BOOT, at_s=103.0, from_wall=WALL, to_wall=WALL, clock_state="synced")
    )
    ledger.retention.note({"commands": 3})


def content(ledger: Ledger) -> dict[str, set[tuple[object, ...]]]:
    """Every row of every table, but what each write moves on."""
    tables = [
        str(record["name"])
        for record in ledger._store.read(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'"
        )
    ]
    changing = {"runs": {"last_s", "last_wall"}, "latches": {"w_seq"}}
    return {
        table: {
            tuple(value for name, value in dict(row).items() if name not in changing.get(table, ()))
            for row in ledger._store.read(f"SELECT * FROM {table}")
        }
        for table in tables
    }


def spoil(path: Path, table: str) -> None:
    """Rubbish over a table's first page, on the disk and out of every cache."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        ((page,),) = connection.execute(query, (table,))
        connection.execute("UPDATE runs SET ended = ended")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def folder_gone(path: Path) -> None:
    path.parent.rename(path.parent.with_name(f"{path.parent.name}-elsewhere"))
