"""The sleep of a vehicle that nobody offers anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_sim.plant.words import VehicleSpec

STATE_F_S = 0.3  # of state F wake a vehicle that answers to it


class Sleep:
    """Whether the vehicle sleeps; `sense` tells it the pilot."""

    def __init__(self, *, asleep: bool) -> None:
        self.asleep = asleep
        self._doze_s: float | None = None
        self._wake_s: float | None = None
        self._state_f_since_s: float | None = None
        self._was_on = False
        self._edges = 0

    def become(self, *, asleep: bool) -> None:
        """Sleep or wake now; the pilot that is there wakes nobody."""
        self.asleep, self._edges = asleep, 0
        self._doze_s = self._wake_s = self._state_f_since_s = None

    def due_s(self) -> float | None:
        """When it falls asleep or wakes up."""
        times = [t for t in (self._doze_s, self._wake_s) if t is not None]
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Fall asleep or wake up if that is due."""
        if self._doze_s is not None and now_s >= self._doze_s:
            self._doze_s = None
            self.asleep, self._edges = True, 0
        if self._wake_s is not None and now_s >= self._wake_s:
            self._wake_s = None
            self.asleep = False

    def sense(self, now_s: float, spec: VehicleSpec, *, pwm_on: bool, state_f: bool) -> None:
        """Take in the pilot as it is from `now_s` on."""
        rises, self._was_on = pwm_on and not self._was_on, pwm_on
        if self.asleep:
            self._stir(now_s, spec, rises=rises, state_f=state_f)
            return
        if pwm_on or spec.sleeps_after_s is None:
            self._doze_s = None
        elif self._doze_s is None:
            self._doze_s = now_s + spec.sleeps_after_s

    def _stir(self, now_s: float, spec: VehicleSpec, *, rises: bool, state_f: bool) -> None:
        self._edges += rises
        if spec.wakes_by == "state_f":
            self._stir_by_state_f(now_s, spec, state_f=state_f)
        elif rises and self._wake_s is None:
            enough = {"pwm": 1, "pulse": 2}.get(spec.wakes_by)
            if enough is not None and self._edges >= enough:
                self._wake_s = now_s + spec.wake_s

    def _stir_by_state_f(self, now_s: float, spec: VehicleSpec, *, state_f: bool) -> None:
        if state_f:
            if self._state_f_since_s is None:
                self._state_f_since_s = now_s
        elif self._state_f_since_s is not None:
            lasted_s = now_s - self._state_f_since_s
            self._state_f_since_s = None
            if lasted_s >= STATE_F_S - 1e-9:
                self._wake_s = now_s + spec.wake_s
