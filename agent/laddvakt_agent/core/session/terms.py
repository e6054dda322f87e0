"""By which rules a connector's sessions are counted, and what one round shows of its meter."""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.inputs import Inputs, Phases, Role, Sample, Signed
from laddvakt_agent.core.memory.contactor import weld_wait_s
from laddvakt_agent.core.model import State
from laddvakt_agent.core.session.model import Kind
from laddvakt_agent.core.settings import Settings

_SLACK_S = 2.0  # a contactor takes a moment to open, and readings are not quite of one time


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is fixed for the sessions of one connector."""

    meter: str  # the device's name
    settle_s: float  # the register is final so long after the contactor opened
    lag_s: float = 2.0 + _SLACK_S  # … and follows what flows by so much at most
    most_w: float | None = None  # what the fuse lets through; `None`: others are measured too
    step_wh: float = 1.0  # the smallest change the register shows
    rollover_wh: float | None = None  # the register begins anew here
    behind: bool = False  # the meter is dead while the contactor is open
    signed_only: bool = False  # calibration law: what the meter has not signed is not billed
    # A limit that changed by `limit_step_a` begins a period, no sooner than `limit_spacing_s` after
    # the last began and no more than `limit_periods_most` times: each is a line of the bill.
    limit_step_a: float = 1.0
    limit_spacing_s: float = 60.0
    limit_periods_most: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one round shows of the connector and its meter."""

    closed: bool = False  # the contactor is commanded closed
    kind: Kind = Kind.VEHICLE
    limit_a: float = 0.0  # offered
    energy: Sample[float] | None = None
    serial: str | None = None  # of the meter that answers now; `None`: not known
    signed: Sample[Signed] | None = None
    current_a: Sample[Phases] | None = None
    power_w: Sample[float] | None = None


def terms_of(settings: Settings) -> Terms:
    """The terms that follow from what is installed."""
    ratio = rule_for(settings.rules, "meter_implausible").values["jump_ratio"]
    most_w = settings.max_current_a * settings.nominal_voltage_v * settings.phases * ratio
    return Terms(
        meter=settings.meter_name,
        settle_s=settle_after_s(settings),
        lag_s=settings.meter_update_s + settings.meter_latency_s + _SLACK_S,
        most_w=most_w if settings.meter_exclusive else None,
        step_wh=settings.meter_resolution_wh,
        rollover_wh=settings.meter_rollover_wh,
        behind=settings.meter_behind_contactor,
        signed_only=settings.signed_only,
    )


def settle_after_s(settings: Settings) -> float:
    """How long after opening the register is final.

    The meter has renewed it since, and a weld would have shown.
    """
    if settings.has_feedback or settings.voltage_load_side:
        renewed_s = settings.meter_update_s + settings.meter_latency_s
        return max(settings.meter_settle_s, renewed_s)
    return weld_wait_s(settings) + 4.0 * settings.meter_update_s


def kind_of(state: State, *, offered: bool) -> Kind:
    """Why an open contactor is open. `offered`: a limit above 0 A."""
    match state:
        case State.FAULTED:
            return Kind.FAULT
        case State.SUSPENDED_STATION | State.UNAVAILABLE:
            return Kind.STATION
        case State.PREPARING if not offered:
            return Kind.STATION
        case _:
            return Kind.VEHICLE


def look(
    terms: Terms,
    inputs: Inputs,
    *,
    closed: bool,
    kind: Kind | None = None,
    limit_a: float = 0.0,
) -> Shown:
    """What this round shows. `kind`: of an open contactor; without one the vehicle pauses."""
    serials = (d.serial for d in inputs.devices if (d.role, d.name) == (Role.METER, terms.meter))
    return Shown(
        closed=closed,
        kind=Kind.CHARGING if closed else kind or Kind.VEHICLE,
        limit_a=limit_a,
        energy=inputs.energy_wh,
        serial=next(serials, None),
        signed=inputs.signed,
        current_a=inputs.current_a,
        power_w=inputs.power_w,
    )
