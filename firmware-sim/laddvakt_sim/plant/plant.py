"""The whole plant: grid, connectors, site meter. Moves from event to event in the caller's time.

Between two events currents move along straight lines and every power is a polynomial of them, so
that one stretch of time costs the same whether it lasts a millisecond or a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.plant.account import Account
from laddvakt_sim.plant.grid import solve
from laddvakt_sim.plant.meter import Flow, Meter
from laddvakt_sim.plant.words import HEALTHY, ClimateSpec, Conditions, GridSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from laddvakt_sim.plant.connector import Connector, Timed
    from laddvakt_sim.plant.network import Load, Solution, Terminal

_BISECTIONS = 50  # finds a crossing to the last bit of a time


class Plant:
    """Connectors on one site; `also` are other things with timers, `seen` runs after each event."""

    def __init__(
        self,
        *,
        now_s: float,
        connectors: Mapping[str, Connector],
        site_meter: Meter,
        grid: GridSpec,
        climate: ClimateSpec,
        also: Sequence[Timed] = (),
    ) -> None:
        self.now_s = now_s
        self.grid = grid
        self.climate = climate
        self.wrong: Conditions = HEALTHY  # with the whole site
        self.connectors = dict(connectors)
        self.site_meter = site_meter
        self.account = Account()
        self._also = tuple(also)
        self._solved: tuple[tuple[GridSpec, Conditions, tuple[Load, ...]], Solution] | None = None
        self._fresh = False
        self._begun = False
        self.watch: Callable[[], None] = lambda: None
        for number, connector in enumerate(self.connectors.values()):
            connector.site = self
            connector.number = number
            connector.enclosure.temperature_c = climate.ambient_c
            connector.plug_body.temperature_c = climate.ambient_c

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due until `now_s`; going back in time is ignored."""
        while True:
            due = self._due()
            at_s = min((at for at, _ in due), default=now_s)
            to_s = max(self.now_s, min(at_s, now_s))
            if self._fall(to_s):
                continue
            if at_s > now_s or not due:
                break
            self._walk_to(to_s)
            self.watch()  # before anything lets go
            for at, part in due:
                if at <= at_s:
                    part.fire(self.now_s)
            self.settle()
        self._walk_to(max(now_s, self.now_s))

    def next_due_s(self) -> float | None:
        """When something happens by itself next."""
        return min((at for at, _ in self._due()), default=None)

    def settle(self) -> None:
        """Let everybody see what has been changed at this moment."""
        joint = self.grid.supply_ohm > 0.0 or any(self.wrong.loose_ohm) or self.wrong.neutral_lost
        for _ in range(2 if joint else 1):  # what one draws, the other one feels
            for connector in self.connectors.values():
                connector.settle(self.now_s)
        self.watch()

    def disturb(self) -> None:
        """Say that currents may be others from now on."""
        self._fresh = False

    def terminal(self, number: int) -> Terminal:
        """The supply terminals of a connector now."""
        if self._fresh and self._solved is not None:
            return self._solved[1].terminals[number]
        return self._solution(self.now_s, steady=self._steady()).terminals[number]

    def _due(self) -> list[tuple[float, Timed]]:
        parts: list[Timed] = [*self._also, self.site_meter]
        for connector in self.connectors.values():
            parts += connector.timed()
        return [(at, part) for part in parts if (at := part.due_s()) is not None]

    def _solution(self, at_s: float, *, steady: bool) -> Solution:
        if self._fresh and steady and self._solved is not None:
            return self._solved[1]
        loads = tuple(connector.load(at_s) for connector in self.connectors.values())
        key = (self.grid, self.wrong, loads)
        if self._solved is None or self._solved[0] != key:
            self._solved = (key, solve(*key))
        self._fresh = steady
        return self._solved[1]

    def _steady(self) -> bool:
        return all(connector.steady for connector in self.connectors.values())

    def _fall(self, to_s: float) -> bool:
        """Walk to where a coil falls for want of voltage before `to_s`, if one does."""
        if to_s <= self.now_s or self._steady() or not self._coils_change(to_s):
            return False
        early_s, late_s = self.now_s, to_s
        for _ in range(_BISECTIONS):
            middle_s = (early_s + late_s) / 2
            if self._coils_change(middle_s):
                late_s = middle_s
            else:
                early_s = middle_s
        self._walk_to(late_s)
        self.settle()
        return True

    def _coils_change(self, at_s: float) -> bool:
        terminals = self._solution(at_s, steady=False).terminals
        return any(
            connector.contactor.would_change(connector.coil_share_at(terminal))
            for connector, terminal in zip(self.connectors.values(), terminals, strict=True)
        )

    def _walk_to(self, at_s: float) -> None:
        from_s, steady = self.now_s, self._steady()
        if at_s <= from_s and self._begun:
            return
        self._begun = True
        first = self._solution(from_s, steady=steady)
        known = {from_s: first}

        def look(seen_s: float) -> Solution:
            if steady:
                return first
            if seen_s not in known:
                known[seen_s] = self._solution(seen_s, steady=False)
            return known[seen_s]

        three = (first, look((from_s + at_s) / 2), look(at_s))
        self.account.add(lambda power: _mean(power, three), at_s - from_s)
        for connector in self.connectors.values():
            connector.meter.flow(at_s, _seen_by(connector, look), steady=steady)
        self.site_meter.flow(at_s, lambda seen_s: self._site_flow(look(seen_s)), steady=steady)
        for connector in self.connectors.values():
            number = connector.number
            first_t, middle_t, last_t = (solution.terminals[number] for solution in three)
            connector.flow(at_s, (first_t, middle_t, last_t))
        self.now_s = at_s

    def _site_flow(self, solution: Solution) -> Flow:
        own, bus = self.wrong.frequency_hz, solution.bus
        frequency_hz = self.grid.frequency_hz if own is None else own
        return self.site_meter.see(bus, frequency_hz if any(bus.alive) else 0.0)


def _seen_by(connector: Connector, look: Callable[[float], Solution]) -> Callable[[float], Flow]:
    def at(at_s: float) -> Flow:
        terminal = look(at_s).terminals[connector.number]
        return connector.meter.see(terminal, connector.frequency_at(terminal))

    return at


def _mean(power: Callable[[Solution], float], three: tuple[Solution, ...]) -> float:
    first, middle, last = three
    if first is last:
        return power(first)
    return (power(first) + 4.0 * power(middle) + power(last)) / 6.0
