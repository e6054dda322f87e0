"""Main contactor and the board's pilot relay: things that move a little later than told."""

from __future__ import annotations

from laddvakt_sim.plant.words import HEALTHY, Conditions

TRAVEL_S = 0.020  # both ways; a typical 4-pole 40 A contactor
RELAY_TRAVEL_S = 0.050  # pilot relay incl. the board's own filtering: within the norm's 100 ms


class Contactor:
    """Main contacts with travel time; the mirror contact follows them, never the coil."""

    def __init__(self) -> None:
        self.closed = False
        self.opened_at_s: float | None = None
        self.closed_at_s: float | None = None
        self.closures = 0
        self._move_s: float | None = None
        self._target = False

    @property
    def mirror_closed(self) -> bool:
        """What the mirror contact proves about the main contacts."""
        return self.closed

    def drive(self, now_s: float, *, energised: bool, conditions: Conditions = HEALTHY) -> None:
        """Tell the coil's state from `now_s` on."""
        target = energised and not (conditions.coil_broken or conditions.drops_out)
        if conditions.weld_shut or (conditions.welded and self.closed):
            target = True
        self._target = target
        if target == self.closed:
            self._move_s = None
        elif self._move_s is None:
            self._move_s = now_s + TRAVEL_S

    def due_s(self) -> float | None:
        """When the contacts arrive."""
        return self._move_s

    def fire(self, now_s: float) -> None:
        """Let the contacts arrive."""
        if self._move_s is None or now_s < self._move_s:
            return
        self._move_s = None
        self.closed = self._target
        if self.closed:
            self.closed_at_s = now_s
            self.closures += 1
        else:
            self.opened_at_s = now_s


class PilotRelay:
    """The pilot board's own relay, in series with the coil: opens by itself after C→B."""

    def __init__(self) -> None:
        self.closed = False
        self._move_s: float | None = None

    def want(self, now_s: float, *, closed: bool) -> None:
        """Tell what the board's logic wants from `now_s` on."""
        if closed == self.closed:
            self._move_s = None
        elif self._move_s is None:
            self._move_s = now_s + RELAY_TRAVEL_S

    def due_s(self) -> float | None:
        """When it moves."""
        return self._move_s

    def fire(self, now_s: float) -> None:
        """Let it move."""
        if self._move_s is not None and now_s >= self._move_s:
            self._move_s = None
            self.closed = not self.closed
