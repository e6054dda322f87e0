"""What happened on the line, counted per device."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused

_KEPT_LATENCIES = 512  # about a minute of one device: percentiles follow the present
_GARBLED_COUNTERS = {"crc": "crc", "short": "short", "unit": "wrong_unit", "echo": "echo"}


@dataclass(slots=True, kw_only=True)
class DeviceStats:
    """Counters since start; every request ends in exactly one of `ok` … `port_gone`."""

    requests: int = 0
    ok: int = 0
    no_reply: int = 0
    crc: int = 0
    short: int = 0
    wrong_unit: int = 0
    wrong_reply: int = 0  # function, byte count or transaction id of something else
    echo: int = 0
    exception: int = 0
    port_gone: int = 0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_LATENCIES))

    def count_ok(self, latency_s: float) -> None:
        """A good reply, `latency_s` after its request began."""
        self.ok += 1
        self.latencies_s.append(latency_s)

    def count_error(self, error: HalError) -> None:
        """A request that failed with `error`."""
        match error:
            case NoReply():
                self.no_reply += 1
            case Refused():
                self.exception += 1
            case Garbled():
                name = _GARBLED_COUNTERS.get(error.kind, "wrong_reply")
                setattr(self, name, getattr(self, name) + 1)
            case _:
                self.port_gone += 1

    def latency_s(self, quantile: float) -> float | None:
        """Latency at `quantile` 0..1 over the last good replies, `None` before the first."""
        if not self.latencies_s:
            return None
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]

    @property
    def p50_s(self) -> float | None:
        """Median latency, from the first character asked to the last one answered."""
        return self.latency_s(0.5)

    @property
    def p95_s(self) -> float | None:
        """95th percentile of the latency."""
        return self.latency_s(0.95)
