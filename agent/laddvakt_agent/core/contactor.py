"""What a contactor that does not obey looks like. Every answer is held against the last command."""

from __future__ import annotations

from laddvakt_agent.core.freshness import currents_a, fresh, pilot, voltages_v
from laddvakt_agent.core.inputs import Pilot, Sample
from laddvakt_agent.core.life import Power
from laddvakt_agent.core.memory import WELD_SAMPLES
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Scene, found, settling
from laddvakt_agent.core.tracks import Finding

WELD_SETTLE_S = 1.0  # after opening, before closed feedback or load-side voltage counts
LOAD_SIDE_CLOSE_S = 1.0  # after closing, before a missing load-side voltage counts


def contactor_welded(s: Scene) -> Finding:
    """Closed feedback or load-side voltage after opening; without either: current."""
    if s.life.closed:
        return AWAY
    if s.now_s < s.life.commanded_since_s + WELD_SETTLE_S:
        return UNKNOWN  # a weld of before a restart is not over because nobody could look yet
    witnesses = [w for w in (_mirror_weld(s), _voltage_weld(s)) if w is not None]
    if not witnesses:
        return _current_weld(s)
    for witness in witnesses:
        if witness.present:
            return witness
    return UNKNOWN if UNKNOWN in witnesses else AWAY


def contactor_did_not_close(s: Scene) -> Finding:
    """Closed is commanded, and no witness has followed since."""
    if s.life.power is not Power.CLOSED or s.memory.seen_closed:
        return AWAY
    voltage = _load_voltage(s, LOAD_SIDE_CLOSE_S)
    if voltage is True:
        return AWAY
    if not s.settings.has_feedback:
        if not s.settings.voltage_load_side or settling(s, LOAD_SIDE_CLOSE_S):
            return AWAY
        return found(None if voltage is None else True, "no load-side voltage after closing")
    if settling(s, s.settings.feedback_settle_s):
        return AWAY
    closed = _settled(s, s.inputs.feedback_closed, s.settings.feedback_settle_s)
    return found(None if closed is None else not closed, "mirror contact did not follow")


def contactor_opened_alone(s: Scene) -> Finding:
    """The mirror contact opened although vehicle and station both want it closed."""
    opened_s = s.memory.opened_s
    if s.life.power is not Power.CLOSED or not s.memory.seen_closed or opened_s is None:
        return AWAY
    age_s = s.settings.sample_max_age_s
    errors = fresh(s.inputs.board_errors, age_s, s.now_s)
    if errors or fresh(s.inputs.pwm_on, age_s, s.now_s) is False:
        return AWAY
    sample = s.inputs.pilot
    # Only a pilot read after the opening tells a lone opening from C→B, where the board opens.
    if sample is None or sample.taken_s < opened_s:
        return UNKNOWN
    state = pilot(s.settings, s.inputs, s.now_s)
    asks = None if state is None else state in (Pilot.C, Pilot.D)
    return found(asks, "mirror contact opened while closed was commanded")


def _settled(s: Scene, sample: Sample[bool] | None, settle_s: float) -> bool | None:
    """The fresh value of a sample taken after the last command had time to act."""
    if sample is None or sample.taken_s < s.life.commanded_since_s + settle_s:
        return None
    return fresh(sample, s.settings.sample_max_age_s, s.now_s)


def _load_voltage(s: Scene, settle_s: float) -> bool | None:
    """Whether the load side is live, `None` where that is not measured or not settled."""
    sample = s.inputs.voltage_v
    if not s.settings.voltage_load_side or sample is None:
        return None
    pairs_v = voltages_v(s.settings, s.inputs, s.now_s)
    if not pairs_v or sample.taken_s < s.life.commanded_since_s + settle_s:
        return None
    return max(pairs_v) > 0.5 * s.settings.nominal_voltage_v


def _mirror_weld(s: Scene) -> Finding | None:
    if not s.settings.has_feedback:
        return None
    closed = _settled(s, s.inputs.feedback_closed, s.settings.feedback_settle_s)
    return UNKNOWN if closed is None else found(closed, "mirror contact closed after opening")


def _voltage_weld(s: Scene) -> Finding | None:
    if not s.settings.voltage_load_side:
        return None
    live = _load_voltage(s, WELD_SETTLE_S)
    return UNKNOWN if live is None else found(live, "load side live after opening")


def _current_weld(s: Scene) -> Finding:
    run, measured = s.memory.weld, currents_a(s.settings, s.inputs, s.now_s)
    if not measured:
        return UNKNOWN
    return Finding(
        present=run.count >= WELD_SAMPLES,
        since_s=run.first_s,
        evidence=f"{max(measured):.1f} A after opening",
    )
