"""A device on the bench: a model's points over its physics, with the model's manners."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.physics import Physics
from laddvakt_sim.firmware.library.point import fineness, pack
from laddvakt_sim.firmware.library.registers import Registers
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.firmware.library.model import Manners, Model
    from laddvakt_sim.firmware.library.point import Point, Value

MOST_EXPONENT = 10  # SunSpec's own limit


class BenchDevice(Registers):
    """One unit; `tell_time` before every request, `set` changes what it measures.

    Attributes:
        loses_first_after_change: the line should lose the first request to this unit after it has
            carried one to another.
        absent: quantities that are not installed; their registers say so.
    """

    def __init__(self, model: Model, *, name: str, unit: int, now_s: float, firmware: str) -> None:
        points = self.layout(model, unit, firmware)
        super().__init__(points, self.manners(model, firmware), model.order, model.again)
        self.model = model
        self.name = name
        self.unit = unit
        self.now_s = now_s
        self.firmware = firmware
        self.turnaround_s = model.turnaround_s
        self.loses_first_after_change = model.loses_first_after_change
        self.absent: set[str] = set()
        self.physics = Physics(model.physics)
        self.settings: dict[str, Value] = dict(model.settings)
        for own_address in {"cfg_unit_id", "unit_id"} & set(self.points):
            self.settings[own_address] = unit
        self._shown = self.physics
        self._renew_s = now_s + model.update_s
        self.start()
        self.settle()
        self._shown = self.physics.copy()

    # What a kind of device changes.

    @staticmethod
    def layout(model: Model, unit: int, firmware: str) -> tuple[Point, ...]:
        """The points this unit has."""
        del unit, firmware
        return model.points

    @staticmethod
    def manners(model: Model, firmware: str) -> Manners:
        """How this unit takes a request."""
        del firmware
        return model.manners

    def start(self) -> None:
        """Take up what this kind of device keeps beside settings and physics."""

    def special(self, quantity: str) -> Value | None:
        """The value of a quantity that is neither setting nor plain physics; None: it is not."""
        del quantity
        return None

    def accept(self, point: Point, value: Value) -> None:
        """Take a written value.

        Raises:
            Refusal: it is outside what the device takes.
        """
        ranges = self.model.ranges.get(point.quantity)
        if ranges and not any(low <= float(value) <= high for low, high in ranges):
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        self.settings[point.quantity] = value

    def due_s(self) -> float | None:
        """When something happens by itself next."""
        return None

    def fire(self) -> None:
        """Let happen what is due at `now_s`."""

    # The bench's side.

    def tell_time(self, now_s: float) -> None:
        """Let the device live until `now_s`: counters, watchdogs, renewed registers."""
        while (due_s := self.due_s()) is not None and due_s <= now_s:
            self._walk(max(due_s, self.now_s))
            self.fire()
            self.settle()
        self._walk(now_s)

    def set(self, quantity: str, value: Value) -> None:
        """Change what is measured, or a setting; registers follow at their next renewal.

        Raises:
            KeyError: there is nothing of that name to set.
            ValueError: it cannot have that value.
        """
        if quantity in self.settings:
            self.check(quantity, value)
            self.settings[quantity] = value
        elif isinstance(value, str):
            raise ValueError(f"{quantity!r} takes a number")
        else:
            self.physics.set(quantity, float(value))
        self.settle()

    def set_all(self, values: Mapping[str, Value]) -> None:
        """`set` every one of them, or nothing.

        Raises:
            KeyError: there is nothing of that name to set.
            ValueError: it cannot have that value.
        """
        settings, physics = dict(self.settings), self.physics.copy()
        try:
            for quantity, value in values.items():
                self.set(quantity, value)
        except (KeyError, ValueError):
            self.settings, self.physics = settings, physics
            self.settle()
            raise

    def check(self, quantity: str, value: Value) -> None:
        """Refuse a setting no register could show.

        Raises:
            ValueError: it cannot have that value; the message says what it can have.
        """
        if isinstance(self.settings[quantity], str) != isinstance(value, str):
            wanted = "a text" if isinstance(self.settings[quantity], str) else "a number"
            raise ValueError(f"{quantity!r} takes {wanted}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{quantity!r} takes a finite number")
        if quantity.endswith("_exponent") and abs(float(value)) > MOST_EXPONENT:
            raise ValueError(f"{quantity!r} takes -{MOST_EXPONENT} to {MOST_EXPONENT}")
        point = self.points.get(quantity)
        if point is not None and point.kind.startswith("raw"):
            bytes.fromhex(str(value))

    def settable(self) -> tuple[str, ...]:
        """Settings, and what is measured of all that shows in this device's registers."""
        shown, watched = self._shown, self.physics.watched()
        self._shown = watched
        try:
            for quantity, point in self.points.items():
                if not self.refuses(point):
                    self.value(quantity)
            watched.follow_counters()
        finally:
            self._shown = shown
        return tuple(sorted({*self.settings, *watched.needed}))

    def quantities(self) -> tuple[str, ...]:
        """Everything with a truth, in the order of the model's points."""
        return tuple(self.points)

    def truth(self, quantity: str) -> Value | None:
        """What the device knows of a quantity, in the register's unit, before it is rounded.

        Measured values are those of the last renewal. None: not installed, or a command that was
        not given yet.

        Raises:
            KeyError: this device has no such quantity.
        """
        if quantity not in self.points:
            raise KeyError(f"{self.model.id} has no {quantity!r}")
        if quantity in self.absent or self.refuses(self.points[quantity]):
            return None
        return self.value(quantity)

    def resolution(self, quantity: str) -> float:
        """By how much a register may differ from the truth.

        Raises:
            KeyError: this device has no such quantity.
        """
        point, truth = self.points[quantity], self.value(quantity)
        size = abs(float(truth)) if isinstance(truth, int | float) else 0.0
        step = fineness(size, point.kind, abs(self.step(point)))
        if not quantity.startswith("energy"):
            return step / 2  # rounded; a counter shows what is behind it in full steps
        return max(step, self.model.energy_step_kwh)

    def step(self, point: Point) -> float:
        """What one raw count of the point is worth."""
        if point.step_from:
            return float(10.0 ** int(self.value(point.step_from) or 0))
        return point.step

    def value(self, quantity: str) -> Value | None:
        """What the registers show of a quantity; None: nothing."""
        found = self.special(quantity)
        if found is not None:
            return found
        if quantity in self.settings:
            return self.settings[quantity]
        return self.measured(quantity) if quantity in self._shown else None

    def measured(self, quantity: str) -> float:
        """A physical quantity as of the last renewal, in the unit the register is told in."""
        told_in = self.model.told_in
        factor = next((told_in[stem] for stem in told_in if quantity.startswith(stem)), 1.0)
        return self._shown.get(quantity) * factor

    def raw(self, point: Point) -> list[int]:
        """The registers of a point now."""
        value = None if point.quantity in self.absent else self.value(point.quantity)
        if value is None:
            return list(self.model.absent.get(point.kind, (0,) * point.words))
        counter = point.quantity.startswith("energy")
        if counter and self.model.energy_step_kwh:
            step = self.model.energy_step_kwh
            value = int(float(value) / step + 1e-9) * step
        return pack(value, point.kind, self.step(point), self.model.order, floor=counter)

    def bits(self, point: Point) -> bool:
        """Whether a coil or contact is on."""
        return bool(self.value(point.quantity))

    def refuses(self, point: Point) -> bool:
        """Whether this firmware answers exception 2 for a point of its kind."""
        return point.quantity in self.model.refused.get(self.firmware, ())

    def _walk(self, now_s: float) -> None:
        self.physics.advance(max(0.0, now_s - self.now_s))
        self.now_s = max(now_s, self.now_s)
        if self.model.update_s == 0:
            self._shown = self.physics
        elif self.now_s >= self._renew_s:
            self._shown = self.physics.copy()
            missed = (self.now_s - self._renew_s) // self.model.update_s
            self._renew_s += (missed + 1) * self.model.update_s
