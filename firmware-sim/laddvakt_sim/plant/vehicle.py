"""A vehicle on the pilot: asks, follows the offered current, tapers, leaves.

The current is piecewise linear; every kink is an event with its exact time (`due_s`), so that
energy integrates without error whatever the caller's rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_sim.plant.words import HEALTHY, Conditions, VehicleSpec

REACTION_S = 0.5  # the on-board charger answers a new duty cycle after this …
RAMP_A_PER_S = 8.0  # … and moves this fast: 0 to 32 A in 4.5 s, within the norm's 5 s
ASK_S = 0.8  # PWM on to S2 closed
LEAVE_S = 0.1  # no current any more to S2 open
TAPER_SHARE = 0.15  # the last part of the demand is taken with falling current
TAPER_FLOOR_A = 2.0  # without a floor it would never get full
TAPER_TICK_S = 0.25
_GROSS_RAMP_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the vehicle sees: pilot and supply."""

    pwm_on: bool
    offered_a: float
    supplied: bool  # contactor closed and at least its first phase alive


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
        self.energy_wh = 0.0
        self._ramp = _Ramp(0.0, 0.0, now_s, now_s)
        self._wanted_a = 0.0
        self._react_s: float | None = None
        self._s2_s: float | None = None
        self._taper_s: float | None = None
        self._last_offered_a = 0.0
        self._conditions = HEALTHY
        self._offer = Offer(pwm_on=False, offered_a=0.0, supplied=False)

    def current_a(self, now_s: float) -> float:
        """Ampere per active phase at `now_s`."""
        return self._ramp.at(now_s)

    @property
    def full(self) -> bool:
        """True when the demand is met."""
        return self.spec.demand_wh is not None and self.energy_wh >= self.spec.demand_wh

    def sense(self, now_s: float, offer: Offer, conditions: Conditions = HEALTHY) -> None:
        """Take in pilot and supply as they are from `now_s` on."""
        self._offer, self._conditions = offer, conditions
        if offer.pwm_on:
            self._last_offered_a = offer.offered_a
        self._follow(now_s)
        self._move_s2(now_s)

    def due_s(self) -> float | None:
        """When `fire` wants to be called next."""
        times = [t for t in (self._react_s, self._s2_s, self._taper_s) if t is not None]
        if self._ramp.end_s > self._ramp.start_s:
            times.append(self._ramp.end_s)
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Let every timer that is due at `now_s` act."""
        if now_s >= self._ramp.end_s:
            self._ramp = _Ramp(self._ramp.to_a, self._ramp.to_a, now_s, now_s)
        if self._react_s is not None and now_s >= self._react_s:
            self._react_s = None
            self._start_ramp(now_s)
        if self._s2_s is not None and now_s >= self._s2_s:
            self._s2_s = None
            self.asks = not self.asks
        if self._taper_s is not None and now_s >= self._taper_s:
            self._taper_s = None

    def _keeps(self) -> bool:
        return self._conditions.keeps_drawing or not self.spec.obeys_pwm_off

    def _willing(self) -> bool:
        return self.spec.wants_charge and not self.full

    def _goal_a(self) -> float:
        if not (self.asks and self._willing() and (self._offer.pwm_on or self._keeps())):
            return 0.0
        offered_a = self._offer.offered_a if self._offer.pwm_on else self._last_offered_a
        if self._conditions.over_amps is not None:
            return self._conditions.over_amps
        if self._conditions.over_factor is not None:
            return offered_a * self._conditions.over_factor
        return min(offered_a, self.spec.max_current_a, self._taper_a())

    def _taper_a(self) -> float:
        if self.spec.demand_wh is None:
            return self.spec.max_current_a
        left = (self.spec.demand_wh - self.energy_wh) / (TAPER_SHARE * self.spec.demand_wh)
        return max(TAPER_FLOOR_A, self.spec.max_current_a * min(1.0, left))

    def _follow(self, now_s: float) -> None:
        if not self._offer.supplied:
            self._ramp = _Ramp(0.0, 0.0, now_s, now_s)
            self._wanted_a, self._react_s, self._taper_s = 0.0, None, None
            return
        goal_a = self._goal_a()
        if goal_a != self._wanted_a:
            self._wanted_a = goal_a
            if self._react_s is None:
                self._react_s = now_s + self._reaction_s()
        if self._taper_s is None and self.spec.demand_wh is not None and goal_a > 0.0:
            self._taper_s = now_s + TAPER_TICK_S

    def _reaction_s(self) -> float:
        if self._conditions.over_at_once and self._wanted_a > 0.0:
            return 0.0
        return self.spec.stop_s / 3 if self._wanted_a == 0.0 else REACTION_S

    def _start_ramp(self, now_s: float) -> None:
        from_a = self.current_a(now_s)
        if self._wanted_a == 0.0:
            length_s = self.spec.stop_s * 2 / 3
        elif self._conditions.over_at_once:
            length_s = _GROSS_RAMP_S
        else:
            length_s = abs(self._wanted_a - from_a) / RAMP_A_PER_S
        self._ramp = _Ramp(from_a, self._wanted_a, now_s, now_s + length_s)

    def _move_s2(self, now_s: float) -> None:
        wants = self._willing() and (self._offer.pwm_on or (self.asks and self._keeps()))
        if wants == self.asks:
            self._s2_s = None
        elif self._s2_s is None:
            if wants:
                self._s2_s = now_s + ASK_S
            elif self.current_a(now_s) == 0.0 and self._react_s is None:
                self._s2_s = now_s + LEAVE_S
