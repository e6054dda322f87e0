"""What too much current looks like, and current where none belongs.

Never judged on currents that are stale, that cannot be true, or of a meter in which nothing has
moved since: then the meter is the cause, and its own faults say so.
"""

from __future__ import annotations

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import feedback, fresh, number
from laddvakt_agent.core.memory.current import gross_above_a, offered_a, over_above_a
from laddvakt_agent.core.memory.meter import moved_since
from laddvakt_agent.core.memory.runs import Run
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector
from laddvakt_agent.core.settings import Settings, Supply

LEAST_A = 6.0  # no pilot can offer less
_RELIEF = 0.8  # of a limit: above it, what was derated would soon be over it again
_NO_LIMIT_A = 80.0


def over_current(s: Scene) -> Finding:
    """A wired phase above the offer with every tolerance."""
    judged = _drawn(s)
    if isinstance(judged, Finding):
        return judged
    current_a, limit_a = judged
    return _beyond(s, current_a, over_above_a(s.settings, limit_a), s.memory.power.current.over, 1)


def over_current_gross(s: Scene) -> Finding:
    """Far above the offer, and seen so more than once."""
    judged = _drawn(s)
    if isinstance(judged, Finding):
        return judged
    current_a, limit_a = judged
    enough = int(values(s, "over_current_gross")["samples_count"])
    above_a = gross_above_a(s.settings, limit_a)
    return _beyond(s, current_a, above_a, s.memory.power.current.gross, enough)


def neutral_overloaded(s: Scene) -> Finding:
    """The neutral carries more than it is made for: harmonics and uneven phases add up in it."""
    settings, now = s.settings, s.memory.power.now
    neutral_a = number(fresh(s.inputs.neutral_a, settings.meter_max_age_s, s.now_s))
    if neutral_a is None or s.memory.power.meter.doubt:
        return UNKNOWN
    rated_a = _neutral_rated_a(settings)
    if abs(neutral_a) <= rated_a:
        return AWAY if abs(neutral_a) <= _RELIEF * rated_a else UNKNOWN
    own_a = max(now.amps_a, default=0.0)
    return Finding(
        present=True,
        limit_a=max(LEAST_A, own_a * rated_a / abs(neutral_a)),
        evidence=f"neutral {abs(neutral_a):.1f} A, rated {rated_a:g} A",
    )


def phase_unbalance(s: Scene) -> Finding:
    """One phase carries more than the others by more than the country allows."""
    now, limit_a = s.memory.power.now, _unbalance_a(s.settings)
    if not s.life.closed:
        return AWAY
    if not now.whole_a or s.memory.power.meter.doubt:
        return UNKNOWN
    others_a = min(now.amps_a) if s.settings.phases > 1 else 0.0
    apart_a = max(now.amps_a) - others_a
    if apart_a <= limit_a:
        return AWAY if apart_a <= _RELIEF * limit_a else UNKNOWN
    return Finding(
        present=True,
        limit_a=max(LEAST_A, limit_a),
        evidence=f"{apart_a:.1f} A between the phases, allowed {limit_a:g} A",
    )


def unexpected_current(s: Scene) -> Finding:
    """A current although the contactor is reported open and nobody charges.

    One that has flowed without pause since the contactor opened is a matter of the contactor.
    """
    if s.life.closed or s.life.session or s.memory.power.contactor.carried:
        return AWAY
    closed = feedback(s.settings, s.inputs, s.now_s)
    now, run = s.memory.power.now, s.memory.power.current.idle
    if closed is None or not now.amps_a or s.memory.power.meter.doubt:
        return UNKNOWN
    rule = values(s, "unexpected_current")
    if closed or max(now.amps_a) <= rule["current_a"]:
        return AWAY
    if run.count < rule["samples_count"]:
        return UNKNOWN
    shown = f"{max(now.amps_a):.1f} A with the contactor reported open"
    return Finding(present=True, since_s=run.first_s, evidence=shown)


def _drawn(s: Scene) -> Finding | tuple[float, float]:
    """The highest current and the offer it is held against; a finding when not judged."""
    power = s.memory.power
    if not s.life.closed:
        return AWAY
    if not power.now.amps_a or power.meter.doubt:
        return UNKNOWN
    limit_a = offered_a(s.settings, power.current, s.inputs, power.now.amps_s)
    return (max(power.now.amps_a), limit_a) if limit_a > 0.0 else AWAY


def _beyond(s: Scene, current_a: float, above_a: float, run: Run, enough: int) -> Finding:
    power = s.memory.power
    if current_a <= above_a:
        return AWAY if power.now.whole_a else UNKNOWN
    if run.count < enough or not moved_since(s.settings, power.meter, run.first_s):
        return UNKNOWN
    shown = f"{current_a:.1f} A, allowed {above_a:.1f} A"
    return Finding(present=True, since_s=run.first_s, evidence=shown)


def _neutral_rated_a(settings: Settings) -> float:
    rated_a = settings.neutral_rating_a
    share = rule_for(settings.rules, "neutral_overloaded").values["rated_share"]
    return share * (settings.max_current_a if rated_a is None else rated_a)


def _unbalance_a(settings: Settings) -> float:
    limit_a = rule_for(settings.rules, "phase_unbalance").values["unbalance_a"]
    country_a = settings.unbalance_limit_a
    return limit_a if country_a is None else min(limit_a, country_a)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="over_current_gross",
        subject=of_connector,
        needs=("current_a",),
        also=("limit_readback_a", "voltage_v", "power_w", "energy_wh"),
        look=over_current_gross,
    ),
    Detector(
        code="over_current",
        subject=of_connector,
        needs=("current_a",),
        also=("limit_readback_a", "voltage_v", "power_w", "energy_wh"),
        look=over_current,
    ),
    Detector(
        code="neutral_overloaded",
        subject=of_connector,
        needs=("neutral_a",),
        also=("current_a",),
        look=neutral_overloaded,
        fitted=lambda settings: settings.supply is not Supply.IT_3X230,
    ),
    Detector(
        code="phase_unbalance",
        subject=of_connector,
        needs=("current_a",),
        look=phase_unbalance,
        fitted=lambda settings: _unbalance_a(settings) < _NO_LIMIT_A,
    ),
    Detector(
        code="unexpected_current",
        subject=of_connector,
        needs=("current_a", "feedback_closed"),
        look=unexpected_current,
        fitted=lambda settings: settings.has_feedback and settings.meter_exclusive,
    ),
)
