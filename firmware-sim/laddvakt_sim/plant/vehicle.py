"""A vehicle on the pilot: asks, follows the offered current, pauses, tapers, sleeps, leaves.

The current is piecewise linear; every kink is an event with its exact time (`due_s`), so that
energy integrates without error whatever the caller's rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_sim.plant.blinker import Blinker
from laddvakt_sim.plant.sleep import Sleep
from laddvakt_sim.plant.words import HEALTHY, Conditions, Pilot, VehicleSpec

LEAVE_S = 0.1  # no current any more to S2 open
TAPER_FLOOR_A = 2.0  # without a floor it would never get full
TAPER_TICK_S = 0.25  # at least between two looks at what is left
_TAPER_STEP = 0.01  # of the taper's energy between two looks
_MOST_V = 420.0  # no phase sees more: how soon an energy can be reached
_GROSS_RAMP_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the vehicle sees: pilot and supply."""

    pwm_on: bool
    offered_a: float
    supplied: bool  # contactor closed and at least its first phase alive
    state_f: bool = False


@dataclass(frozen=True, slots=True)
class _Ramp:
    from_a: float
    to_a: float
    start_s: float
    end_s: float

    def at(self, now_s: float) -> float:
        if now_s >= self.end_s:
            return self.to_a
        share = (now_s - self.start_s) / (self.end_s - self.start_s)
        return self.from_a + (self.to_a - self.from_a) * max(0.0, share)


