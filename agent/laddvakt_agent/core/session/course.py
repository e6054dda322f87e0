"""The course of a session: it begins, is looked at each round, and ends."""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core.session.model import Kind, Period, Reservation, Session
from laddvakt_agent.core.session.periods import turned
from laddvakt_agent.core.session.registers import read
from laddvakt_agent.core.session.terms import Shown, Terms


def begin(
    session_id: str,
    connector: str,
    now_s: float,
    shown: Shown,
    terms: Terms,
    reservation: Reservation | None = None,
) -> Session:
    """A session that starts now with the contactor open.

    One that redeems a reservation begins with it: OCPI mod_cdrs, `start_date_time`.
    """
    waiting = Period(start_s=now_s, start_wh=None, kind=Kind.VEHICLE)
    session = Session(id=session_id, connector=connector, begun_s=now_s, periods=(waiting,))
    if reservation is not None:
        since_s = min(reservation.since_s, now_s)
        kept = Period(start_s=since_s, start_wh=None, kind=Kind.RESERVED)
        session = replace(
            session, begun_s=since_s, periods=(kept, waiting), reservation=reservation.id
        )
    return observe(session, replace(shown, closed=False, kind=_open(shown.kind)), terms, now_s)


def observe(session: Session, shown: Shown, terms: Terms, now_s: float) -> Session:
    """The session after one round.

    To be called each round, until it is settled: also after the end, while the current falls.
    """
    if session.settled:
        return session
    session = read(_flowed(session, now_s), shown, terms, now_s)
    if shown.closed is not session.conducting or (session.opened_s is None and not shown.closed):
        session = _switched(session, now_s, closed=shown.closed)
    return session if session.ended_s is not None else turned(session, shown, terms, now_s)


def end(session: Session, reason: str, now_s: float, *, opened_s: float | None = None) -> Session:
    """The session is over; its last register value is still to be settled.

    `opened_s`: when the contactor was told to open, where the caller knows.
    """
    if session.ended_s is not None:
        return session
    session = replace(session, ended_s=now_s, end_reason=reason)
    return session if opened_s is None else _switched(session, opened_s, closed=False)


def _flowed(session: Session, now_s: float) -> Session:
    if not session.conducting:
        return session
    flowed_s = session.flowed_s
    if flowed_s is not None and session.seen_s is not None:
        flowed_s += max(now_s - session.seen_s, 0.0)
    return replace(session, flowed_s=flowed_s, seen_s=now_s)


def _switched(session: Session, now_s: float, *, closed: bool) -> Session:
    if closed:
        return replace(session, conducting=True, opened_s=None, seen_s=now_s)
    opened = session.last if session.conducting else session.opened
    return replace(session, conducting=False, opened=opened, opened_s=now_s, seen_s=None)


def _open(kind: Kind) -> Kind:
    return Kind.VEHICLE if kind is Kind.CHARGING else kind
