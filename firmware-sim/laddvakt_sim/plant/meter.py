"""An energy meter: integrates always, renews its registers at its own rhythm."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_sim.plant.words import NO_PHASES, Phases

if TYPE_CHECKING:
    from collections.abc import Callable

VOLTAGE_NOISE_V = 0.15  # a real meter's last digits never stand still
CURRENT_NOISE_A = 0.008


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One renewal of the registers."""

    voltage_v: Phases = NO_PHASES
    current_a: Phases = NO_PHASES
    power_w: Phases = NO_PHASES
    energy_wh: float = 0.0


class Meter:
    """Registers renewed every `update_s`; energy in steps of `resolution_wh`."""

    def __init__(
        self, *, now_s: float, update_s: float, start_wh: float, resolution_wh: float, seed: int
    ) -> None:
        self.update_s = update_s
        self.frozen = False
        self.factor = 1.0  # drift of the energy register
        self._energy_wh = start_wh
        self._resolution_wh = resolution_wh
        self._random = random.Random(seed)
        self._next_s = now_s
        self._sense: Callable[[], tuple[Phases, Phases]] = lambda: (NO_PHASES, NO_PHASES)
        self.shown = Measured(energy_wh=self._quantised_wh())

    def attach(self, sense: Callable[[], tuple[Phases, Phases]]) -> None:
        """Say where voltages and currents come from."""
        self._sense = sense

    def integrate(self, energy_wh: float) -> None:
        """Count energy that has flowed."""
        self._energy_wh += energy_wh * self.factor

    def due_s(self) -> float:
        """When the registers are renewed next."""
        return self._next_s

    def fire(self, now_s: float) -> None:
        """Renew the registers, unless frozen."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + self.update_s
        if self.frozen:
            return
        voltage_v, current_a = self._sense()
        volts = self._noisy(voltage_v, VOLTAGE_NOISE_V)
        amps = self._noisy(current_a, CURRENT_NOISE_A)
        self.shown = Measured(
            voltage_v=volts,
            current_a=amps,
            power_w=(volts[0] * amps[0], volts[1] * amps[1], volts[2] * amps[2]),
            energy_wh=self._quantised_wh(),
        )

    def _quantised_wh(self) -> float:
        # The small term keeps 1234567.0 from becoming 1234566 by a rounding error of the sum.
        return math.floor(self._energy_wh / self._resolution_wh + 1e-9) * self._resolution_wh

    def _noisy(self, values: Phases, sigma: float) -> Phases:
        first, second, third = (
            0.0 if value == 0.0 else max(0.0, self._random.gauss(value, sigma)) for value in values
        )
        return first, second, third
