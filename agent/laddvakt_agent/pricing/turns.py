"""When a running session's price may change: there a period ends and another begins.

mod_cdrs, ChargingPeriod: the CPO starts one at every moment that matters for the cost. The meter is
read at that moment, so nothing has to be shared out later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache

from laddvakt_agent.core import session as sessions
from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.costs import read
from laddvakt_agent.pricing.errors import NotPriceable, ZoneUnknown
from laddvakt_agent.pricing.zones import micros, moment, zone
from laddvakt_agent.uplink import structs

_SECOND_US = 1_000_000
LOOK_US = _SECOND_US  # tariffs change by the minute: looked at no oftener
SPACING_S = 60.0  # between changes of current or power: a flicker makes no lines of a bill …
MOST = 100  # … and no more than so many periods

Levels = tuple[int, int, int]  # how many limits of kWh, A and kW are reached


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    session: str
    at_us: int
    levels: Levels


@dataclass(slots=True, kw_only=True)
class Turns:
    """Of one connector."""

    time_zone: str
    wall_at: Callable[[float], datetime]
    _last: _Look | None = None

    def since(
        self, tariff: str | None, session: sessions.Session, shown: sessions.Shown, now_s: float
    ) -> float | None:
        """The second at which a price may have changed since the last look; `None`: none has.

        The first look at a session, and one after the clock was set back, only remembers.
        """
        if tariff is None:
            return None
        wall_us, last = micros(self.wall_at(now_s)), self._last
        same = last is not None and last.session == session.id and wall_us >= last.at_us
        if same and last is not None and wall_us - last.at_us < LOOK_US:
            return None
        try:
            marks = _marks(tariff)
            levels = _levels(marks, session, shown)
            begun_us = self._begun_us(session)
            passed: set[int] = set()
            if same and last is not None:
                local = zone(self.time_zone, moment(last.at_us), moment(wall_us))
                passed = core.moments(marks, local, last.at_us, wall_us + 1, begun_us)
        except (NotPriceable, ZoneUnknown, structs.Invalid):
            return None  # told where it is priced
        before = levels if not same or last is None else last.levels
        levels = _settled(before, levels, session, now_s)
        self._last = _Look(session=session.id, at_us=wall_us, levels=levels)
        if passed:
            return now_s - (wall_us - max(passed)) / _SECOND_US
        return now_s if _turn(before, levels, session, now_s) else None

    def _begun_us(self, session: sessions.Session) -> int:
        """When the customer came: durations count from then."""
        kinds = (p.start_s for p in session.periods if p.kind is not sessions.Kind.RESERVED)
        return micros(self.wall_at(next(kinds, session.begun_s)))


@lru_cache(maxsize=64)
def _marks(tariff: str) -> core.Marks:
    return core.marks_of(read(tariff).core)


def _levels(marks: core.Marks, session: sessions.Session, shown: sessions.Shown) -> Levels:
    drawn_wh = round((session.last_wh or 0.0) - (session.start_wh or 0.0), 3)
    amps = 0.0 if shown.current_a is None else sum(a for a in shown.current_a.value if a)
    watts = 0.0 if shown.power_w is None else shown.power_w.value
    return (
        bisect_right(marks.kwh, Fraction(drawn_wh) / 1000),
        bisect_right(marks.currents_a, amps),
        bisect_right(marks.powers_kw, watts / 1000),
    )


def _settled(before: Levels, now: Levels, session: sessions.Session, now_s: float) -> Levels:
    """The levels of the period that runs; other ones than before begin another.

    While a period is young its current and power may still rise: it is told with its highest.
    """
    last = session.periods[-1]
    if last.kind is not sessions.Kind.CHARGING:
        return (now[0], 0, 0)
    if now_s < last.start_s + SPACING_S or len(session.periods) >= MOST:
        return (now[0], max(before[1], now[1]), max(before[2], now[2]))
    return now


def _turn(before: Levels, now: Levels, session: sessions.Session, now_s: float) -> bool:
    """Whether the price may be another from now on."""
    last = session.periods[-1]
    young = now_s < last.start_s + SPACING_S or len(session.periods) >= MOST
    if last.kind is not sessions.Kind.CHARGING or young:
        return before[0] != now[0]
    return before != now
