"""A charging station on the bench: a pilot, a vehicle that takes what it may, a watchdog.

The vehicle's wish stands in the physics (`current_l1`, …); the registers show what of it the
station lets through. The settings `pilot` (A to F) and `current_limit` may be changed at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

LEAST_A = 6.0
PILOTS = "ABCDEF"


class Chargepoint(BenchDevice):
    """Pilot, limit, vehicle; subclasses know the registers."""

    def start(self) -> None:
        """Charging, the watchdog just fed."""
        self.settings.setdefault("pilot", "C")
        self.fed_s = self.now_s
        self.expired = False

    def check(self, quantity: str, value: Value) -> None:
        """Refuse a pilot that has no letter."""
        super().check(quantity, value)
        if quantity == "pilot" and value not in tuple(PILOTS):
            raise ValueError(f"pilot is one of {', '.join(PILOTS)}")

    @property
    def pilot(self) -> str:
        """The pilot's letter."""
        return str(self.settings["pilot"])

    @property
    def offered_a(self) -> float:
        """What the pilot offers; 0: nothing."""
        limit_a = self.limit_a()
        ready = self.pilot in ("B", "C", "D") and self.permitted()
        return limit_a if ready and limit_a >= LEAST_A else 0.0

    def limit_a(self) -> float:
        """The limit in force."""
        return self.number("current_limit")

    def permitted(self) -> bool:
        """Whether anything beside the limit stands in the way."""
        return True

    def number(self, setting: str) -> float:
        """A setting as a number, 0 before it was ever given."""
        return float(self.settings.get(setting, 0))

    def settle(self) -> None:
        """Let the vehicle take what it may."""
        self.physics.cap_a = self.offered_a if self.pilot in ("C", "D") else 0.0

    # The communication watchdog.

    def timeout_s(self) -> float | None:
        """How long it waits; None: it is off."""
        return None if self.model.guard is None else self.model.guard.default_s

    def feeds(self, fc: int, point: Point | None) -> bool:
        """Whether that request keeps it quiet."""
        guard = self.model.guard
        written = point is not None and fc in (5, 6, 15, 16)
        match "" if guard is None else guard.fed_by:
            case "any_request":
                return True
            case "limit_write":
                return written and point is not None and point.quantity == "current_limit"
            case _:
                return False

    def expire(self) -> None:
        """What it does when it expires, beside saying so."""

    def heard(self, fc: int, point: Point | None) -> None:
        """Feed it; a request that ends a silence still sees what the silence did."""
        if self.feeds(fc, point):
            self.fed_s = self.now_s
            self.expired = False
            self.settle()

    def due_s(self) -> float | None:
        """When it expires."""
        timeout_s = self.timeout_s()
        return None if timeout_s is None or self.expired else self.fed_s + timeout_s

    def fire(self) -> None:
        """Let it expire."""
        self.expired = True
        self.expire()
