"""What the lines and the agent itself did in a quarter of an hour."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from laddvakt_agent.hardware import Hardware
from laddvakt_agent.telemetry.means import Record, Value
from laddvakt_hal.stats import DeviceStats

_IO = Path("/proc/self/io")
_STATM = Path("/proc/self/statm")
_COUNTED = ("requests", "no_reply", "crc", "short", "exception", "port_gone")
_WRONG = ("wrong_unit", "wrong_reply", "echo")
DAY_S = 86_400.0
WRITTEN_KEPT = 97  # quarters of an hour: a day between the first and the last
TOLD_AFTER_S = 3600.0  # less than that says nothing of a day


def written_bytes() -> int | None:
    """What this process has had written to block devices; `None` where the kernel does not say."""
    try:
        lines = _IO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)


def resident_kb() -> int | None:
    """Resident memory of this process; `None` where the kernel does not say."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(slots=True)
class LineFigures:
    """Counts of each device since the quarter before."""

    _before: dict[str, dict[str, int]] = field(default_factory=dict)

    def records(self, hardware: Hardware) -> list[Record]:
        """One record of each device that was asked."""
        found = []
        for name, device in hardware.devices.items():
            line = hardware.line_of[name]
            stats = hardware.buses[line].stats.get(device.unit)
            if stats is not None and (record := self._record(name, stats)):
                found.append({"line": line, "device": name, **record})
        return found

    def _record(self, name: str, stats: DeviceStats) -> Record:
        now = {key: int(getattr(stats, key)) for key in _COUNTED}
        now["wrong"] = sum(int(getattr(stats, key)) for key in _WRONG)
        before = self._before.get(name, {})
        self._before[name] = now
        record: Record = {key: now[key] - before.get(key, 0) for key in now}
        if not record["requests"]:
            return {}
        quantiles: dict[str, Value] = {
            name: None if value is None else round(1e6 * value)
            for name, value in (("p50_us", stats.p50_s), ("p95_us", stats.p95_s))
        }
        return record | quantiles


@dataclass(slots=True)
class OwnFigures:
    """What the agent itself uses."""

    _cpu_s: float = field(default_factory=time.process_time)
    _written: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=WRITTEN_KEPT))
    _late_max_s: float = 0.0
    _looked_s: float | None = None

    def look(self, now_s: float, *, every_s: float = 1.0) -> None:
        """Called once a second: how late it comes says how late everything comes."""
        if self._looked_s is not None:
            self._late_max_s = max(self._late_max_s, now_s - self._looked_s - every_s)
        self._looked_s = now_s
        if not self._written:
            self._note_written(now_s)

    def record(self, now_s: float) -> Record:
        """The quarter that ends now."""
        cpu_s, before = time.process_time(), self._written[-1][1] if self._written else None
        after = self._note_written(now_s)
        told: Record = {
            "cpu_ms": round(1e3 * (cpu_s - self._cpu_s)),
            "rss_kb": resident_kb(),
            "late_max_ms": round(1e3 * self._late_max_s),
            "written_bytes": None if after is None or before is None else after - before,
        }
        self._cpu_s, self._late_max_s = cpu_s, 0.0
        return told

    def written_per_day(self, now_s: float) -> int | None:
        """Bytes a day, by the last day at most; `None` before there is an hour of it."""
        if not self._written or (now := written_bytes()) is None:
            return None
        since_s, before = self._written[0]
        if now_s - since_s < TOLD_AFTER_S:
            return None
        return round((now - before) * DAY_S / (now_s - since_s))

    def _note_written(self, now_s: float) -> int | None:
        now = written_bytes()
        if now is not None:
            self._written.append((now_s, now))
        return now
