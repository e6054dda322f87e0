"""What a contactor that does not obey looks like. Every answer is held against the last command.

Witnesses of a closed contactor are the mirror contact, a load-side voltage, a current and the
energy register. Where two disagree the others decide; where they cannot, the contactor is disputed.
"""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.measured import shown_s
from laddvakt_agent.core.detect.witnesses import live_side, mirror, votes_of
from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.freshness import fresh, pilot
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life.phases import Poles
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector, settling
from laddvakt_agent.core.settings import Settings, Supply


def contactor_welded(s: Scene) -> Finding:
    """More witnesses say closed than open, although open was commanded."""
    if s.life.closed:
        return AWAY
    if settling(s, values(s, "contactor_welded")["settle_s"]):
        return UNKNOWN  # a weld of before a restart is not over because nobody could look yet
    votes = votes_of(s)
    if len(votes.closed) > votes.opened:
        shown = ", ".join(votes.closed)
        return Finding(present=True, since_s=votes.since_s, evidence=f"{shown} after opening")
    return UNKNOWN if votes.unheard or votes.closed else AWAY


def contactor_disputed(s: Scene) -> Finding:
    """As many witnesses say closed as open, and no other is there to decide.

    Where closed is commanded, a mirror contact that says otherwise is out of order itself as soon
    as it does not have more witnesses on its side.
    """
    if settling(s, values(s, "contactor_welded")["settle_s"]):
        return UNKNOWN
    if s.life.closed and mirror(s) is not False:
        return AWAY  # a dark load side behind a closed contactor is the supply's matter
    votes = votes_of(s)
    apart = len(votes.closed) - votes.opened
    if votes.closed and (apart == 0 or (s.life.closed and apart > 0)):
        shown = " and ".join(votes.closed)
        return Finding(present=True, evidence=f"{shown}, but others say open")
    return UNKNOWN if votes.unheard else AWAY


def contactor_did_not_close(s: Scene) -> Finding:
    """Closed is commanded, and no witness has followed since."""
    contactor = s.memory.power.contactor
    if s.life.power is not Power.CLOSED or contactor.seen_closed or contactor.seen_live:
        return AWAY
    rule = values(s, "contactor_did_not_close")
    mirrored = s.settings.has_feedback
    live = live_side(s, rule["settle_s"], rule["live_share"])
    if live or settling(s, s.settings.feedback_settle_s if mirrored else rule["settle_s"]):
        return AWAY
    closed = mirror(s) if mirrored else live
    if mirrored and s.settings.voltage_load_side and live is None and s.memory.power.now.volts_v:
        return UNKNOWN  # the load side cannot have shown it yet
    if closed is not False:
        return UNKNOWN  # a mirror contact that follows was seen to do so above
    return _DID_NOT_FOLLOW if mirrored else _DARK


def contactor_opened_alone(s: Scene) -> Finding:
    """The mirror contact opened although vehicle and station both want it closed."""
    contactor = s.memory.power.contactor
    opened_s = contactor.opened_s
    if s.life.power is not Power.CLOSED or not contactor.seen_closed or opened_s is None:
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
    if state is None:
        return UNKNOWN
    if state not in (Pilot.C, Pilot.D):
        return AWAY
    return _opened(s, opened_s)


def phase_switch_failed(s: Scene) -> Finding:
    """A phase that was switched off is live, or the switch says another number of phases."""
    if not s.life.closed and s.life.poles is Poles.UNKNOWN:
        return AWAY  # nobody has told them anything yet
    switched_s = max(s.life.phases_since_s, s.life.commanded_since_s)
    said = s.inputs.phases_closed
    known = False
    if said is not None and said.taken_s >= switched_s + s.settings.feedback_settle_s:
        told = fresh(said, s.settings.sample_max_age_s, s.now_s)
        if told is not None and told != s.life.phases:
            shown = f"switch says {told}, told {s.life.phases}"
            return Finding(present=True, evidence=shown)
        known = told is not None
    if s.life.phases != 1 or not s.life.closed:
        return AWAY if known or "phases_closed" not in s.settings.fitted else UNKNOWN
    return _phases_left(s, switched_s)


