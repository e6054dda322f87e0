"""Which register values are believed, and of which meter. What is not is left out, not corrected.

A value counts when it is of the same meter, newer, no less, and no more than the fuse lets through
in the time the contactor was closed. So whatever a meter says, nobody is billed for what did not
flow; and once it is honest again, what flowed meanwhile is in its register.
"""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core.freshness import AHEAD_MAX_S, number
from laddvakt_agent.core.inputs import Sample, Signed
from laddvakt_agent.core.memory.contactor import FLOAT32_STEP
from laddvakt_agent.core.rollover import rolled_over
from laddvakt_agent.core.session.model import Kind, MeterValue, Quality, Session
from laddvakt_agent.core.session.terms import Shown, Terms

START_MAX_AGE_S = 3.0  # an older register value is none of this session's
SIGNED_MAX = 3750  # characters; more do not fit the 5000 of a CDR once they are base64


def read(session: Session, shown: Shown, terms: Terms, now_s: float) -> Session:
    """The session with what the meter shows now, as far as that can be believed."""
    session = _of_meter(session, shown.serial)
    if session.other is not None or shown.serial != session.serial:
        return session  # another meter, or one that has not said which since it was silent
    return _sealed(_register(session, shown.energy, terms, now_s), shown.signed, terms, now_s)


def counted(turns: int, last_wh: float, value_wh: float, terms: Terms) -> tuple[int, float]:
    """How often the register has begun anew, and what it has counted in all."""
    width_wh = terms.rollover_wh
    if width_wh is None:
        return turns, value_wh
    turns += rolled_over(last_wh - turns * width_wh, value_wh, width_wh)
    return turns, value_wh + turns * width_wh


def shown_wh(session: Session, width_wh: float | None) -> float | None:
    """The newest believed value as the register itself showed it; `width_wh`: its range."""
    if session.last is None or width_wh is None:
        return session.last_wh
    return session.last.wh - session.turns * width_wh


def _of_meter(session: Session, serial: str | None) -> Session:
    if serial is None:
        return session
    if session.serial is None:
        return replace(session, serial=serial)
    other = serial if serial != session.serial else None
    return session if other == session.other else replace(session, other=other)


def _register(
    session: Session, energy: Sample[float] | None, terms: Terms, now_s: float
) -> Session:
    value_wh = None if energy is None else number(energy.value)
    if energy is None or value_wh is None or energy.taken_s > now_s + AHEAD_MAX_S:
        return session
    if session.last is None:
        return _started(session, value_wh, energy.taken_s, now_s)
    if energy.taken_s <= session.last.taken_s:
        return session
    turns, counted_wh = counted(session.turns, session.last.wh, value_wh, terms)
    more_wh = counted_wh - session.last.wh
    if more_wh < 0.0 or more_wh > _most_wh(session, terms):
        return session
    value = MeterValue(wh=counted_wh, taken_s=energy.taken_s)
    return _taken(replace(session, turns=turns), value, now_s)


def _started(session: Session, value_wh: float, taken_s: float, now_s: float) -> Session:
    entered_s = next(
        (p.start_s for p in session.periods if p.kind is not Kind.RESERVED), session.begun_s
    )
    if taken_s < entered_s - START_MAX_AGE_S:
        return session
    value = MeterValue(wh=value_wh, taken_s=taken_s)
    start = session.start or value  # a signed one stands before the register was read
    charged_s = (p.start_s for p in session.periods if p.kind is Kind.CHARGING)
    late_s = taken_s - next(charged_s, taken_s)
    if start is value and late_s > 0.0:
        told = f"read {late_s:.0f} s after charging had begun: nothing before it is billed"
        start = replace(value, quality=Quality.LATE, reason=told)
    return _taken(replace(session, start=start), value, now_s)


def _taken(session: Session, value: MeterValue, now_s: float) -> Session:
    """The value is the newest; what flows counts anew from where the register moved.

    One that stood still for a while, and then shows what flowed meanwhile, is believed.
    """
    if session.last is not None and session.last.wh == value.wh and session.flowed_s is not None:
        return replace(session, last=value)
    since_s = max(now_s - value.taken_s, 0.0) if session.conducting else 0.0
    return replace(session, last=value, flowed_s=since_s)


def _most_wh(session: Session, terms: Terms) -> float:
    """What the fuse lets through while the contactor was closed since the register moved."""
    if terms.most_w is None or session.flowed_s is None:
        return float("inf")
    step_wh = max(terms.step_wh, session.last_wh * FLOAT32_STEP if session.last_wh else 0.0)
    return terms.most_w * (session.flowed_s + terms.lag_s) / 3600.0 + 2.0 * step_wh


def _sealed(session: Session, signed: Sample[Signed] | None, terms: Terms, now_s: float) -> Session:
    if signed is None or signed.taken_s > now_s + AHEAD_MAX_S or not _usable(signed.value):
        return session
    value = MeterValue(
        wh=signed.value.wh,
        taken_s=signed.taken_s,
        quality=Quality.SIGNED,
        signed=signed.value,
    )
    if session.start is None or session.start.signed is None:
        return _signed_start(session, value, terms)
    newest = session.sealed or session.start
    known_s = session.begun_s if session.sealed is None else newest.taken_s
    if value.taken_s <= known_s or value.signed == newest.signed:
        return session
    return replace(session, sealed=value)


def _signed_start(session: Session, value: MeterValue, terms: Terms) -> Session:
    if session.ended_s is not None or value.taken_s < session.begun_s - START_MAX_AGE_S:
        return session
    if terms.signed_only:
        return replace(session, start=value)
    if session.start is None:
        return session  # not before there is a value that it proves
    return replace(session, start=replace(session.start, signed=value.signed))


def _usable(signed: Signed) -> bool:
    return number(signed.wh) is not None and 0 < len(signed.text.encode()) <= SIGNED_MAX
