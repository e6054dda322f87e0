"""The kernel's clocks, and whether anybody keeps the wall clock right."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

STEP_S = 0.25  # smaller differences of wall and boot time are reading errors
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_NOT_SYNCED_US = 16_000_000  # NTP_PHASE_LIMIT: the error bound of a clock nobody disciplines


@dataclass(frozen=True, slots=True, kw_only=True)
class Timex:
    """The kernel's own bounds of its wall clock's error, microseconds; 16 s: nobody told it."""

    maxerror_us: int  # grows from the last correction on
    esterror_us: int  # as at the last correction; back to 16 s when somebody sets the clock


class KernelTime:
    """Time from the kernel; synchronisation from adjtimex(2) or systemd-timesyncd's flag file.

    The kernel says it for chrony, ntpd and PTP too, but may be forbidden to ask. The flag says
    nothing once the clock was set after it was written.
    """

    def __init__(
        self, *, flag: Path = _TIMESYNCD, timex: Callable[[], Timex | None] | None = None
    ) -> None:
        self._flag = flag
        self._timex = timex if timex is not None else _ask_kernel
        self._flag_at: int | None = None  # when it was written, as last seen
        self._stale_at: int | None = None  # … as it was when the clock was set afterwards
        self._zero_s = self._difference_s()

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def synced(self) -> bool:
        """True when the kernel says that it is disciplined, or timesyncd that it was."""
        zero_s = self._difference_s()
        if abs(zero_s - self._zero_s) > STEP_S:
            self._stale_at = self._flag_at
        self._zero_s = zero_s
        self._flag_at = self._written_at()
        timex = self._timex()
        if timex is not None and timex.maxerror_us < _NOT_SYNCED_US:
            return True
        was_set = timex is not None and timex.esterror_us >= _NOT_SYNCED_US
        return self._flag_at not in (None, self._stale_at) and not was_set

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return _BOOT_ID.read_text().strip()

    def _difference_s(self) -> float:
        before_s = self.boot_s()
        wall_s = time.time()
        return wall_s - (before_s + self.boot_s()) / 2

    def _written_at(self) -> int | None:
        try:
            return self._flag.stat().st_mtime_ns
        except OSError:
            return None


class _Timex(ctypes.Structure):
    """The beginning of struct timex(2); `modes` 0 only reads."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def _ask_kernel() -> Timex | None:
    """Ask adjtimex(2), reading only; `None` where a sandbox forbids it."""
    timex = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) == -1:
        return None
    return Timex(maxerror_us=timex.maxerror, esterror_us=timex.esterror)
