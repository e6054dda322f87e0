"""The simulator's only clock."""

from __future__ import annotations

import time


def now_s() -> float:
    """CLOCK_BOOTTIME seconds: monotonic, comparable between processes of one machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
