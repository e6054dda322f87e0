"""What the simulator knows about one kind of device: its points, its manners, how it is sold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.physics import METER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.firmware.library.device import BenchDevice
    from laddvakt_sim.firmware.library.point import Order, Point, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Serial:
    """How the device leaves the factory; `sure` is false where no source states it."""

    baud: int
    format: str
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Addresses of one read function that answer as one block, undefined ones included."""

    fc: int
    first: int
    last: int
    filler: int = 0

    def __contains__(self, addr: int) -> bool:
        return self.first <= addr <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the device takes a request."""

    max_read: int = 125
    even: bool = False  # floats cannot be cut: odd counts and odd starts are refused
    even_free: range = range(0)  # where `even` does not hold
    one_value: bool = False  # exactly one point per request
    alike: bool = False  # FC 3 and FC 4 show the same registers
    spans: tuple[Span, ...] = ()
    barriers: frozenset[int] = frozenset()  # no read covers both address n-1 and n
    reads: frozenset[int] = frozenset({1, 2, 3, 4})
    writes: frozenset[int] = frozenset({5, 6, 15, 16})
    ignores_read_only: bool = False  # a write to a read-only register is acknowledged
    silent: bool = False  # says nothing where others send an exception
    read_pause_s: float = 0.0  # asked again sooner: no reply
    write_pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The device's communication watchdog: what feeds it and what it does when it expires."""

    fed_by: str  # any_request, limit_write, heartbeat
    on_expiry: str  # less_current, stop, more_current
    default_s: float | None  # None: off as delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of device."""

    id: str
    kind: str  # meter, board, relay, rcm
    vendor: str
    name: str
    points: tuple[Point, ...]
    again: tuple[Point, ...] = ()  # quantities that stand at a second address too
    serial: Serial | None = None
    tcp: bool = False
    unit: int = 1  # as delivered
    order: Order = "big"
    manners: Manners = field(default_factory=Manners)
    turnaround_s: float = 0.005  # assumption where no source states it
    update_s: float = 1.0  # registers are renewed this often (assumption where not stated)
    energy_step_kwh: float = 0.0  # counters move in these steps; 0: the register's own step
    absent: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # type → its words
    physics: Mapping[str, float] = field(default_factory=lambda: METER)
    settings: Mapping[str, Value] = field(default_factory=dict)
    firmware: str = ""  # as delivered, when nothing else is asked for
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)  # firmware → quantities
    ranges: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    told_in: Mapping[str, float] = field(default_factory=dict)  # stem → per kWh, ratio, …
    guard: Guard | None = None
    loses_first_after_change: bool = False
    build: type[BenchDevice] | None = None
