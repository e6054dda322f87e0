"""An injected fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laddvakt_sim.fault_words import Value

_NAMING = (  # parameters that make two faults different ones
    "line",
    "device",
    "unit",
    "direction",
    "phase",
    "phases",
    "sensor",
)


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

    @property
    def ends_s(self) -> float | None:
        """When it ends by itself; None: when it is cleared."""
        seconds = self.number("seconds")
        return None if seconds is None else self.injected_at_s + seconds

    def number(self, name: str) -> float | None:
        """A numeric parameter, None when it was not given."""
        value = self.parameters.get(name)
        return None if value is None or isinstance(value, str | tuple) else float(value)

    def touches(self, connector: str) -> bool:
        """True when the fault is about this connector, or about all of them."""
        return self.connector in (None, connector)
