"""The kernel's clocks, and whether anybody keeps the wall clock right."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from laddvakt_agent.timedate import TimeDate

STEP_S = 0.25  # smaller differences of wall and boot time are reading errors
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_NOT_SYNCED_US = 16_000_000  # NTP_PHASE_LIMIT: the error bound of a clock nobody disciplines


class KernelTime:
    """Time from the kernel; synchronisation from whom may be asked.

    First adjtimex(2): the kernel's own error bound, kept small by timesyncd, chrony, ntpd and PTP.
    Where a sandbox forbids that, systemd-timedated, which asks the same. Where there is none,
    timesyncd's flag file, which says nothing once the clock was set after it was written.
    """

    def __init__(
        self,
        *,
        flag: Path = _TIMESYNCD,
        error_us: Callable[[], int | None] | None = None,
        timedate: TimeDate | None = None,
    ) -> None:
        self._flag = flag
        self._error_us = error_us if error_us is not None else _ask_kernel
        self._timedate = timedate if timedate is not None else TimeDate()
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
        """True when somebody keeps the wall clock right."""
        self._follow()
        error_us = self._error_us()
        if error_us is not None:
            return error_us < _NOT_SYNCED_US
        told = self._timedate.synced()
        return told if told is not None else self._flag_at not in (None, self._stale_at)

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return _BOOT_ID.read_text().strip()

    def _follow(self) -> None:
        """What was said before somebody set the clock is worth nothing."""
        zero_s = self._difference_s()
        if abs(zero_s - self._zero_s) > STEP_S:
            self._stale_at = self._flag_at
            self._timedate.forget()
        self._zero_s = zero_s
        self._flag_at = self._written_at()

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
        ("rest", ctypes.c_byte * 256),
    )


def _ask_kernel() -> int | None:
    """The kernel's bound of its wall clock's error, microseconds; `None`: it may not be asked."""
    timex = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) == -1:
        return None
    return int(timex.maxerror)
