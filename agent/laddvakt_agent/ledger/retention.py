"""What leaves the ledger, and when: settled and confirmed things, once they are old or in need.

Never goes: a session that is not billed and confirmed, signed meter data, a status interval, a
standing fault, the last word on whether a connector is in service or in maintenance. The security
log keeps its own measure. Ages come from times that are surely right alone: however late a row may
have been written and however early it may be now, see `ages`. In need the rows' order counts
instead.

A call of `step` looks at a few rows and writes at most once; without anything to drop it writes
nothing. What went is counted in `dropped`, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from laddvakt_agent.ledger.ages import NOTHING, Oldness, oldness
from laddvakt_agent.ledger.audience import BACKEND, delivered
from laddvakt_agent.ledger.rows import SqlValue
from laddvakt_agent.ledger.store import STAMP, Store

KEPT = timedelta(days=400)
ACK_KEPT = timedelta(days=90)  # no receiver asks for what was settled that long ago
NEWEST_KEPT = 100  # rows of each class that stay whatever the need
_LOOKED_AT = 50  # rows of one step: some milliseconds
_AGE = ("w_seq", "w_boot_id", "w_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of one kind: which may go at all, and how they go."""

    name: str
    table: str
    may_go: str  # SQL over the table's columns
    delete: tuple[str, ...]  # statements with :row, the rowid; the last one ends the row itself
    kept: timedelta = KEPT
    at_once: int = _LOOKED_AT  # rows of one transaction: it must not hold up a commit
    stamp: tuple[str, ...] = _AGE  # SQL: what tells how old it is


_BILLED_AND_CONFIRMED = (
    "(EXISTS (SELECT 1 FROM every_cdr AS c WHERE c.session_id = sessions.id)"
    " AND NOT EXISTS (SELECT 1"
    f" FROM every_cdr AS c WHERE c.session_id = sessions.id AND NOT {delivered('c.id')}))"
)
_SIGNED = "(instr(coalesce(core, ''), '\"signed\":{') > 0)"  # whoever was billed may ask for proof
_NEVER_BILLED = "(unbilled IS NOT NULL AND settled = 1)"
_ALONE = "NOT EXISTS (SELECT 1 FROM audience)"  # an older version's, or nobody is told any more
_IN_DOUBT = (
    "(EXISTS (SELECT 1 FROM acks WHERE kind = '{kind}' AND object_id = {table}.id"
    " AND acknowledged = 0"
    f" AND ({_ALONE} OR '{BACKEND}' IN (SELECT party FROM audience)))"
    " OR EXISTS (SELECT 1 FROM party_acks WHERE kind = '{kind}' AND object_id = {table}.id"
    " AND acknowledged = 0 AND party IN (SELECT party FROM audience)))"
)
_OF_SESSION = "(SELECT id FROM sessions WHERE rowid = :row)"
_CDRS_OF_SESSION = f"(SELECT id FROM every_cdr WHERE session_id = {_OF_SESSION})"
# The whole chain goes at once, and is as old as its youngest.
_YOUNGEST = tuple(
    f"coalesce((SELECT l.{name} FROM later_cdrs AS l WHERE l.session_id = sessions.id"
    f" ORDER BY l.rowid DESC LIMIT 1), {name}) AS {name}"
    for name in _AGE
)
_LAST_WORD_OF = (
    "(verb IN {verbs} AND outcome = 'done' AND number = (SELECT max(number) FROM commands c"
    " WHERE c.connector IS commands.connector AND c.verb IN {verbs} AND c.outcome = 'done'))"
)
_LAST_WORD = (
    f"({_LAST_WORD_OF.format(verbs=('in', 'out'))}"
    f" OR {_LAST_WORD_OF.format(verbs=('maintenance', 'normal'))})"
)
_OPEN = "NOT EXISTS (SELECT 1 FROM every_cdr WHERE session_id = sessions.id)"
_SETTLED_ACK = (
    "acknowledged = 1 AND ("
    f"(kind = 'session' AND object_id NOT IN (SELECT id FROM sessions WHERE {_OPEN}))"
    " OR (kind = 'fault' AND object_id NOT IN"
    " (SELECT id FROM faults WHERE cleared_wall IS NULL))"
    " OR (kind = 'cdr' AND body <> ''))"
)


def _settled_acks(table: str, name: str, more: str = "") -> Group:
    return Group(
        name=name,
        table=table,
        may_go=_SETTLED_ACK + more,
        delete=(
            # A confirmed CDR stays known as such, or it would be billed again.
            f"UPDATE {table} SET body = '', location_url = NULL WHERE rowid = :row"
            " AND kind = 'cdr' AND acknowledged = 1",
            f"DELETE FROM {table} WHERE rowid = :row AND kind <> 'cdr'",
        ),
        kept=ACK_KEPT,
    )


def _without(kind: str, ids: str) -> tuple[str, ...]:
    return tuple(
        f"DELETE FROM {table} WHERE kind = '{kind}' AND object_id IN {ids}"
        for table in ("acks", "party_acks", "shown")
    )


