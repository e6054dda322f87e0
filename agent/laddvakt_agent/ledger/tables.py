"""What is written to and read from each table; every function is one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from laddvakt_agent.clock import Moment
from laddvakt_agent.ledger.audience import delivered
from laddvakt_agent.ledger.errors import Conflict, StorageError, StorageKind
from laddvakt_agent.ledger.rows import (
    CommandRow,
    FaultRow,
    SessionRow,
    SqlValue,
    columns,
    to_columns,
)
from laddvakt_agent.ledger.store import STAMP, Store
from laddvakt_agent.published import CdrRecord

SESSION_KIND = "session"
FAULT_KIND = "fault"


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f":{name}" for name in names)


def _assigned(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


_SESSION = columns(SessionRow)
_FAULT = columns(FaultRow)
_COMMAND = columns(CommandRow)

_GET_SESSION = f"SELECT {', '.join(_SESSION)} FROM sessions"
_GET_FAULT = f"SELECT {', '.join(_FAULT)} FROM faults"
_GET_COMMAND = f"SELECT {', '.join(_COMMAND)} FROM commands"
_PUT_SESSION = (
    f"INSERT INTO sessions ({', '.join(_SESSION + STAMP)}) VALUES ({_named(_SESSION + STAMP)})"
    f" ON CONFLICT(id) DO UPDATE SET {_assigned(_SESSION[1:] + STAMP)}"
)
_PUT_FAULT = (
    f"INSERT INTO faults ({', '.join(_FAULT + STAMP)}, raised_seq)"
    f" VALUES ({_named(_FAULT + STAMP)}, :w_seq)"
    f" ON CONFLICT(id) DO UPDATE SET {_assigned(_FAULT[1:] + STAMP)}"
)
_ADD_COMMAND = (
    f"INSERT INTO commands ({', '.join(_COMMAND + STAMP)}) VALUES ({_named(_COMMAND + STAMP)})"
)
# Also one whose first CDR was lost, but not what follows it, is not billed again.
_BILLED = "SELECT 1 FROM every_cdr WHERE session_id = {session}"
_OPEN = f"unbilled IS NULL AND NOT EXISTS ({_BILLED.format(session='sessions.id')})"
_ADD_CDR = (
    f"INSERT INTO cdrs (id, session_id, body, {', '.join(STAMP)})"
    f" VALUES (:id, :session_id, :body, {_named(STAMP)})"
)


# Sessions and CDRs


def save_sessions(store: Store, rows: tuple[SessionRow, ...], moment: Moment | None = None) -> None:
    """Write each as it stands; together or not at all. Without rows: only "alive"."""
    with store.write(moment) as stamp:
        for row in rows:
            _put_session(store, row, stamp)


def session(store: Store, session_id: str) -> SessionRow | None:
    """One session, `None` if there never was one."""
    found = store.rows(SessionRow, f"{_GET_SESSION} WHERE id = :id", {"id": session_id})
    return found[0] if found else None


def open_sessions(store: Store) -> tuple[SessionRow, ...]:
    """Those that still want a CDR, oldest first."""
    return store.rows(SessionRow, f"{_GET_SESSION} WHERE {_OPEN} ORDER BY rowid")


def close_with_cdr(store: Store, row: SessionRow, cdr: CdrRecord) -> None:
    """Settle the session and add its CDR, both or neither; the same again changes nothing.

    Raises:
        Conflict: the session has not ended, is not the CDR's, or already has another CDR.
    """
    if row.ended_wall is None:
        raise Conflict(f"session {row.id}: it has not ended, so there is nothing to bill yet")
    if cdr.session.id != row.id:
        raise Conflict(f"CDR {cdr.id} bills session {cdr.session.id}, not {row.id}")
    with store.write() as stamp:
        _put_session(store, replace(row, settled=True), stamp)
        _put_cdr(store, cdr, stamp)


def add_cdr(store: Store, cdr: CdrRecord) -> None:
    """Add a CDR to a session already written down; the identical one again changes nothing.

    Raises:
        Conflict: another CDR has this id or bills this session, or the session is unknown.
    """
    with store.write() as stamp:
        _put_cdr(store, cdr, stamp)


def cdrs(store: Store, *, unacknowledged_only: bool) -> tuple[CdrRecord, ...]:
    """Every CDR, also later ones, or those that a platform still waits for; oldest first."""
    where = f" WHERE NOT {delivered('c.id')}" if unacknowledged_only else ""
    found = store.read(f"SELECT body, place FROM every_cdr AS c{where} ORDER BY place")
    try:
        return tuple(msgspec.json.decode(record["body"], type=CdrRecord) for record in found)
    except msgspec.DecodeError as error:
        raise StorageError(StorageKind.DAMAGED, store.path, str(error)) from error


def _put_session(store: Store, row: SessionRow, stamp: dict[str, SqlValue]) -> None:
    billed = store.execute(_BILLED.format(session=":id"), {"id": row.id}).fetchone()
    if billed is None:
        store.execute(_PUT_SESSION, to_columns(row) | stamp)
    elif session(store, row.id) != row:
        raise Conflict(f"session {row.id}: it is billed, it cannot change any more")


def _put_cdr(store: Store, cdr: CdrRecord, stamp: dict[str, SqlValue]) -> None:
    body = msgspec.json.encode(cdr).decode()
    known = store.execute(
        "SELECT id, body FROM cdrs WHERE id = :id OR session_id = :session_id",
        {"id": cdr.id, "session_id": cdr.session.id},
    ).fetchone()
    if known is not None:
        if (known["id"], known["body"]) != (cdr.id, body):
            raise Conflict(
                f"CDR {cdr.id}: session {cdr.session.id} is already billed by CDR {known['id']}"
            )
        return
    if session(store, cdr.session.id) is None:
        raise Conflict(f"CDR {cdr.id} bills session {cdr.session.id}, which is unknown")
    own = {"id": cdr.id, "session_id": cdr.session.id, "body": body}
    store.execute(_ADD_CDR, own | stamp)


# Faults


def raise_fault(store: Store, row: FaultRow) -> None:
    """Note a new fault; the same again changes nothing: what is known of it may be newer.

    Raises:
        Conflict: another fault has this id.
    """
    with store.write() as stamp:
        known = _fault(store, row.id)
        if known is None:
            store.execute(_PUT_FAULT, to_columns(row) | stamp)
        elif (known.code, known.subject, known.since_s) != (row.code, row.subject, row.since_s):
            raise Conflict(f"fault {row.id}: it was raised before, as {known.code}")


def put_fault(store: Store, row: FaultRow, stamp: dict[str, SqlValue]) -> None:
    """Whatever is known of this fault, it is this; inside a `write`."""
    store.execute(_PUT_FAULT, to_columns(row) | stamp)


def update_fault(store: Store, row: FaultRow) -> None:
    """Replace what is known of a fault.

    Raises:
        Conflict: no such fault.
    """
    with store.write() as stamp:
        _known_fault(store, row.id)
        store.execute(_PUT_FAULT, to_columns(row) | stamp)


def clear_fault(store: Store, fault_id: str, at_s: float, at_wall: datetime) -> FaultRow:
    """Note when a fault ended; clearing it again keeps the first time. The row as it then is.

    Raises:
        Conflict: no such fault.
    """
    with store.write() as stamp:
        known = _known_fault(store, fault_id)
        if known.cleared_wall is not None:
            return known
        cleared = replace(known, cleared_s=at_s, cleared_wall=at_wall, changed_wall=at_wall)
        store.execute(_PUT_FAULT, to_columns(cleared) | stamp)
        return cleared


def open_faults(store: Store) -> tuple[FaultRow, ...]:
    """Those not cleared, oldest first."""
    return store.rows(FaultRow, f"{_GET_FAULT} WHERE cleared_wall IS NULL ORDER BY raised_seq")


def faults(store: Store, limit: int) -> tuple[FaultRow, ...]:
    """The newest `limit` faults, newest first."""
    newest = f"{_GET_FAULT} ORDER BY raised_seq DESC LIMIT :limit"
    return store.rows(FaultRow, newest, {"limit": limit})


def _fault(store: Store, fault_id: str) -> FaultRow | None:
    found = store.rows(FaultRow, f"{_GET_FAULT} WHERE id = :id", {"id": fault_id})
    return found[0] if found else None


def _known_fault(store: Store, fault_id: str) -> FaultRow:
    known = _fault(store, fault_id)
    if known is None:
        raise Conflict(f"fault {fault_id}: no such fault was raised")
    return known


# Commands


def add_command(store: Store, row: CommandRow) -> None:
    """Note a command and its outcome."""
    with store.write() as stamp:
        store.execute(_ADD_COMMAND, to_columns(row) | stamp)


def commands(store: Store, limit: int) -> tuple[CommandRow, ...]:
    """The newest `limit` commands, newest first."""
    newest = f"{_GET_COMMAND} ORDER BY number DESC LIMIT :limit"
    return store.rows(CommandRow, newest, {"limit": limit})
