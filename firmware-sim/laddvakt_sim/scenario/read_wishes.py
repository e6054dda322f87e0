"""Reads what is asked of a connector beside charging, and what a timeline cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from laddvakt_sim.scenario.model import Do, Plug, Unplug
from laddvakt_sim.scenario.wishes import Maintenance, Profile, Reserve, Unlock, WantPhases

if TYPE_CHECKING:
    from laddvakt_sim.scenario.checks import At, Checks

Wished = Maintenance | Unlock | Reserve | WantPhases | Profile


class WishReader:
    """`connector` takes the connector out of a table."""

    def __init__(self, checks: Checks, connector: Callable[[At], str]) -> None:
        self._checks = checks
        self._connector = connector
        self.readers: Mapping[str, Callable[[At], Wished]] = {
            "maintenance": self._maintenance,
            "unlock": self._unlock,
            "reserve": self._reserve,
            "phases": self._phases,
            "profile": self._profile,
        }

    def _maintenance(self, at: At) -> Maintenance:
        return Maintenance(connector=self._named(at, "on"), on=self._on(at))

    def _unlock(self, at: At) -> Unlock:
        return Unlock(connector=self._named(at))

    def _reserve(self, at: At) -> Reserve:
        return Reserve(connector=self._named(at, "on"), on=self._on(at))

    def _phases(self, at: At) -> WantPhases:
        name, phases = self._named(at, "wanted"), None
        if "wanted" in at.table:
            phases = self._checks.whole(at, "wanted", (1, 3))
            if phases == 2:
                self._checks.wrong(at.under("wanted"), "wanted = 2", "allowed are 1 and 3")
        return WantPhases(connector=name, phases=phases)

    def _profile(self, at: At) -> Profile:
        name, limit_a = self._named(at, "limit_a"), None
        if "limit_a" in at.table:
            limit_a = self._checks.number(at, "limit_a", (0.0, 80.0))
        return Profile(connector=name, limit_a=limit_a)

    def _named(self, at: At, *more: str) -> str:
        self._checks.known(at, ("connector", *more))
        return self._connector(at)

    def _on(self, at: At) -> bool:
        return self._checks.flag(at, "on", default=True)


def check_vehicles(checks: Checks, done: Iterable[Do]) -> None:
    """Complain about a vehicle put where one stands; one may be there before the scenario."""
    there: dict[str, int] = {}  # connector → the line it came in
    for do in done:
        if isinstance(do.action, Plug):
            name = do.action.connector
            if name in there:
                what = f"connector {name} has the vehicle of line {there[name]}"
                checks.wrong_line(do.line, what, "unplug it first, or change it with vehicle")
            there[name] = do.line
        elif isinstance(do.action, Unplug):
            there.pop(do.action.connector, None)
