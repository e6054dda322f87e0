"""When a running session's price may change: there a period ends and another begins.

mod_cdrs, ChargingPeriod: the CPO starts one at every moment that matters for the cost. The meter is
read at that moment, so nothing has to be shared out later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from laddvakt_agent.core import session as sessions
from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.costs import read
from laddvakt_agent.pricing.errors import NotPriceable, ZoneUnknown
from laddvakt_agent.pricing.zones import micros, moment, zone
from laddvakt_agent.uplink import structs

_SECOND_US = 1_000_000
LOOK_US = _SECOND_US  # tariffs change by the minute: looked at no oftener


@dataclass(slots=True, kw_only=True)
class Turns:
    """Of one connector."""

    time_zone: str
    wall_at: Callable[[float], datetime]
    _seen: tuple[str, int, Fraction] = field(default=("", 0, Fraction(0)))  # session, when, kWh

    def since(self, tariff: str | None, session: sessions.Session, now_s: float) -> float | None:
        """The second at which a price may have changed since the last look; `None`: none has.

        The first look at a session, and one after the clock was set back, only remembers.
        """
        if tariff is None:
            return None
        known, seen_us, before_kwh = self._seen
        wall_us = micros(self.wall_at(now_s))
        same = known == session.id and wall_us >= seen_us
        if same and wall_us - seen_us < LOOK_US:
            return None
        kwh = Fraction(str(round((session.last_wh or 0.0) - (session.start_wh or 0.0), 3))) / 1000
        self._seen = (session.id, wall_us, kwh)
        if not same:
            return None
        try:
            marks = core.marks_of(read(tariff).core)
            local = zone(self.time_zone, moment(seen_us), moment(wall_us))
        except (NotPriceable, ZoneUnknown, structs.Invalid):
            return None  # told where it is priced
        passed = core.moments(marks, local, seen_us, wall_us + 1, self._begun_us(session))
        if passed:
            return now_s - (wall_us - max(passed)) / _SECOND_US
        return now_s if any(before_kwh < mark <= kwh for mark in marks.kwh) else None

    def _begun_us(self, session: sessions.Session) -> int:
        """When the customer came: durations count from then."""
        kinds = (p.start_s for p in session.periods if p.kind is not sessions.Kind.RESERVED)
        return micros(self.wall_at(next(kinds, session.begun_s)))
