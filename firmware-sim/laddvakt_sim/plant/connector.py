"""One connector: grid, contactor, vehicle, meter and leakage joined; moves from event to event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from laddvakt_sim.plant.contactor import Contactor
from laddvakt_sim.plant.vehicle import Offer, Vehicle
from laddvakt_sim.plant.words import HEALTHY, Conditions, Phases, Pilot, VehicleSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.plant.meter import Meter

NOMINAL_V = 230.0
LEAKAGE_DC_MA = 0.4  # what a healthy vehicle leaks; any monitor shows some
LEAKAGE_AC_MA = 0.9
AMBIENT_C = 25.0
HEATING_C_PER_A2 = 0.045  # 16 A end 11.5 °C above ambient
HEATING_TAU_S = 1200.0


class Timed(Protocol):
    """Something with timers of its own."""

    def due_s(self) -> float | None:
        """When `fire` wants to be called; None while nothing is pending."""
        ...

    def fire(self, now_s: float) -> None:
        """Do what is due at `now_s`."""
        ...


class PilotBoard(Timed, Protocol):
    """The side of a charge controller that faces the plant."""

    pwm_on: bool
    offered_a: float

    @property
    def relay_closed(self) -> bool:
        """Whether the board itself lets the coil have its supply."""
        ...

    def sense(self, now_s: float, pilot: Pilot, current_a: float) -> None:
        """Measure pilot and current and act on them."""
        ...


class Connector:
    """Physics of one connector; `advance` by the station keeps the time."""

    def __init__(
        self, *, name: str, now_s: float, meter: Meter, board: PilotBoard, coil: Callable[[], bool]
    ) -> None:
        self.name = name
        self.meter = meter
        self.board = board
        self.contactor = Contactor()
        self.vehicle: Vehicle | None = None
        self.conditions: Conditions = HEALTHY
        self.energy_wh = 0.0
        self.temperature_c = AMBIENT_C
        self._coil = coil
        self._at_s = now_s
        meter.attach(lambda: (self.voltage_v(), self.current_a()))

    @property
    def coil_commanded(self) -> bool:
        """What the outputs ask of the coil, whatever stands in its way."""
        return self._coil()

    def pilot(self) -> Pilot:
        """State on the control pilot as the board measures it."""
        if self.conditions.pilot_fault is not None:
            return self.conditions.pilot_fault
        if self.vehicle is None:
            return Pilot.A
        if not self.vehicle.asks:
            return Pilot.B
        return Pilot.D if self.vehicle.spec.ventilation else Pilot.C

    def voltage_v(self) -> Phases:
        """Line-side voltages to neutral."""
        lost = self.conditions.lost_phases
        if self.conditions.power_lost:
            lost = frozenset((1, 2, 3))
        first, second, third = (0.0 if phase in lost else NOMINAL_V for phase in (1, 2, 3))
        return first, second, third

    def current_a(self) -> Phases:
        """Phase currents now."""
        return self._current_at(self._at_s)

    def power_w(self) -> float:
        """Power now."""
        return sum(u * i for u, i in zip(self.voltage_v(), self.current_a(), strict=True))

    def residual_ma(self) -> tuple[float, float]:
        """Residual current now: (DC, AC) in milliampere."""
        closed = self.contactor.closed
        flowing = closed and self.vehicle is not None
        leak_dc, leak_ac = (LEAKAGE_DC_MA, LEAKAGE_AC_MA) if flowing else (0.0, 0.0)
        if closed or self.conditions.residual_always:
            leak_dc += self.conditions.residual_dc_ma
        return leak_dc, leak_ac

    def plug(self, spec: VehicleSpec) -> None:
        """Put a vehicle on the connector."""
        self.vehicle = Vehicle(spec, self._at_s)

    def unplug(self) -> None:
        """Take the vehicle away, under load if need be."""
        self.vehicle = None

    def afflict(self, conditions: Conditions) -> None:
        """Set what is wrong from now on."""
        self.conditions = conditions
        self.meter.frozen = conditions.meter_frozen
        self.meter.factor = conditions.meter_factor

    def timed(self) -> tuple[Timed, ...]:
        """Everything here with timers."""
        parts: tuple[Timed, ...] = (self.meter, self.contactor, self.board)
        return parts if self.vehicle is None else (*parts, self.vehicle)

    def integrate(self, to_s: float) -> None:
        """Let energy flow until `to_s`; nothing else changes in between."""
        span_s = to_s - self._at_s
        if span_s > 0.0:
            before, after = self._current_at(self._at_s), self._current_at(to_s)
            mean_w = sum(
                u * (a + b) / 2 for u, a, b in zip(self.voltage_v(), before, after, strict=True)
            )
            self._count(mean_w * span_s / 3600.0)
            goal_c = AMBIENT_C + HEATING_C_PER_A2 * max(after) ** 2
            share = math.exp(-span_s / HEATING_TAU_S)
            self.temperature_c = goal_c + (self.temperature_c - goal_c) * share
        self._at_s = to_s

    def settle(self, now_s: float) -> None:
        """Let everybody see what the others did, until nothing changes any more."""
        before = None
        while (state := self._signature()) != before:
            before = state
            self.board.sense(now_s, self.pilot(), max(self.current_a()))
            powered = any(self.voltage_v())  # the coil's supply survives a single lost phase
            self.contactor.drive(
                now_s, energised=self._coil() and powered, conditions=self.conditions
            )
            if self.vehicle is not None:
                self.vehicle.sense(now_s, self._offer(), self.conditions)

    def _offer(self) -> Offer:
        # A pilot in fault carries no PWM the vehicle could read.
        readable = self.conditions.pilot_fault is None
        return Offer(
            pwm_on=self.board.pwm_on and readable,
            offered_a=self.board.offered_a,
            supplied=self.contactor.closed and self.voltage_v()[0] > 0.0,
        )

    def _count(self, energy_wh: float) -> None:
        self.energy_wh += energy_wh
        self.meter.integrate(energy_wh)
        if self.vehicle is not None:
            self.vehicle.energy_wh += energy_wh

    def _current_at(self, now_s: float) -> Phases:
        if self.vehicle is None or not self.contactor.closed:
            return 0.0, 0.0, 0.0
        amps, used = self.vehicle.current_a(now_s), self.vehicle.spec.phases
        first, second, third = (
            amps if phase < used and volts > 0.0 else 0.0
            for phase, volts in enumerate(self.voltage_v())
        )
        return first, second, third

    def _signature(self) -> tuple[object, ...]:
        board = self.board
        return (self.pilot(), board.pwm_on, board.offered_a, board.relay_closed, self._coil())
