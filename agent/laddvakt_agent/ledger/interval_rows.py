"""What every status interval is made of, and the few statements that write one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from laddvakt_agent.clock import Boot
from laddvakt_agent.ledger.rows import IntervalRow, SqlValue, columns, to_columns
from laddvakt_agent.ledger.store import STAMP, Store

UNKNOWN = "UNKNOWN"  # OCPI Status
REMOVED = "REMOVED"  # OCPI Status: no longer in the configuration
# Causes that nobody can tell while they last: they are found at the next start.
NOT_RUNNING = "agent_not_running"  # killed, crashed or without power
STOPPED = "agent_stopped"  # in good order, by a person or an update
NOT_RECORDED = "not_recorded"  # the disk has no word of that time
NOT_CONFIGURED = "not_configured"
FAILED = "agent_failed"  # a defect ended supervision; the agent closed the ledger and ended
STARTING = "nothing read yet"

PLANNED = "planned"  # cause classes
UNKNOWN_CLASS = "unknown"
OWN = "own"

INTERVAL = columns(IntervalRow)
_ALL = INTERVAL + STAMP
_NAMED = ", ".join(f":{name}" for name in _ALL)
_ADD = f"INSERT INTO intervals ({', '.join(_ALL)}) VALUES ({_NAMED})"
_REPLACE = (
    f"INSERT OR REPLACE INTO intervals (number, {', '.join(_ALL)}) VALUES (:number, {_NAMED})"
)
_END = (
    "UPDATE intervals SET ended_boot_id = :boot_id, ended_s = :at_s, ended_wall = :at_wall"
    " WHERE number = :number"
)
_GET = f"SELECT number, {', '.join(INTERVAL)} FROM intervals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A moment of one boot."""

    boot_id: str
    at_s: float
    at_wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(IntervalRow):
    """An interval with its place in the ledger."""

    number: int


def newest(store: Store, evse_uid: str) -> Numbered | None:
    """The last interval of an EVSE, `None` before its first."""
    sql = f"{_GET} WHERE evse_uid = :evse_uid ORDER BY number DESC LIMIT 1"
    found = store.rows(Numbered, sql, {"evse_uid": evse_uid})
    return found[0] if found else None


def running(store: Store) -> tuple[Numbered, ...]:
    """Those that have not ended, of all EVSEs that are not removed."""
    sql = f"{_GET} WHERE ended_wall IS NULL AND status != '{REMOVED}' ORDER BY number"
    return store.rows(Numbered, sql)


def everything(store: Store) -> tuple[Numbered, ...]:
    """Every interval, each EVSE's together and in their order."""
    return store.rows(Numbered, f"{_GET} ORDER BY evse_uid, number")


def add(store: Store, row: IntervalRow, stamp: Mapping[str, SqlValue]) -> None:
    """Write a new one; inside a `write`."""
    store.execute(_ADD, {**_plain(row), **stamp})


def put(store: Store, number: int, row: IntervalRow, stamp: Mapping[str, SqlValue]) -> None:
    """Write another one in its place; inside a `write`."""
    store.execute(_REPLACE, {**_plain(row), **stamp, "number": number})


def end(store: Store, number: int, at: Instant) -> None:
    """End one; inside a `write`."""
    store.execute(_END, {**to_columns(at), "number": number})


def begun(row: IntervalRow) -> Instant:
    """When it began."""
    return Instant(boot_id=row.begun_boot_id, at_s=row.begun_s, at_wall=row.begun_wall)


def ended(row: IntervalRow) -> Instant | None:
    """When it ended, `None` while it runs."""
    if row.ended_boot_id is None or row.ended_s is None or row.ended_wall is None:
        return None
    return Instant(boot_id=row.ended_boot_id, at_s=row.ended_s, at_wall=row.ended_wall)


def start_of(boot: Boot) -> Instant:
    """When this run of the agent started."""
    return Instant(boot_id=boot.boot_id, at_s=boot.started_s, at_wall=boot.started_wall)


def unknown(evse_uid: str, connector: str | None, at: Instant, cause: str) -> IntervalRow:
    """One of which nothing is known, running since `at`."""
    return IntervalRow(
        evse_uid=evse_uid,
        status=UNKNOWN,
        cause=cause,
        cause_class=UNKNOWN_CLASS,
        begun_boot_id=at.boot_id,
        begun_s=at.at_s,
        begun_wall=at.at_wall,
        connector=connector,
        would_have_worked="unknown",
    )


def starting(evse_uid: str, connector: str | None, at: Instant) -> IntervalRow:
    """The first one after a start."""
    return unknown(evse_uid, connector, at, STARTING)


def until(row: IntervalRow, at: Instant) -> IntervalRow:
    """The same, ended at `at`."""
    return replace(row, ended_boot_id=at.boot_id, ended_s=at.at_s, ended_wall=at.at_wall)


def _plain(row: IntervalRow) -> dict[str, SqlValue]:
    plain = to_columns(row)
    return {name: plain[name] for name in INTERVAL}
