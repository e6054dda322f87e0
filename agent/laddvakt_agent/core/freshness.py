"""What a reading is worth now: fresh, or nothing. A stale value never judges anything.

A sample from the future or with a number that is none is no reading: it counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from laddvakt_agent.core.inputs import Inputs, Phases, Pilot, Proximity, Reset, Role, Sample
from laddvakt_agent.core.life.gear import lock_secured, phases_used
from laddvakt_agent.core.life.limits import Constraint, ceiling_a, given
from laddvakt_agent.core.life.lock import RUN_S
from laddvakt_agent.core.life.phases import Poles
from laddvakt_agent.core.life.state import Hold, Life, Vehicle
from laddvakt_agent.core.life.wake import Wake
from laddvakt_agent.core.settings import Settings

T = TypeVar("T")

AHEAD_MAX_S = 0.5  # the shell may note the time just before the reply it waits for arrives
UNLOADED_A = 1.0  # below this a contactor opens without wear
LIVE_V = 50.0  # IEC 61140: more is dangerous to touch
_LOAD_SIDE_SETTLE_S = 1.0  # after opening, before a meter behind the contactor shows it
_PLAUSIBLE_MAX = 1e9  # beyond any register; also stops what is not a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The readings of one moment as the connector's tables see them."""

    vehicle: Vehicle
    complete: bool
    ready: bool
    metered: bool
    unloaded: bool
    authorised: bool
    in_service: bool
    reserved: bool = False
    unlock: bool = False
    secured: bool = True
    hold: Hold | None = None
    ceiling_a: float = math.inf
    given: tuple[Constraint, ...] = ()
    proximity: Proximity | None = None
    draws: bool | None = None
    dead: bool | None = None
    supply_lost: bool = False
    unproved: bool = False
    answered: bool = False
    lock_said: bool | None = None
    poles_confirmed: bool = True
    phases_wanted: int = 3


def fresh(sample: Sample[T] | None, max_age_s: float, now_s: float) -> T | None:
    """The value when it is younger than `max_age_s`, else `None`."""
    if sample is None or not (sample.taken_s - AHEAD_MAX_S <= now_s < sample.taken_s + max_age_s):
        return None
    return sample.value


def number(value: float | None) -> float | None:
    """The value when it is a number a device can mean, else `None`."""
    return value if value is not None and abs(value) < _PLAUSIBLE_MAX else None


def numbers(phases: Phases | None) -> tuple[float, ...]:
    """The phases that were read, in their order."""
    known = (number(value) for value in phases or ())
    return tuple(value for value in known if value is not None)


def pilot(settings: Settings, inputs: Inputs, now_s: float) -> Pilot | None:
    """The fresh pilot state."""
    return fresh(inputs.pilot, settings.sample_max_age_s, now_s)


def feedback(settings: Settings, inputs: Inputs, now_s: float) -> bool | None:
    """The fresh mirror contact."""
    return fresh(inputs.feedback_closed, settings.sample_max_age_s, now_s)


def currents_a(settings: Settings, inputs: Inputs, now_s: float) -> tuple[float, ...]:
    """Fresh phase currents without sign; empty when there are none."""
    phases = fresh(inputs.current_a, settings.meter_max_age_s, now_s)
    return tuple(abs(value) for value in numbers(phases))


def voltages_v(settings: Settings, inputs: Inputs, now_s: float) -> tuple[float, ...]:
    """Fresh voltages of the measured pairs; empty when there are none."""
    return numbers(fresh(inputs.voltage_v, settings.meter_max_age_s, now_s))


def guards(settings: Settings, inputs: Inputs) -> Iterator[tuple[Role, Sample[object] | None]]:
    """Every reading without which the contactor may not stay closed, beside the meter's."""
    yield Role.BOARD, inputs.pilot
    if settings.has_feedback:
        yield Role.CONTACTOR, inputs.feedback_closed
    if settings.has_emergency_stop:
        yield Role.EMERGENCY_STOP, inputs.emergency_stop
    if settings.has_residual_monitor:
        yield Role.RESIDUAL_MONITOR, inputs.residual_tripped


def meter_guards(inputs: Inputs) -> tuple[Sample[object] | None, ...]:
    """The meter readings whose age `meter_lost` bounds."""
    return (inputs.current_a, inputs.energy_wh)


