"""What ended before the restart and the backend has not been told: it is told now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain

import msgspec

from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.audience import BACKEND
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.sessions import SessionKeeper
from laddvakt_agent.uplink.book import Kind

MOST_FAULTS = 1000  # looked through, newest first
UNTOLD_FOR = timedelta(days=30)  # before that it was told, and that it was is forgotten
_NEVER = datetime.max.replace(tzinfo=UTC)


def restore(journal: Journal, book: FaultBook, keepers: Iterable[SessionKeeper]) -> None:
    """Put sessions and faults whose end is not acknowledged back among the recent ones."""
    by_party = journal.ledger.audience.everybody()
    acks = tuple(chain.from_iterable(by_party.values()))
    sessions = {ack.object_id for ack in acks if _is(ack, Kind.SESSION) and not _completed(ack)}
    sessions |= _never_told(journal, by_party)
    faults = {ack.object_id for ack in acks if _is(ack, Kind.FAULT) and not _cleared(ack)}
    by_connector = {keeper.connector: keeper for keeper in keepers}
    for cdr in journal.ledger.cdrs() if sessions else ():
        keeper = by_connector.get(cdr.session.connector_id)
        first = cdr.follows is None  # a session that is over stays as it was told
        if first and cdr.session.id in sessions and keeper is not None:
            keeper.recent.append(cdr.session)
    for kept in journal.unbilled_sessions(sessions):
        keeper = by_connector.get(kept.session.connector)
        if keeper is not None:
            ended_s = kept.session.ended_s or kept.session.begun_s
            keeper.recent.append(keeper.record(kept, keeper.wall_at(ended_s)))
    told = _told_to_all(by_party, Kind.FAULT)
    over = journal.cleared_faults(MOST_FAULTS) if acks else ()
    recent_from = max((entry.changed_at for entry in over), default=_NEVER) - UNTOLD_FOR
    for entry in over:
        untold = entry.id not in told and entry.changed_at >= recent_from
        if entry.id in faults or untold:
            book.recent.append(entry)


def _never_told(journal: Journal, by_party: Mapping[str, tuple[AckRow, ...]]) -> set[str]:
    """Sessions that were billed before a platform had heard of them at all.

    Only those whose CDR it does not have either: what is known of a session may be forgotten once
    it is old.
    """
    waiting = journal.ledger.cdrs(unacknowledged_only=True)
    untold = {cdr.session.id for cdr in waiting if cdr.follows is None}
    names = journal.ledger.audience.names() or (BACKEND,)
    told = [{ack.object_id for ack in by_party[name] if _is(ack, Kind.SESSION)} for name in names]
    return untold - told[0].intersection(*told[1:])


def _told_to_all(by_party: Mapping[str, tuple[AckRow, ...]], kind: Kind) -> set[str]:
    """The objects that every platform which is told of this kind has heard of."""
    told = [{ack.object_id for ack in acks if _is(ack, kind)} for acks in by_party.values()]
    return set.intersection(*(some for some in told if some)) if any(told) else set()


def _is(ack: AckRow, kind: Kind) -> bool:
    return ack.kind == kind.value


def _completed(ack: AckRow) -> bool:
    return ack.acknowledged and _body(ack).get("status") in ("COMPLETED", "INVALID")


def _cleared(ack: AckRow) -> bool:
    return ack.acknowledged and bool(_body(ack).get("cleared_at"))


def _body(ack: AckRow) -> dict[str, object]:
    """The object as the backend last confirmed it, empty when that is not known."""
    return msgspec.json.decode(ack.body, type=dict[str, object]) if ack.body else {}