class Vehicle:
    """One plugged vehicle; `sense` tells it the world, `fire` lets its own timers act."""

    def __init__(self, spec: VehicleSpec, now_s: float) -> None:
        self.spec = spec
        self.asks = False  # S2 closed: pilot C or D
        self.energy_wh = 0.0  # what has come in
        self._ramp = _Ramp(0.0, 0.0, now_s, now_s)
        self._wanted_a = 0.0
        self._react_s: float | None = None
        self._s2_s: float | None = None
        self._taper_s: float | None = None
        self._seen_wh = 0.0  # when it last looked at what is left: not whenever somebody asks
        self._seen_spec = spec
        self._pause_s: float | None = None
        self._pausing = False
        self._sleep = Sleep(asleep=spec.asleep)
        self._flaky: Blinker | None = None
        self._last_offered_a = 0.0
        self._conditions = HEALTHY
        self._offer = Offer(pwm_on=False, offered_a=0.0, supplied=False)

    def current_a(self, now_s: float) -> float:
        """Ampere per active phase at `now_s`."""
        return self._ramp.at(now_s)

    @property
    def ramping(self) -> bool:
        """True while the current moves."""
        return self._ramp.end_s > self._ramp.start_s

    @property
    def full(self) -> bool:
        """True when the demand is met."""
        return self.spec.demand_wh is not None and self.energy_wh >= self.spec.demand_wh

    @property
    def asleep(self) -> bool:
        """True while it answers to nothing but what wakes it."""
        return self._sleep.asleep

    @property
    def pausing(self) -> bool:
        """True during one of its own pauses."""
        return self._pausing

    @property
    def pilot(self) -> Pilot:
        """What it makes of the control pilot."""
        if self._flaky is not None and self._flaky.on:
            return Pilot(self.spec.flaky_to)
        if not self.asks:
            return Pilot.B
        wet = self.spec.ventilation or self._conditions.ventilation
        return Pilot.D if wet else Pilot.C

    def sense(self, now_s: float, offer: Offer, conditions: Conditions = HEALTHY) -> None:
        """Take in pilot and supply as they are from `now_s` on."""
        self._offer, self._conditions = offer, conditions
        if self.spec is not self._seen_spec:
            self._change(now_s)
        self._sleep.sense(now_s, self.spec, pwm_on=offer.pwm_on, state_f=offer.state_f)
        if offer.pwm_on:
            self._last_offered_a = offer.offered_a
        self._flicker(now_s)
        self._follow(now_s)
        self._rest(now_s)
        self._move_s2(now_s)

    def due_s(self) -> float | None:
        """When `fire` wants to be called next."""
        times = [
            t
            for t in (
                self._react_s,
                self._s2_s,
                self._taper_s,
                self._pause_s,
                self._sleep.due_s(),
                None if self._flaky is None else self._flaky.due_s(),
            )
            if t is not None
        ]
        if self.ramping:
            times.append(self._ramp.end_s)
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Let every timer that is due at `now_s` act."""
        self._sleep.fire(now_s)
        if self._flaky is not None:
            self._flaky.fire(now_s)
        if now_s >= self._ramp.end_s:
            self._ramp = _Ramp(self._ramp.to_a, self._ramp.to_a, now_s, now_s)
        if self._react_s is not None and now_s >= self._react_s:
            self._react_s = None
            self._start_ramp(now_s)
        if self._s2_s is not None and now_s >= self._s2_s:
            self._s2_s = None
            self.asks = not self.asks
        if self._taper_s is not None and now_s >= self._taper_s:
            self._taper_s, self._seen_wh = None, self.energy_wh
        if self._pause_s is not None and now_s >= self._pause_s:
            self._pausing = not self._pausing
            self._pause_s = now_s + self.spec.pause_s if self._pausing else None

    def _change(self, now_s: float) -> None:
        """Become another vehicle: what was timed by the old words begins anew."""
        before, self._seen_spec = self._seen_spec, self.spec
        self._seen_wh, self._taper_s = self.energy_wh, None
        if self.spec.asleep is not before.asleep:
            self._sleep.become(asleep=self.spec.asleep)
        if (self.spec.flaky_every_s, self.spec.flaky_s) != (before.flaky_every_s, before.flaky_s):
            self._flaky = None
        if self.spec.pause_every_s != before.pause_every_s and not self._pausing:
            self._pause_s = None

    def _keeps(self) -> bool:
        return self._conditions.keeps_drawing or not self.spec.obeys_pwm_off

    def _willing(self) -> bool:
        demand_wh = self.spec.demand_wh
        full = demand_wh is not None and self._seen_wh >= demand_wh
        return self.spec.wants_charge and not full and not self.asleep

    def _goal_a(self) -> float:
        asked = self.asks and self._willing() and not self._pausing
        if not (asked and (self._offer.pwm_on or self._keeps())):
            return 0.0
        offered_a = self._offer.offered_a if self._offer.pwm_on else self._last_offered_a
        if self._conditions.over_amps is not None:
            return self._conditions.over_amps
        if self._conditions.over_factor is not None:
            return offered_a * self._conditions.over_factor
        most_a = min(self.spec.max_current_a, self._taper_a())
        if not self.spec.obeys_limit:
            return most_a
        return 0.0 if offered_a < self.spec.min_current_a else min(offered_a, most_a)

    def _taper_a(self) -> float:
        if self.spec.demand_wh is None or self.spec.taper_share == 0.0:
            return self.spec.max_current_a
        taper_wh = self.spec.taper_share * self.spec.demand_wh
        left = (self.spec.demand_wh - self._seen_wh) / taper_wh
        return max(TAPER_FLOOR_A, self.spec.max_current_a * min(1.0, left))

    def _follow(self, now_s: float) -> None:
        if not self._offer.supplied:
            if self._ramp.to_a or self.ramping:
                self._ramp = _Ramp(0.0, 0.0, now_s, now_s)
            self._wanted_a, self._react_s, self._taper_s = 0.0, None, None
            return
        goal_a = self._goal_a()
        if goal_a != self._wanted_a:
            self._wanted_a, self._taper_s = goal_a, None  # another current reaches it otherwise
            if self._react_s is None:
                self._react_s = now_s + self._reaction_s()
        if self._taper_s is None and self.spec.demand_wh is not None and goal_a > 0.0:
            self._taper_s = now_s + self._look_again_s(self.spec.demand_wh)

    def _look_again_s(self, demand_wh: float) -> float:
        """How soon what is left can matter: never later than it does."""
        left_wh = demand_wh - self.energy_wh
        taper_wh = self.spec.taper_share * demand_wh
        step_wh = left_wh - taper_wh if left_wh > taper_wh else _TAPER_STEP * taper_wh
        step_wh = min(left_wh, max(step_wh, 0.0))
        most_a = max(self._wanted_a, self._ramp.from_a, self._ramp.to_a)
        most_w = most_a * self.spec.phases * _MOST_V
        return max(TAPER_TICK_S, step_wh * 3600.0 / most_w)

    def _reaction_s(self) -> float:
        if self._conditions.over_at_once and self._wanted_a > 0.0:
            return 0.0
        return self.spec.stop_s / 3 if self._wanted_a == 0.0 else self.spec.reaction_s

    def _start_ramp(self, now_s: float) -> None:
        from_a = self.current_a(now_s)
        if self._wanted_a == 0.0:
            length_s = self.spec.stop_s * 2 / 3
        elif self._conditions.over_at_once:
            length_s = _GROSS_RAMP_S
        else:
            length_s = abs(self._wanted_a - from_a) / self.spec.ramp_a_per_s
        self._ramp = _Ramp(from_a, self._wanted_a, now_s, now_s + length_s)

    def _rest(self, now_s: float) -> None:
        if self._pausing:
            return
        if self.spec.pause_every_s is None or self._wanted_a == 0.0:
            self._pause_s = None
        elif self._pause_s is None:
            self._pause_s = now_s + self.spec.pause_every_s

    def _flicker(self, now_s: float) -> None:
        if self.spec.flaky_every_s is None:
            self._flaky = None
        elif self._flaky is None:
            self._flaky = Blinker(
                first_s=now_s + self.spec.flaky_every_s,
                every_s=self.spec.flaky_every_s,
                for_s=self.spec.flaky_s,
            )

    def _move_s2(self, now_s: float) -> None:
        wants = self._willing() and (self._offer.pwm_on or (self.asks and self._keeps()))
        wants = wants and not (self._pausing and not self.spec.pause_asks)
        if wants == self.asks:
            self._s2_s = None
        elif self._s2_s is None:
            if wants:
                self._s2_s = now_s + self.spec.ask_s
            elif self.current_a(now_s) == 0.0 and self._react_s is None:
                self._s2_s = now_s + LEAVE_S