def see(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> Seen:
    """The readings as the tables see them."""
    guarding = [sample for _, sample in guards(settings, inputs)]
    age_s = settings.sample_max_age_s
    since_offer = inputs.pilot is not None and inputs.pilot.taken_s >= life.limit_changed_s
    measured = currents_a(settings, inputs, now_s)
    allowed = given(settings, inputs, life.cable_a, phases_used(settings, life), now_s)
    said = _lock_said(settings, life, inputs, now_s)
    lost = settings.unlock_on_supply_loss and _supply_lost(settings, inputs, now_s)
    return Seen(
        vehicle=_vehicle(settings, pilot(settings, inputs, now_s)),
        complete=None not in guarding and None not in meter_guards(inputs),
        ready=since_offer
        and inputs.recorded
        and (inputs.guarded or settings.unattended_current_a is not None)
        and all(fresh(s, age_s, now_s) is not None for s in guarding),
        metered=number(fresh(inputs.energy_wh, settings.meter_max_age_s, now_s)) is not None,
        unloaded=_measured_since_ramp(settings, life, inputs)
        and len(measured) >= settings.phases
        and max(measured) < UNLOADED_A,
        authorised=inputs.authorised,
        in_service=inputs.in_service,
        reserved=inputs.reserved,
        unlock=inputs.unlock,
        secured=not settings.socket or lock_secured(life, said),
        hold=_hold(settings, life, supply_lost=lost, unproved=inputs.session_unproved),
        ceiling_a=ceiling_a(allowed),
        given=allowed,
        proximity=fresh(inputs.proximity, age_s, now_s),
        draws=max(measured) >= UNLOADED_A if measured else None,
        dead=_dead(settings, life, inputs, now_s)
        if settings.socket or settings.has_phase_switch
        else None,
        supply_lost=lost,
        unproved=inputs.session_unproved,
        answered=not inputs.resets.isdisjoint(_AT_THE_CHARGER),
        lock_said=said,
        poles_confirmed=_poles_confirmed(settings, life, inputs, now_s),
        phases_wanted=_phases_wanted(settings, inputs),
    )


def _hold(settings: Settings, life: Life, *, supply_lost: bool, unproved: bool) -> Hold | None:
    if supply_lost:
        return Hold.SUPPLY
    if unproved:
        return Hold.PROOF
    if life.state_f:
        return Hold.STATE_F
    if settings.has_phase_switch and life.poles is not Poles.STANDING:
        return Hold.PHASES
    return Hold.WAKING if life.wake is Wake.PULSE else None


def _dead(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> bool | None:
    """Whether nothing behind the contactor is live, by what was read since it was opened.

    A mirror contact or a load-side voltage must say so where there is one. Any of them, or a
    current, says that it is not.
    """
    if life.closed:
        return None
    opened_s = life.commanded_since_s
    witnesses: list[bool | None] = []
    if settings.has_feedback:
        closed = _since(inputs.feedback_closed, opened_s + settings.feedback_settle_s)
        mirror = fresh(closed, settings.sample_max_age_s, now_s)
        witnesses.append(None if mirror is None else not mirror)
    if settings.voltage_load_side:
        settled = _since(inputs.voltage_v, opened_s + _LOAD_SIDE_SETTLE_S)
        phases = numbers(fresh(settled, settings.meter_max_age_s, now_s))
        witnesses.append(_below(phases, LIVE_V, settings.phases))
    settled = _since(inputs.current_a, opened_s + settings.meter_settle_s)
    phases = numbers(fresh(settled, settings.meter_max_age_s, now_s))
    flow = _below(phases, UNLOADED_A, settings.phases)
    if flow is False or False in witnesses:
        return False
    return True if True in (witnesses or [flow]) else None


def _since(sample: Sample[T] | None, from_s: float) -> Sample[T] | None:
    return sample if sample is not None and sample.taken_s >= from_s else None


def _below(values: tuple[float, ...], bound: float, wanted: int) -> bool | None:
    """Whether all are below the bound; unknown while some are missing and none is above."""
    if any(abs(value) >= bound for value in values):
        return False
    return True if len(values) >= wanted else None


def _supply_lost(settings: Settings, inputs: Inputs, now_s: float) -> bool:
    """The supply says that it is going, or every line-side voltage has gone."""
    if fresh(inputs.brown_out, settings.sample_max_age_s, now_s):
        return True
    pairs_v = voltages_v(settings, inputs, now_s)
    return not settings.voltage_load_side and _below(pairs_v, LIVE_V, settings.phases) is True


def _lock_said(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> bool | None:
    if not settings.socket:
        return None
    if "locked" in settings.fitted:
        sample = inputs.locked  # of the very moment of the command it is no answer
        if sample is None or sample.taken_s <= life.lock_since_s:
            return None
        return fresh(sample, settings.sample_max_age_s, now_s)
    return life.locked if life.lock_told and now_s >= life.lock_since_s + RUN_S else None


def _poles_confirmed(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> bool:
    if not settings.has_phase_switch or "phases_closed" not in settings.fitted:
        return True
    sample = _since(inputs.phases_closed, life.phases_since_s)
    return fresh(sample, settings.sample_max_age_s, now_s) == life.phases


def _phases_wanted(settings: Settings, inputs: Inputs) -> int:
    wanted = inputs.phases_wanted
    return min(wanted, settings.phases) if wanted in (1, 3) else settings.phases


def _measured_since_ramp(settings: Settings, life: Life, inputs: Inputs) -> bool:
    """Whether the meter has renewed its currents since the offer was withdrawn.

    A vehicle that had only just begun to draw would else be opened under load.
    """
    current = inputs.current_a
    return current is not None and current.taken_s >= life.ramp_since_s + settings.meter_update_s


def deadlines_s(settings: Settings, inputs: Inputs) -> Iterator[float]:
    """When readings begin or cease to count."""
    for age_s, samples in _aging(settings, inputs):
        for sample in samples:
            if sample is not None:
                yield sample.taken_s - AHEAD_MAX_S
                yield sample.taken_s + age_s


def known_time(at_s: float | None) -> float:
    """A time as a number: before everything when it is missing or no number."""
    return -math.inf if at_s is None or math.isnan(at_s) else at_s


def _aging(
    settings: Settings, inputs: Inputs
) -> Iterator[tuple[float, tuple[Sample[object] | None, ...]]]:
    """Every reading that a detector judges by, with the age at which it ceases to count."""
    i = inputs
    board = (
        i.pwm_on, i.limit_readback_a, i.board_errors, i.diode_missing, i.proximity,
        i.plug_partly_inserted, i.locked, i.latch_broken, i.cable_cut,
    )  # fmt: skip
    guard = (
        i.phases_closed, i.residual_dc_a, i.residual_ac_a, i.residual_ac_tripped, i.earth_missing,
        i.insulation_fault, i.brown_out, i.enclosure_open, i.tilted, i.water_inside,
    )  # fmt: skip
    meter = (
        i.voltage_v, i.earth_voltage_v, i.neutral_a, i.power_w, i.frequency_hz, *meter_guards(i),
    )  # fmt: skip
    slow = (i.board_boots, i.board_uptime_s, i.enclosure_temp_c, i.plug_temp_c)
    safety = tuple(sample for _, sample in guards(settings, i))
    yield settings.sample_max_age_s, (*safety, *board, *guard)
    yield settings.meter_max_age_s, meter
    yield settings.slow_max_age_s, slow
    yield settings.site_max_age_s, (i.site_voltage_v, i.site_current_a)


def _vehicle(settings: Settings, state: Pilot | None) -> Vehicle:
    if state is None:
        return Vehicle.UNKNOWN
    if state is Pilot.D and settings.state_d_allowed:
        return Vehicle.ASKING
    return _VEHICLES[state]


_AT_THE_CHARGER = frozenset({Reset.LOCAL, Reset.SERVICE})
_VEHICLES: Mapping[Pilot, Vehicle] = {
    Pilot.A: Vehicle.ABSENT,
    Pilot.B: Vehicle.CONNECTED,
    Pilot.C: Vehicle.ASKING,
    Pilot.D: Vehicle.VENTILATION,
    Pilot.E: Vehicle.BAD,
    Pilot.F: Vehicle.BAD,
    Pilot.INVALID: Vehicle.BAD,
}
