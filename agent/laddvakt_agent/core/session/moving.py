"""A session in another run of the agent, perhaps in another boot's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from laddvakt_agent.core.session.model import MeterValue, Session


def shift(session: Session, by_s: float) -> Session:
    """The session with every time moved, for a boot with another zero."""
    return _timed(session, lambda at_s: at_s + by_s)


def inherited(session: Session, now_s: float | None) -> Session:
    """The session in another run, in the time of its own boot; `now_s` None: in another boot.

    How long the contactor stayed closed nobody saw: until now at most, if it is known how long
    that is.
    """
    if not session.conducting:
        return session
    flowed_s = session.flowed_s
    if now_s is None or session.seen_s is None or flowed_s is None:
        return replace(session, flowed_s=None, seen_s=None)
    flowed_s += max(now_s - session.seen_s, 0.0)
    return replace(session, flowed_s=flowed_s, seen_s=None)


def not_after(session: Session, now_s: float) -> Session:
    """The session with nothing ahead of now: where the wall clock went back between two boots.

    A reading that seemed to come from the future would keep every new one from being believed.
    """
    return _timed(session, lambda at_s: min(at_s, now_s))


def _timed(session: Session, move: Callable[[float], float]) -> Session:
    def maybe(at_s: float | None) -> float | None:
        return None if at_s is None else move(at_s)

    def value(known: MeterValue | None) -> MeterValue | None:
        return None if known is None else replace(known, taken_s=move(known.taken_s))

    return replace(
        session,
        begun_s=move(session.begun_s),
        periods=tuple(replace(p, start_s=move(p.start_s)) for p in session.periods),
        start=value(session.start),
        last=value(session.last),
        sealed=value(session.sealed),
        opened=value(session.opened),
        end=value(session.end),
        opened_s=maybe(session.opened_s),
        seen_s=maybe(session.seen_s),
        ended_s=maybe(session.ended_s),
    )
