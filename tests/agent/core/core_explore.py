"""Exhaustive exploration by asking: a probe stands in for inputs and branches on what is read.

Code under exploration reads attributes of a `Probe`. Each attribute read for the first time forks
over all its values; attributes never read cannot matter, so one run stands for all their values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

R = TypeVar("R")


class Probe:
    """Inputs that are chosen when they are looked at.

    A domain's name may list several attributes, "present watched": they are then chosen together.
    """

    def __init__(self, domains: Mapping[str, Sequence[object]], script: Sequence[int]) -> None:
        self._domains, self._script = domains, script
        self._chosen: dict[str, int] = {}

    def __getattr__(self, name: str) -> object:
        """Asked once for each name: what was chosen is an attribute from then on."""
        domain = self._domain_of(name)
        asked = len(self._chosen)
        index = self._script[asked] if asked < len(self._script) else 0
        self._chosen[domain] = index
        value = self._domains[domain][index]
        if domain == name:
            self.__dict__[name] = value
            return value
        together = cast("tuple[object, ...]", value)
        self.__dict__.update(zip(domain.split(), together, strict=True))
        return self.__dict__[name]

    def path(self) -> list[tuple[int, int]]:
        """The choices made, each with the number of alternatives."""
        return [(index, len(self._domains[name])) for name, index in self._chosen.items()]

    def stands_for(self) -> int:
        """How many complete inputs this run covers."""
        return math.prod(len(v) for k, v in self._domains.items() if k not in self._chosen)

    def __repr__(self) -> str:
        return repr({name: self._domains[name][index] for name, index in self._chosen.items()})

    def _domain_of(self, name: str) -> str:
        if name in self._domains:
            return name
        for domain in self._domains:
            if name in domain.split():
                return domain
        raise AttributeError(name)  # the code under exploration reads what no domain foresees


def every(
    domains: Mapping[str, Sequence[object]], run: Callable[[Probe], R]
) -> Iterator[tuple[Probe, R]]:
    """Call `run` once for each distinguishable input."""
    script: list[int] = []
    while True:
        probe = Probe(domains, script)
        yield probe, run(probe)
        path = probe.path()
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return
        script = [index for index, _ in path]
        script[-1] += 1


@dataclass
class Count:
    """What an exploration did."""

    states: int = 0
    runs: int = 0
    covered: int = 0  # complete inputs × timers the runs stand for
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.states} states, {self.runs} runs standing for {self.covered} steps,"
            f" {len(self.violations)} violations"
        )
