"""Turns hardware readings into the core's inputs: same value, same time, nothing made newer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from laddvakt_agent.core.inputs import DeviceHealth, Inputs, LineHealth, Pilot, Reset, Sample
from laddvakt_hal.adapters import Adapter
from laddvakt_hal.boards import BoardContactor, ProfiledBoard
from laddvakt_hal.meters import ProfiledMeter
from laddvakt_hal.reading import Reading
from laddvakt_hal.relays import RelayContactor, RelayInput
from laddvakt_hal.residual import ProfiledResidualMonitor

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

    def all(self) -> tuple[Adapter, ...]:
        """Every role that is played."""
        played = (
            self.board,
            self.meter,
            self.contactor,
            self.emergency_stop,
            self.residual_monitor,
        )
        return tuple(role for role in played if role is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people and the backend want of a connector now."""

    authorised: bool = False
    in_service: bool = True
    resets: frozenset[Reset] = frozenset()


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
) -> Inputs:
    """One connector's inputs as the hardware layer knows them at this moment."""
    monitor = roles.residual_monitor
    return Inputs(
        pilot=_mapped(roles.board.pilot(), lambda state: Pilot(state.value)),
        pwm_on=sample(roles.board.pwm_on()),
        limit_readback_a=sample(roles.board.limit_a()),
        board_errors=_mapped(roles.board.errors(), tuple),
        feedback_closed=sample(roles.contactor.feedback_closed())
        if roles.contactor.has_feedback
        else None,
        emergency_stop=_mapped(roles.emergency_stop.closed(), lambda closed: not closed)
        if roles.emergency_stop
        else None,
        residual_dc_a=sample(monitor.dc_a()) if monitor else None,
        residual_tripped=sample(monitor.tripped()) if monitor else None,
        voltage_v=sample(roles.meter.voltage_v()),
        current_a=sample(roles.meter.current_a()),
        power_w=sample(roles.meter.power_w()),
        energy_wh=sample(roles.meter.energy_wh()),
        devices=tuple(devices),
        lines=tuple(lines),
        guarded=guarded,
        authorised=wishes.authorised,
        in_service=wishes.in_service,
        resets=wishes.resets,
    )


def _mapped(reading: Reading[T], convert: Callable[[T], U]) -> Sample[U] | None:
    taken = sample(reading)
    return None if taken is None else Sample(value=convert(taken.value), taken_s=taken.taken_s)
