"""What happened on the line, counted per device and for the line as a whole."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.link import Link
    from laddvakt_hal.uart import UartCounts

_KEPT_LATENCIES = 512  # about a minute of one device: percentiles follow the present
_GARBLED_COUNTERS = {"crc": "crc", "short": "short", "unit": "wrong_unit", "echo": "echo"}
_FEW = 20  # requests before anything is suspected
_NOISY = 0.02  # share of damaged replies a sound line never has


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStats:
    """One line since `since_s`; times in seconds on the bus's clock."""

    since_s: float
    busy_s: float  # requests, replies and the silences after failures
    utilisation: float  # share of the time since then, 0..1
    uart: UartCounts | None  # since the port was opened; `None`: the driver keeps none
    late: int  # characters (RTU) or replies (TCP) nobody was owed
    copies: int  # good frames among the former: a device or converter repeats itself
    requests: int
    ok: int


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
    exceptions: dict[int, int] = field(default_factory=dict)  # how often, by Modbus code
    bytes_sent: int = 0
    bytes_received: int = 0
    turnaround_s: float | None = None  # median, from the request's end to the first character
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
            case Refused(exception_code=code):
                self.exception += 1
                self.exceptions[code] = self.exceptions.get(code, 0) + 1
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

    @property
    def p99_s(self) -> float | None:
        """99th percentile of the latency."""
        return self.latency_s(0.99)

    def suspects(self) -> tuple[str, ...]:
        """What the counters point to, the likeliest first; empty while all is well."""
        asked = self.requests - self.port_gone
        if asked < _FEW:
            return ()
        damaged = self.crc + self.short
        heard = asked - self.no_reply
        found = (
            (self.echo, "the adapter hears itself: nobody but our own echo answers"),
            (not heard, "silent: check power, address, wiring, baud rate and format"),
            (
                heard and damaged >= max(heard / 2, 1),
                "nearly everything comes damaged: check baud rate and format, or two devices "
                "share one address",
            ),
            (
                damaged > _NOISY * asked and damaged < heard / 2,
                "damaged replies: check termination, shield and ground",
            ),
            (self.wrong_unit, "another unit answers: check the addresses"),
            (self.wrong_reply > _NOISY * asked, "replies of another shape: check the profile"),
            (heard and self.no_reply > _NOISY * asked, "some requests stay without a reply"),
            (self.exceptions.get(10), "the gateway has no way to it: check its unit table"),
            (self.exceptions.get(11), "silent behind the gateway: check its power and address"),
        )
        return tuple(text for applies, text in found if applies)


def line_stats(
    devices: Mapping[int, DeviceStats], link: Link, since_s: float, busy_s: float, now_s: float
) -> LineStats:
    """The line as a whole at `now_s`."""
    lasted_s = now_s - since_s
    return LineStats(
        since_s=since_s,
        busy_s=busy_s,
        utilisation=busy_s / lasted_s if lasted_s > 0 else 0.0,
        uart=link.uart(),
        late=link.late,
        copies=link.copies,
        requests=sum(stats.requests for stats in devices.values()),
        ok=sum(stats.ok for stats in devices.values()),
    )
