"""What a session comes to: energies that add up exactly, times that make up all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from laddvakt_agent.core.session.model import Kind, Session

_MWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotal:
    """One period with its registers; energies of all periods add up to the session's, exactly."""

    start_s: float
    duration_s: float
    start_wh: float
    end_wh: float
    energy_wh: float
    kind: Kind
    limit_a: float
    max_a: float | None  # the phases' highest currents added up; `None`: not measured

    @property
    def charging(self) -> bool:
        """The contactor was closed."""
        return self.kind is Kind.CHARGING

    @property
    def held(self) -> bool:
        """The station did not let the vehicle charge."""
        return self.kind in (Kind.STATION, Kind.FAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a session comes to; its four times make up all of it."""

    energy_wh: float
    charging_s: float
    parking_s: float  # the vehicle did not want to
    held_s: float  # the station did not let it
    reserved_s: float  # the customer was not there yet
    periods: tuple[PeriodTotal, ...]


def totals(session: Session, now_s: float | None = None) -> Totals:
    """Energy and time. A running session counts to `now_s`, or to its last reading."""
    start_wh = session.start_wh or 0.0
    end_wh = session.end_wh if session.settled else session.last_wh
    end_wh = start_wh if end_wh is None else max(end_wh, start_wh)
    until_s = _until_s(session, now_s)
    marks = [
        (min(p.start_s, until_s), _clamped(p.start_wh, start_wh, end_wh)) for p in session.periods
    ]
    marks = [(marks[0][0], start_wh), *marks[1:], (until_s, end_wh)]
    periods = tuple(
        PeriodTotal(
            start_s=from_s,
            duration_s=to_s - from_s,
            start_wh=from_wh,
            end_wh=to_wh,
            energy_wh=_between_wh(from_wh, to_wh),
            kind=period.kind,
            limit_a=period.limit_a,
            max_a=_sum_a(period.max_a),
        )
        for period, (from_s, from_wh), (to_s, to_wh) in zip(
            session.periods, marks[:-1], marks[1:], strict=True
        )
    )
    return Totals(
        energy_wh=_between_wh(start_wh, end_wh),
        charging_s=sum(p.duration_s for p in periods if p.charging),
        parking_s=sum(p.duration_s for p in periods if p.kind is Kind.VEHICLE),
        held_s=sum(p.duration_s for p in periods if p.held),
        reserved_s=sum(p.duration_s for p in periods if p.kind is Kind.RESERVED),
        periods=periods,
    )


def _until_s(session: Session, now_s: float | None) -> float:
    if session.ended_s is not None:
        return max(session.ended_s, session.begun_s)
    if now_s is not None:
        return now_s
    return session.begun_s if session.last is None else max(session.last.taken_s, session.begun_s)


def _clamped(value_wh: float | None, low_wh: float, high_wh: float) -> float:
    return low_wh if value_wh is None else min(max(value_wh, low_wh), high_wh)


def _between_wh(from_wh: float, to_wh: float) -> float:
    """A difference of registers in whole mWh, so that differences add up without rounding."""
    return (round(to_wh * _MWH) - round(from_wh * _MWH)) / _MWH


def _sum_a(phases: Iterable[float | None]) -> float | None:
    known = [value for value in phases if value is not None]
    return sum(known) if known else None
