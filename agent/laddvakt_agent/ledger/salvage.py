"""What can still be read of another ledger goes into this one: above all unsent bills.

Every table is read from both ends until the damage. A row counts only if it is whole and of its
type, and only if this ledger has none in its place; it keeps the stamp it was written with. A bill
without a readable session makes its own. No damage keeps the agent from starting.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import MappingProxyType

import msgspec

from laddvakt_agent.ledger import aside, intervals, security
from laddvakt_agent.ledger.errors import LedgerError
from laddvakt_agent.ledger.files import os_errors
from laddvakt_agent.ledger.latches import decode
from laddvakt_agent.ledger.later import later_row, youngest
from laddvakt_agent.ledger.orphans import session_of
from laddvakt_agent.ledger.rows import (
    AckRow,
    ClockStepRow,
    CommandRow,
    ContactorRow,
    FaultRow,
    IntervalRow,
    PartyAckRow,
    SecurityRow,
    SelfTestRow,
    SessionRow,
    SqlValue,
    StoredRow,
    columns,
    from_columns,
    to_columns,
)
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.published import CdrRecord

_OWN = frozenset({"schema", "security_head", "security_prune"})  # in `meta`: of the file itself
_BILLS = ("cdrs", "later_cdrs")
_FIRST = ("runs", "syncs", "sessions", *_BILLS)  # a bill needs its session
_META = ("name", "value")
_NUMBER = "number"
# What may differ in two copies of one numbered row: an interval ends later.
_NOT_ITS_OWN = frozenset({_NUMBER, "w_seq", "ended_boot_id", "ended_s", "ended_wall"})
_ROW_TYPES: Mapping[str, type[StoredRow]] = {
    "sessions": SessionRow,
    "faults": FaultRow,
    "intervals": IntervalRow,
    "commands": CommandRow,
    "acks": AckRow,
    "party_acks": PartyAckRow,
    "self_tests": SelfTestRow,
    "contactors": ContactorRow,
    "security": SecurityRow,
    "clock_steps": ClockStepRow,
}

Record = dict[str, SqlValue]


def take_over_due(store: Store) -> int:
    """Take over what has been set aside and not been read yet; how many rows.

    What cannot be copied, for want of room, stays due.

    Raises:
        StorageError: the disk does not take it.
    """
    count = 0
    with os_errors(store.path):
        for damaged in aside.due(store.path):
            taken = salvage(damaged, store) if damaged.exists() else 0
            if taken is None:
                return count
            count += taken
        aside.taken_over(store.path)
    return count


def salvage(damaged: Path, store: Store) -> int | None:
    """Copy what is readable of it; how many rows, `None` where there is no room to look.

    Raises:
        StorageError: the disk does not take it.
    """
    with ExitStack() as stack:
        try:
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
        except OSError:  # not even a folder for the copy
            return None
        copy = _copied(damaged, Path(scratch))
        if copy is None:
            return None
        with closing(sqlite3.connect(copy)) as connection, store.write() as stamp:
            count = merge(connection, store)
            intervals.mend(store, stamp)
            return count


def merge(
    source: sqlite3.Connection,
    store: Store,
    *,
    without: frozenset[str] = frozenset(),
    anew: Mapping[str, SqlValue] = MappingProxyType({}),
) -> int:
    """Add every readable row of `source` that this ledger lacks, inside a `write`; how many.

    `without`: tables to leave out; `anew`: columns in which every row gets this value.
    """
    source.row_factory = sqlite3.Row
    source.text_factory = _text
    tables = [name for name in _tables(store) if name not in without]
    return sum(_merge_table(source, store, name, anew) for name in tables)


def add_bill(store: Store, cdr: CdrRecord, stamp: Mapping[str, SqlValue]) -> None:
    """A bill this ledger may lack, with its session, inside a `write`."""
    if cdr.follows is not None:
        _add(store, "later_cdrs", later_row(store, cdr, stamp))
        return
    body = msgspec.json.encode(cdr).decode()
    row: Record = {"id": cdr.id, "session_id": cdr.session.id, "body": body, **stamp}
    _add_session(store, row)
    _add(store, "cdrs", row)


def _merge_table(
    source: sqlite3.Connection, store: Store, table: str, anew: Mapping[str, SqlValue]
) -> int:
    names = _shared_columns(source, store, table)
    if table == "security" and names:
        return _merge_security(source, store, names, anew)
    own = tuple(name for name in names if name not in _NOT_ITS_OWN)
    known = _known(store, table, own) if _NUMBER in names else None
    count = 0
    for row in _records(source, names, table) if names else ():
        if not _whole(table, row):
            continue
        if table in _BILLS:
            _add_session(store, row)
        if table == "later_cdrs":  # after all first ones, which have come and have new numbers
            row["after_row"] = youngest(store)
        if known is not None:
            if tuple(row[name] for name in own) in known:
                continue
            del row[_NUMBER]
        count += _add(store, table, row | {k: v for k, v in anew.items() if k in row})
    return count


def _merge_security(
    source: sqlite3.Connection, store: Store, names: tuple[str, ...], anew: Mapping[str, SqlValue]
) -> int:
    """Its rows are a chain: what is missing in it, also at its end, must be seen for ever."""
    begun = bool(store.read("SELECT 1 FROM security LIMIT 1"))  # then these are bound anew
    found = (row for row in _records(source, names, "security") if _whole("security", row))
    count = security.take_over(store, ({**row, **anew} if begun else row for row in found))
    if not begun:
        meta = {str(row["name"]): str(row["value"]) for row in _records(source, _META, "meta")}
        security.keep_lost_end(store, meta)
    return count


def _known(store: Store, table: str, own: tuple[str, ...]) -> set[tuple[SqlValue, ...]] | None:
    """What stands in a numbered table; `None`: nothing, so every row can keep its number."""
    return {tuple(row) for row in store.read(f"SELECT {', '.join(own)} FROM {table}")} or None


def _add(store: Store, table: str, row: Record) -> int:
    """1 if it was taken; a row that breaks a rule of the table is damage."""
    statement = (
        f"INSERT INTO {table} ({', '.join(row)})"
        f" VALUES ({', '.join(f':{name}' for name in row)}) ON CONFLICT DO NOTHING"
    )
    try:
        return max(store.execute(statement, row).rowcount, 0)
    except sqlite3.IntegrityError:
        return 0


def _tables(store: Store) -> list[str]:
    found = store.read(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    names = [str(record["name"]) for record in found]
    return [*_FIRST, *(name for name in names if name not in _FIRST)]


def _shared_columns(source: sqlite3.Connection, store: Store, table: str) -> tuple[str, ...]:
    """The columns both know: the other one may be of another version."""
    ours = [str(record["name"]) for record in store.read(f"PRAGMA table_info({table})")]
    try:
        theirs = {str(record["name"]) for record in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        return ()
    return tuple(name for name in ours if name in theirs)


def _records(source: sqlite3.Connection, names: tuple[str, ...], table: str) -> Iterator[Record]:
    """The records before and after the damage, in their order."""
    query = f"SELECT rowid AS at_row, {', '.join(names)} FROM {table} ORDER BY rowid"
    last = None
    try:
        for record in source.execute(query):
            last = record["at_row"]
            yield from _readable(record, names)
    except sqlite3.Error:
        yield from reversed(_from_the_end(source, f"{query} DESC", names, last))


def _from_the_end(
    source: sqlite3.Connection, query: str, names: tuple[str, ...], last: int | None
) -> list[Record]:
    """Backwards until the damage, or until what was read before it."""
    found: list[Record] = []
    try:
        for record in source.execute(query):
            if last is not None and record["at_row"] <= last:
                break
            found.extend(_readable(record, names))
    except sqlite3.Error:
        pass  # this is where it is damaged; what lies behind it is what could be read
    return found


def _readable(record: sqlite3.Row, names: tuple[str, ...]) -> Iterator[Record]:
    if not any(isinstance(value, str) and "\ufffd" in value for value in record):
        yield {name: record[name] for name in names}


def _whole(table: str, row: Record) -> bool:
    """Whether a row says something of its type, and no rubbish in its place."""
    try:
        if table == "meta":
            return row["name"] not in _OWN
        if table in _BILLS:
            cdr = msgspec.json.decode(str(row["body"]), type=CdrRecord)
            told = (cdr.id, cdr.session.id, cdr.follows, cdr.credits)
            return told == (row["id"], row["session_id"], row.get("follows"), row.get("credits"))
        if table == "latches":
            return decode(str(row["copy"]).encode(), Path(table)) is not None
        if table in _ROW_TYPES:
            row_type = _ROW_TYPES[table]
            known = {name: row[name] for name in columns(row_type) if name in row}
            from_columns(row_type, known)
    except (msgspec.DecodeError, TypeError, LedgerError):
        return False
    return True


def _add_session(store: Store, bill: Record) -> None:
    """A session of its own for a bill that has lost it."""
    at: Record = {"session_id": bill["session_id"]}
    if not store.read("SELECT 1 FROM sessions WHERE id = :session_id", at):
        cdr = msgspec.json.decode(str(bill["body"]), type=CdrRecord)
        stamp = {name: value for name, value in bill.items() if name.startswith("w_")}
        _add(store, "sessions", {**to_columns(session_of(cdr)), **stamp})


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


def _text(raw: bytes) -> str:
    """Text with a mark where it is none: an error here would end the whole reading."""
    return raw.decode(errors="replace")