def _phases_left(s: Scene, switched_s: float) -> Finding:
    """Voltage or current on what was switched off."""
    now, rule = s.memory.power.now, values(s, "phase_switch_failed")
    # Without neutral one phase is two conductors: only the third is off, and floats.
    first = 2 if s.settings.supply is Supply.IT_3X230 else 1
    if now.amps_a and now.amps_s >= switched_s + s.settings.meter_settle_s:
        left_a = max((abs(amps) for amps in now.phase_a[first:] if amps is not None), default=0.0)
        if left_a > rule["current_a"]:
            return Finding(present=True, evidence=f"{left_a:.1f} A on a phase switched off")
        return AWAY if not _sees_load(s.settings) else _pairs_left(s)
    return UNKNOWN


def _pairs_left(s: Scene) -> Finding:
    now = s.memory.power.now
    if now.blind or not now.volts_v:
        return UNKNOWN
    left_v = max((volts for volts in now.phase_v[1:] if volts is not None), default=0.0)
    most_v = values(s, "phase_switch_failed")["live_share"] * s.settings.nominal_voltage_v
    if left_v <= most_v:
        return AWAY
    return Finding(present=True, evidence=f"{left_v:.0f} V on a phase switched off")


def _opened(s: Scene, opened_s: float) -> Finding:
    """The mirror contact alone may err: the other witnesses are heard before it is believed."""
    if _still_awaited(s, opened_s):
        return UNKNOWN
    votes = votes_of(s)
    if votes.closed and len(votes.closed) >= votes.opened:
        return AWAY  # then it is disputed
    return Finding(present=True, since_s=opened_s, evidence=_LEFT_ALONE)


def _still_awaited(s: Scene, opened_s: float) -> bool:
    """Whether a witness that can be heard has not spoken of the time since it opened."""
    settings, power, sample = s.settings, s.memory.power, s.inputs.voltage_v
    settle_s = max(values(s, "contactor_welded")["settle_s"], shown_s(settings))
    unseen = sample is None or sample.taken_s < opened_s + settle_s
    if settings.voltage_load_side and power.now.volts_v and unseen:
        return True
    rule, drawn_a = values(s, "contactor_disputed"), max(power.now.amps_a, default=0.0)
    flows = settings.meter_exclusive and not power.meter.doubt and drawn_a > rule["current_a"]
    return flows and power.contactor.flow.count < rule["samples_count"]


def _sees_load(settings: Settings) -> bool:
    """Floating pairs of a supply without neutral show half the voltage without being live."""
    return settings.voltage_load_side and settings.supply is not Supply.IT_3X230


def _settle_due_s(s: Scene) -> Iterator[float]:
    settles_s = (
        values(s, "contactor_welded")["settle_s"],
        values(s, "contactor_did_not_close")["settle_s"],
        s.settings.feedback_settle_s,
    )
    yield from (s.life.commanded_since_s + settle_s for settle_s in settles_s)


_DARK = Finding(present=True, evidence="no load-side voltage after closing")
_DID_NOT_FOLLOW = Finding(present=True, evidence="mirror contact did not follow")
_LEFT_ALONE = "mirror contact opened while closed was commanded"

DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="contactor_welded",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v", "current_a"),
        also=("energy_wh",),
        look=contactor_welded,
        due_s=_settle_due_s,
    ),
    Detector(
        code="contactor_disputed",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v", "current_a"),
        also=("energy_wh",),
        look=contactor_disputed,
        fitted=lambda settings: settings.has_feedback or settings.voltage_load_side,
    ),
    Detector(
        code="contactor_did_not_close",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v"),
        look=contactor_did_not_close,
        fitted=lambda settings: settings.has_feedback or settings.voltage_load_side,
    ),
    Detector(
        code="contactor_opened_alone",
        subject=of_connector,
        needs=("feedback_closed", "pilot", "pwm_on"),
        also=("board_errors", "voltage_v", "current_a", "energy_wh"),
        look=contactor_opened_alone,
        fitted=lambda settings: settings.has_feedback,
    ),
    Detector(
        code="phase_switch_failed",
        subject=of_connector,
        needs=("current_a", "voltage_v"),
        also=("phases_closed",),
        look=phase_switch_failed,
        fitted=lambda settings: settings.has_phase_switch,
    ),
)