# In need they give in this order.
GROUPS: tuple[Group, ...] = (
    _settled_acks("acks", "acknowledgements"),
    # What was in doubt at a platform that has left is nobody's question any more.
    _settled_acks(
        "party_acks",
        "party_acknowledgements",
        " OR (acknowledged = 0 AND kind <> 'cdr' AND party NOT IN (SELECT party FROM audience))",
    ),
    Group(
        name="self_tests",
        table="self_tests",
        may_go="1",
        delete=("DELETE FROM self_tests WHERE rowid = :row",),
    ),
    Group(
        name="commands",
        table="commands",
        may_go=f"NOT {_LAST_WORD}",
        delete=("DELETE FROM commands WHERE rowid = :row",),
    ),
    Group(
        name="cleared_faults",
        table="faults",
        may_go="cleared_wall IS NOT NULL AND NOT " + _IN_DOUBT.format(kind="fault", table="faults"),
        delete=(
            *_without("fault", "(SELECT id FROM faults WHERE rowid = :row)"),
            "DELETE FROM faults WHERE rowid = :row",
        ),
        at_once=50,
    ),
    Group(
        name="sessions",
        table="sessions",
        may_go=f"({_BILLED_AND_CONFIRMED} OR {_NEVER_BILLED}) AND NOT {_SIGNED} AND NOT "
        + _IN_DOUBT.format(kind="session", table="sessions"),
        delete=(
            *_without("cdr", _CDRS_OF_SESSION),
            *_without("session", _OF_SESSION),
            f"DELETE FROM later_cdrs WHERE session_id = {_OF_SESSION}",
            f"DELETE FROM cdrs WHERE session_id = {_OF_SESSION}",
            "DELETE FROM sessions WHERE rowid = :row",
        ),
        at_once=20,
        stamp=_YOUNGEST,
    ),
)


class Retention:
    """Lets go, a few rows at a time; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._place = 0  # of the group looked at
        self._after = 0  # the rowid looked at last
        self._sweeping = False
        self._need = False
        self._old: Oldness = NOTHING

    @property
    def sweeping(self) -> bool:
        """Whether a sweep has begun and not yet seen every row; may be read from any thread."""
        return self._sweeping

    def step(self, *, need: bool) -> bool:
        """Look at the next few rows and let go of what may; False once the sweep is complete.

        `need`: the oldest go whatever their age. A sweep begun without need ends there and
        starts anew when need arises.

        Raises:
            StorageError: the disk does not take it; nothing is lost by it.
        """
        if need != self._need or not self._sweeping:
            self._place, self._after, self._need, self._sweeping = 0, 0, need, True
        group = GROUPS[self._place]
        looked_at, going = self._look(group)
        if going:
            self._let_go(group, going)
        if looked_at:
            return True
        self._place, self._after = self._place + 1, 0
        if self._place == len(GROUPS):
            self._sweeping = False
        return self._sweeping

    def note(self, counts: Mapping[str, int]) -> None:
        """Count what was dropped elsewhere, by class.

        Raises:
            StorageError: the disk does not take it.
        """
        if not any(counts.values()):
            return
        with self._store.write() as stamp:
            for name, rows in counts.items():
                self._count(name, rows, stamp)

    def dropped(self) -> dict[str, int]:
        """How many rows of each class have gone since the ledger began."""
        found = self._store.read("SELECT class, rows FROM dropped ORDER BY class")
        return {record["class"]: record["rows"] for record in found}

    def room(self) -> tuple[int, int]:
        """Bytes of the ledger's pages, and of those that are free."""
        (size,), (count,), (free,) = (
            self._store.read(f"PRAGMA {name}")[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size) * int(count), int(size) * int(free)

    def _look(self, group: Group) -> tuple[int, list[int]]:
        """How many rows there were to look at, and which of them go now."""
        if self._after == 0:
            self._old = oldness(self._store, group.kept)
        if self._old == NOTHING and not self._need:
            return 0, []
        newest = self._newest_that_stays(group)
        found = self._store.read(
            f"SELECT rowid AS row, {', '.join(group.stamp)}, {group.may_go} AS may_go"
            f" FROM {group.table} WHERE rowid > :after AND rowid < :newest"
            " ORDER BY rowid LIMIT :rows",
            {"after": self._after, "newest": newest, "rows": group.at_once},
        )
        if found:
            self._after = found[-1]["row"]
        going = [
            record["row"]
            for record in found
            if record["may_go"]
            and (
                self._need or self._old.covers(record["w_seq"], record["w_boot_id"], record["w_s"])
            )
        ]
        return len(found), going

    def _newest_that_stays(self, group: Group) -> int:
        """In need the newest rows stay; otherwise their age is enough."""
        if not self._need:
            return 1 << 62
        found = self._store.read(
            f"SELECT rowid AS row FROM {group.table} ORDER BY rowid DESC LIMIT 1 OFFSET :kept",
            {"kept": NEWEST_KEPT - 1},
        )
        return int(found[0]["row"]) if found else 0

    def _let_go(self, group: Group, rows: list[int]) -> None:
        with self._store.write() as stamp:
            for row in rows:
                for statement in group.delete:
                    self._store.execute(statement, {"row": row})
            self._count(group.name, len(rows), stamp)

    def _count(self, name: str, rows: int, stamp: Mapping[str, SqlValue]) -> None:
        written = ", ".join(f"{column} = excluded.{column}" for column in STAMP)
        self._store.execute(
            f"INSERT INTO dropped (class, rows, {', '.join(STAMP)})"
            f" VALUES (:class, :rows, {', '.join(f':{column}' for column in STAMP)})"
            f" ON CONFLICT(class) DO UPDATE SET rows = rows + excluded.rows, {written}",
            {"class": name, "rows": rows, **stamp},
        )
