"""An energy meter: integrates always, renews its registers at its own rhythm.

A renewal costs nothing until somebody looks: only the last one of a stretch of time is kept, and
its noise is drawn from the seed and its number.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from laddvakt_sim.plant.account import S_PER_H
from laddvakt_sim.plant.words import HEALTHY, NO_PHASES, Conditions, Phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.plant.network import Terminal

VOLTAGE_NOISE_V = 0.15  # a real meter's last digits never stand still
CURRENT_NOISE_A = 0.008
BOOT_S = 1.0  # from its supply to the first answer (assumption)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One renewal of the registers."""

    voltage_v: Phases = NO_PHASES
    current_a: Phases = NO_PHASES
    power_w: Phases = NO_PHASES
    energy_wh: float = 0.0  # import
    export_wh: float = 0.0
    frequency_hz: float = 0.0
    neutral_a: float = 0.0
    taken_s: float = 0.0


class Flow(NamedTuple):
    """What flows at the meter's place, as it would show it without noise."""

    voltage_v: Phases = NO_PHASES
    current_a: Phases = NO_PHASES
    power_w: Phases = NO_PHASES
    frequency_hz: float = 0.0
    neutral_a: float = 0.0
    total_w: float = 0.0


class Meter:
    """Registers renewed every `update_s`; energy in steps of `resolution_wh`."""

    def __init__(
        self,
        *,
        now_s: float,
        update_s: float,
        start_wh: float,
        resolution_wh: float,
        seed: int,
        serial: int = 0,
    ) -> None:
        self.serial = serial
        self._own_serial = serial
        self._update_s = update_s
        self._resolution_wh = resolution_wh
        self._seed = seed
        self._wrong = HEALTHY
        self._import_wh = start_wh
        self._export_wh = 0.0
        self._shelf: dict[int, tuple[float, float]] = {}
        self._jumped: set[tuple[float, float]] = set()
        self._at_s = now_s
        self._base_s = now_s
        self._number = -1  # of the last renewal
        self._up_s: float | None = now_s
        self._seen: tuple[Terminal | None, float, Flow] = (None, 0.0, Flow())
        self._raw = (-1, now_s, Flow(), start_wh, 0.0)
        self._shown: Measured | None = Measured(energy_wh=self._quantised_wh(start_wh))

    @property
    def answers(self) -> bool:
        """False while it has no supply, until it has booted, and while it is dead."""
        if self._wrong.meter_silent:
            return False
        return self._up_s is not None and self._at_s >= self._up_s - 1e-9

    @property
    def shown(self) -> Measured:
        """What its registers hold."""
        if self._shown is None:
            self._shown = self._noisy(*self._raw)
        return self._shown

    def afflict(self, conditions: Conditions) -> None:
        """Set what is wrong with it from now on."""
        if conditions.meter_update_s != self._wrong.meter_update_s:
            self._base_s, self._number = self._at_s, 0
        self._wrong = conditions
        self._seen = (None, 0.0, Flow())
        self._replace(conditions)
        for jump in conditions.meter_jumps:
            if jump not in self._jumped:
                self._jumped.add(jump)
                self._import_wh = max(0.0, self._import_wh + jump[1])

    def feed(self, now_s: float, *, powered: bool) -> None:
        """Say whether it has its supply from `now_s` on."""
        if not powered:
            self._up_s = None
        elif self._up_s is None:
            self._up_s = now_s + BOOT_S

    def due_s(self) -> float | None:
        """When it has booted."""
        return self._up_s if self._up_s is not None and self._at_s < self._up_s else None

    def fire(self, now_s: float) -> None:
        """Have booted."""
        self._at_s = max(self._at_s, now_s)

    def see(self, terminal: Terminal, frequency_hz: float) -> Flow:
        """What it would show of these terminals without noise."""
        if self._seen[0] is not terminal or self._seen[1] != frequency_hz:
            self._seen = (terminal, frequency_hz, self._work_out(terminal, frequency_hz))
        return self._seen[2]

    def flow(self, to_s: float, at: Callable[[float], Flow], *, steady: bool) -> None:
        """Let time pass until `to_s`; `at` tells the flow at any time until then."""
        from_s, self._at_s = self._at_s, to_s
        renewed_s = self._renewal(from_s, to_s)
        if renewed_s is None:
            self._count(from_s, to_s, at, steady=steady)
            return
        self._count(from_s, renewed_s, at, steady=steady)
        if not self._wrong.meter_frozen and self._up_s is not None and renewed_s >= self._up_s:
            kept = at(renewed_s), self._import_wh, self._export_wh
            self._raw = (self._number, renewed_s, *kept)
            self._shown = None
        self._count(renewed_s, to_s, at, steady=steady)

    def _work_out(self, terminal: Terminal, frequency_hz: float) -> Flow:
        wrong = self._wrong
        ratio = -wrong.meter_ratio if wrong.meter_reversed else wrong.meter_ratio
        amps = [terminal.amps[phase - 1] for phase in wrong.meter_map]
        volts = [volts - terminal.neutral_v for volts in terminal.volts]
        power_w = _phases(
            *((v * i.conjugate()).real * ratio for v, i in zip(volts, amps, strict=True))
        )
        return Flow(
            voltage_v=_phases(*(abs(v) for v in volts)),
            current_a=_phases(*(abs(i * ratio) for i in amps)),
            power_w=power_w,
            frequency_hz=frequency_hz,
            neutral_a=round(abs(terminal.neutral_i * ratio), 9),
            total_w=sum(power_w),
        )

    def _renewal(self, from_s: float, to_s: float) -> float | None:
        update_s = self._wrong.meter_update_s or self._update_s
        number = math.floor((to_s - self._base_s) / update_s + 1e-9)
        if number <= self._number:
            return None
        self._number = number
        return min(to_s, max(from_s, self._base_s + number * update_s))

    def _count(
        self, from_s: float, to_s: float, at: Callable[[float], Flow], *, steady: bool
    ) -> None:
        if to_s <= from_s:
            return
        mean_w = at(from_s).total_w
        if not steady:
            middle_w, last_w = at((from_s + to_s) / 2).total_w, at(to_s).total_w
            mean_w = (mean_w + 4.0 * middle_w + last_w) / 6.0  # exact for what is quadratic
        energy_wh = mean_w * (to_s - from_s) / S_PER_H * self._wrong.meter_factor
        if energy_wh < 0.0:
            self._export_wh -= energy_wh
        else:
            self._import_wh += energy_wh

    def _replace(self, conditions: Conditions) -> None:
        serial = self._own_serial if conditions.meter_serial is None else conditions.meter_serial
        if serial != self.serial:
            self._shelf[self.serial] = (self._import_wh, self._export_wh)
            fresh = (conditions.meter_start_wh, 0.0)
            self._import_wh, self._export_wh = self._shelf.pop(serial, fresh)
            self.serial = serial

    def _quantised_wh(self, energy_wh: float) -> float:
        step_wh = self._wrong.meter_resolution_wh or self._resolution_wh
        # The small term keeps 1234567.0 from becoming 1234566 by a rounding error of the sum.
        return math.floor(energy_wh / step_wh + 1e-9) * step_wh

    def _noisy(
        self, number: int, taken_s: float, flow: Flow, import_wh: float, export_wh: float
    ) -> Measured:
        chance = random.Random(self._seed * 1_000_003 + number)
        volts = _blurred(chance, flow.voltage_v, VOLTAGE_NOISE_V)
        amps = _blurred(chance, flow.current_a, CURRENT_NOISE_A)
        scale = [
            v * i / (u * j) if u * j else 0.0
            for v, i, u, j in zip(volts, amps, flow.voltage_v, flow.current_a, strict=True)
        ]
        first, second, third = (p * s for p, s in zip(flow.power_w, scale, strict=True))
        return Measured(
            voltage_v=volts,
            current_a=amps,
            power_w=(first, second, third),
            energy_wh=self._quantised_wh(import_wh),
            export_wh=self._quantised_wh(export_wh),
            frequency_hz=flow.frequency_hz,
            neutral_a=flow.neutral_a,
            taken_s=taken_s,
        )


def _phases(first: float, second: float, third: float) -> Phases:
    # Rounded, so that 16 A along a phasor of length 0.9999999999999999 are 16 A.
    return round(first, 9), round(second, 9), round(third, 9)


def _blurred(chance: random.Random, values: Phases, sigma: float) -> Phases:
    first, second, third = (
        0.0 if value == 0.0 else max(0.0, chance.gauss(value, sigma)) for value in values
    )
    return first, second, third
