"""Injected faults: from the control API's JSON to what they do to the plant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from laddvakt_sim.fault import Fault
from laddvakt_sim.fault_effects import EFFECTS, joined
from laddvakt_sim.fault_kinds import (
    CONNECTORS,
    KINDS,
    LINES,
    RTU_LINES,
    Kind,
    Parameter,
    Target,
    Value,
)
from laddvakt_sim.plant.words import Conditions
from laddvakt_sim.wire_kinds import wire_kinds

# Everything that can be injected into the board.
BOARD_KINDS: Mapping[str, Kind] = {
    **KINDS,
    **wire_kinds(RTU_LINES, tuple(set(LINES) - set(RTU_LINES)), connectors=True),
}

__all__ = ["BOARD_KINDS", "Fault", "FaultError", "conditions", "parse", "site_conditions"]


class FaultError(Exception):
    """A fault that does not exist or cannot be like that; the message says what is allowed."""


def parse(
    body: Mapping[str, object],
    now_s: float,
    kinds: Mapping[str, Kind] = BOARD_KINDS,
    connectors: tuple[str, ...] = CONNECTORS,
) -> Fault:
    """Build a fault from the control API's JSON.

    Raises:
        FaultError: unknown name, connector or parameter; the message says what is allowed.
    """
    name = body.get("name")
    if not isinstance(name, str) or name not in kinds:
        raise FaultError(f"unknown fault {name!r}: allowed are {', '.join(kinds)}")
    kind = kinds[name]
    given = {key: value for key, value in body.items() if key not in ("name", "connector")}
    if unknown := sorted(set(given) - set(kind.parameters)):
        allowed = ", ".join(kind.parameters) or "none"
        raise FaultError(f"{name}: unknown parameter {unknown[0]!r}: allowed are {allowed}")
    if len(both := [key for key in kind.one_of if given.get(key) not in (None, False)]) > 1:
        raise FaultError(
            f"{name}: {' and '.join(both)} given: allowed is one of {', '.join(kind.one_of)}"
        )
    values = {}
    for key, parameter in kind.parameters.items():
        value = _value(name, key, parameter, given.get(key))
        if value is not None:
            values[key] = value
    connector = _connector(name, kind, body.get("connector"), connectors)
    return Fault(name=name, connector=connector, parameters=values, injected_at_s=now_s)


def conditions(faults: Iterable[Fault], connector: str) -> Conditions:
    """What the injected faults mean for one connector's plant."""
    changes: dict[str, object] = {}
    for fault in faults:
        if fault.touches(connector) and fault.name in EFFECTS:
            for name, value in EFFECTS[fault.name](fault).items():
                changes[name] = joined(name, changes[name], value) if name in changes else value
    return Conditions(**changes)  # type: ignore[arg-type]  # names and types stand in EFFECTS


def site_conditions(faults: Iterable[Fault]) -> Conditions:
    """What faults that name no connector mean for what all of them share."""
    return conditions((fault for fault in faults if fault.connector is None), "")


def _value(name: str, key: str, parameter: Parameter, value: object) -> Value | None:
    if value is None:
        if parameter.required:
            raise FaultError(f"{name}: parameter {key!r} is missing: {parameter.allowed()}")
        return parameter.default
    try:
        return parameter.check(value)
    except ValueError as error:
        raise FaultError(f"{name}: {key} = {value!r}: allowed is {error}") from None


def _connector(name: str, kind: Kind, value: object, connectors: tuple[str, ...]) -> str | None:
    if value is not None and (kind.target is Target.ELSEWHERE or str(value) not in connectors):
        allowed = "none" if kind.target is Target.ELSEWHERE else ", ".join(connectors)
        raise FaultError(f"{name}: connector = {value!r}: allowed are {allowed}")
    if value is None and kind.target is Target.CONNECTOR:
        raise FaultError(f"{name}: 'connector' is missing: allowed are {', '.join(connectors)}")
    return None if value is None else str(value)
