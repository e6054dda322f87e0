"""What is remembered of currents: the offers a vehicle may still follow, and runs beyond them."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.core.detect.measured import Measured, shown_s
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.runs import Run, counted
from laddvakt_agent.core.settings import Settings

PILOT_MAX_A = 80.0  # no duty cycle says more


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentMemory:
    """One connector's currents against its offers."""

    offer_a: float = 0.0  # the highest that the pilot may be saying now
    offers: tuple[tuple[float, float], ...] = ()  # those before it, each with its end
    over: Run = field(default_factory=Run)
    gross: Run = field(default_factory=Run)
    over_s: float | None = None  # the newest sample beyond the offer
    idle: Run = field(default_factory=Run)  # samples with a current although nothing charges


def remember_current(
    settings: Settings,
    life: Life,
    before: CurrentMemory,
    inputs: Inputs,
    measured: Measured,
    now_s: float,
) -> CurrentMemory:
    """The memory after this moment's readings."""
    offer_a = _on_pilot_a(settings, life, inputs, now_s)
    offers = _offers(settings, before, inputs, offer_a, now_s)
    taken_s = measured.amps_s if measured.amps_a else None
    drawn_a = max(measured.amps_a, default=0.0)
    over, gross = Run(), Run()
    over_s = before.over_s
    if life.closed and taken_s is not None:
        limit_a = _highest_a(settings, offer_a, offers, inputs, taken_s)
        judged = limit_a > 0.0
        above = judged and drawn_a > over_above_a(settings, limit_a)
        over = counted(before.over, taken_s, above, 2)
        over_s = taken_s if above else over_s
        enough = int(rule_for(settings.rules, "over_current_gross").values["samples_count"])
        beyond = judged and drawn_a > gross_above_a(settings, limit_a)
        gross = counted(before.gross, taken_s, beyond, enough)
    return CurrentMemory(
        offer_a=offer_a,
        offers=offers,
        over=over,
        gross=gross,
        over_s=over_s,
        idle=_idle(settings, life, before, drawn_a, taken_s),
    )


def offered_a(settings: Settings, memory: CurrentMemory, inputs: Inputs, taken_s: float) -> float:
    """The highest offer the vehicle may have followed when the meter took this sample."""
    return _highest_a(settings, memory.offer_a, memory.offers, inputs, taken_s)


def over_above_a(settings: Settings, limit_a: float) -> float:
    """What is drawn beyond this is more than the offer with every tolerance."""
    values = rule_for(settings.rules, "over_current").values
    return (limit_a + values["margin_a"]) * values["ratio"]


def gross_above_a(settings: Settings, limit_a: float) -> float:
    """Beyond this no tolerance of meter or vehicle explains the current."""
    values = rule_for(settings.rules, "over_current_gross").values
    return max(values["gross_ratio"] * limit_a, limit_a + values["gross_margin_a"])


def _on_pilot_a(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> float:
    """A board that offers more than it was told is at fault itself, not the vehicle."""
    told_a = number(fresh(inputs.limit_readback_a, settings.sample_max_age_s, now_s))
    if life.limit_a <= 0.0 or told_a is None or told_a > PILOT_MAX_A:
        return life.limit_a
    return max(life.limit_a, told_a)


def _follow_s(settings: Settings, inputs: Inputs) -> float:
    """How long after an offer has ended it may still be seen in the currents."""
    follow_s = rule_for(settings.rules, "over_current").values["follow_s"]
    # A board that cannot be read back may take all its time before the pilot says less.
    apply_s = settings.board_apply_s if inputs.limit_readback_a is None else 0.0
    return follow_s + shown_s(settings) + apply_s


def _offers(
    settings: Settings,
    before: CurrentMemory,
    inputs: Inputs,
    offer_a: float,
    now_s: float,
) -> tuple[tuple[float, float], ...]:
    offers = before.offers
    if before.offer_a > offer_a:
        offers = (*offers, (before.offer_a, now_s))
    kept_s = _follow_s(settings, inputs) + settings.meter_max_age_s
    if offers and not all(now_s <= until_s + kept_s for _, until_s in offers):
        offers = tuple(past for past in offers if now_s <= past[1] + kept_s)
    return offers


def _highest_a(
    settings: Settings,
    offer_a: float,
    offers: tuple[tuple[float, float], ...],
    inputs: Inputs,
    taken_s: float,
) -> float:
    if not offers:
        return offer_a
    follow_s = _follow_s(settings, inputs)
    past = (past_a for past_a, until_s in offers if taken_s < until_s + follow_s)
    return max(offer_a, *past, 0.0)


def _idle(
    settings: Settings, life: Life, before: CurrentMemory, drawn_a: float, taken_s: float | None
) -> Run:
    if life.closed or life.session or taken_s is None:
        return Run()
    if taken_s < life.commanded_since_s + settings.meter_settle_s:
        return Run()
    values = rule_for(settings.rules, "unexpected_current").values
    return counted(
        before.idle, taken_s, drawn_a > values["current_a"], int(values["samples_count"])
    )
