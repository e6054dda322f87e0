"""Vehicles, grids and climates as JSON or TOML says them; a mistake is told what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar, cast

from laddvakt_sim.fault_words import Choice, Flag, Number
from laddvakt_sim.plant.words import ClimateSpec, GridSpec, Pilot, Supply, VehicleSpec

_Spec = TypeVar("_Spec", VehicleSpec, GridSpec, ClimateSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Where the three phases hang."""

    def check(self, value: object) -> object:
        if not isinstance(value, list | tuple) or sorted(map(str, value)) != ["1", "2", "3"]:
            raise ValueError(self.allowed())
        return tuple(int(phase) for phase in value)

    def allowed(self) -> str:
        return "an order of the phases, such as [2, 3, 1]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Three:
    """A number per phase."""

    number: Number

    def check(self, value: object) -> object:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise ValueError(self.allowed())
        return tuple(float(cast("float", self.number.check(one))) for one in value)

    def allowed(self) -> str:
        return f"a list of three, each {self.number.allowed()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """A name that stands for something in the plant."""

    names: Mapping[str, object]

    def check(self, value: object) -> object:
        if isinstance(value, bool) or str(value) not in self.names:
            raise ValueError(self.allowed())
        return self.names[str(value)]

    def allowed(self) -> str:
        return "one of " + ", ".join(self.names)


_Field = Number | Choice | Flag | _Order | _Three | _Word


def _number(least: float, most: float, *, whole: bool = False) -> Number:
    return Number(least=least, most=most, default=None, whole=whole)


_YES_NO = Flag(default=False)
_SECONDS = _number(0.01, 1e7)
_VEHICLE: Mapping[str, _Field] = {
    "phases": _number(1, 3, whole=True),
    "max_current_a": _number(1, 80),
    "demand_wh": _number(1, 1e6),
    "obeys_pwm_off": _YES_NO,
    "wants_charge": _YES_NO,
    "ventilation": _YES_NO,
    "stop_s": _number(0.05, 60),
    "obeys_limit": _YES_NO,
    "min_current_a": _number(0, 80),
    "ask_s": _number(0, 3600),
    "reaction_s": _number(0, 60),
    "ramp_a_per_s": _number(0.01, 1000),
    "taper_share": _number(0, 1),
    "pause_every_s": _SECONDS,
    "pause_s": _SECONDS,
    "pause_asks": _YES_NO,
    "diode_missing": _YES_NO,
    "flaky_every_s": _SECONDS,
    "flaky_s": _SECONDS,
    "flaky_to": Choice(values=tuple(pilot.value for pilot in Pilot), default=None),
    "asleep": _YES_NO,
    "sleeps_after_s": _SECONDS,
    "wakes_by": Choice(values=("pwm", "pulse", "state_f", "never"), default=None),
    "wake_s": _number(0, 3600),
    "phase_map": _Order(),
    "leak_dc_ma": _number(0, 300),
    "leak_ac_ma": _number(0, 3000),
    "leak_ohm": _number(10, 1e9),
    "contact_mohm": _number(0, 1000),
    "cable_a": _Word(names={"13": 13, "20": 20, "32": 32, "63": 63}),
    "fully_inserted": _YES_NO,
}
_GRID: Mapping[str, _Field] = {
    "supply": _Word(names={supply.value: supply for supply in Supply}),
    "nominal_v": _number(100, 300),
    "frequency_hz": _number(10, 100),
    "supply_ohm": _number(0, 10),
    "neutral_ohm": _number(0, 10),
    "house_a": _Three(number=_number(0, 500)),
}
_CLIMATE: Mapping[str, _Field] = {"ambient_c": _number(-60, 90), "sun_w": _number(0, 1500)}
_MAY_BE_NONE = ("demand_wh", "pause_every_s", "flaky_every_s", "sleeps_after_s", "leak_ohm")


def vehicle_spec(body: Mapping[str, object], before: VehicleSpec) -> VehicleSpec:
    """`before` with what `body` changes.

    Raises:
        ValueError: an unknown key, or a value that cannot be; the message says what is allowed.
    """
    return _changed(body, before, _VEHICLE)


def grid_spec(body: Mapping[str, object], before: GridSpec) -> GridSpec:
    """`before` with what `body` changes.

    Raises:
        ValueError: as for a vehicle.
    """
    return _changed(body, before, _GRID)


def climate_spec(body: Mapping[str, object], before: ClimateSpec) -> ClimateSpec:
    """`before` with what `body` changes.

    Raises:
        ValueError: as for a vehicle.
    """
    return _changed(body, before, _CLIMATE)


def spec_json(spec: VehicleSpec | GridSpec | ClimateSpec) -> dict[str, object]:
    """A spec in the words these functions take."""
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    return {name: v.value if isinstance(v, Supply) else v for name, v in values.items()}


def _changed(body: Mapping[str, object], before: _Spec, known: Mapping[str, _Field]) -> _Spec:
    if unknown := sorted(set(body) - set(known)):
        raise ValueError(f"unknown key {unknown[0]!r}: allowed are {', '.join(known)}")
    values = {key: _checked(key, value, known[key]) for key, value in body.items()}
    return replace(before, **values)  # type: ignore[arg-type]  # every value was checked above


def _checked(key: str, value: object, field: _Field) -> object:
    if value is None and key in _MAY_BE_NONE:
        return None
    try:
        return field.check(value)
    except ValueError as error:
        raise ValueError(f"{key} = {value!r}: allowed is {error}") from None
