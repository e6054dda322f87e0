"""Who is told what, and so when a CDR is delivered: once every platform that is told CDRs has it.

The platform named "backend" has the table of acknowledgements that older versions know; all others
share `party_acks`. `audience` lists those that are configured now: whoever has left it blocks
nothing, and comes back to what it had confirmed.

A platform that joins is told every CDR that nobody has confirmed yet and all that follow. Those
that another platform has confirmed by then count as told: they are not billed twice. What takes
back or corrects a CDR goes the way of that one: see `later`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from laddvakt_agent.ledger.rows import AckRow, PartyAckRow, SqlValue, columns, to_columns
from laddvakt_agent.ledger.store import STAMP, Store

BACKEND = "backend"  # the only platform of versions before schema 4
COUNTED = ""  # `location_url` of a CDR that only counts as told: others have it

_HAS = (
    "(({party} = '" + BACKEND + "' AND EXISTS (SELECT 1 FROM acks WHERE kind = 'cdr'"
    " AND object_id = {cdr} AND acknowledged = 1)) OR EXISTS (SELECT 1 FROM party_acks AS p"
    " WHERE p.kind = 'cdr' AND p.object_id = {cdr} AND p.party = {party} AND p.acknowledged = 1))"
)
_SOMEBODY_HAS = (
    "(EXISTS (SELECT 1 FROM acks WHERE kind = 'cdr' AND object_id = {cdr} AND acknowledged = 1)"
    " OR EXISTS (SELECT 1 FROM party_acks AS p WHERE p.kind = 'cdr' AND p.object_id = {cdr}"
    " AND p.acknowledged = 1))"
)


def delivered(cdr: str) -> str:
    """SQL: whether everybody has the CDR whose id the expression `cdr` gives."""
    lacking = f"SELECT 1 FROM audience AS a WHERE a.cdrs = 1 AND NOT {_HAS}"
    return f"({_SOMEBODY_HAS} AND NOT EXISTS ({lacking}))".format(cdr=cdr, party="a.party")


def waited_for(cdr: str) -> str:
    """SQL: the names of those that lack the CDR, NULL when nobody does."""
    lacking = f"FROM audience AS a WHERE a.cdrs = 1 AND NOT {_HAS}"
    return f"(SELECT group_concat(a.party, ', ') {lacking})".format(cdr=cdr, party="a.party")


_ACK = columns(AckRow)
_PARTY_ACK = columns(PartyAckRow)
_KEYS = frozenset({"kind", "object_id", "party"})
# A confirmed CDR whose text has gone; needed only while another platform still waits for it.
_SPENT = f"(o.kind = 'cdr' AND o.acknowledged = 1 AND o.body = '' AND {delivered('o.object_id')})"


def _put(table: str, names: tuple[str, ...]) -> str:
    keys = [name for name in names if name in _KEYS]
    rest = [name for name in (*names, *STAMP) if name not in _KEYS]
    return (
        f"INSERT INTO {table} ({', '.join((*names, *STAMP))})"
        f" VALUES ({', '.join(f':{name}' for name in (*names, *STAMP))})"
        f" ON CONFLICT({', '.join(keys)}) DO UPDATE SET"
        f" {', '.join(f'{name} = excluded.{name}' for name in rest)}"
    )


_PUT = {AckRow: _put("acks", _ACK), PartyAckRow: _put("party_acks", _PARTY_ACK)}


class Audience:
    """The platforms, what each has, and who still waits; every call on the ledger's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> tuple[str, ...]:
        """Every platform that is told something, in the order in which they joined."""
        return tuple(
            str(record["party"])
            for record in self._store.read("SELECT party FROM audience ORDER BY rowid")
        )

    def join(self, party: str, *, cdrs: bool) -> None:
        """A platform is told from now on, CDRs as well or not; again changes nothing.

        Raises:
            StorageError: the disk does not take it.
        """
        found = self._store.read("SELECT cdrs FROM audience WHERE party = :party", {"party": party})
        if found and bool(found[0]["cdrs"]) is cdrs:
            return
        with self._store.write() as stamp:
            if cdrs:
                self._count_as_told(party, stamp)
            self._store.execute(
                f"INSERT INTO audience (party, cdrs, {', '.join(STAMP)})"
                f" VALUES (:party, :cdrs, {', '.join(f':{name}' for name in STAMP)})"
                " ON CONFLICT(party) DO UPDATE SET cdrs = excluded.cdrs",
                {"party": party, "cdrs": int(cdrs), **stamp},
            )

    def keep(self, parties: Iterable[str]) -> None:
        """All others have left; nothing is written when nobody has.

        Raises:
            StorageError: the disk does not take it.
        """
        kept = set(parties)
        gone = [name for name in self.names() if name not in kept]
        if not gone:
            return
        with self._store.write():
            for name in gone:
                self._store.execute("DELETE FROM audience WHERE party = :party", {"party": name})

    def save(self, row: AckRow) -> None:
        """Write what a platform has of one object, or was offered.

        Raises:
            StorageError: the disk does not take it.
        """
        with self._store.write() as stamp:
            self._store.execute(_PUT[type(row)], to_columns(row) | stamp)

    def acks(self, party: str = BACKEND) -> tuple[AckRow, ...]:
        """What one platform has of every object that may still change or be sent.

        Raises:
            StorageError: the disk does not give it.
        """
        if party == BACKEND:
            named = f"SELECT {', '.join(_ACK)} FROM acks AS o"
            return self._store.rows(AckRow, f"{named} WHERE NOT {_SPENT} ORDER BY kind, object_id")
        return self._store.rows(
            PartyAckRow,
            f"SELECT {', '.join(_PARTY_ACK)} FROM party_acks AS o"
            f" WHERE party = :party AND NOT {_SPENT} ORDER BY kind, object_id",
            {"party": party},
        )

    def everybody(self) -> dict[str, tuple[AckRow, ...]]:
        """The same of every platform there is now, by its name; "backend" always among them.

        Raises:
            StorageError: the disk does not give it.
        """
        return {name: self.acks(name) for name in dict.fromkeys((BACKEND, *self.names()))}

    def _count_as_told(self, party: str, stamp: Mapping[str, SqlValue]) -> None:
        """What others have confirmed by now is not this one's; what it has or may have stays."""
        backend = party == BACKEND
        named, value = ("", "") if backend else ("party, ", ":party, ")
        table, own = ("acks", "") if backend else ("party_acks", " AND party = :party")
        later = (
            "later_cdrs AS c WHERE (SELECT f.follows FROM later_cdrs AS f WHERE f.session_id ="
            " c.session_id ORDER BY f.rowid LIMIT 1)"
            f" IN (SELECT object_id FROM {table} WHERE kind = 'cdr' AND acknowledged = 1{own}"
            f" AND location_url = '{COUNTED}')"
        )
        for source in (f"cdrs AS c WHERE {_SOMEBODY_HAS.format(cdr='c.id')}", later):
            self._store.execute(
                f"INSERT INTO {table} ({named}kind, object_id, last_updated, body, acknowledged,"
                f" location_url, {', '.join(STAMP)})"
                f" SELECT {value}'cdr', c.id, :w_wall, '', 1, '{COUNTED}',"
                f" {', '.join(f':{name}' for name in STAMP)} FROM {source} ON CONFLICT DO NOTHING",
                {"party": party, **stamp},
            )


def party_of(row: AckRow) -> str:
    """Whose acknowledgement it is."""
    return row.party if isinstance(row, PartyAckRow) else BACKEND
