"""The words for a vehicle: those of the plant, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from laddvakt_sim.plant.spec_words import vehicle_spec
from laddvakt_sim.plant.words import VehicleSpec


def names() -> tuple[str, ...]:
    """Every word there is."""
    return tuple(field.name for field in fields(VehicleSpec))


def refusal(name: str, value: object) -> str | None:
    """Say what is allowed when a word's value is not, else None."""
    try:
        vehicle_spec({name: value}, VehicleSpec())
    except ValueError as error:
        return f"allowed is {str(error).rpartition(': allowed is ')[2]}"
    return None


def changed(before: VehicleSpec, words: Mapping[str, object]) -> VehicleSpec:
    """The vehicle with other words.

    Raises:
        ValueError: the words are not sound, or not together.
    """
    return vehicle_spec(words, before)
