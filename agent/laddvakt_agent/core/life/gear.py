"""Lock, poles, waking and state F beside the connector's tables: each gets its own few facts.

The tables have moved before; what they do next with the answer they see in the next pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.inputs import Proximity
from laddvakt_agent.core.life import lock, phases, state_f, wake
from laddvakt_agent.core.life.limits import Constraint, cable_limit_a, in_force, of_faults
from laddvakt_agent.core.life.state import Life, Power, Vehicle
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings

ANSWER_S = 10.0  # a person can answer for a dead socket only this long after the opening

_KNOWN = (Vehicle.ABSENT, Vehicle.CONNECTED, Vehicle.ASKING, Vehicle.VENTILATION)


class GearView(Protocol):
    """The readings as the gear sees them."""

    @property
    def vehicle(self) -> Vehicle:
        """What the pilot says."""
        ...

    @property
    def reserved(self) -> bool:
        """The connector is kept for somebody."""
        ...

    @property
    def unlock(self) -> bool:
        """Somebody asks for the plug: an edge."""
        ...

    @property
    def dead(self) -> bool | None:
        """Seen open and without voltage or current since it was opened; None: nobody can say."""
        ...

    @property
    def supply_lost(self) -> bool:
        """The supply is going, and the plug shall be let go for that."""
        ...

    @property
    def unproved(self) -> bool:
        """Whether the vehicle is that of the session found at the start is not known yet."""
        ...

    @property
    def answered(self) -> bool:
        """A person at the charger has reset: an edge."""
        ...

    @property
    def lock_said(self) -> bool | None:
        """Where the lock says it is, read since it was last told."""
        ...

    @property
    def poles_confirmed(self) -> bool:
        """The poles say the number they were told, or cannot say any."""
        ...

    @property
    def phases_wanted(self) -> int:
        """1 or 3."""
        ...

    @property
    def draws(self) -> bool | None:
        """Whether a current flows; None: no fresh one."""
        ...

    @property
    def proximity(self) -> Proximity | None:
        """What the plug says, fresh."""
        ...

    @property
    def given(self) -> tuple[Constraint, ...]:
        """What everything but faults allows."""
        ...


def advance(settings: Settings, life: Life, view: GearView, faults: Summary, now_s: float) -> Life:
    """Every automaton that is fitted one step on; the same object when nothing moved."""
    life = _noted(settings, life, view, faults, now_s)
    # Where a lock stands is evidence for a session of before the start, until it is moved.
    if settings.socket and (not view.unproved or view.supply_lost or view.dead is False):
        life = _locked(life, view, now_s)
    if settings.has_phase_switch:
        life = _switched(settings, life, view, now_s)
    if settings.wake_after_s is not None:
        life = _woken(life, view, settings.wake_after_s, now_s)
    if settings.state_f_pulse:
        life = _told(life, faults, now_s)
    return life


def deadlines_s(settings: Settings, life: Life) -> Iterator[float]:
    """When any of them may move although nothing new is read."""
    if settings.socket:
        yield from lock.deadlines_s(_lock(life))
        yield life.commanded_since_s + ANSWER_S
    if settings.has_phase_switch:
        yield life.limit_changed_s + phases.QUIET_S
        yield from phases.deadlines_s(_phases(life), settings.phase_switch_apart_s)
    if settings.wake_after_s is not None:
        yield from wake.deadlines_s(_waking(life), settings.wake_after_s)
    yield from state_f.deadlines_s(_sign(life))


def state_f_explains(life: Life, taken_s: float) -> bool:
    """Whether an F read from the pilot then is what this station put there."""
    return state_f.ours(_sign(life), taken_s)


def lock_secured(life: Life, said: bool | None) -> bool:
    """The plug is held: the lock was told so, and says so."""
    return lock.secured(_lock(life), said)


def _noted(settings: Settings, life: Life, view: GearView, faults: Summary, now_s: float) -> Life:
    limits = in_force(life.limits, (*view.given, *of_faults(settings, faults, now_s)))
    cable_a = life.cable_a
    if view.vehicle is Vehicle.ABSENT:
        cable_a = None
    elif view.proximity is not None:
        cable_a = cable_limit_a(view.proximity, phases_used(settings, life))
    if (limits, cable_a, view.reserved) == (life.limits, life.cable_a, life.reserved):
        return life
    return replace(life, limits=limits, cable_a=cable_a, reserved=view.reserved)


def phases_used(settings: Settings, life: Life) -> int:
    """How many phases a closed contactor feeds."""
    return min(settings.phases, life.phases) if settings.has_phase_switch else settings.phases


def _locked(life: Life, view: GearView, now_s: float) -> Life:
    sight = lock.LockSight(
        wanted=life.session and life.plugged and not view.supply_lost,
        closed=life.closed,
        dead=view.dead,
        plugged=life.plugged,
        answered=view.answered and now_s >= life.commanded_since_s + ANSWER_S,
        asked=view.unlock or view.answered,
        said=view.lock_said,
    )
    before = _lock(life)
    after = lock.advance(before, sight, now_s)
    if after is before:
        return life
    return replace(
        life,
        locked=after.locked,
        lock_since_s=after.since_s,
        lock_tries=after.tries,
        lock_told=after.told,
        lock_reason=after.reason,
    )


def _switched(settings: Settings, life: Life, view: GearView, now_s: float) -> Life:
    sight = phases.PhasesSight(
        wanted=view.phases_wanted,
        quiet=_quiet(life, view, now_s),
        confirmed=view.poles_confirmed,
        apart_s=settings.phase_switch_apart_s,
    )
    before = _phases(life)
    after = phases.advance(before, sight, now_s)
    if after is before:
        return life
    return replace(
        life,
        poles=after.poles,
        phases=after.phases,
        phases_since_s=after.since_s,
        phases_tried_s=after.tried_s,
    )


def _quiet(life: Life, view: GearView, now_s: float) -> bool:
    return (
        life.power is Power.OFF
        and view.dead is True
        and view.vehicle in _KNOWN
        and now_s >= life.limit_changed_s + phases.QUIET_S
    )


def _woken(life: Life, view: GearView, after_s: float, now_s: float) -> Life:
    sight = wake.WakeSight(
        session=life.session,
        offered=life.session and life.limit_a > 0.0,
        closed=life.power is Power.CLOSED,
        draws=view.draws,
        after_s=after_s,
    )
    before = _waking(life)
    after = wake.advance(before, sight, now_s)
    if after is before:
        return life
    return replace(life, wake=after.wake, wake_since_s=after.since_s, wake_pulses=after.pulses)


def _told(life: Life, faults: Summary, now_s: float) -> Life:
    sight = state_f.SignSight(
        tripped=faults.act is Act.TRIP, closed=life.closed, plugged=life.plugged
    )
    before = _sign(life)
    after = state_f.advance(before, sight, now_s)
    if after is before:
        return life
    return replace(life, told=after.told, told_since_s=after.since_s)


def _lock(life: Life) -> lock.Lock:
    return lock.Lock(
        told=life.lock_told,
        locked=life.locked,
        since_s=life.lock_since_s,
        tries=life.lock_tries,
        reason=life.lock_reason,
    )


def _phases(life: Life) -> phases.Phases:
    return phases.Phases(
        poles=life.poles,
        phases=life.phases,
        since_s=life.phases_since_s,
        tried_s=life.phases_tried_s,
    )


def _waking(life: Life) -> wake.Waking:
    return wake.Waking(wake=life.wake, since_s=life.wake_since_s, pulses=life.wake_pulses)


def _sign(life: Life) -> state_f.Sign:
    return state_f.Sign(told=life.told, since_s=life.told_since_s)
