"""Is the ledger sound: its file, its bills, its records, and what lies beside it. Changes nothing.

Everything is looked at, however much is wrong: one finding must not hide the next.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from laddvakt_agent.clock import Clock
from laddvakt_agent.ledger import check_beside, check_later, intervals
from laddvakt_agent.ledger.audience import delivered, waited_for
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.files import NAME, Damaged
from laddvakt_agent.ledger.points import Point, note, ok, wrong
from laddvakt_agent.ledger.reading import Reading, find, read
from laddvakt_agent.ledger.schema import READABLE_FROM, SCHEMA_VERSION
from laddvakt_agent.ledger.security import SecurityLog
from laddvakt_agent.ledger.store import Store

_RESTART = (
    "keep a copy of the file, then: systemctl restart laddvakt - it sets the file aside and takes "
    "over what can be read"
)
_REPORT = "keep an export (laddvakt ledger export) and report it: no start of the agent mends this"
_LEAST_WH = 0.01  # registers and their differences are kept in whole mWh
_MOST_SHOWN = 5  # of the same kind


def check(place: Path, *, full: bool = False, clock: Clock | None = None) -> tuple[Point, ...]:
    """Every point, of a state folder or of a single file such as a backup.

    Raises:
        Missing, Forbidden, NewerSchema, Restless: it cannot be looked at, and why.
    """
    clock = clock if clock is not None else Clock()
    path = find(place)
    try:
        points = read(path, lambda reading: tuple(_inside(reading, clock, full=full)))
    except (Damaged, StorageError) as error:
        points = (wrong("file", str(error), where=str(path), remedy=_RESTART),)
    if path.name == NAME:
        points += tuple(check_beside.check(path))
    return points


def _inside(reading: Reading, clock: Clock, *, full: bool) -> Iterator[Point]:
    where = str(reading.path)
    yield _file(reading)
    looks: tuple[Callable[[], Iterator[Point]], ...] = (
        lambda: _integrity(reading, full=full),
        lambda: check_beside.latches(reading),
        lambda: _bills(reading.rows, where),
        lambda: _energies(reading.rows, where),
        lambda: check_later.chains(reading.rows, where),
        lambda: _waiting(reading.rows),
        lambda: _records(reading, clock),
        lambda: _dropped(reading.rows),
    )
    for look in looks:
        try:
            yield from look()
        except (sqlite3.DatabaseError, StorageError) as error:
            yield wrong("rows", str(error), where=where, remedy=_RESTART)


def _file(reading: Reading) -> Point:
    found = f"schema {reading.schema}"
    if reading.schema < SCHEMA_VERSION:
        found += f", brought to {SCHEMA_VERSION} when the agent next starts"
    else:
        found += f", readable by versions from schema {READABLE_FROM} on"
    return ok("file", found, str(reading.path))


def _integrity(reading: Reading, *, full: bool) -> Iterator[Point]:
    where = str(reading.path)
    pragma = "integrity_check" if full else "quick_check"
    rows = reading.raw.execute(f"PRAGMA {pragma}({_MOST_SHOWN})").fetchall()
    damage = [str(row[0]) for row in rows if row[0] != "ok"]
    for line in damage:
        yield wrong("integrity", line, where=where, remedy=_RESTART)
    orphans = reading.raw.execute("PRAGMA foreign_key_check").fetchmany(_MOST_SHOWN) if full else ()
    for orphan in orphans:
        said = f"a row of {orphan[0]} belongs to none of {orphan[2]}"
        yield wrong("integrity", said, where=where, remedy=_REPORT)
    if not damage and not orphans:
        more = "every page, index and reference" if full else "every page; --full looks at more"
        yield ok("integrity", more, where)


def _bills(rows: sqlite3.Connection, where: str) -> Iterator[Point]:
    """Each settled session has its bill or says why it has none."""
    missing = rows.execute(
        "SELECT id, begun_at FROM sessions_corrected AS s WHERE settled = 1 AND unbilled IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM every_cdr AS c WHERE c.session_id = s.id)"
    ).fetchall()
    for session in missing[:_MOST_SHOWN]:
        yield wrong(
            "bills",
            f"session {session['id']} of {session['begun_at']} is settled and has neither a bill "
            "nor a reason for none",
            where=where,
            remedy="restart the agent: it bills what is settled; if this stays, report it with an "
            "export (laddvakt ledger export)",
        )
    if missing:
        return
    bills = _count(rows, "SELECT count(*) FROM cdrs")
    told = [f"{bills}, one for each settled session"]
    unbilled = _count(rows, "SELECT count(*) FROM sessions WHERE unbilled IS NOT NULL")
    unfinished = _count(rows, "SELECT count(*) FROM sessions WHERE settled = 0")
    told += [f"not billed, and why is said: {unbilled}"] if unbilled else []
    told += [f"under way: {unfinished}"] if unfinished else []
    yield ok("bills", "; ".join(told), where)


def _energies(rows: sqlite3.Connection, where: str) -> Iterator[Point]:
    found = 0
    for record in rows.execute("SELECT id, body FROM cdrs ORDER BY rowid"):
        said = _misbilled(record["body"])
        if said and found < _MOST_SHOWN:
            yield wrong("energies", f"bill {record['id']}: {said}", where=where, remedy=_REPORT)
        found += bool(said)
    if not found:
        yield ok("energies", "each bill is the difference of its registers", where)


def _misbilled(body: str) -> str:
    """What is wrong with a bill's energy; nothing where it is the registers' difference."""
    try:
        bill = json.loads(body)
        start_wh, end_wh = bill["session"]["start_wh"], bill["end_wh"]
        energy_wh = float(bill["session"]["energy_wh"])
        counted_wh = 0.0 if None in (start_wh, end_wh) else max(0.0, end_wh - start_wh)
        in_periods = sum(period["energy_wh"] for period in bill["session"]["periods"])
    except (ValueError, KeyError, TypeError) as error:
        return f"it cannot be read ({error})"
    if abs(energy_wh - counted_wh) > _LEAST_WH:
        return f"{energy_wh:.3f} Wh, but the registers say {counted_wh:.3f} Wh"
    if abs(energy_wh - in_periods) > _LEAST_WH:
        return f"{energy_wh:.3f} Wh, but its periods add up to {in_periods:.3f} Wh"
    return ""


def _waiting(rows: sqlite3.Connection) -> Iterator[Point]:
    record = rows.execute(
        "SELECT count(*) AS count, min(coalesce(w_at, w_wall)) AS oldest,"
        f" max({waited_for('c.id')}) AS parties FROM every_cdr_corrected AS c"
        f" WHERE NOT {delivered('c.id')}"
    ).fetchone()
    if not record["count"]:
        yield ok("confirmed", "every bill is confirmed by the backend")
        return
    yield note(
        "confirmed",
        f"not yet confirmed by {record['parties'] or 'the backend'}: {record['count']}, the oldest "
        f"of {record['oldest']}",
        remedy="kept, and sent when it can be reached; see: laddvakt uplink status",
    )


def _records(reading: Reading, clock: Clock) -> Iterator[Point]:
    where = str(reading.path)
    store = Store(reading.rows, reading.path, boot=clock.boot(), clock=clock)
    gaps = intervals.broken(store)
    for said in gaps[:_MOST_SHOWN]:
        yield wrong("status", said, where=where, remedy=_REPORT)
    if not gaps:
        yield ok("status", "the intervals of every EVSE join, from its first to now", where)
    chain = SecurityLog(store).verify()
    for gap in chain.breaks[:_MOST_SHOWN]:
        yield wrong(
            "security",
            f"entry {gap.number}: {gap.why}",
            where=where,
            remedy="somebody or something changed the log: keep the file as evidence",
        )
    if chain.whole:
        yield ok("security", f"{chain.rows} entries, an unbroken chain", where)


def _dropped(rows: sqlite3.Connection) -> Iterator[Point]:
    counts = {r["class"]: r["rows"] for r in rows.execute("SELECT * FROM dropped ORDER BY class")}
    if counts:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        yield note("dropped", f"let go because of age or room: {told}")


def _count(rows: sqlite3.Connection, sql: str) -> int:
    (count,) = rows.execute(sql).fetchone()
    return int(count)
