"""The contactor's health: how fast it closes and opens, how that changes, what is worn.

A time is from the command to the first reading of the mirror contact that shows it done, so it has
the polling period in it: it is compared with itself, not with a data sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import feedback
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.settings import Settings

BASELINE = 20  # movements that say how it was when it was watched first
WEIGHT = 0.1  # of the newest movement in the recent mean
SLOWER = 1.5  # so many times the baseline is called slower


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One direction's movements. Times in seconds; `recent_s` follows, `baseline_s` stands."""

    count: int = 0
    last_s: float | None = None
    baseline_s: float | None = None  # mean of the first `BASELINE` movements
    recent_s: float | None = None

    @property
    def trend(self) -> float | None:
        """How the recent movements compare with the first ones: 1 is unchanged, 2 twice as slow."""
        if self.count < BASELINE or not self.baseline_s or self.recent_s is None:
            return None
        return self.recent_s / self.baseline_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Both directions, and the command that is being followed now."""

    closing: Pace = field(default_factory=Pace)
    opening: Pace = field(default_factory=Pace)
    awaited_s: float | None = None  # a command of then has not been seen done yet
    seen_s: float = 0.0  # the last command that was followed or given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What people are told. Shares of the rating: 1 is worn."""

    operations: int
    load_openings: int
    close_s: float | None
    open_s: float | None
    close_trend: float | None
    open_trend: float | None
    wear_share: float

    @property
    def slower(self) -> bool:
        """It moves clearly slower than when it was watched first."""
        trends = (self.close_trend, self.open_trend)
        return any(trend is not None and trend >= SLOWER for trend in trends)


def remember_motion(
    settings: Settings, life: Life, before: Motion, inputs: Inputs, now_s: float
) -> Motion:
    """The movements after this moment; the same object when nothing was learned."""
    if not settings.has_feedback:
        return before
    commanded_s = life.commanded_since_s
    if commanded_s not in (before.seen_s, before.awaited_s):
        before = replace(before, awaited_s=commanded_s)
    sample = inputs.feedback_closed
    followed = feedback(settings, inputs, now_s) is life.closed
    if before.awaited_s is None or sample is None or not followed:
        return before
    if sample.taken_s <= commanded_s:
        return before
    took_s = sample.taken_s - commanded_s
    before = replace(before, awaited_s=None, seen_s=commanded_s)
    if took_s > settings.sample_max_age_s:
        return before  # nobody looked in time: that says nothing of the contactor
    if life.closed:
        return replace(before, closing=_with(before.closing, took_s))
    return replace(before, opening=_with(before.opening, took_s))


def health(settings: Settings, wear: Wear, motion: Motion) -> Health:
    """What is known of the contactor now."""
    rated = rule_for(settings.rules, "contactor_worn").values
    return Health(
        operations=wear.operations,
        load_openings=wear.load_openings,
        close_s=motion.closing.last_s,
        open_s=motion.opening.last_s,
        close_trend=motion.closing.trend,
        open_trend=motion.opening.trend,
        # Miner's rule: each kind of movement takes its share of the life.
        wear_share=wear.operations / rated["operations_count"]
        + wear.load_openings / rated["load_openings_count"],
    )


def _with(pace: Pace, took_s: float) -> Pace:
    count = pace.count + 1
    recent_s = (
        took_s if pace.recent_s is None else pace.recent_s + WEIGHT * (took_s - pace.recent_s)
    )
    baseline_s = pace.baseline_s
    if count <= BASELINE:
        baseline_s = took_s if baseline_s is None else baseline_s + (took_s - baseline_s) / count
    return Pace(count=count, last_s=took_s, baseline_s=baseline_s, recent_s=recent_s)
