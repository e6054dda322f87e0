"""The lock of a socket, and the switch between one and three phases."""

from __future__ import annotations

LOCK_TRAVEL_S = 0.4  # assumption: a small motor with end switches
SWITCH_TRAVEL_S = 0.020


class Lock:
    """An actuator with feedback; `wrong` is stuck_open, stuck_locked, feedback_lost or None."""

    def __init__(self) -> None:
        self.wanted = False
        self.locked = False
        self.tries = 0  # how often the motor ran
        self.wrong: str | None = None
        self._move_s: float | None = None

    @property
    def feedback(self) -> bool | None:
        """What its end switch says; None: nothing."""
        return None if self.wrong == "feedback_lost" else self.locked

    def want(self, now_s: float, *, locked: bool) -> None:
        """Run the motor, again too when it is not where it should be."""
        again = locked != self.locked and self._move_s is None
        if locked != self.wanted or again:
            self.wanted = locked
            self.tries += 1
            self._move_s = now_s + LOCK_TRAVEL_S

    def due_s(self) -> float | None:
        """When it arrives."""
        return self._move_s

    def fire(self, now_s: float) -> None:
        """Let it arrive, if it can."""
        if self._move_s is None or now_s < self._move_s:
            return
        self._move_s = None
        sticks = self.wrong == ("stuck_open" if self.wanted else "stuck_locked")
        if not sticks:
            self.locked = self.wanted


class PhaseSwitch:
    """Two poles in series with the contactor's L2 and L3."""

    def __init__(self) -> None:
        self.phases = 3
        self.operations = 0
        self.stuck: int | None = None
        self._wanted = 3
        self._move_s: float | None = None

    @property
    def feedback(self) -> int:
        """What its auxiliary contact says: 1 or 3."""
        return self.phases

    def want(self, now_s: float, *, phases: int) -> None:
        """Switch to one or three phases.

        Raises:
            ValueError: another number of phases.
        """
        if phases not in (1, 3):
            raise ValueError(f"{phases} phases: allowed are 1 and 3")
        self._wanted = phases
        self.drive(now_s)

    def drive(self, now_s: float) -> None:
        """Go where it should, or where it is stuck."""
        target = self._wanted if self.stuck is None else self.stuck
        if target == self.phases:
            self._move_s = None
        elif self._move_s is None:
            self._move_s = now_s + SWITCH_TRAVEL_S

    def due_s(self) -> float | None:
        """When the contacts arrive."""
        return self._move_s

    def fire(self, now_s: float) -> None:
        """Let them arrive."""
        if self._move_s is not None and now_s >= self._move_s:
            self._move_s = None
            self.operations += 1
            self.phases = 4 - self.phases
