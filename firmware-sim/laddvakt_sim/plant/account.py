"""Where the energy went: what the grid gave, and everything that took of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.plant.network import Solution

S_PER_H = 3600.0


@dataclass(slots=True, kw_only=True)
class Account:
    """Energies since the beginning; every one is summed up by itself, none from the others."""

    grid_wh: float = 0.0
    house_wh: float = 0.0
    vehicle_wh: float = 0.0
    loss_wh: float = 0.0  # feed, charger, plug contacts
    leak_wh: float = 0.0

    @property
    def error_wh(self) -> float:
        """What the grid gave and nobody took: 0 but for rounding."""
        return self.grid_wh - (self.house_wh + self.vehicle_wh + self.loss_wh + self.leak_wh)

    def add(self, mean: Callable[[Callable[[Solution], float]], float], span_s: float) -> None:
        """Add a stretch of time; `mean` gives the mean power of one of the site's flows."""
        hours = span_s / S_PER_H
        self.grid_wh += hours * mean(lambda site: site.grid_w)
        self.house_wh += hours * mean(lambda site: site.house_w)
        self.vehicle_wh += hours * mean(lambda site: site.vehicle_w)
        self.loss_wh += hours * mean(lambda site: site.loss_w)
        self.leak_wh += hours * mean(lambda site: site.leak_w)
