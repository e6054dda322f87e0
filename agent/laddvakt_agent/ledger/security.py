"""The security log: only ever added to, each row bound to the one before it by a digest.

What IEC 62443-4-2 CR 2.8 wants of an auditable event stands in these columns: the time in `at_wall`
and `at_s` with `clock_state`, where it came from in `source` and `who`, `category`, `event` (its
type), `number` (its id) and `result`.

`digest` is the SHA-256, in hex, over the previous row's digest (64 zeros before the first), a line
feed, and the row's other columns but `previous` as a JSON array in the order of `DIGESTED`. Whoever
changes, inserts, removes or moves a row breaks the chain there; `verify` says at which number. Rows
missing at the end are told by the head kept in `meta`. Somebody who may write the whole file can
build a new chain: the head in the system's journal, which `verify` takes, contradicts that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from laddvakt_agent.ledger.ages import Oldness, oldness
from laddvakt_agent.ledger.fingerprints import Fingerprints
from laddvakt_agent.ledger.rows import SecurityRow, SqlValue, columns, to_columns
from laddvakt_agent.ledger.store import STAMP, Store

FIRST_PREVIOUS = "0" * 64
KEPT = timedelta(days=90)
MOST_PRUNED = 1000  # rows in one commit
PRUNED = "log_pruned"

_ROW = columns(SecurityRow)
_ALL = ("number", *_ROW, *STAMP)
DIGESTED = tuple(name for name in _ALL if name not in ("previous", "digest"))
_ADD = f"INSERT INTO security ({', '.join(_ALL)}) VALUES ({', '.join(f':{n}' for n in _ALL)})"
_GET = f"SELECT {', '.join(_ALL)} FROM security"
_HEAD = "security_head"  # names in `meta`
_REAL = frozenset({"at_s", "w_s"})
_TRIGGERS = frozenset({"security_no_update", "security_no_delete", "security_only_at_the_end"})
_LICENCE = "security_prune"  # up to this number rows may be deleted, inside one transaction only


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest row: enough to prove later that nothing up to it was changed."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEntry(SecurityRow):
    """An event as it stands in the log."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A place where the chain does not hold; `number` is the row that shows it."""

    number: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of the whole chain showed."""

    rows: int
    first: int  # number of the oldest row there is; 0: none
    head: Head | None
    breaks: tuple[Break, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing was changed, moved, inserted or removed."""
        return not self.breaks


class SecurityLog:
    """The security log of one ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fingerprints = Fingerprints(store)

    def add(self, *rows: SecurityRow) -> int:
        """Add events at the end in one commit; how many. What they say of the chain is replaced."""
        with self._store.write() as stamp:
            for row in rows:
                _append(self._store, to_columns(row) | stamp)
        return len(rows)

    def rows(self, limit: int = 100, *, since: int = 0) -> tuple[SecurityEntry, ...]:
        """The newest `limit` events after number `since`, newest first."""
        names = ("number", *_ROW)
        return self._store.rows(
            SecurityEntry,
            f"SELECT {', '.join(names)} FROM security WHERE number > :since"
            " ORDER BY number DESC LIMIT :limit",
            {"since": since, "limit": limit},
        )

    def head(self) -> Head | None:
        """The newest row, `None` while there is none."""
        return _head(self._store)

    def verify(self, known: Head | None = None) -> Verdict:
        """Check every row. `known`: a head from elsewhere, such as the system's journal."""
        records = [dict(r) for r in self._store.read(f"{_GET} ORDER BY number")]
        breaks = [*_unguarded(self._store), *_broken(records)]
        for head in dict.fromkeys((_noted_head(self._store), known)):
            breaks += [] if head is None else _contradicted(records, head)
        return Verdict(
            rows=len(records),
            first=_number(records[0]) if records else 0,
            head=self.head(),
            breaks=tuple(breaks),
        )

    def prune(self, age: timedelta = KEPT) -> int:
        """Delete events that are surely older than `age`, but never under 90 days; how many.

        At most `MOST_PRUNED` at once, and the last one stays. An event of its own says up to which
        number they went, with that row's digest: the chain is then checked from there.
        """
        old = oldness(self._store, max(age, KEPT))
        until = self._last_old(old)
        if until is None:
            return 0
        with self._store.write() as stamp:
            self._store.execute(
                "INSERT INTO meta VALUES (:name, :number)",
                {"name": _LICENCE, "number": str(until.number)},
            )
            gone = self._store.execute(
                "DELETE FROM security WHERE number <= :number", {"number": until.number}
            ).rowcount
            self._store.execute("DELETE FROM meta WHERE name = :name", {"name": _LICENCE})
            _append(self._store, to_columns(_pruned(self._store, until)) | stamp)
        return gone

    def _last_old(self, old: Oldness) -> Head | None:
        """The last row of those at the beginning that are old."""
        last = None
        head = self.head()
        for record in self._store.read(f"{_GET} ORDER BY number LIMIT {MOST_PRUNED}"):
            covered = old.covers(record["w_seq"], record["boot_id"], record["at_s"])
            if not covered or head is None or record["number"] == head.number:
                break
            last = Head(number=record["number"], digest=record["digest"])
        return last


