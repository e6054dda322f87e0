"""A minute of one connector in one row, and fifteen such rows in one. Pure.

Whole numbers in small units are what SQLite stores in the fewest bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from laddvakt_agent.telemetry.channels import CHANNELS, STATES

Value: TypeAlias = int | float | str | None
Record: TypeAlias = dict[str, Value]

MINUTE_S = 60
QUARTER_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One column: which channels it is made of, how, and its unit's share of the channel's."""

    channels: tuple[str, ...]
    how: str  # "mean", "low", "high" or "last"
    scale: float = 1.0
    digits: int | None = None  # None: a whole number


_VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
_CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a")


def _mean(channel: str, scale: float = 1.0) -> Figure:
    return Figure(channels=(channel,), how="mean", scale=scale)


FIGURES: Mapping[str, Figure] = {
    "voltage_l1_mv": _mean("voltage_l1_v", 1e3),
    "voltage_l2_mv": _mean("voltage_l2_v", 1e3),
    "voltage_l3_mv": _mean("voltage_l3_v", 1e3),
    "voltage_min_mv": Figure(channels=_VOLTAGES, how="low", scale=1e3),
    "voltage_max_mv": Figure(channels=_VOLTAGES, how="high", scale=1e3),
    "current_l1_ma": _mean("current_l1_a", 1e3),
    "current_l2_ma": _mean("current_l2_a", 1e3),
    "current_l3_ma": _mean("current_l3_a", 1e3),
    "current_max_ma": Figure(channels=_CURRENTS, how="high", scale=1e3),
    "power_w": _mean("power_w"),
    "power_max_w": Figure(channels=("power_w",), how="high"),
    "energy_wh": Figure(channels=("energy_wh",), how="last", digits=1),  # the meter's register
    "residual_dc_max_ua": Figure(channels=("residual_dc_a",), how="high", scale=1e6),
    "residual_ac_max_ua": Figure(channels=("residual_ac_a",), how="high", scale=1e6),
    "enclosure_max_c": Figure(channels=("enclosure_c",), how="high", digits=1),
    "plug_max_c": Figure(channels=("plug_c",), how="high", digits=1),
    "limit_ma": _mean("limit_a", 1e3),
    "closed_share_pm": _mean("closed", 1e3),  # of the time with the contactor commanded closed
}

_PLACES = {name: place for place, name in enumerate(CHANNELS)}
_PLACED = {
    name: tuple(_PLACES[channel] for channel in figure.channels) for name, figure in FIGURES.items()
}
_STATE = _PLACES["state"]


@dataclass(slots=True)
class Minute:
    """Adds up one connector's seconds."""

    seconds: int = 0
    _kept: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, values: tuple[float, ...]) -> None:
        """One second, in the order of `CHANNELS`."""
        self._kept.append(values)
        self.seconds += 1

    def record(self) -> Record:
        """The figures so far; `None` where nothing could be believed."""
        told: Record = {name: self._figure(name, figure) for name, figure in FIGURES.items()}
        told["state"] = STATES[int(self._kept[-1][_STATE])]
        told["seconds"] = self.seconds
        return told

    def _figure(self, name: str, figure: Figure) -> Value:
        places = _PLACED[name]
        found = [values[p] for values in self._kept for p in places if not math.isnan(values[p])]
        if not found:
            return None
        return _rounded(figure, _HOW[figure.how](found) * figure.scale)


def merged(records: Sequence[Mapping[str, Value]]) -> Record:
    """Several rows, oldest first, as one; means weigh as many seconds as were seen."""
    told: Record = {name: _merged(name, figure, records) for name, figure in FIGURES.items()}
    told["state"] = records[-1]["state"]
    told["seconds"] = sum(_seconds(record) for record in records)
    return told


def _merged(name: str, figure: Figure, records: Sequence[Mapping[str, Value]]) -> Value:
    known = [(float(v), _seconds(r)) for r in records if isinstance(v := r[name], int | float)]
    if not known:
        return None
    if figure.how != "mean":
        return _rounded(figure, _HOW[figure.how]([value for value, _ in known]))
    weight = sum(seconds for _, seconds in known)
    return _rounded(figure, sum(value * seconds for value, seconds in known) / max(weight, 1))


def _seconds(record: Mapping[str, Value]) -> int:
    seconds = record["seconds"]
    return int(seconds) if isinstance(seconds, int | float) else 0


def _rounded(figure: Figure, value: float) -> Value:
    return round(value) if figure.digits is None else round(value, figure.digits)


def _average(found: Sequence[float]) -> float:
    return sum(found) / len(found)


def _last(found: Sequence[float]) -> float:
    return found[-1]


_HOW: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": _average,
    "low": min,
    "high": max,
    "last": _last,
}
