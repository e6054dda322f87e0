"""A charger's year: who comes, what goes wrong. Seeded, and the same for all policies."""

from __future__ import annotations

import functools
import math
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("healing.toml")
YEAR_S = 365.0 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One session as the vehicle wants it."""

    plug_s: float
    asks_until_s: float
    unplug_s: float
    disobeys: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One disturbance. `end_s` infinite: until somebody repairs it. It may come and go."""

    code: str
    owner: str
    visible: str  # always, closed, open
    start_s: float
    end_s: float
    on_s: float = math.inf
    off_s: float = 0.0

    def on(self, at_s: float) -> bool:
        """Whether it is there at this moment, if it has not been repaired."""
        if not self.start_s <= at_s < self.end_s:
            return False
        return (at_s - self.start_s) % (self.on_s + self.off_s) < self.on_s

    def next_s(self, at_s: float) -> float:
        """When it comes or goes next after `at_s`."""
        if at_s < self.start_s:
            return self.start_s
        if math.isinf(self.on_s):
            return self.end_s
        cycle_s = self.on_s + self.off_s
        begun_s = self.start_s + math.floor((at_s - self.start_s) / cycle_s) * cycle_s
        edges = (begun_s + self.on_s, begun_s + cycle_s, begun_s + cycle_s + self.on_s)
        return min(*(edge for edge in edges if edge > at_s), self.end_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """What is the same for every policy and decides how it is judged."""

    restart_s: float
    lost_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How soon people come, and what makes them come."""

    truck_s: float
    site_person_s: float
    operator_s: float
    watch_s: float
    complaints: int
    complaint_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Everything that happens."""

    visits: tuple[Visit, ...]
    troubles: tuple[Trouble, ...]
    service: Service
    yardstick: Yardstick


@functools.cache
def data() -> Mapping[str, Any]:
    """The file, as it is."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def year(seed: int) -> Year:
    """The year of this charger."""
    told, dice = data(), random.Random(seed)
    life = told["life"]
    visits = _visits(life, dice)
    troubles = [trouble for row in told["trouble"] for trouble in _troubles(row, visits, dice)]
    return Year(
        visits=visits,
        troubles=tuple(sorted(troubles, key=lambda trouble: trouble.start_s)),
        service=Service(**told["service"]),
        yardstick=Yardstick(restart_s=life["restart_s"], lost_below=life["lost_below"]),
    )


def _visits(life: dict[str, float], dice: random.Random) -> tuple[Visit, ...]:
    visits: list[Visit] = []
    at_s = 0.0
    while True:
        at_s += dice.expovariate(life["sessions_per_day"] / 86400.0)
        plugged_s = dice.lognormvariate(math.log(life["plugged_median_s"]), life["plugged_sigma"])
        if at_s + plugged_s > YEAR_S:
            return tuple(visits)
        visits.append(
            Visit(
                plug_s=at_s,
                asks_until_s=at_s + plugged_s * life["asks_share"],
                unplug_s=at_s + plugged_s,
                disobeys=dice.random() < life["disobeys_share"],
            )
        )
        at_s += plugged_s + 60.0


def _troubles(
    row: dict[str, object], visits: tuple[Visit, ...], dice: random.Random
) -> list[Trouble]:
    found: list[Trouble] = []
    at_s, rate = 0.0, float(str(row["per_year"])) / YEAR_S
    while (at_s := at_s + dice.expovariate(rate)) < YEAR_S:
        start_s, end_s = at_s, math.inf
        if row["owner"] == "vehicle":
            visit = min(visits, key=lambda visit: abs(visit.plug_s - at_s))
            start_s = visit.plug_s + float(str(row.get("after_s", 0.0)))
            end_s = visit.unplug_s
        elif not row.get("until_repaired"):
            median_s, sigma = float(str(row["median_s"])), float(str(row["sigma"]))
            end_s = at_s + dice.lognormvariate(math.log(median_s), sigma)
        found.append(
            Trouble(
                code=str(row["code"]),
                owner=str(row["owner"]),
                visible=str(row.get("visible", "always")),
                start_s=start_s,
                end_s=end_s,
                on_s=float(str(row.get("on_s", math.inf))),
                off_s=float(str(row.get("off_s", 0.0))),
            )
        )
    return found
