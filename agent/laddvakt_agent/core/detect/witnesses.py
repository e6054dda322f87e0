"""The witnesses of a closed contactor, and what each says since the last command.

They are the mirror contact, a load-side voltage, a current and the energy register.
"""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.core.detect.measured import shown_s
from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.freshness import fresh
from laddvakt_agent.core.memory.contactor import register_moved, weld_wait_s
from laddvakt_agent.core.memory.meter import moved_since
from laddvakt_agent.core.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What the witnesses say; `unheard`: one that is fitted cannot be judged now."""

    closed: tuple[str, ...] = ()
    opened: int = 0
    unheard: bool = False
    since_s: float | None = None  # where nothing but samples counted in a row speaks


def votes_of(s: Scene) -> Votes:
    """Every witness that can be heard. No current says nothing: a vehicle may draw none."""
    settings = s.settings
    rule = values(s, "contactor_welded")
    closed, opened, unheard = [], 0, False
    live = live_side(s, rule["settle_s"], rule["live_share"])
    for fitted, said, shown in (
        (settings.has_feedback, mirror(s), "mirror contact closed"),
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


def mirror(s: Scene) -> bool | None:
    """The fresh mirror contact, read after the last command had time to act."""
    sample = s.inputs.feedback_closed
    due_s = s.life.commanded_since_s + s.settings.feedback_settle_s
    if sample is None or sample.taken_s < due_s:
        return None
    return fresh(sample, s.settings.sample_max_age_s, s.now_s)


def live_side(s: Scene, settle_s: float, share: float) -> bool | None:
    """Whether the load side is live, `None` where that is not measured or not settled."""
    sample, volts_v = s.inputs.voltage_v, s.memory.power.now.volts_v
    if not s.settings.voltage_load_side or sample is None or not volts_v:
        return None
    since_s, opened_s = s.life.commanded_since_s, s.memory.power.contactor.opened_s
    # A slow meter may still show what was before the command, or before the mirror contact opened.
    if opened_s is not None:
        since_s = max(since_s, opened_s)
    if sample.taken_s < since_s + max(settle_s, shown_s(s.settings)):
        return None
    return max(volts_v) > share * s.settings.nominal_voltage_v


def _with_current(s: Scene, closed: list[str], opened: int, *, unheard: bool) -> Votes:
    power, alone = s.memory.power, not (s.settings.has_feedback or s.settings.voltage_load_side)
    flow, amps_a = power.contactor.flow, power.now.amps_a
    flows = bool(amps_a) and flow.count >= values(s, "contactor_disputed")["samples_count"]
    if s.life.closed and not moved_since(s.settings, power.meter, flow.first_s):
        flows = False  # a frozen meter shows for ever what once flowed
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