def take_over(store: Store, records: Iterable[Mapping[str, SqlValue]]) -> int:
    """Add rows of another file of this ledger, inside a `write`; how many.

    Into an empty log they come as they are, with their chain and what is missing in it. Behind
    others they are bound anew; one that is there already is left out.
    """
    empty = store.execute("SELECT 1 FROM security").fetchone() is None
    known = {(r["w_boot_id"], r["w_s"], r["event"], r["at_s"]) for r in store.read(_GET)}
    count = 0
    for record in records:
        if (record["w_boot_id"], record["w_s"], record["event"], record["at_s"]) in known:
            continue
        if empty:
            store.execute(_ADD, dict(record))
            _keep_head(store, Head(number=_number(record), digest=str(record["digest"])))
        else:
            _append(store, record)
        count += 1
    return count


def keep_lost_end(store: Store, source: Mapping[str, str]) -> None:
    """How far the log went by another file's `meta`: a lost end must not look whole.

    Inside a `write`.
    """
    lost, noted = _head_in(source.get(_HEAD, "")), _noted_head(store)
    if lost is not None and (noted is None or noted.number < lost.number):
        _keep_head(store, lost)


def digest_of(record: Mapping[str, SqlValue], previous: str) -> str:
    """The digest of a row that follows `previous`."""
    text = msgspec.json.encode([_as_stored(name, record[name]) for name in DIGESTED])
    return hashlib.sha256(previous.encode() + b"\n" + text).hexdigest()


def _as_stored(name: str, value: SqlValue) -> SqlValue:
    """A column of numbers with a fraction gives back 100.0 for 100."""
    return float(value) if name in _REAL and isinstance(value, int) else value


def _append(store: Store, row: Mapping[str, SqlValue]) -> Head:
    """Behind the last row there ever was: where the end was cut off, a hole shows it for ever."""
    there, noted = _head(store), _noted_head(store)
    before = noted if there is None or (noted and noted.number > there.number) else there
    previous = FIRST_PREVIOUS if before is None else before.digest
    number = 1 if before is None else before.number + 1
    record = {**row, "number": number, "previous": previous}
    record["digest"] = digest_of(record, previous)
    store.execute(_ADD, record)
    head = Head(number=number, digest=str(record["digest"]))
    _keep_head(store, head)
    return head


def _head(store: Store) -> Head | None:
    sql = "SELECT number, digest FROM security ORDER BY number DESC LIMIT 1"
    found = store.rows(Head, sql)
    return found[0] if found else None


def _keep_head(store: Store, head: Head) -> None:
    store.execute(
        "INSERT OR REPLACE INTO meta VALUES (:name, :value)",
        {"name": _HEAD, "value": f"{head.number} {head.digest}"},
    )


def _broken(records: list[dict[str, SqlValue]]) -> Iterable[Break]:
    """Where a row does not follow from the one before it."""
    anchor = _anchor(records)
    number, digest = anchor.number, anchor.digest
    for record in records:
        at = _number(record)
        if at != number + 1:
            yield Break(number=at, why=_missing(number + 1, at - 1))
        elif record["previous"] != digest:
            yield Break(number=at, why=f"it does not follow row {number} as that one stands")
        if digest_of(record, str(record["previous"])) != record["digest"]:
            yield Break(number=at, why="it was changed")
        number, digest = at, str(record["digest"])


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _anchor(records: list[dict[str, SqlValue]]) -> Head:
    """What the first row must follow: nothing, or what was pruned last."""
    said = (_head_in(str(r["detail"])) for r in reversed(records) if r["event"] == PRUNED)
    return next(filter(None, said), Head(number=0, digest=FIRST_PREVIOUS))


def _noted_head(store: Store) -> Head | None:
    found = store.read("SELECT value FROM meta WHERE name = :name", {"name": _HEAD})
    return _head_in(str(found[0]["value"])) if found else None


def _head_in(text: str) -> Head | None:
    """A head as it is noted: its number and its digest; `None`: it is none."""
    number, _, digest = text.partition(" ")
    return Head(number=int(number), digest=digest) if number.isdecimal() else None


def _unguarded(store: Store) -> Iterable[Break]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'security'"
    gone = _TRIGGERS - {str(record["name"]) for record in store.read(sql)}
    if gone:
        yield Break(
            number=0, why=f"what guards it in the database is gone: {', '.join(sorted(gone))}"
        )


def _contradicted(records: list[dict[str, SqlValue]], known: Head) -> Iterable[Break]:
    """Whether the log still has a row that it once had; a pruned one is not missed."""
    by_number = {_number(record): record for record in records}
    last = max(by_number, default=0)
    if known.number > last:
        yield Break(number=known.number, why=_missing(last + 1, known.number) + " at the end")
    elif known.number in by_number and by_number[known.number]["digest"] != known.digest:
        yield Break(number=known.number, why="another row was once here")


def _pruned(store: Store, until: Head) -> SecurityRow:
    now = store.moment()
    return SecurityRow(
        category="log",
        event=PRUNED,
        source="agent",
        who="",
        detail=f"{until.number} {until.digest}",
        result="done",
        boot_id=store.boot.boot_id,
        at_s=now.at_s,
        at_wall=now.at_wall,
        clock_state=now.clock_state.value,
    )


def _number(record: Mapping[str, SqlValue]) -> int:
    number = record["number"]
    return number if isinstance(number, int) else 0
