"""Turns hardware readings into the core's inputs: same value, same time, nothing made newer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from laddvakt_agent.core.inputs import (
    DeviceHealth,
    Inputs,
    LineHealth,
    Pilot,
    Proximity,
    Reset,
    Sample,
    SelfTest,
    SharedBudget,
    TestReply,
)
from laddvakt_agent.station_facts import StationFacts
from laddvakt_hal.adapters import Adapter
from laddvakt_hal.boards import BoardContactor, ProfiledBoard
from laddvakt_hal.meters import ProfiledMeter
from laddvakt_hal.reading import Reading
from laddvakt_hal.relays import RelayContactor, RelayInput, RelayOutput
from laddvakt_hal.residual import ProfiledResidualMonitor
from laddvakt_hal.sensors import RowSensor

# What a row of any device can be read for: name of the core's input → how its value is meant.
TRUTHS = frozenset(
    {
        "brown_out",
        "cable_cut",
        "diode_missing",
        "earth_missing",
        "enclosure_open",
        "insulation_fault",
        "latch_broken",
        "locked",
        "plug_partly_inserted",
        "residual_ac_tripped",
        "tilted",
        "water_inside",
    }
)
_NUMBERS = frozenset(
    {
        "board_uptime_s",
        "enclosure_temp_c",
        "frequency_hz",
        "neutral_a",
        "plug_temp_c",
        "residual_ac_a",
    }
)
_COUNTS = frozenset({"board_boots"})
_AMPERES = frozenset({"proximity"})  # the cable's rating as the board tells it
SENSORS = TRUTHS | _NUMBERS | _COUNTS | _AMPERES
URGENT = TRUTHS - {"latch_broken", "cable_cut"} | {"residual_ac_a"}

_NO_FACTS = StationFacts()

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which device is what for one connector."""

    board: ProfiledBoard
    meter: ProfiledMeter
    contactor: RelayContactor | BoardContactor
    emergency_stop: RelayInput | None = None
    residual_monitor: ProfiledResidualMonitor | None = None
    sensors: Mapping[str, RowSensor] = field(default_factory=dict)
    lock: RelayOutput | None = None
    lock_contact: RelayInput | None = None
    phase_switch: RelayOutput | None = None  # on: one phase
    phase_contact: RelayInput | None = None  # closed: one phase
    site_meter: ProfiledMeter | None = None

    def all(self) -> tuple[Adapter, ...]:
        """Every role that is played."""
        played = (
            self.board,
            self.meter,
            self.contactor,
            self.emergency_stop,
            self.residual_monitor,
            self.lock,
            self.lock_contact,
            self.phase_switch,
            self.phase_contact,
            self.site_meter,
            *self.sensors.values(),
        )
        return tuple(role for role in played if role is not None)

    def fitted(self) -> frozenset[str]:
        """The optional inputs of the core that this hardware gives."""
        names = set(self.sensors)
        if self.lock_contact is not None:
            names.add("locked")
        if self.phase_switch is not None:
            names.add("phases_closed")
        if self.site_meter is not None:
            names |= {"site_voltage_v", "site_current_a"}
        return frozenset(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people and the backend want of a connector now."""

    authorised: bool = False
    session_unproved: bool = False
    session_found: str = ""
    in_service: bool = True
    recorded: bool = True
    reserved: bool = False
    maintenance: bool = False
    phases_wanted: int | None = None
    profile_limit_a: float | None = None
    load_limit_a: float | None = None
    unlock: bool = False
    tests_wanted: frozenset[SelfTest] = frozenset()
    resets: frozenset[Reset] = frozenset()


def left(before: Inputs, now: Inputs) -> bool:
    """Whether a vehicle has gone, or may have: whoever is there next may be another one."""
    was, pilot = before.pilot, now.pilot
    gone = pilot is not None and pilot.value is Pilot.A
    return gone and (was is None or was.value is not Pilot.A)


def sample(reading: Reading[T]) -> Sample[T] | None:
    """The value with the time it was taken; `None` where there is no value to believe."""
    if reading.value is None or reading.taken_at_s is None:
        return None
    return Sample(value=reading.value, taken_s=reading.taken_at_s)


def assemble(
    roles: Roles,
    wishes: Wishes,
    *,
    guarded: bool,
    devices: Iterable[DeviceHealth],
    lines: Iterable[LineHealth],
    facts: StationFacts = _NO_FACTS,
    tests: Iterable[TestReply] = (),
    shared: tuple[SharedBudget, ...] = (),
) -> Inputs:
    """One connector's inputs as the hardware layer knows them at this moment."""
    return Inputs(
        **_readings(roles),
        **_optional(roles),
        devices=tuple(devices),
        lines=tuple(lines),
        guarded=guarded,
        uplink=facts.uplink,
        store=facts.store,
        clock=facts.clock,
        clock_step_s=facts.clock_step_s,
        round_late_s=facts.round_late_s,
        configuration_error=facts.configuration_error,
        tests=tuple(tests),
        shared=shared,
        authorised=wishes.authorised,
        session_unproved=wishes.session_unproved,
        session_found=wishes.session_found,
        in_service=wishes.in_service,
        recorded=wishes.recorded,
        reserved=wishes.reserved,
        maintenance=wishes.maintenance,
        phases_wanted=wishes.phases_wanted,
        profile_limit_a=wishes.profile_limit_a,
        load_limit_a=wishes.load_limit_a,
        unlock=wishes.unlock,
        tests_wanted=wishes.tests_wanted,
        resets=wishes.resets,
    )


def _readings(roles: Roles) -> dict[str, Any]:  # by the names of Inputs; a wrong one raises
    """The readings that every charger has, or could have in its usual roles."""
    monitor = roles.residual_monitor
    return {
        "pilot": _mapped(roles.board.pilot(), lambda state: Pilot(state.value)),
        "pwm_on": sample(roles.board.pwm_on()),
        "limit_readback_a": sample(roles.board.limit_a()),
        "board_errors": _mapped(roles.board.errors(), tuple),
        "feedback_closed": sample(roles.contactor.feedback_closed())
        if roles.contactor.has_feedback
        else None,
        "emergency_stop": _mapped(roles.emergency_stop.closed(), lambda closed: not closed)
        if roles.emergency_stop
        else None,
        "residual_dc_a": sample(monitor.dc_a()) if monitor else None,
        "residual_tripped": sample(monitor.tripped()) if monitor else None,
        "voltage_v": sample(roles.meter.voltage_v()),
        "current_a": sample(roles.meter.current_a()),
        "power_w": sample(roles.meter.power_w()),
        "energy_wh": sample(roles.meter.energy_wh()),
    }


def _optional(roles: Roles) -> dict[str, Any]:
    """The readings that not every charger has."""
    told: dict[str, Any] = {name: _sensed(name, row) for name, row in roles.sensors.items()}
    if roles.lock_contact is not None:
        told["locked"] = sample(roles.lock_contact.closed())
    if roles.phase_switch is not None:
        place = roles.phase_contact or roles.phase_switch
        told["phases_closed"] = _mapped(place.closed(), lambda one: 1 if one else 3)
    if roles.site_meter is not None:
        told["site_voltage_v"] = sample(roles.site_meter.voltage_v())
        told["site_current_a"] = sample(roles.site_meter.current_a())
    return told


def _sensed(name: str, row: RowSensor) -> Sample[Any] | None:
    if name in TRUTHS:
        return sample(row.truth())
    if name in _COUNTS:
        return _mapped(row.number(), int)
    if name in _AMPERES:
        return _mapped(row.number(), _cable)
    return sample(row.number())


def _cable(ampere: float) -> Proximity:
    """The plug's coding behind a rating; a board that tells another number saw no band."""
    ratings = {part.value: part for part in Proximity}
    return ratings.get(ampere, Proximity.INVALID)


def _mapped(reading: Reading[T], convert: Callable[[T], U]) -> Sample[U] | None:
    taken = sample(reading)
    return None if taken is None else Sample(value=convert(taken.value), taken_s=taken.taken_s)
