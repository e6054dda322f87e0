"""The words for a vehicle: whatever `VehicleSpec` has, by its own types."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, replace

from laddvakt_sim.plant.words import VehicleSpec
from laddvakt_sim.scenario.checks import is_number

# What the type alone does not say; the control API has the same ranges.
_SPANS: Mapping[str, tuple[float, float]] = {
    "phases": (1, 3),
    "max_current_a": (1, 80),
    "demand_wh": (1, 1e6),
    "stop_s": (0.05, 60),
}
_ANY = (-1e9, 1e9)


def names() -> tuple[str, ...]:
    """Every word there is."""
    return tuple(field.name for field in fields(VehicleSpec))


def refusal(name: str, value: object) -> str | None:
    """Say what is allowed when a word's value is not, else None."""
    kinds = _kinds(name)
    if any(_fits(kind, value, _SPANS.get(name, _ANY)) for kind in kinds):
        return None
    return "allowed is " + " or ".join(
        _told(kind, _SPANS.get(name)) for kind in kinds if kind is not types.NoneType
    )


def changed(before: VehicleSpec, words: Mapping[str, object]) -> VehicleSpec:
    """The vehicle with other words; each must have passed `refusal`.

    Raises:
        ValueError: the words are sound, but not together.
    """
    values = {name: _value(name, value) for name, value in words.items()}
    return replace(before, **values)  # type: ignore[arg-type]  # checked by their types before


def _kinds(name: str) -> tuple[object, ...]:
    hint = typing.get_type_hints(VehicleSpec)[name]
    alternatives = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if alternatives else (hint,)


def _fits(kind: object, value: object, span: tuple[float, float]) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [member.value for member in kind]
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list) and all(is_number(part) for part in value)
    if kind not in (int, float) or not is_number(value) or not isinstance(value, int | float):
        return False
    return (kind is float or isinstance(value, int)) and span[0] <= value <= span[1]


def _told(kind: object, span: tuple[float, float] | None) -> str:
    if kind is bool:
        return "true or false"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(str(member.value) for member in kind)}"
    if kind in (int, float):
        words = "a whole number" if kind is int else "a number"
        return words if span is None else f"{words} {span[0]:g} to {span[1]:g}"
    return "text" if kind is str else "a list of numbers"


def _value(name: str, value: object) -> object:
    for kind in _kinds(name):
        if isinstance(kind, type) and issubclass(kind, enum.Enum) and isinstance(value, str):
            return kind(value)
    return tuple(value) if isinstance(value, list) else value
