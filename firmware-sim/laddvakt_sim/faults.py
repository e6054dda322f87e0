"""Injected faults: from the control API's JSON to what they do to the plant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

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
from laddvakt_sim.plant.words import Conditions, Pilot
from laddvakt_sim.wire_kinds import wire_kinds

# Everything that can be injected into the board.
BOARD_KINDS: Mapping[str, Kind] = {
    **KINDS,
    **wire_kinds(RTU_LINES, tuple(set(LINES) - set(RTU_LINES)), connectors=True),
}
_NAMING = (
    "line",
    "device",
    "unit",
    "direction",
    "phase",
)  # parameters that make two faults different ones


class FaultError(Exception):
    """A fault that does not exist or cannot be like that; the message says what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An injected fault. Identity is name, connector and what its parameters name."""

    name: str
    connector: str | None
    parameters: Mapping[str, Value]
    injected_at_s: float

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What makes it the same fault when injected again."""
        where = [str(self.parameters.get(name, "")) for name in _NAMING]
        return self.name, self.connector, "/".join(where)

    def number(self, name: str) -> float | None:
        """A numeric parameter, None when it was not given."""
        value = self.parameters.get(name)
        return None if value is None or isinstance(value, str | tuple) else float(value)

    def touches(self, connector: str) -> bool:
        """True when the fault is about this connector, or about all of them."""
        return self.connector in (None, connector)


def parse(
    body: Mapping[str, object], now_s: float, kinds: Mapping[str, Kind] = BOARD_KINDS
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
    connector = _connector(name, kind, body.get("connector"))
    return Fault(name=name, connector=connector, parameters=values, injected_at_s=now_s)


def conditions(faults: Iterable[Fault], connector: str) -> Conditions:
    """What the injected faults mean for one connector's plant."""
    changes: dict[str, object] = {}
    for fault in faults:
        if fault.touches(connector):
            effects = _EFFECTS.get(fault.name, _none)(fault)
            lost = {"lost_phases": _lost(changes) | _lost(effects)}
            changes |= effects | lost
    return Conditions(**changes)  # type: ignore[arg-type]  # names and types stand in _EFFECTS


def _value(name: str, key: str, parameter: Parameter, value: object) -> Value | None:
    if value is None:
        if parameter.required:
            raise FaultError(f"{name}: parameter {key!r} is missing: {parameter.allowed()}")
        return parameter.default
    try:
        return parameter.check(value)
    except ValueError as error:
        raise FaultError(f"{name}: {key} = {value!r}: allowed is {error}") from None


def _connector(name: str, kind: Kind, value: object) -> str | None:
    if value is not None and (kind.target is Target.ELSEWHERE or str(value) not in CONNECTORS):
        allowed = "none" if kind.target is Target.ELSEWHERE else ", ".join(CONNECTORS)
        raise FaultError(f"{name}: connector = {value!r}: allowed are {allowed}")
    if value is None and kind.target is Target.CONNECTOR:
        raise FaultError(f"{name}: 'connector' is missing: allowed are {', '.join(CONNECTORS)}")
    return None if value is None else str(value)


def _lost(changes: Mapping[str, object]) -> frozenset[int]:
    phases = changes.get("lost_phases")
    return phases if isinstance(phases, frozenset) else frozenset()


def _none(_fault: Fault) -> dict[str, object]:
    return {}


def _flag(name: str) -> Callable[[Fault], dict[str, object]]:
    return lambda _fault: {name: True}


def _leak(fault: Fault) -> dict[str, object]:
    return {
        "residual_dc_ma": fault.number("ma"),
        "residual_always": fault.parameters["always"],
    }


def _weld(fault: Fault) -> dict[str, object]:
    return {"welded": True, "weld_shut": fault.parameters["shut"]}


def _draw_more(fault: Fault) -> dict[str, object]:
    return {
        "over_factor": fault.number("factor"),
        "over_amps": fault.number("amps"),
        "over_at_once": fault.name == "over_current_gross",
    }


def _stick(fault: Fault) -> dict[str, object]:
    return {"stuck_limit_a": fault.number("amps"), "stuck_off": fault.parameters["off"]}


# Fields of Conditions by fault name; what is not here acts on the wire or on the station's inputs.
_EFFECTS: Mapping[str, Callable[[Fault], dict[str, object]]] = {
    "residual_current_dc": _leak,
    "contactor_welded": _weld,
    "contactor_did_not_close": _flag("coil_broken"),
    "contactor_opened_alone": _flag("drops_out"),
    "over_current": _draw_more,
    "over_current_gross": _draw_more,
    "phase_lost": lambda fault: {"lost_phases": frozenset({fault.parameters["phase"]})},
    "power_lost": _flag("power_lost"),
    "pilot_fault": lambda fault: {"pilot_fault": Pilot(fault.parameters["state"])},
    "vehicle_keeps_drawing": _flag("keeps_drawing"),
    "meter_frozen": _flag("meter_frozen"),
    "board_error": lambda fault: {"board_bits": fault.parameters["bits"]},
    "limit_not_obeyed": _stick,
    "unguarded_board": _flag("unguarded"),
    "meter_drift": lambda fault: {"meter_factor": fault.number("factor")},
}
