"""Boot time, wall time, and whether the wall clock can be believed.

Durations come from CLOCK_BOOTTIME alone: it never steps and counts suspended time. Wall time is
added at the edge. A controller without a battery-backed clock starts either before this program
was built (unset) or at the time saved before the outage (restored): plausible, and wrong by the
length of the outage. Only a synchronised clock is the truth, or one told by the backend.

The kernel's wall clock may be set to anything at any time. What this program tells others is
therefore `Clock.wall_at`: the best that is known of this boot, in this order: the synchronised
clock; what it said when it last was synchronised, since CLOCK_BOOTTIME went on from there; the
backend's time; and only then whatever the wall clock says.
"""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from laddvakt_agent.kernel_time import STEP_S, KernelTime

# The wall clock cannot be before this program existed. Moved forward with each release.
BUILT = datetime(2026, 11, 1, tzinfo=UTC)

_READS = 5  # of both clocks, for one pair that was read without a pause in between
_READ_S = 0.001
PEER_AGREES_S = 5.0  # a backend's clock and ours may differ by so much


class ClockState(enum.Enum):
    """How far the wall clock can be believed."""

    UNSET = "unset"  # before the build date: certainly wrong
    RESTORED = "restored"  # plausible; may be late by the length of an outage
    SYNCED = "synced"  # disciplined by a time source since this boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant on both clocks, and what the wall clock was worth then."""

    at_s: float  # CLOCK_BOOTTIME
    at_wall: datetime
    clock_state: ClockState


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Which boot of the machine this is, and when the agent started in it."""

    boot_id: str
    started_s: float
    started_wall: datetime
    clock_state: ClockState


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at the wall clock, as wall times of this boot's second 0."""

    state: ClockState
    zero: datetime  # by the wall clock
    best: datetime  # what is told to others
    peer: datetime | None  # by the backend, told or confirmed
    known: bool  # `best` is more than what an unsynchronised wall clock says


