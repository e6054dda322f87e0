"""Boot time, wall time, and whether the wall clock can be believed.

Durations come from CLOCK_BOOTTIME alone: it never steps and counts suspended time. Wall time is
added at the edge. A controller without a battery-backed clock starts either before this program
was built (unset) or at the time saved before the outage (restored): plausible, and wrong by the
length of the outage. Only a synchronised clock is the truth.
"""

from __future__ import annotations

import ctypes
import enum
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

# The wall clock cannot be before this program existed. Moved forward with each release.
BUILT = datetime(2026, 11, 1, tzinfo=UTC)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit; modes = 0 in the first word only reads


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


class KernelTime:
    """Time from the kernel; synchronisation from systemd-timesyncd's flag file or adjtimex(2)."""

    def __init__(self, *, flag: Path = _TIMESYNCD) -> None:
        self._flag = flag

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def synced(self) -> bool:
        """True when timesyncd says so, or the kernel does (chrony, ntpd, PTP)."""
        return self._flag.exists() or _kernel_disciplined()

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return _BOOT_ID.read_text().strip()


class Clock:
    """The agent's clock. Synchronised once, it stays so for this boot: crystals drift, not jump."""

    def __init__(self, source: TimeSource | None = None, *, built: datetime = BUILT) -> None:
        self._source: TimeSource = source if source is not None else KernelTime()
        self._built = built
        self._was_synced = False
        self.boot_id = self._source.boot_id()

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds: the `now_s` of everything."""
        return self._source.boot_s()

    def wall(self) -> datetime:
        """The wall clock now, aware, UTC; may be wrong, see `state`."""
        return self._source.wall()

    def state(self) -> ClockState:
        """What the wall clock is worth now."""
        if self._source.wall() < self._built:
            return ClockState.UNSET
        self._was_synced = self._was_synced or self._source.synced()
        return ClockState.SYNCED if self._was_synced else ClockState.RESTORED

    def moment(self) -> Moment:
        """Now, on both clocks."""
        return Moment(at_s=self.now_s(), at_wall=self.wall(), clock_state=self.state())

    def wall_at(self, boot_s: float) -> datetime:
        """The wall time of an instant of this boot, by today's knowledge.

        An event from before the first synchronisation so gets its corrected time.
        """
        return self._source.wall() + timedelta(seconds=boot_s - self._source.boot_s())

    def boot(self) -> Boot:
        """This boot, with now as the agent's start."""
        now = self.moment()
        return Boot(
            boot_id=self.boot_id,
            started_s=now.at_s,
            started_wall=now.at_wall,
            clock_state=now.clock_state,
        )


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


def _kernel_disciplined() -> bool:
    """Ask adjtimex(2), reading only; where a sandbox forbids it, nothing is known."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    return state not in (-1, _TIME_ERROR)
