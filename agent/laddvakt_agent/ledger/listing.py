"""The ledger's rows for people and their tools: times corrected, JSON as objects.

A row is what its table holds, without the stamp of its writing, and with `…_at` beside each time:
what the wall clock should have said, by all that is known today. `exactness` says how well that
is known: `synced` to well under a second, `peer` within seconds (the backend told it), `bounded`
only by the boots before and after; `raw` is what the clock said then, for want of better.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TypeAlias

from laddvakt_agent.ledger.audience import delivered, waited_for
from laddvakt_agent.ledger.files import NAME
from laddvakt_agent.ledger.latches import FILES, Copy, decode, look_at, newest
from laddvakt_agent.ledger.reading import Reading

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"
Row: TypeAlias = dict[str, Value]

EXACTNESS = ("synced", "peer", "bounded", "raw")  # the best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rows. `source` has a column `place`: their order."""

    source: str
    ends: str | None  # the time that `since` looks at; without one, rows have no age
    open_ended: bool = False  # without that time it still goes on
    by_connector: bool = True


def _stamped(table: str, *times: str, boot: str = "w_boot_id") -> str:
    """A table without a view of its own: its boot seconds corrected by their boot."""
    corrected = "".join(
        f", strftime('%Y-%m-%dT%H:%M:%fZ', boots.zero + t.{column}, 'unixepoch') AS {name}"
        for column, name in (time.split(" ") for time in times)
    )
    return (
        f"SELECT t.*{corrected}, boots.exactness AS boot_exactness, t.rowid AS place"
        f" FROM {table} AS t LEFT JOIN boots ON boots.boot_id = t.{boot}"
    )


def _numbered(table: str, more: str = "") -> Kind:
    source = f"SELECT *, at_at AS at{more}, number AS place FROM {table}_corrected"
    return Kind(source=source, ends="at", by_connector=table in ("commands", "self_tests"))


_SESSIONS = (
    "SELECT s.*, coalesce((SELECT id FROM cdrs WHERE session_id = s.id),"
    " (SELECT min(id) FROM later_cdrs WHERE session_id = s.id)) AS cdr_id,"
    " (SELECT rowid FROM sessions AS t WHERE t.id = s.id) AS place FROM sessions_corrected AS s"
)
_CDRS = (
    f"SELECT c.*, c.w_at AS made_at, c.w_wall AS made_wall, {delivered('c.id')} AS acknowledged,"
    f" {waited_for('c.id')} AS waited_for,"
    " CASE WHEN json_valid(c.body) THEN json_extract(c.body, '$.session.connector_id') END"
    " AS connector, c.place AS place"
    " FROM every_cdr_corrected AS c"
)
KINDS: dict[str, Kind] = {
    "sessions": Kind(source=_SESSIONS, ends="ended_at", open_ended=True),
    "cdrs": Kind(source=_CDRS, ends="made_at"),
    "faults": Kind(
        source="SELECT *, raised_seq AS place FROM faults_corrected",
        ends="cleared_at",
        open_ended=True,
    ),
    "status": Kind(
        source="SELECT *, number AS place FROM intervals_corrected",
        ends="ended_at",
        open_ended=True,
    ),
    "commands": _numbered("commands"),
    "security": _numbered("security"),
    "tests": _numbered("self_tests"),
    "contactors": Kind(source=_stamped("contactors", "w_s changed_at"), ends=None),
    "latches": Kind(source="", ends=None),
    "clock": _numbered("clock_steps", ", to_wall AS at_wall"),
    "dropped": Kind(source=_stamped("dropped", "w_s last_at"), ends=None, by_connector=False),
    "runs": Kind(
        source=_stamped("runs", "started_s started_at", "last_s last_at", boot="boot_id"),
        ends="last_at",
        by_connector=False,
    ),
}
_JSON = frozenset({"token", "periods", "core", "symptoms", "body", "motion"})
_FLAGS = frozenset({"settled", "estimated", "locked_out", "passed", "acknowledged", "ended"})
_INNER = frozenset({"place", "at_at", "raised_seq"})


def listed(
    reading: Reading,
    name: str,
    *,
    limit: int | None = None,
    since: str | None = None,
    connector: str | None = None,
) -> Iterator[Row]:
    """Rows of a kind, oldest first; of many the newest `limit`.

    `since` (ISO 8601) leaves out what was over before it; what has no age stays.

    Raises:
        NewerSchema: the latches are a newer version's.
    """
    if name == "latches":
        yield from _latches(reading, connector)
        return
    kind = KINDS[name]
    conditions = []
    if connector is not None:
        conditions.append("connector = :connector")
    if since is not None and kind.ends is not None:
        conditions.append(_not_before(kind))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    newest_first = f"SELECT * FROM ({kind.source}){where} ORDER BY place DESC LIMIT :limit"
    parameters = {"connector": connector, "since": since, "limit": -1 if limit is None else limit}
    oldest_first = f"SELECT * FROM ({newest_first}) ORDER BY place"
    for record in reading.rows.execute(oldest_first, parameters):
        yield _row(record)


def _not_before(kind: Kind) -> str:
    raw = str(kind.ends).removesuffix("_at") + "_wall" if kind.ends != "at" else "at_wall"
    known = f"coalesce({kind.ends}, {raw})"
    still = f"{known} IS NULL OR " if kind.open_ended else ""
    return f"({still}julianday({known}) >= julianday(:since))"


def _row(record: sqlite3.Row) -> Row:
    plain = {name: _value(name, record[name]) for name in record.keys()}  # noqa: SIM118 - no dict
    said = {str(plain[name]) for name in plain if name.endswith("exactness") and plain[name]}
    for name in [name for name in plain if name.endswith("_at") or name == "at"]:
        raw = plain.get("at_wall" if name == "at" else f"{name.removesuffix('_at')}_wall")
        if plain[name] is None and raw is not None:
            plain[name] = raw
            said.add("raw")
    row = {name: value for name, value in plain.items() if not _of_the_writing(name)}
    if said:
        row["exactness"] = max(said, key=_rank)
    return row


def _of_the_writing(name: str) -> bool:
    return name.startswith("w_") or name.endswith("exactness") or name in _INNER


def _rank(exactness: str) -> int:
    return EXACTNESS.index(exactness) if exactness in EXACTNESS else len(EXACTNESS)


def _value(name: str, value: Value) -> Value:
    if name in _FLAGS and isinstance(value, int):
        return bool(value)
    if name in _JSON and isinstance(value, str):
        try:
            parsed: Value = json.loads(value)
        except ValueError:
            return value  # damaged: shown as it is
        return parsed
    return value


def _latches(reading: Reading, connector: str | None) -> Iterator[Row]:
    """What counts: of the ledger's copy and the files beside it the newest."""
    copy = newest((_kept_copy(reading), *_copies_beside(reading)))
    for name, latch_set in copy.connectors.items() if copy is not None else ():
        for latch in latch_set.latches if connector in (None, name) else ():
            row: Row = {"connector": name, **asdict(latch), "boot_id": latch_set.boot_id}
            row["spent_s"] = list(latch.spent_s)
            row["act"] = None if latch.act is None else latch.act.name.lower()
            yield row


def _kept_copy(reading: Reading) -> Copy | None:
    found = reading.rows.execute("SELECT copy FROM latches").fetchone()
    return None if found is None else decode(found["copy"].encode(), reading.path)


def _copies_beside(reading: Reading) -> tuple[Copy | None, ...]:
    if reading.path.name != NAME:  # a backup: what lies beside it is of another ledger
        return ()
    return tuple(look_at(reading.path.with_name(name)).copy for name in FILES)