class TimeSource(Protocol):
    """Where a `Clock` gets its time: the kernel, or a test."""

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        ...

    def wall(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def synced(self) -> bool:
        """Whether a time source disciplines the wall clock."""
        ...

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        ...


class Clock:
    """The agent's clock; may be asked from any thread.

    Synchronised, it stays so until somebody sets it: crystals drift, they do not jump.
    """

    def __init__(self, source: TimeSource | None = None, *, built: datetime = BUILT) -> None:
        self._source: TimeSource = source if source is not None else KernelTime()
        self._built = built
        self._lock = threading.RLock()
        self._was_synced = False
        self._anchor: datetime | None = None  # boot second 0 when it was last synchronised
        self._peer: datetime | None = None  # … as the backend told, or confirmed
        self._zero, _ = self._pair()  # … by the wall clock, as last seen
        self._stepped_s = 0.0
        self.boot_id = self._source.boot_id()

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds: the `now_s` of everything."""
        return self._source.boot_s()

    def wall(self) -> datetime:
        """The wall clock now, aware, UTC; may be wrong, see `state`."""
        return self._source.wall()

    def state(self) -> ClockState:
        """What the wall clock is worth now."""
        return self.seen().state

    def moment(self) -> Moment:
        """Now, on both clocks."""
        with self._lock:
            seen = self.seen()
            at_s = self.now_s()
        at_wall = seen.zero + timedelta(seconds=at_s)
        return Moment(at_s=at_s, at_wall=at_wall, clock_state=seen.state)

    def seen(self) -> Seen:
        """Look at the wall clock: what it says, what that is worth, and what is believed."""
        with self._lock:
            zero, wall = self._pair()
            step_s = (zero - self._zero).total_seconds()
            if abs(step_s) > STEP_S:
                self._stepped_s += step_s
                self._was_synced = False
            self._zero = zero
            state = self._state(zero, wall)
            if state is ClockState.SYNCED:
                self._anchor = zero
            best = self._anchor or self._peer or zero
            return Seen(state=state, zero=zero, best=best, peer=self._peer, known=self._known())

    def wall_at(self, boot_s: float) -> datetime:
        """The wall time of an instant of this boot, by the best of today's knowledge.

        An event from before the first synchronisation so gets its corrected time.
        """
        return self.seen().best + timedelta(seconds=boot_s)

    def take_step_s(self) -> float:
        """By how much the wall clock was stepped since this was last asked, seconds."""
        with self._lock:
            self.seen()
            step_s, self._stepped_s = self._stepped_s, 0.0
        return step_s

    def recall(self, *, synced: datetime | None, peer: datetime | None) -> None:
        """What an earlier run in this boot knew of its second 0."""
        with self._lock:
            self._peer = self._peer or peer
            if synced is None or self._anchor is not None:
                return
            self._anchor = synced
            zero, _ = self._pair()
            self._was_synced = abs((zero - synced).total_seconds()) <= STEP_S

    def told_by_peer(self, low: datetime, high: datetime) -> bool:
        """A backend that has proved who it is says: boot second 0 was between `low` and `high`.

        It counts only as long as nothing better is known. What is believed already, within
        `PEER_AGREES_S`, is confirmed by it. True when the times told to others move by it.
        """
        slack = timedelta(seconds=PEER_AGREES_S)
        with self._lock:
            seen = self.seen()
            if self._anchor is not None:
                return False
            believable = self._peer is not None or seen.state is not ClockState.UNSET
            if believable and low - slack <= seen.best <= high + slack:
                self._peer = seen.best  # confirmed: what somebody sets from now on is not
                return False
            self._peer = low + (high - low) / 2
        return True

    def boot(self) -> Boot:
        """This boot, with now as the agent's start."""
        now = self.moment()
        return Boot(
            boot_id=self.boot_id,
            started_s=now.at_s,
            started_wall=now.at_wall,
            clock_state=now.clock_state,
        )

    def _state(self, zero: datetime, wall: datetime) -> ClockState:
        synced = self._source.synced()
        if wall < self._built:
            return ClockState.UNSET
        if synced and not self._was_synced:
            # Whoever has just set it did so before the answer, but perhaps after it was read.
            after, _ = self._pair()
            self._was_synced = abs((after - zero).total_seconds()) <= STEP_S
        return ClockState.SYNCED if self._was_synced else ClockState.RESTORED

    def _known(self) -> bool:
        return self._anchor is not None or self._peer is not None

    def _pair(self) -> tuple[datetime, datetime]:
        """Boot second 0 by the wall clock, and the wall clock: read with no pause in between."""
        pairs = []
        for _ in range(_READS):
            before_s = self._source.boot_s()
            wall = self._source.wall()
            took_s = self._source.boot_s() - before_s
            pairs.append((took_s, wall - timedelta(seconds=before_s + took_s / 2), wall))
            if took_s < _READ_S:
                break
        _, zero, wall = min(pairs)
        return zero, wall


class FakeTime:
    """A `TimeSource` that moves when told: for tests and simulated days."""

    def __init__(
        self,
        *,
        boot_s: float = 100.0,
        wall: datetime = datetime(2027, 1, 1, 12, 0, tzinfo=UTC),
        synced: bool = True,
        boot_id: str = "00000000-0000-4000-8000-000000000001",
    ) -> None:
        self._boot_s = boot_s
        self._wall = wall
        self._boot_id = boot_id
        self.is_synced = synced

    def boot_s(self) -> float:
        """Seconds since the pretended boot."""
        return self._boot_s

    def wall(self) -> datetime:
        """The pretended wall clock."""
        return self._wall

    def synced(self) -> bool:
        """Whatever `is_synced` was set to."""
        return self.is_synced

    def boot_id(self) -> str:
        """The pretended boot."""
        return self._boot_id

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._boot_s += seconds
        self._wall += timedelta(seconds=seconds)

    def step_wall(self, wall: datetime) -> None:
        """Set the wall clock alone, as a time source does."""
        self._wall = wall

    def reboot(self, boot_id: str, *, off_s: float, uptime_s: float = 10.0) -> None:
        """Power lost for `off_s`; the agent starts `uptime_s` after the kernel."""
        self._boot_id = boot_id
        self._boot_s = uptime_s
        self._wall += timedelta(seconds=off_s + uptime_s)
