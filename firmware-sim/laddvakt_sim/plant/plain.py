"""A pilot board without registers: what it should do is set directly."""

from __future__ import annotations

from laddvakt_sim.plant.contactor import PilotRelay
from laddvakt_sim.plant.words import Pilot

MIN_CURRENT_A = 6.0


class PlainBoard:
    """Set `limit_a`, `close` and `state_f`, then let the plant settle.

    The coil has its supply while `close` is set and, as on real boards, the board's own relay is
    closed: that closes in C and D and opens 50 ms after the vehicle leaves them.
    """

    def __init__(self) -> None:
        self.limit_a = 0.0  # below 6 A: no PWM
        self.close = False
        self.state_f = False
        self.ventilated = False  # whether state D may close
        self.pilot = Pilot.A  # as last measured
        self.pwm_on = False
        self.offered_a = 0.0
        self._relay = PilotRelay()

    @property
    def relay_closed(self) -> bool:
        """The board's own relay, in series with the contactor coil."""
        return self._relay.closed

    @property
    def coil(self) -> bool:
        """What reaches the coil."""
        return self.close and self.relay_closed

    def sense(self, now_s: float, pilot: Pilot, current_a: float) -> None:
        """Measure the pilot and act on it: PWM, relay."""
        del current_a
        self.pilot = pilot
        present = pilot in (Pilot.B, Pilot.C, Pilot.D) and not self.state_f
        self.pwm_on = present and self.limit_a >= MIN_CURRENT_A
        self.offered_a = self.limit_a if self.pwm_on else 0.0
        asks = pilot is Pilot.C or (pilot is Pilot.D and self.ventilated)
        keep = asks and not self.state_f and (self.pwm_on or self._relay.closed)
        self._relay.want(now_s, closed=keep)

    def due_s(self) -> float | None:
        """When the relay moves."""
        return self._relay.due_s()

    def fire(self, now_s: float) -> None:
        """Let the relay move."""
        self._relay.fire(now_s)
