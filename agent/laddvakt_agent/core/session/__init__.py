"""A charging session from meter readings alone: registers are kept, differences are derived."""

from laddvakt_agent.core.session.course import begin, end, observe
from laddvakt_agent.core.session.model import (
    NO_PHASES,
    Kind,
    MeterValue,
    Period,
    Quality,
    Reservation,
    Session,
)
from laddvakt_agent.core.session.moving import inherited, not_after, shift
from laddvakt_agent.core.session.periods import divided
from laddvakt_agent.core.session.registers import START_MAX_AGE_S, shown_wh
from laddvakt_agent.core.session.settling import overtaken, settle
from laddvakt_agent.core.session.sums import PeriodTotal, Totals, totals
from laddvakt_agent.core.session.terms import Shown, Terms, kind_of, look, settle_after_s, terms_of

__all__ = [
    "NO_PHASES",
    "START_MAX_AGE_S",
    "Kind",
    "MeterValue",
    "Period",
    "PeriodTotal",
    "Quality",
    "Reservation",
    "Session",
    "Shown",
    "Terms",
    "Totals",
    "begin",
    "divided",
    "end",
    "inherited",
    "kind_of",
    "look",
    "not_after",
    "observe",
    "overtaken",
    "settle",
    "settle_after_s",
    "shift",
    "shown_wh",
    "terms_of",
    "totals",
]
