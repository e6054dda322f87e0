"""Charging periods as OCPI wants them: a new one for each change that may change the price."""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core.freshness import number
from laddvakt_agent.core.inputs import Phases, Sample
from laddvakt_agent.core.session.model import NO_PHASES, Kind, Period, Session
from laddvakt_agent.core.session.terms import Shown, Terms


def turned(session: Session, shown: Shown, terms: Terms, now_s: float) -> Session:
    """The session with the period that runs now as its last."""
    charging = shown.kind is Kind.CHARGING
    now = Period(
        start_s=now_s,
        start_wh=session.last_wh,
        kind=shown.kind,
        limit_a=shown.limit_a if charging else 0.0,
    )
    *kept, last = session.periods
    if last.kind is now.kind and not _limited(session, now, terms):
        return _measured(session, shown.current_a)
    if last.start_s < now_s:
        kept.append(last)
    if kept and kept[-1].kind is now.kind and last.kind is not now.kind:
        return replace(session, periods=tuple(kept))  # what was between had no length
    return replace(session, periods=(*kept, now))


def divided(session: Session, at_s: float) -> Session:
    """The running session with a new period of the same kind from `at_s` on: its price changes."""
    last = session.periods[-1]
    if session.ended_s is not None or at_s <= last.start_s:
        return session
    after = replace(last, start_s=at_s, start_wh=session.last_wh, max_a=NO_PHASES)
    return replace(session, periods=(*session.periods, after))


def _limited(session: Session, now: Period, terms: Terms) -> bool:
    """Whether another limit is offered, by so much and for so long that it may be billed apart."""
    last = session.periods[-1]
    if now.kind is not Kind.CHARGING or now.limit_a <= 0.0:
        return False  # while it ramps down nothing is offered: that is the end of the period
    if abs(now.limit_a - last.limit_a) < terms.limit_step_a:
        return False
    if now.start_s < last.start_s + terms.limit_spacing_s:
        return False
    pairs = zip(session.periods, session.periods[1:], strict=False)
    return sum(a.kind is b.kind for a, b in pairs) < terms.limit_periods_most


def _measured(session: Session, current_a: Sample[Phases] | None) -> Session:
    """The session with the highest current of its last period."""
    *kept, last = session.periods
    if last.kind is not Kind.CHARGING or current_a is None or current_a.taken_s < last.start_s:
        return session
    first, second, third = map(_higher_a, last.max_a, current_a.value)
    most_a = (first, second, third)
    if most_a == last.max_a:
        return session
    return replace(session, periods=(*kept, replace(last, max_a=most_a)))


def _higher_a(known_a: float | None, shown_a: float | None) -> float | None:
    shown_a = number(shown_a)
    if shown_a is None or shown_a < 0.0:
        return known_a
    return shown_a if known_a is None else max(known_a, shown_a)
