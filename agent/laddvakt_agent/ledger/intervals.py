"""How long each EVSE had which status, and why; the raw material of availability figures.

Intervals join: each begins at the boot second at which the one before it ended, from the EVSE's
first start on. Time of which nobody knows is an interval too, `UNKNOWN`, with the reason. `broken`
says where that is not so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from laddvakt_agent.ledger.interval_rows import (
    INTERVAL,
    NOT_CONFIGURED,
    NOT_RECORDED,
    OWN,
    REMOVED,
    UNKNOWN_CLASS,
    Instant,
    Numbered,
    add,
    begun,
    end,
    ended,
    everything,
    newest,
    put,
    start_of,
    starting,
    unknown,
    until,
)
from laddvakt_agent.ledger.rows import IntervalRow, SqlValue
from laddvakt_agent.ledger.store import Store

# Force majeure, a lost network and opening hours the agent cannot tell and never writes: they are
# for a version that can, and for whoever is told of them otherwise.
CLASSES = frozenset(
    {
        "grid",
        "vehicle",
        "planned",
        "vandalism",
        "force_majeure",
        "network",
        "closed",
        OWN,
        UNKNOWN_CLASS,
    }
)
EXCLUDED = CLASSES - {OWN, UNKNOWN_CLASS}  # what a regulation may leave out: never without evidence


def change_status(store: Store, rows: Sequence[IntervalRow]) -> int:
    """End the running intervals and begin these, in their order and in one commit; how many began.

    What already runs like this changes nothing, nor does a row that a newer one has overtaken: the
    same rows may be offered again. Of two rows of one instant the later counts.
    """
    with store.write() as stamp:
        return sum(_change(store, row, stamp) for row in rows)


def begin_evses(store: Store, configured: Mapping[str, str]) -> None:
    """At a start: each EVSE (uid → connector) has a running interval, what is gone is `REMOVED`."""
    started = start_of(store.boot)
    known = {record["evse_uid"] for record in store.read("SELECT evse_uid FROM intervals")}
    with store.write() as stamp:
        for evse_uid, connector in configured.items():
            last = newest(store, evse_uid)
            if last is None or last.ended_wall is not None or last.status == REMOVED:
                _change(store, starting(evse_uid, connector, started), stamp)
        for evse_uid in sorted(known - configured.keys()):
            _change(store, _removed(evse_uid, started), stamp)


def mend(store: Store, stamp: Mapping[str, SqlValue]) -> None:
    """Where rows of a damaged file could not be read, say so in their place; inside a `write`.

    A row that is gone has left its number free, so the order of the others stays.
    """
    rows = everything(store)
    taken = {row.number for row in rows}
    for _, group in groupby(rows, key=lambda row: row.evse_uid):
        for one, other in pairwise(group):
            at, beginning = ended(one), begun(other)
            free = next((n for n in range(one.number + 1, other.number) if n not in taken), None)
            if at is None or free is None or not _parted(one, other):
                continue
            if at.boot_id != beginning.boot_id or at.at_s < beginning.at_s:
                hole = unknown(one.evse_uid, one.connector, at, NOT_RECORDED)
                put(store, free, until(hole, beginning), stamp)
                taken.add(free)


def intervals(store: Store, evse_uid: str) -> tuple[IntervalRow, ...]:
    """Every interval of an EVSE, newest first."""
    newest_first = (
        f"SELECT {', '.join(INTERVAL)} FROM intervals WHERE evse_uid = :evse_uid"
        " ORDER BY number DESC"
    )
    return store.rows(IntervalRow, newest_first, {"evse_uid": evse_uid})


def broken(store: Store) -> tuple[str, ...]:
    """Where intervals do not join, run backwards or claim more than they can show; empty: nowhere.

    A hole before a row of an older version is no news: it left one after each of its starts.
    """
    boots = {
        record["boot_id"]: record["first"]
        for record in store.read("SELECT boot_id, min(run) AS first FROM runs GROUP BY boot_id")
    }
    found: list[str] = []
    for evse_uid, group in groupby(everything(store), key=lambda row: row.evse_uid):
        rows = tuple(group)
        for row in rows:
            found += [f"{evse_uid}, interval {row.number}: {said}" for said in _wrong(row, boots)]
        for one, other in pairwise(rows):
            if said := _parted(one, other):
                found.append(f"{evse_uid}, interval {one.number} and {other.number}: {said}")
        if rows[-1].ended_wall is not None and rows[-1].cause is not None:
            found.append(f"{evse_uid}, interval {rows[-1].number}: ended, and nothing follows")
    return tuple(found)


def _change(store: Store, row: IntervalRow, stamp: Mapping[str, SqlValue]) -> bool:
    last = newest(store, row.evse_uid)
    if last is not None and last.ended_wall is not None:
        _fill(store, last, begun(row), stamp)
    elif last is not None:
        same_boot = last.begun_boot_id == row.begun_boot_id
        if _kind(last) == _kind(row) or (same_boot and row.begun_s < last.begun_s):
            return False
        if same_boot and row.begun_s == last.begun_s:
            put(store, last.number, row, stamp)
            return True
        end(store, last.number, begun(row))
    add(store, row, stamp)
    return True


def _kind(row: IntervalRow) -> tuple[str | None, ...]:
    """What makes an interval another one; new words about the same cause do not."""
    return row.status, row.cause, row.cause_class, row.fault_id, row.would_have_worked


def _fill(store: Store, last: Numbered, beginning: Instant, stamp: Mapping[str, SqlValue]) -> None:
    """Older versions left a hole after a start; nobody knows any more what was in it."""
    at = ended(last)
    if at is not None and (at.boot_id, at.at_s) != (beginning.boot_id, beginning.at_s):
        hole = unknown(last.evse_uid, last.connector, at, NOT_RECORDED)
        add(store, until(hole, beginning), stamp)


def _removed(evse_uid: str, at: Instant) -> IntervalRow:
    row = unknown(evse_uid, None, at, NOT_CONFIGURED)
    return replace(row, status=REMOVED, cause_class=OWN)


def _wrong(row: Numbered, boots: Mapping[str, int]) -> Iterator[str]:
    at = ended(row)
    if at is None and (row.ended_boot_id, row.ended_s, row.ended_wall) != (None, None, None):
        yield "half of an end"
    if at is not None and _backwards(begun(row), at, boots):
        yield f"it ends before it begins ({at.at_s:.3f} s < {row.begun_s:.3f} s of {at.boot_id})"
    if row.cause is None:
        return  # of an older version, which knew less
    if row.cause_class not in CLASSES:
        yield f"nobody knows the cause class '{row.cause_class}'"
    if row.cause_class in EXCLUDED and not row.evidence:
        yield f"of class {row.cause_class} without evidence"


def _backwards(one: Instant, other: Instant, boots: Mapping[str, int]) -> bool:
    if one.boot_id == other.boot_id:
        return other.at_s < one.at_s
    if one.boot_id not in boots or other.boot_id not in boots:
        return False  # of a ledger that was set aside: their order is not known
    return boots[other.boot_id] < boots[one.boot_id]


def _parted(one: Numbered, other: Numbered) -> str:
    """How two neighbours do not join; empty when they do."""
    at, beginning = ended(one), begun(other)
    if at is None:
        return "the first has not ended, yet another follows"
    if at.boot_id != beginning.boot_id:
        return "" if other.cause is None else "one ends in another boot than the next begins"
    apart_s = beginning.at_s - at.at_s
    if apart_s == 0.0 or (apart_s > 0.0 and other.cause is None):
        return ""
    return f"{abs(apart_s):.3f} s {'between them' if apart_s > 0.0 else 'in both'}"
