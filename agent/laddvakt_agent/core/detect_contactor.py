"""What a contactor that does not obey looks like. Every answer is held against the last command.

Witnesses of a closed contactor are the mirror contact, a load-side voltage, a current and the
energy register. Where two disagree the others decide; where they cannot, the contactor is disputed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core.detect_words import values
from laddvakt_agent.core.freshness import fresh, pilot
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life import Power
from laddvakt_agent.core.memory_contactor import register_moved, weld_wait_s
from laddvakt_agent.core.phases import Poles
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector, settling
from laddvakt_agent.core.settings import Settings, Supply
from laddvakt_agent.core.tracks import Finding

_OPENED_SETTLE_S = 0.5  # a load side may hold its voltage so long on the vehicle's capacitors


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What the witnesses say; `unheard`: one that is fitted cannot be judged now."""

    closed: tuple[str, ...] = ()
    opened: int = 0
    unheard: bool = False
    since_s: float | None = None  # where nothing but samples counted in a row speaks


def contactor_welded(s: Scene) -> Finding:
    """More witnesses say closed than open, although open was commanded."""
    if s.life.closed:
        return AWAY
    if settling(s, values(s, "contactor_welded")["settle_s"]):
        return UNKNOWN  # a weld of before a restart is not over because nobody could look yet
    votes = _votes(s)
    if len(votes.closed) > votes.opened:
        shown = ", ".join(votes.closed)
        return Finding(present=True, since_s=votes.since_s, evidence=f"{shown} after opening")
    return UNKNOWN if votes.unheard or votes.closed else AWAY


def contactor_disputed(s: Scene) -> Finding:
    """As many witnesses say closed as open, and no other is there to decide."""
    if settling(s, values(s, "contactor_welded")["settle_s"]):
        return UNKNOWN
    if s.life.closed and _mirror(s) is not False:
        return AWAY  # a dark load side behind a closed contactor is the supply's matter
    votes = _votes(s)
    if votes.closed and len(votes.closed) == votes.opened:
        shown = " and ".join(votes.closed)
        return Finding(present=True, evidence=f"{shown}, but others say open")
    return UNKNOWN if votes.unheard else AWAY


def contactor_did_not_close(s: Scene) -> Finding:
    """Closed is commanded, and no witness has followed since."""
    if s.life.power is not Power.CLOSED or s.memory.power.contactor.seen_closed:
        return AWAY
    rule = values(s, "contactor_did_not_close")
    mirrored = s.settings.has_feedback
    live = _live(s, rule["settle_s"], rule["live_share"])
    if live or settling(s, s.settings.feedback_settle_s if mirrored else rule["settle_s"]):
        return AWAY
    closed = _mirror(s) if mirrored else live
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
    """The mirror contact alone may err: a load side that stays live speaks against it."""
    if s.settings.voltage_load_side:
        sample, now = s.inputs.voltage_v, s.memory.power.now
        if sample is None or not now.volts_v or sample.taken_s < opened_s + _OPENED_SETTLE_S:
            return UNKNOWN
        share = values(s, "contactor_welded")["live_share"]
        if max(now.volts_v) > share * s.settings.nominal_voltage_v:
            return AWAY
    return _LEFT_ALONE


def _votes(s: Scene) -> Votes:
    """Every witness that can be heard. No current says nothing: a vehicle may draw none."""
    settings = s.settings
    rule = values(s, "contactor_welded")
    closed, opened, unheard = [], 0, False
    live = _live(s, rule["settle_s"], rule["live_share"])
    for fitted, said, shown in (
        (settings.has_feedback, _mirror(s), "mirror contact closed"),
        (settings.voltage_load_side, live, "load side live"),
    ):
        if not fitted:
            continue
        if said is None:
            unheard = True
        elif said:
            closed.append(shown)
        else:
            opened += 1
    return _with_current(s, closed, opened, unheard=unheard)


def _with_current(s: Scene, closed: list[str], opened: int, *, unheard: bool) -> Votes:
    power, alone = s.memory.power, not (s.settings.has_feedback or s.settings.voltage_load_side)
    flow, amps_a = power.contactor.flow, power.now.amps_a
    flows = bool(amps_a) and flow.count >= values(s, "contactor_disputed")["samples_count"]
    if not flows or not _ours(s) or power.meter.doubt:
        looked = amps_a and power.now.amps_s >= s.life.commanded_since_s + weld_wait_s(s.settings)
        unheard = unheard or (alone and (not looked or flow.count > 0))
        return Votes(closed=tuple(closed), opened=opened, unheard=unheard)
    moved = register_moved(s.settings, power.contactor, s.inputs, power.now, s.now_s)
    since_s = flow.first_s if alone else None
    closed.append(f"{max(amps_a):.1f} A")
    if moved:
        closed.append("energy counted")
    return Votes(
        closed=tuple(closed), opened=opened + (moved is False), unheard=unheard, since_s=since_s
    )


def _ours(s: Scene) -> bool:
    """Whether a current is the contactor's matter: without another witness always.

    With a mirror contact a current that came later than the opening, with nobody charging, is
    `unexpected_current`.
    """
    if s.life.closed or s.life.session or not s.settings.has_feedback:
        return True
    return s.memory.power.contactor.carried is True


def _mirror(s: Scene) -> bool | None:
    """The fresh mirror contact, read after the last command had time to act."""
    sample = s.inputs.feedback_closed
    due_s = s.life.commanded_since_s + s.settings.feedback_settle_s
    if sample is None or sample.taken_s < due_s:
        return None
    return fresh(sample, s.settings.sample_max_age_s, s.now_s)


def _live(s: Scene, settle_s: float, share: float) -> bool | None:
    """Whether the load side is live, `None` where that is not measured or not settled."""
    sample, volts_v = s.inputs.voltage_v, s.memory.power.now.volts_v
    if not s.settings.voltage_load_side or sample is None or not volts_v:
        return None
    if sample.taken_s < s.life.commanded_since_s + settle_s:
        return None
    return max(volts_v) > share * s.settings.nominal_voltage_v


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
_LEFT_ALONE = Finding(present=True, evidence="mirror contact opened while closed was commanded")

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
        also=("board_errors", "voltage_v"),
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
