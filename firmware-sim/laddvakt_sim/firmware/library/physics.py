"""What a bench device measures: a few numbers that can be set, and everything that follows.

Units: V, A, W, var, VA, Hz, kWh, kvarh, kVAh, s, °C; power factors as ratio, negative while the
phase exports. No two defaults are alike, so that a swapped register is noticed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METER: Mapping[str, float] = {
    "voltage_l1": 231.4,
    "voltage_l2": 228.7,
    "voltage_l3": 233.2,
    "current_l1": 15.81,
    "current_l2": 12.37,
    "current_l3": 9.64,
    "pf_l1": 0.983,
    "pf_l2": 0.951,
    "pf_l3": -0.917,  # this phase exports
    "frequency": 49.87,
    "energy_import_l1": 512.346,
    "energy_import_l2": 417.893,
    "energy_import_l3": 301.457,
    "energy_export_l1": 21.734,
    "energy_export_l2": 33.915,
    "energy_export_l3": 47.268,
    "energy_import_t2": 345.671,
    "energy_import_partial": 78.913,
    "energy_resettable_import": 65.432,
    "energy_resettable_export": 7.891,
    "reactive_energy_import": 143.217,
    "reactive_energy_export": 52.639,
    "apparent_energy_total": 1391.274,
    "phase_sequence": 0,
}
ONE_PHASE: Mapping[str, float] = {
    name: value for name, value in METER.items() if not name.endswith(("_l2", "_l3"))
}
CHARGEPOINT: Mapping[str, float] = {
    **METER,
    "pf_l3": 0.917,
    "energy_session": 6.543,
    "charge_time": 2411.0,
    "connection_time": 3605.0,
    "session_time": 3127.0,
    "temperature": 36.4,
}
_SESSION = ("charge_time", "connection_time", "session_time")
_PHASES = (1, 2, 3)
_LEAST = {"pf": -1.0, "temperature": -60.0, "phase": -1.0}  # by the name's first word
_MOST = 1e9
_S_PER_H = 3600.0


class Physics:
    """Mutable: `set` changes a number, `advance` lets the counters run."""

    def __init__(self, values: Mapping[str, float], *, cap_a: float | None = None) -> None:
        self.cap_a = cap_a  # what a charging station lets through per phase; None: no station
        self._values = dict(values)
        self.phases = tuple(n for n in _PHASES if f"current_l{n}" in self._values)

    def __contains__(self, quantity: str) -> bool:
        return quantity in self._values or (quantity in _DERIVED and bool(self._values))

    def copy(self) -> Physics:
        """The state of this moment."""
        return Physics(self._values, cap_a=self.cap_a)

    def watched(self) -> Watched:
        """A copy that notes what was needed of it."""
        return Watched(self._values, cap_a=self.cap_a)

    def set(self, quantity: str, value: float) -> None:
        """Change what is measured; what follows from other numbers cannot be set.

        Raises:
            KeyError: there is no such number, or it follows from others.
            ValueError: nothing could measure that.
        """
        if quantity not in self._values:
            known = ", ".join(sorted(self._values))
            raise KeyError(f"{quantity!r} cannot be set; these can: {known}")
        low = _LEAST.get(quantity.split("_", 1)[0], 0.0)
        high = 1.0 if quantity.startswith("pf_") else _MOST
        if not low <= value <= high:
            raise ValueError(f"{quantity!r} takes {low:g} to {high:g}")
        self._values[quantity] = value

    def get(self, quantity: str) -> float:
        """The quantity now.

        Raises:
            KeyError: there is no such quantity.
        """
        if quantity in _DERIVED:
            return _DERIVED[quantity](self)
        value = self._value(quantity)
        if quantity.startswith("current_l") and self.cap_a is not None:
            return min(value, self.cap_a)
        return value

    def settable(self) -> tuple[str, ...]:
        """What `set` takes."""
        return tuple(self._values)

    def advance(self, seconds: float) -> None:
        """Let the counters run for that long."""
        if not self._values:
            return  # this device measures nothing that counts
        apparent_kva = self.get("apparent_power_total") / 1000
        self._values["apparent_energy_total"] += apparent_kva * seconds / _S_PER_H
        for phase in self.phases:
            self._count(phase, self.get(f"power_l{phase}") / 1000 * seconds / _S_PER_H)
        for name in _SESSION:
            if name in self._values:
                self._values[name] += seconds

    def _value(self, name: str) -> float:
        return self._values[name]

    def _count(self, phase: int, energy_kwh: float) -> None:
        direction = "import" if energy_kwh >= 0 else "export"
        self._values[f"energy_{direction}_l{phase}"] += abs(energy_kwh)
        counters = ["energy_import_t2", "energy_import_partial", "energy_session"]
        counters = counters if energy_kwh >= 0 else []
        for name in (*counters, f"energy_resettable_{direction}"):
            if name in self._values:
                self._values[name] += abs(energy_kwh)


class Watched(Physics):
    """A copy that notes which of the numbers that can be set were needed to tell something."""

    def __init__(self, values: Mapping[str, float], *, cap_a: float | None) -> None:
        super().__init__(values, cap_a=cap_a)
        self.needed: set[str] = set()

    def follow_counters(self) -> None:
        """What moves the counters that were needed, was needed too."""
        if any(name.startswith("energy") for name in self.needed):
            self.get("power_total")
        if "apparent_energy_total" in self.needed:
            self.get("apparent_power_total")

    def _value(self, name: str) -> float:
        self.needed.add(name)
        return super()._value(name)


def _total(stem: str) -> Callable[[Physics], float]:
    return lambda physics: sum(physics.get(f"{stem}_l{n}") for n in physics.phases)


def _mean(stem: str) -> Callable[[Physics], float]:
    return lambda physics: sum(physics.get(f"{stem}_l{n}") for n in _PHASES) / 3


def _between(first: int, second: int) -> Callable[[Physics], float]:
    """Line to line: two phasors 120° apart."""

    def volts(physics: Physics) -> float:
        a, b = physics.get(f"voltage_l{first}"), physics.get(f"voltage_l{second}")
        return math.sqrt(a * a + b * b + a * b)

    return volts


def _neutral(physics: Physics) -> float:
    a, b, c = (physics.get(f"current_l{n}") for n in _PHASES)
    return math.sqrt(max(0.0, a * a + b * b + c * c - a * b - b * c - c * a))


def _power(phase: int) -> Callable[[Physics], float]:
    return lambda p: p.get(f"apparent_power_l{phase}") * p.get(f"pf_l{phase}")


def _apparent(phase: int) -> Callable[[Physics], float]:
    return lambda p: p.get(f"voltage_l{phase}") * p.get(f"current_l{phase}")


def _reactive(phase: int) -> Callable[[Physics], float]:
    return lambda p: p.get(f"apparent_power_l{phase}") * math.sqrt(1 - p.get(f"pf_l{phase}") ** 2)


def _pf_total(physics: Physics) -> float:
    apparent = physics.get("apparent_power_total")
    return physics.get("power_total") / apparent if apparent else 1.0


def _difference(first: str, second: str) -> Callable[[Physics], float]:
    return lambda physics: physics.get(first) - physics.get(second)


def _sum(first: str, second: str) -> Callable[[Physics], float]:
    return lambda physics: physics.get(first) + physics.get(second)


def _same(other: str) -> Callable[[Physics], float]:
    return lambda physics: physics.get(other)


_DERIVED: Mapping[str, Callable[[Physics], float]] = {
    **{f"power_l{n}": _power(n) for n in _PHASES},
    **{f"apparent_power_l{n}": _apparent(n) for n in _PHASES},
    **{f"reactive_power_l{n}": _reactive(n) for n in _PHASES},
    **{f"cosphi_l{n}": _same(f"pf_l{n}") for n in _PHASES},
    **{f"{stem}_total": _total(stem) for stem in ("power", "apparent_power", "reactive_power")},
    "pf_total": _pf_total,
    "power_import_total": lambda physics: max(0.0, physics.get("power_total")),
    "power_export_total": lambda physics: max(0.0, -physics.get("power_total")),
    "phase_angle": lambda physics: math.degrees(math.acos(physics.get("pf_l1"))),
    "voltage_ln_avg": _mean("voltage"),
    "voltage_avg": _mean("voltage"),
    "voltage_l1_l2": _between(1, 2),
    "voltage_l2_l3": _between(2, 3),
    "voltage_l3_l2": _between(2, 3),
    "voltage_l3_l1": _between(3, 1),
    "voltage_l1_l3": _between(3, 1),
    "voltage_ll_avg": lambda p: sum(_between(a, b)(p) for a, b in ((1, 2), (2, 3), (3, 1))) / 3,
    "current_avg": _mean("current"),
    "current_total": _total("current"),
    "current_n": _neutral,
    "neutral_current": _neutral,
    "energy_import_total": _total("energy_import"),
    "energy_export_total": _total("energy_export"),
    "energy_sum_total": _sum("energy_import_total", "energy_export_total"),
    "energy_net_total": _difference("energy_import_total", "energy_export_total"),
    "energy_import_total_f32": _same("energy_import_total"),
    "energy_export_total_f32": _same("energy_export_total"),
    "energy_import_t1": _difference("energy_import_total", "energy_import_t2"),
    "energy_export_t1": _same("energy_export_total"),
    "energy_resettable_total": _sum("energy_resettable_import", "energy_resettable_export"),
}
