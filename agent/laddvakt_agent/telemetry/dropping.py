"""What goes from `telemetry.db` when room is needed, in its order; each step is short.

Debug waveforms would go first; none are recorded. What is old is told by the rows' order, never
by a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from laddvakt_agent.telemetry.frozen import thinned
from laddvakt_agent.telemetry.means import FIGURES, QUARTER_S, Record, merged
from laddvakt_agent.telemetry.store import TelemetryStore

FINE_KEPT = 20  # of the newest snapshots every second stays as long as anything else can go
SNAPSHOTS_KEPT = 200
ROWS = 300  # of one step: some ten milliseconds on a slow controller

_ROWS_OF_A_DAY = 3000  # numbers given to rows of all kinds; two connectors charging
_MEANS = ("connector", "seconds", "state", *FIGURES)
_STAMP = ("seq", "boot", "at_s", "wall_ms", "clock")
Bucket: TypeAlias = tuple[int, str, int]


def drop_some(store: TelemetryStore) -> tuple[str, int]:
    """One step of the first class that has anything: its name and how many rows.

    "" and 0 when there is nothing left that may go.

    Raises:
        StorageError: the disk does not take it.
    """
    for name, step in _ORDER:
        rows = step(store)
        if rows:
            return name, rows
    return "", 0


def _thin_snapshot(store: TelemetryStore) -> int:
    """The oldest snapshot that still has its seconds keeps minutes instead."""
    found = store.read(
        "SELECT seq, body FROM snapshots WHERE every_s = 1 AND seq NOT IN"
        " (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT :kept) ORDER BY seq LIMIT 1",
        {"kept": FINE_KEPT},
    )
    for record in found:
        with store.transaction() as connection:
            connection.execute(
                "UPDATE snapshots SET every_s = 60, body = ? WHERE seq = ?",
                (_thinned(bytes(record["body"])), record["seq"]),
            )
    return len(found)


def _thinned(body: bytes) -> bytes:
    try:
        return thinned(body)
    except ValueError:
        return b""  # nobody could read it; its reason and time stay


def _events(store: TelemetryStore) -> int:
    return _oldest(store, "events")


def _merge_minutes(store: TelemetryStore) -> int:
    """Whole quarters of an hour of the oldest minutes; the newest of each connector stays."""
    found = store.read("SELECT * FROM minutes ORDER BY seq LIMIT :rows", {"rows": ROWS})
    buckets: dict[Bucket, list[Record]] = {}
    for record in found:
        place = int((float(record["at_s"]) - 1e-3) // QUARTER_S)
        row: Record = dict(record)
        buckets.setdefault((record["boot"], record["connector"], place), []).append(row)
    # The last one of each connector may go on behind what was read.
    unfinished = {connector: bucket for bucket in buckets for connector in (bucket[1],)}
    whole = [rows for bucket, rows in buckets.items() if unfinished[bucket[1]] != bucket]
    if not whole:
        return 0
    with store.transaction() as connection:
        for rows in whole:
            last = rows[-1]
            told = {name: last[name] for name in (*_STAMP, "connector")} | merged(rows)
            names = (*_STAMP, *_MEANS)
            connection.execute(
                f"INSERT INTO quarters ({', '.join(names)})"
                f" VALUES ({', '.join(f':{name}' for name in names)})",
                told,
            )
            connection.executemany(
                "DELETE FROM minutes WHERE seq = ?", [(row["seq"],) for row in rows]
            )
    return sum(map(len, whole))


def _snapshots(store: TelemetryStore) -> int:
    (count,) = store.read("SELECT count(*) FROM snapshots")[0]
    if count <= SNAPSHOTS_KEPT:
        return 0
    with store.transaction() as connection:
        return connection.execute(
            "DELETE FROM snapshots WHERE seq IN (SELECT seq FROM snapshots ORDER BY seq DESC"
            " LIMIT 10 OFFSET ?)",
            (SNAPSHOTS_KEPT,),
        ).rowcount


def _quarters(store: TelemetryStore) -> int:
    """The oldest figures of all, whichever table has them."""
    tables = ("quarters", "line_counts", "agent")
    firsts = [store.read(f"SELECT min(seq) AS seq FROM {table}")[0]["seq"] for table in tables]
    if not any(firsts):
        return 0
    bound = min(seq for seq in firsts if seq is not None) + _ROWS_OF_A_DAY
    with store.transaction() as connection:
        return sum(
            connection.execute(f"DELETE FROM {table} WHERE seq <= ?", (bound,)).rowcount
            for table in tables
        )


def _oldest(store: TelemetryStore, table: str) -> int:
    if not store.read(f"SELECT 1 FROM {table} LIMIT 1"):
        return 0
    with store.transaction() as connection:
        return connection.execute(
            f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} ORDER BY seq LIMIT ?)",
            (ROWS,),
        ).rowcount


_ORDER: tuple[tuple[str, Callable[[TelemetryStore], int]], ...] = (
    ("one_second_samples", _thin_snapshot),
    ("info_events", _events),
    ("minute_means", _merge_minutes),
    ("fault_snapshots", _snapshots),
    ("quarter_means", _quarters),
)
