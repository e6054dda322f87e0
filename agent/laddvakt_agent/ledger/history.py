"""What has happened, page by page, in the order in which it began; on the ledger's thread alone.

Sessions, CDRs and faults as a platform may list them, with the `last_updated` it knows: the
youngest of the record's own time, of what was pushed to it and of what it was shown. Objects that
are not over yet are handed in by whoever knows their present state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from laddvakt_agent.ledger.audience import BACKEND
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.rows import FaultRow, SessionRow, SqlValue, columns
from laddvakt_agent.ledger.shown import OWN, ShownBook, ShownRow
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.published import CdrRecord

SESSION, CDR, FAULT = "session", "cdr", "fault"
_NOTED_AT_ONCE = 200
_NOT_BEGUN = 1 << 62  # counted from here, they come after all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of a list is asked for; times in milliseconds since 1970 UTC."""

    party: str
    from_ms: int | None = None  # inclusive
    to_ms: int | None = None  # exclusive
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One object on a page."""

    object_id: str
    stamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list, and how many objects all of it has."""

    places: tuple[Place, ...]
    total: int


class History:
    """Lists and reads what the ledger has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shown = ShownBook(store)

    def note_some(self) -> bool:
        """Note the own times of bills and of sessions never billed, some of them; more to do?

        Raises:
            StorageError: the disk does not give or take it.
        """
        rows = [*self._unnoted_cdrs(), *self._unnoted_sessions()]
        self._shown.save(rows)
        return len(rows) >= _NOTED_AT_ONCE

    def sessions(self, wanted: Wanted, live: Sequence[Place] = ()) -> Page:
        """Sessions that are over, and those `live`; last those not begun: of a kept place.

        Raises:
            StorageError: the disk does not give it.
        """
        source = (
            "SELECT rowid AS number, id FROM sessions UNION ALL"
            f" SELECT {_NOT_BEGUN} + key, json_extract(value, '$[0]') AS name FROM json_each(:live)"
            " WHERE name NOT IN (SELECT id FROM sessions)"
        )
        return self._page(SESSION, source, wanted, live)

    def cdrs(self, wanted: Wanted, *, without_boot: str | None = None) -> Page:
        """Bills; `without_boot`: none that was made in this boot.

        Raises:
            StorageError: the disk does not give it.
        """
        chosen = ""
        if without_boot is not None:
            chosen = " WHERE w_boot_id <> :boot OR EXISTS (SELECT 1 FROM shown WHERE"
            chosen += " kind = 'cdr' AND object_id = c.id AND party = :party)"
        # As in `every_cdr`, without reading a body.
        source = f"SELECT rowid << 24 AS number, id FROM cdrs AS c{chosen} UNION ALL"
        source += f" SELECT (after_row << 24) + rowid, id FROM later_cdrs AS c{chosen}"
        return self._page(CDR, source, wanted, (), boot=without_boot)

    def faults(self, wanted: Wanted, live: Sequence[Place] = ()) -> Page:
        """Every fault there was.

        Raises:
            StorageError: the disk does not give it.
        """
        source = f"SELECT raised_seq AS number, id, {_ms('changed_wall')} AS own_ms FROM faults"
        return self._page(FAULT, source, wanted, live)

    def cdr(self, cdr_id: str) -> CdrRecord | None:
        """One CDR.

        Raises:
            StorageError: the disk does not give it, or what it gives is none.
        """
        return self._body("every_cdr WHERE id", cdr_id)

    def cdr_of(self, session_id: str) -> CdrRecord | None:
        """The first bill of a session, whatever followed it.

        Raises:
            StorageError: as `cdr`.
        """
        return self._body("cdrs WHERE session_id", session_id)

    def told_body(self, party: str, kind: str, object_id: str) -> str:
        """The JSON that was first or last told to a platform; "" where nothing was.

        Raises:
            StorageError: the disk does not give it.
        """
        table, mine = _acks(party)
        found = self._store.read(
            f"SELECT body FROM {table} AS a WHERE kind = :kind AND object_id = :id{mine}",
            {"kind": kind, "id": object_id, "party": party},
        )
        return str(found[0]["body"]) if found else ""

    def session(self, session_id: str) -> SessionRow | None:
        """One session as it stands in the ledger.

        Raises:
            StorageError: the disk does not give it.
        """
        query = f"SELECT {', '.join(columns(SessionRow))} FROM sessions WHERE id = :id"
        found = self._store.rows(SessionRow, query, {"id": session_id})
        return found[0] if found else None

    def fault(self, fault_id: str) -> FaultRow | None:
        """One fault.

        Raises:
            StorageError: the disk does not give it.
        """
        query = f"SELECT {', '.join(columns(FaultRow))} FROM faults WHERE id = :id"
        found = self._store.rows(FaultRow, query, {"id": fault_id})
        return found[0] if found else None

    def _page(
        self,
        kind: str,
        source: str,
        wanted: Wanted,
        live: Sequence[Place],
        *,
        boot: str | None = None,
    ) -> Page:
        table, mine = _acks(wanted.party)
        own = "s.own_ms" if kind == FAULT else "own.stamp_ms"
        own_join = (
            ""
            if kind == FAULT
            else " LEFT JOIN shown AS own ON own.kind = :kind AND own.object_id = s.id"
            f" AND own.party = '{OWN}'"
        )
        query = (
            "WITH live(id, ms) AS (SELECT json_extract(value, '$[0]'),"
            " json_extract(value, '$[1]') FROM json_each(:live)),"
            f" source AS ({source}),"
            " listed AS (SELECT s.number, s.id, coalesce(live.ms,"
            f" max({own}, coalesce(me.stamp_ms, 0), coalesce({_ms('a.last_updated')}, 0)))"
            " AS ms FROM source AS s LEFT JOIN live ON live.id = s.id"
            f"{own_join}"
            " LEFT JOIN shown AS me ON me.kind = :kind AND me.object_id = s.id"
            " AND me.party = :party"
            f" LEFT JOIN {table} AS a ON a.kind = :kind AND a.object_id = s.id{mine}"
            f" WHERE live.id IS NOT NULL OR {own} IS NOT NULL),"
            " chosen AS (SELECT * FROM listed WHERE ms >= :from_ms AND ms < :to_ms)"
        )
        parameters: dict[str, SqlValue] = {
            "kind": kind,
            "party": wanted.party,
            "boot": boot,
            "live": msgspec.json.encode([(p.object_id, p.stamp_ms) for p in live]).decode(),
            "from_ms": 0 if wanted.from_ms is None else wanted.from_ms,
            "to_ms": 1 << 62 if wanted.to_ms is None else wanted.to_ms,
            "limit": wanted.limit,
            "offset": wanted.offset,
        }
        total = self._store.read(f"{query} SELECT count(*) AS n FROM chosen", parameters)
        found = self._store.read(
            f"{query} SELECT id, ms FROM chosen ORDER BY number LIMIT :limit OFFSET :offset",
            parameters,
        )
        places = tuple(Place(object_id=row["id"], stamp_ms=int(row["ms"])) for row in found)
        return Page(places=places, total=int(total[0]["n"]))

    def _unnoted_cdrs(self) -> list[ShownRow]:
        """The own times of bills and of the sessions they end."""
        found = self._store.read(
            "SELECT body, place FROM every_cdr AS c WHERE NOT EXISTS (SELECT 1 FROM shown"
            f" WHERE kind = '{CDR}' AND object_id = c.id AND party = '{OWN}')"
            " ORDER BY place LIMIT :most",
            {"most": _NOTED_AT_ONCE // 2},
        )
        rows = []
        for record in (self._decoded(row["body"]) for row in found):
            rows.append(_own(CDR, record.id, record.created_at))
            if record.follows is None:
                rows.append(_own(SESSION, record.session.id, record.session.changed_at))
        return rows

    def _unnoted_sessions(self) -> list[ShownRow]:
        found = self._store.read(
            f"SELECT id, coalesce({_ms('ended_wall')}, {_ms('begun_wall')}) AS ms FROM sessions"
            " WHERE unbilled IS NOT NULL AND settled = 1 AND NOT EXISTS (SELECT 1 FROM shown"
            f" WHERE kind = '{SESSION}' AND object_id = sessions.id AND party = '{OWN}')"
            " LIMIT :most",
            {"most": _NOTED_AT_ONCE},
        )
        return [
            ShownRow(party=OWN, kind=SESSION, object_id=row["id"], stamp_ms=int(row["ms"]))
            for row in found
        ]

    def _body(self, source: str, value: str) -> CdrRecord | None:
        found = self._store.read(
            f"SELECT body FROM {source} = :value LIMIT 1",
            {"value": value},
        )
        return self._decoded(found[0]["body"]) if found else None

    def _decoded(self, body: str) -> CdrRecord:
        try:
            return msgspec.json.decode(body, type=CdrRecord)
        except msgspec.DecodeError as error:
            raise StorageError(StorageKind.DAMAGED, self._store.path, str(error)) from error


def to_ms(moment: datetime) -> int:
    """An aware time in whole milliseconds since 1970 UTC."""
    whole_s = int(moment.replace(microsecond=0).timestamp())
    return whole_s * 1000 + moment.microsecond // 1000


def _own(kind: str, object_id: str, moment: datetime) -> ShownRow:
    return ShownRow(party=OWN, kind=kind, object_id=object_id, stamp_ms=to_ms(moment))


def _acks(party: str) -> tuple[str, str]:
    """The table of what a platform has, and what more to ask of it."""
    return ("acks", "") if party == BACKEND else ("party_acks", " AND a.party = :party")


def _ms(column: str) -> str:
    return f"CAST(round((julianday({column}) - 2440587.5) * 86400000.0) AS INTEGER)"
