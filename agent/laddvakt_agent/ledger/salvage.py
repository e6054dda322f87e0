"""What can still be read from a damaged ledger goes into the new one: above all unsent bills.

Every table is read from both ends until the damage; a row counts only if it is whole and of its
type. Without a readable session a bill makes its own. No damage keeps the agent from starting.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from laddvakt_agent.ledger import tables
from laddvakt_agent.ledger.errors import Conflict
from laddvakt_agent.ledger.rows import (
    AckRow,
    FaultRow,
    SessionRow,
    StoredRow,
    columns,
    from_columns,
)
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.published import CdrRecord

RowType = TypeVar("RowType", SessionRow, AckRow, FaultRow)


def salvage(damaged: Path, store: Store) -> int:
    """Copy what is readable of sessions, CDRs, acknowledgements and open faults; how many rows.

    Raises:
        StorageError: the disk does not take it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = _copied(damaged, Path(scratch))
        if copy is None:
            return 0
        with closing(sqlite3.connect(copy)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = _text
            sessions = _rows(connection, "sessions", SessionRow)
            cdrs = _cdrs(connection)
            acks = _rows(connection, "acks", AckRow)
            faults = _rows(connection, "faults", FaultRow)
    known = {row.id for row in sessions}
    unknown = (_session_of(cdr) for cdr in cdrs if cdr.session.id not in known)
    tables.save_sessions(store, (*sessions, *unknown))
    for row in acks:
        tables.save_ack(store, row)
    open_faults = {row.id: row for row in faults if row.cleared_wall is None}
    for fault in open_faults.values():
        tables.raise_fault(store, fault)
    return len(sessions) + len(acks) + len(open_faults) + _add(store, cdrs)


def _copied(damaged: Path, scratch: Path) -> Path | None:
    """A copy with its log, because even reading would change the evidence; `None`: no room."""
    copy = scratch / "ledger.db"
    log = damaged.with_name(damaged.name + "-wal")
    try:
        shutil.copyfile(damaged, copy)
        if log.exists():
            shutil.copyfile(log, scratch / "ledger.db-wal")
    except OSError:  # the damaged file stays where it is: it can still be read by hand
        return None
    return copy


def _rows(
    connection: sqlite3.Connection, table: str, row_type: type[RowType]
) -> tuple[RowType, ...]:
    found: dict[int, RowType] = {}
    stored: type[StoredRow] = row_type
    for record in _records(connection, f"rowid AS number, {', '.join(columns(stored))}", table):
        plain = {name: record[name] for name in columns(stored)}
        try:
            found[record["number"]] = from_columns(row_type, plain)
        except (msgspec.DecodeError, TypeError):
            continue  # garbage in place of a row
    return tuple(found[number] for number in sorted(found))


def _cdrs(connection: sqlite3.Connection) -> tuple[CdrRecord, ...]:
    found: dict[int, CdrRecord] = {}
    for record in _records(connection, "rowid AS number, body", "cdrs"):
        try:
            found[record["number"]] = msgspec.json.decode(record["body"], type=CdrRecord)
        except (msgspec.DecodeError, TypeError):
            continue  # garbage in place of a bill
    return tuple(found[number] for number in sorted(found))


def _records(connection: sqlite3.Connection, names: str, table: str) -> list[sqlite3.Row]:
    """The records before and after the damage."""
    found: list[sqlite3.Row] = []
    for order in ("ASC", "DESC"):
        try:
            for record in connection.execute(f"SELECT {names} FROM {table} ORDER BY rowid {order}"):
                if not any(_spoilt(value) for value in record):
                    found.append(record)
        except sqlite3.Error:
            continue  # this is where it is damaged
        break
    return found


def _add(store: Store, cdrs: tuple[CdrRecord, ...]) -> int:
    added = 0
    for cdr in cdrs:
        try:
            tables.add_cdr(store, cdr)
        except Conflict:
            continue  # two rows for one session: one of them is damage
        added += 1
    return added


def _session_of(cdr: CdrRecord) -> SessionRow:
    session = cdr.session
    return SessionRow(
        id=session.id,
        connector=session.connector_id,
        evse_uid=session.evse_uid,
        token=session.token,
        auth_method=session.auth_method,
        boot_id="",
        begun_s=0.0,
        begun_wall=session.started_at,
        meter_id=session.meter_id,
        start_wh=session.start_wh,
        ended_s=0.0,
        ended_wall=session.ended_at,
        end_wh=cdr.end_wh,
        end_reason=cdr.remark,
        settled=True,
    )


def _text(raw: bytes) -> str:
    """Text with a mark where it is none: an error here would end the whole reading."""
    return raw.decode(errors="replace")


def _spoilt(value: object) -> bool:
    return isinstance(value, str) and "\ufffd" in value
