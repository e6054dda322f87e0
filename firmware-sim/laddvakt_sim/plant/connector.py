"""One connector: contactor, vehicle, meter, lock and leakage on one feed of the site."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Protocol

from laddvakt_sim.plant import residual
from laddvakt_sim.plant.blinker import Blinker
from laddvakt_sim.plant.heat import ENCLOSURE_C_PER_W, PLUG_C_PER_W, SUN_C_PER_W
from laddvakt_sim.plant.network import NEUTRAL, Element, Load, Terminal, elements
from laddvakt_sim.plant.truth import Truth
from laddvakt_sim.plant.vehicle import Offer, Vehicle
from laddvakt_sim.plant.words import Conditions, Pilot, Supply, VehicleSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.plant.meter import Meter

ALIVE_V = 150.0  # feeds a meter
NEUTRAL_POLE = 3  # of what is closed up to the plug


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
    def state_f(self) -> bool:
        """Whether it holds the pilot at state F."""
        ...

    @property
    def relay_closed(self) -> bool:
        """Whether the board itself lets the coil have its supply."""
        ...

    def sense(self, now_s: float, pilot: Pilot, current_a: float) -> None:
        """Measure pilot and current and act on them."""
        ...


class Connector(Truth):
    """Physics of one connector; the plant keeps the time."""

    def __init__(
        self, *, name: str, now_s: float, meter: Meter, board: PilotBoard, coil: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.name = name
        self.meter = meter
        self.board = board
        self.energy_wh = 0.0
        self._coil = coil
        self._at_s = now_s
        self._wired: tuple[tuple[object, ...], tuple[Element, ...]] = ((), ())
        self._marks: tuple[float, ...] = ()
        self._pilot_fault: Blinker | None = None
        self.contactor.attach(lambda: max(self.current_a()))

    @property
    def coil_commanded(self) -> bool:
        """What the outputs ask of the coil, whatever stands in its way."""
        return self._coil()

    @property
    def steady(self) -> bool:
        """True while nothing but time moves the currents."""
        moving = self.vehicle is not None and self.vehicle.ramping
        return not (moving or residual.rises(self.conditions, self._at_s))

    def pilot(self) -> Pilot:
        """State on the control pilot as the board measures it."""
        wrong = self.conditions
        shown = self._pilot_fault is None or self._pilot_fault.on
        if wrong.pilot_fault is not None and shown:
            return wrong.pilot_fault
        if self.vehicle is None or wrong.cable_cut or self.partly_inserted:
            return Pilot.A
        return self.vehicle.pilot

    def plug(self, spec: VehicleSpec) -> None:
        """Put a vehicle on the connector."""
        self.vehicle = Vehicle(spec, self._at_s)

    def unplug(self) -> None:
        """Take the vehicle away, under load if need be."""
        self.vehicle = None

    def afflict(self, conditions: Conditions) -> None:
        """Set what is wrong from now on."""
        before, self.conditions = self.conditions, conditions
        self.meter.afflict(conditions)
        self.lock.wrong = conditions.lock
        self.phase_switch.stuck = conditions.phase_switch_stuck
        self._marks = residual.marks_s(conditions)
        timing = (conditions.pilot_fault, conditions.pilot_every_s, conditions.pilot_from_s)
        if timing == (before.pilot_fault, before.pilot_every_s, before.pilot_from_s):
            return
        self._pilot_fault = None
        if conditions.pilot_fault is not None and conditions.pilot_every_s is not None:
            self._pilot_fault = Blinker(
                first_s=conditions.pilot_from_s,
                every_s=conditions.pilot_every_s,
                for_s=conditions.pilot_for_s,
            )

    def timed(self) -> tuple[Timed, ...]:
        """Everything here with timers."""
        parts: list[Timed] = [self, self.meter, self.contactor, self.board, self.lock]
        parts.append(self.phase_switch)
        if self.vehicle is not None:
            parts.append(self.vehicle)
        if self._pilot_fault is not None:
            parts.append(self._pilot_fault)
        return tuple(parts)

    def due_s(self) -> float | None:
        """When a leak comes to a mark, or a transient ends."""
        marks = [mark_s for mark_s in self._marks if mark_s > self._at_s]
        if self.conditions.transient_s > 0.0:
            moved = (self.contactor.opened_at_s, self.contactor.closed_at_s)
            ends = [at_s + self.conditions.transient_s for at_s in moved if at_s is not None]
            marks += [end_s for end_s in ends if end_s > self._at_s]
        return min(marks, default=None)

    def fire(self, now_s: float) -> None:
        """Nothing to do: being there in time is enough."""

    def load(self, now_s: float) -> Load:
        """What this connector takes at `now_s`."""
        leak = self._leak(now_s, self.feed_volts)
        amps = 0.0 if self.vehicle is None else self.vehicle.current_a(now_s)
        found = tuple([Element(e.line, e.other, amps) for e in self._wiring()]) if amps else ()
        return Load(found, leak, self._contact_ohm(), self.conditions)

    def flow(self, to_s: float, three: tuple[Terminal, Terminal, Terminal]) -> None:
        """Let energy and heat flow; the terminals are those at start, middle and end."""
        span_s, self._at_s = to_s - self._at_s, to_s
        if span_s > 0.0:
            hours = span_s / 3600.0
            self.energy_wh += hours * _mean(_metered_w, three)
            if self.vehicle is not None:
                self.vehicle.energy_wh += hours * _mean(_vehicle_w, three)
            self._warm(span_s, three)

    def settle(self, now_s: float) -> None:
        """Let everybody see what the others did, until nothing changes any more."""
        self._at_s = now_s
        before = None
        while (state := self._signature()) != before:
            before = state
            self.site.disturb()
            self.board.sense(now_s, self.pilot(), max(self.current_a()))
            self.contactor.drive(
                now_s,
                energised=self._energised(),
                conditions=self.conditions,
                coil_share=self.coil_share,
            )
            self.phase_switch.drive(now_s)
            if self.vehicle is not None:
                self.vehicle.sense(now_s, self._offer(), self.conditions)
        self.meter.feed(now_s, powered=not self.conditions.meter_behind or self._feeds_behind())

    def _feeds_behind(self) -> bool:
        """Whether something between a line and its return lives behind the contactor."""
        closed, volts = self._connected(), self.load_voltage_v()
        if self.site.grid.supply is not Supply.IT:
            return NEUTRAL_POLE in closed and max(volts) > ALIVE_V
        pairs = zip(((0, 1), (1, 2), (2, 0)), self.line_voltage_v(), strict=True)
        return any(volts[a] > 0.0 < volts[b] and across > ALIVE_V for (a, b), across in pairs)

    def _energised(self) -> bool:
        again = self.conditions.recloses and self.pilot().asks
        return self._coil() or (again and self.vehicle is not None)

    def _offer(self) -> Offer:
        # A pilot in fault carries no PWM the vehicle could read.
        shown = self._pilot_fault is None or self._pilot_fault.on
        severed = self.conditions.cable_cut or self.partly_inserted
        readable = not (self.conditions.pilot_fault is not None and shown) and not severed
        return Offer(
            pwm_on=self.board.pwm_on and readable and not self.board.state_f,
            offered_a=self.board.offered_a,
            supplied=_first_fed(self._wiring(), self._first_line()),
            state_f=self.board.state_f and readable,
        )

    def _wiring(self) -> tuple[Element, ...]:
        """Where one ampere per phase would flow; nothing of what decides it is ever changed."""
        spec = None if self.vehicle is None else self.vehicle.spec
        closed, mains, grid = self._connected(), self.feed_volts, self.site.grid
        key = (spec, closed, mains, grid, self.conditions)
        if len(self._wired[0]) != len(key) or not all(map(operator.is_, self._wired[0], key)):
            found: tuple[Element, ...] = ()
            if spec is not None and not self.conditions.cable_cut:
                lines = tuple(phase - 1 for phase in spec.phase_map[: spec.phases])
                found = elements(grid, mains, lines, closed, 1.0)
            self._wired = (key, found)
        return self._wired[1]

    def _contact_ohm(self) -> float:
        if self.vehicle is None:
            return 0.0
        own = self.conditions.contact_mohm
        return (self.vehicle.spec.contact_mohm if own is None else own) / 1000.0

    def _warm(self, span_s: float, three: tuple[Terminal, Terminal, Terminal]) -> None:
        climate, per_a2 = self.site.climate, PLUG_C_PER_W * self._contact_ohm()
        inside_c = climate.ambient_c + SUN_C_PER_W * climate.sun_w
        inside_c += ENCLOSURE_C_PER_W * self.conditions.extra_heat_w

        def goals_c(terminal: Terminal) -> tuple[float, float]:
            losses_c = ENCLOSURE_C_PER_W * terminal.station_loss_w
            return inside_c + losses_c, climate.ambient_c + per_a2 * terminal.most_a**2

        first = last = middle = goals_c(three[0])
        if three[0] is not three[2]:
            middle, last = goals_c(three[1]), goals_c(three[2])
        self.enclosure.follow(span_s, (first[0], middle[0], last[0]))
        self.plug_body.follow(span_s, (first[1], middle[1], last[1]))

    def _signature(self) -> tuple[object, ...]:
        board = self.board
        return (
            self.pilot(),
            board.pwm_on,
            board.offered_a,
            board.relay_closed,
            board.state_f,
            self._coil(),
            self.contactor.pulls(self.coil_share),
        )


def _first_fed(found: tuple[Element, ...], line: int) -> bool:
    """Whether the vehicle's first phase has its voltage; on IT any pair of lines will do."""
    return any(e.line == line or e.other != NEUTRAL for e in found)


def _metered_w(terminal: Terminal) -> float:
    return terminal.metered_w


def _vehicle_w(terminal: Terminal) -> float:
    return terminal.vehicle_w


def _mean(power: Callable[[Terminal], float], three: tuple[Terminal, Terminal, Terminal]) -> float:
    """Mean over a stretch, from start, middle and end; exact for what is cubic at most."""
    first, middle, last = three
    if first is last:
        return power(first)
    return (power(first) + 4.0 * power(middle) + power(last)) / 6.0
