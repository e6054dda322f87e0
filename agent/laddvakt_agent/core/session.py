"""A charging session from meter readings alone: registers are kept, differences are derived.

Energy is the meter's import register in Wh. A period is one of three: the contactor is closed, the
vehicle pauses, or the station holds it back. Times are monotonic seconds of the present boot;
`shift` moves a session to another boot's time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from laddvakt_agent.core.freshness import number
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.core.memory.contactor import weld_wait_s
from laddvakt_agent.core.model import State
from laddvakt_agent.core.settings import Settings

START_MAX_AGE_S = 3.0  # an older register value is none of this session's
_MWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch that begins at this register value; it ends where the next begins.

    Neither `charging` nor `held`: the vehicle pauses. `held` was added later: rows without it, and
    readers that do not know it, go on working.
    """

    start_s: float
    start_wh: float | None
    charging: bool
    held: bool = False  # by the station; never while charging


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session. `end_wh` stands once `settled`; `estimated` when it is the last value known."""

    id: str
    connector: str
    begun_s: float
    periods: tuple[Period, ...]
    start_wh: float | None = None
    last_wh: float | None = None
    last_taken_s: float | None = None
    conducting: bool = False
    opened_wh: float | None = None  # the register when the contactor was last told to open
    ended_s: float | None = None
    end_wh: float | None = None
    end_reason: str | None = None
    settled: bool = False
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotal:
    """One period with its registers; energies of all periods add up to the session's, exactly."""

    start_s: float
    duration_s: float
    start_wh: float
    end_wh: float
    energy_wh: float
    charging: bool
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a session comes to; its three times make up all of it."""

    energy_wh: float
    charging_s: float
    parking_s: float  # the vehicle did not want to
    held_s: float  # the station did not let it
    periods: tuple[PeriodTotal, ...]


def begin(
    session_id: str, connector: str, now_s: float, energy: Sample[float] | None = None
) -> Session:
    """A session that starts now with the contactor open."""
    period = Period(start_s=now_s, start_wh=None, charging=False)
    session = Session(id=session_id, connector=connector, begun_s=now_s, periods=(period,))
    return observe(session, energy, charging=False, now_s=now_s)


def held_back(state: State, *, offered: bool) -> bool:
    """Whether it is the station that keeps an open contactor open. `offered`: a limit above 0 A."""
    match state:
        case State.FAULTED | State.SUSPENDED_STATION | State.UNAVAILABLE:
            return True
        case State.PREPARING:
            return not offered
        case _:
            return False


def observe(
    session: Session,
    energy: Sample[float] | None,
    charging: bool,
    now_s: float,
    *,
    held: bool = False,
) -> Session:
    """The session after one reading. `charging`: the contactor is commanded closed.

    `held`: the station keeps it open; of no meaning while charging. To be called each round, until
    it is settled: also after the end, while the current falls.
    """
    if session.settled:
        return session
    session = _read(session, energy)
    if charging is not session.conducting:
        opened_wh = session.opened_wh if charging else session.last_wh
        session = replace(session, conducting=charging, opened_wh=opened_wh)
    if session.ended_s is not None:
        return session
    period = Period(
        start_s=now_s,
        start_wh=session.last_wh,
        charging=charging,
        held=held and not charging,
    )
    return _turned(session, period)


def _turned(session: Session, period: Period) -> Session:
    """The session with this period as its last, if it is another kind than the one before."""
    *kept, last = session.periods
    if _alike(last, period):
        return session
    if last.start_s < period.start_s:
        kept.append(last)
    if not kept or not _alike(kept[-1], period):
        kept.append(period)
    return replace(session, periods=tuple(kept))


def _alike(one: Period, other: Period) -> bool:
    return (one.charging, one.held) == (other.charging, other.held)


def end(session: Session, reason: str, now_s: float) -> Session:
    """The session is over; its last register value is still to be settled."""
    if session.ended_s is not None:
        return session
    return replace(session, ended_s=now_s, end_reason=reason)


def settle(
    session: Session,
    energy: Sample[float] | None,
    opened_s: float | None,
    now_s: float,
    settle_s: float,
    timeout_s: float,
    *,
    welded: bool = False,
) -> Session:
    """The ended session with its final register value, once that can be known.

    Only a sample taken `settle_s` after the contactor opened (`opened_s`, `None`: still closed) is
    final. `timeout_s` after the end the last known value stands in, marked as estimated. After a
    weld billing stops at the open command.
    """
    if session.settled or session.ended_s is None:
        return session
    if welded:
        at_open_wh = session.last_wh if session.opened_wh is None else session.opened_wh
        return replace(session, end_wh=at_open_wh, settled=True, estimated=True)
    if opened_s is not None and energy is not None and energy.taken_s >= opened_s + settle_s:
        read = _read(session, energy)
        if read.last_taken_s == energy.taken_s:
            return replace(read, end_wh=read.last_wh, settled=True)
    if now_s >= max(session.ended_s, opened_s or session.ended_s) + timeout_s:
        return replace(session, end_wh=session.last_wh, settled=True, estimated=True)
    return session


def settle_after_s(settings: Settings) -> float:
    """How long after opening the register is final: late enough that a weld would have shown."""
    if settings.has_feedback or settings.voltage_load_side:
        return settings.meter_settle_s
    return weld_wait_s(settings) + 4.0 * settings.meter_update_s


def totals(session: Session, now_s: float | None = None) -> Totals:
    """Energy and time. A running session counts to `now_s`, or to its last reading."""
    start_wh = session.start_wh or 0.0
    end_wh = session.end_wh if session.settled else session.last_wh
    end_wh = start_wh if end_wh is None else max(end_wh, start_wh)
    until_s = _until_s(session, now_s)
    marks = [(p.start_s, _clamped(p.start_wh, start_wh, end_wh)) for p in session.periods]
    marks = [(marks[0][0], start_wh), *marks[1:], (until_s, end_wh)]
    periods = tuple(
        PeriodTotal(
            start_s=from_s,
            duration_s=max(to_s - from_s, 0.0),
            start_wh=from_wh,
            end_wh=to_wh,
            energy_wh=_between_wh(from_wh, to_wh),
            charging=period.charging,
            held=period.held,
        )
        for period, (from_s, from_wh), (to_s, to_wh) in zip(
            session.periods, marks[:-1], marks[1:], strict=True
        )
    )
    return Totals(
        energy_wh=_between_wh(start_wh, end_wh),
        charging_s=sum(p.duration_s for p in periods if p.charging),
        parking_s=sum(p.duration_s for p in periods if not p.charging and not p.held),
        held_s=sum(p.duration_s for p in periods if p.held),
        periods=periods,
    )


def shift(session: Session, by_s: float) -> Session:
    """The session with every time moved, for a boot with another zero."""
    return replace(
        session,
        begun_s=session.begun_s + by_s,
        periods=tuple(replace(p, start_s=p.start_s + by_s) for p in session.periods),
        last_taken_s=None if session.last_taken_s is None else session.last_taken_s + by_s,
        ended_s=None if session.ended_s is None else session.ended_s + by_s,
    )


def _read(session: Session, energy: Sample[float] | None) -> Session:
    """The session with a newer register value; one that runs backwards is not believed."""
    value_wh = None if energy is None else number(energy.value)
    if energy is None or value_wh is None:
        return session
    if session.last_taken_s is not None and energy.taken_s <= session.last_taken_s:
        return session
    if session.last_wh is not None:
        if value_wh < session.last_wh:
            return session
        return replace(session, last_wh=value_wh, last_taken_s=energy.taken_s)
    if energy.taken_s < session.begun_s - START_MAX_AGE_S:
        return session
    return replace(session, start_wh=value_wh, last_wh=value_wh, last_taken_s=energy.taken_s)


def _until_s(session: Session, now_s: float | None) -> float:
    if session.ended_s is not None:
        return session.ended_s
    if now_s is not None:
        return now_s
    return session.begun_s if session.last_taken_s is None else session.last_taken_s


def _clamped(value_wh: float | None, low_wh: float, high_wh: float) -> float:
    return low_wh if value_wh is None else min(max(value_wh, low_wh), high_wh)


def _between_wh(from_wh: float, to_wh: float) -> float:
    """A difference of registers in whole mWh, so that differences add up without rounding."""
    return (round(to_wh * _MWH) - round(from_wh * _MWH)) / _MWH
