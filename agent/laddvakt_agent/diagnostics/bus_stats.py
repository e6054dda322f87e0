"""What was counted on a line, as JSON; and which errors came right after a contactor switched."""

from __future__ import annotations

from collections.abc import Callable

from laddvakt_agent.diagnostics.answers import JsonObject
from laddvakt_hal.bus import Bus
from laddvakt_hal.stats import DeviceStats
from laddvakt_hal.tap import Frame

AFTER_SWITCH_S = 0.5  # coil, contacts and the vehicle's inrush are over by then


class SwitchedErrors:
    """Counts the spoilt replies of a line, and those right after a switching contactor."""

    def __init__(self, switched_s: Callable[[], float | None]) -> None:
        self._switched_s = switched_s
        self._seen = 0
        self._after_switch = 0

    def note(self, frame: Frame) -> None:
        """Look at a frame of the line."""
        if frame.direction != "reply" or not frame.error:
            return
        self._seen += 1
        switched_s = self._switched_s()
        if switched_s is not None and 0 <= frame.last_s - switched_s <= AFTER_SWITCH_S:
            self._after_switch += 1

    def counts(self) -> JsonObject:
        """Both counters."""
        return {"errors_seen": self._seen, "errors_after_switch": self._after_switch}


def unit_counts(bus: Bus, unit: int) -> JsonObject:
    """A unit's counters since start; latencies in milliseconds, `null` before the first reply."""
    stats = bus.stats.get(unit) or DeviceStats()
    return {
        "requests": stats.requests,
        "ok": stats.ok,
        "no_reply": stats.no_reply,
        "crc": stats.crc,
        "short": stats.short,
        "wrong_unit": stats.wrong_unit,
        "wrong_reply": stats.wrong_reply,
        "echo": stats.echo,
        "exceptions": {str(code): count for code, count in sorted(stats.exceptions.items())},
        "port_gone": stats.port_gone,
        "p50_ms": _ms(stats.p50_s),
        "p95_ms": _ms(stats.p95_s),
        "p99_ms": _ms(stats.p99_s),
        "turnaround_ms": _ms(stats.turnaround_s),
        "bytes_sent": stats.bytes_sent,
        "bytes_received": stats.bytes_received,
    }


def line_counts(bus: Bus) -> JsonObject:
    """The line's own counters."""
    line = bus.line_stats
    uart = line.uart
    return {
        "utilisation": round(line.utilisation, 4),
        "late": line.late,
        "copies": line.copies,
        "hint": bus.hint,
        "uart": None
        if uart is None
        else {"frame": uart.frame, "parity": uart.parity, "overrun": uart.overrun},
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
