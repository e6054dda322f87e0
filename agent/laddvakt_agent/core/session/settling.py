"""The stop value of a session: exactly one, once it can be known, and marked with its worth."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from laddvakt_agent.core.session.model import MeterValue, Quality, Session
from laddvakt_agent.core.session.registers import counted
from laddvakt_agent.core.session.terms import Terms

WELDED, BEHIND = "contactor_welded", "meter_behind_contactor"  # the faults that decide how
LATE_S = 30.0  # a value taken so long after it was due says what was read, not when it ended
_RECENT_S = 10.0  # a meter heard so shortly before the opening was alive until then


def settle(
    session: Session,
    terms: Terms,
    now_s: float,
    *,
    give_up_s: float,
    standing: Set[str] = frozenset(),
) -> Session:
    """The ended session with its stop value, once that can be known; call `observe` before.

    A value is final that was taken `settle_s` after the contactor opened. Where the meter dies with
    the opening it is the last one under load, and after a weld the one at the open command.
    `give_up_s`: from then on the last known value stands in. `standing`: the faults' codes.
    """
    if session.settled or session.ended_s is None:
        return session
    hopeless = WELDED in standing or session.other is not None
    final = _hopeless(session, standing) if hopeless else _read(session, terms, now_s, standing)
    if final is None and now_s >= give_up_s:
        final = _last(session, "no meter value after the contactor opened")
    if hopeless or now_s >= give_up_s:
        return _closed(session, final, terms, None if hopeless else _seal(session, terms))
    seal = _seal(session, terms)
    if terms.signed_only or (session.start is not None and session.start.signed is not None):
        return session if seal is None else _closed(session, final, terms, seal)
    return session if final is None else _closed(session, final, terms, None)


def overtaken(session: Session, by: Session, terms: Terms) -> Session:
    """The ended session with its stop value, where another one has begun after it.

    What the register shows now is of that one. Nothing flowed between the two, so the start value
    of that one is the stop value of this one; where it cannot be, the last known one stands in.
    """
    if session.settled:
        return session
    last, start = session.last, by.start
    final = _last(session, "another session began after it: its last value")
    if last is not None and start is not None and start.quality is Quality.GOOD:
        _, wh = counted(session.turns, last.wh, start.wh, terms)
        if wh >= last.wh and by.serial == session.serial:
            told = "another session began after it: that one's start value"
            final = replace(start, wh=wh, quality=Quality.LATE, reason=told, signed=None)
    return _closed(session, final, terms, _seal(session, terms))


def _read(session: Session, terms: Terms, now_s: float, standing: Set[str]) -> MeterValue | None:
    """The value that was read as it should be; `None` while it may still come."""
    last, due_s = session.last, _due_s(session, terms)
    if last is None or due_s is None or session.opened_s is None or session.ended_s is None:
        return None
    if last.taken_s >= due_s:
        late_s = last.taken_s - session.ended_s - terms.settle_s
        if late_s <= LATE_S:
            return last
        return replace(last, quality=Quality.LATE, reason=f"read {late_s:.0f} s after it was due")
    recent = last.taken_s >= session.opened_s - max(_RECENT_S, terms.lag_s)
    if (terms.behind or BEHIND in standing) and recent and now_s >= due_s:
        told = "the meter is dead while the contactor is open: its last value under load"
        return replace(last, quality=Quality.BEFORE_OPENING, reason=told)
    return None


def _hopeless(session: Session, standing: Set[str]) -> MeterValue | None:
    """The value where no true one can follow any more."""
    if WELDED not in standing:
        told = f"meter {session.serial} was replaced by {session.other}: its last value"
        return _last(session, told)
    value = session.opened or session.last
    told = "contactor welded: billed up to the open command"
    return value and replace(value, quality=Quality.ESTIMATED, reason=told)


def _last(session: Session, reason: str) -> MeterValue | None:
    last = session.last
    return None if last is None else replace(last, quality=Quality.LAST_KNOWN, reason=reason)


def _seal(session: Session, terms: Terms) -> MeterValue | None:
    """The signed stop value, `None` while there is none."""
    sealed, due_s = session.sealed, _due_s(session, terms)
    return sealed if sealed is not None and due_s is not None and sealed.taken_s >= due_s else None


def _due_s(session: Session, terms: Terms) -> float | None:
    return None if session.opened_s is None else session.opened_s + terms.settle_s


def _closed(
    session: Session, final: MeterValue | None, terms: Terms, seal: MeterValue | None
) -> Session:
    if terms.signed_only:
        unbilled = _unbilled(session, seal)
        end = final if unbilled or seal is None else seal
        return replace(session, end=end, settled=True, unbilled=unbilled)
    if final is not None and seal is not None:
        final = replace(final, signed=seal.signed)
    return replace(session, end=final, settled=True)


def _unbilled(session: Session, seal: MeterValue | None) -> str | None:
    """Why calibration law does not let this session be billed, `None` when it does."""
    start = session.start
    if start is None or start.signed is None:
        return "the meter signed no start value"
    if seal is None:
        return "the meter signed no end value"
    if seal.wh < start.wh:
        return f"the signed end value {seal.wh:g} Wh is below the start value {start.wh:g} Wh"
    return None
