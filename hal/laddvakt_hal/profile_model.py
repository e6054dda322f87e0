"""A device profile: everything the agent knows about one kind of device, as data.

`profiles/*.toml` hold them; `profile.py` reads and checks them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.settings import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.codec import Type, WordOrder
    from laddvakt_hal.frame import Function


class Kind(enum.Enum):
    """What the device mainly is."""

    METER = "meter"
    BOARD = "board"
    RELAY = "relay"
    RESIDUAL_MONITOR = "residual_monitor"


class FedBy(enum.Enum):
    """What keeps a communication watchdog quiet."""

    NOTHING = "nothing"  # there is no watchdog
    ANY_REQUEST = "any_request"
    LIMIT_WRITE = "limit_write"
    HEARTBEAT = "heartbeat"


class OnExpiry(enum.Enum):
    """What the device does when its watchdog expires."""

    NOTHING = "nothing"
    LESS_CURRENT = "less_current"
    STOP = "stop"
    MORE_CURRENT = "more_current"  # never a safeguard


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One point of the device; `addr` is the wire address, counted from 0."""

    quantity: str
    function: Function
    addr: int
    type: Type
    scale: float = 1
    unit: str | None = None
    readable: bool = True
    writable: bool = False
    write_function: Function | None = None
    confidence: str = "C"
    minimum: float | None = None  # plausible range, in the row's own unit
    maximum: float | None = None
    clears: bool = False  # reading it changes it: only ever read on purpose
    alone: bool = False  # must be the only thing in its request

    @property
    def count(self) -> int:
        """Registers or bits the point takes."""
        return max(1, self.type.words)

    @property
    def end(self) -> int:
        """The first address after the point."""
        return self.addr + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Addresses `first`..`last` of one function that may be read in one request, holes included."""

    function: Function
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a read may be and which holes it may cross."""

    max_read: int = 125
    holes: bool = False  # undefined registers may be read across
    spans: tuple[Span, ...] = ()  # when given: every read stays inside one of them or on one row
    barriers: frozenset[int] = frozenset()  # no read covers both address n-1 and n


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The device's own communication watchdog."""

    fed_by: FedBy = FedBy.NOTHING
    on_expiry: OnExpiry = OnExpiry.NOTHING
    timeout_quantity: str | None = None
    timeout_value: float | None = None
    fallback_quantity: str | None = None
    fallback_value: float | None = None

    @property
    def guards(self) -> bool:
        """True when its expiry makes things safe."""
        return self.on_expiry in (OnExpiry.STOP, OnExpiry.LESS_CURRENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A point that tells what the device is; `values` empty: any."""

    quantity: str
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterMap:
    """How the meter role is made of rows; `power` rows are added up."""

    voltage: tuple[str, ...]
    current: tuple[str, ...]
    power: tuple[str, ...]
    energy: str
    energy_wh_per_unit: float
    serial: str | None
    resolution_wh: float
    rollover_wh: float | None
    update_s: float
    latency_s: float
    load_side: bool
    three_wire: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FineLimit:
    """A limit register that changes its step: `scale` when bit and firmware say so."""

    config: str
    bit: int
    firmware: str
    min_firmware: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardMap:
    """How the board role is made of rows."""

    pilot: str
    pilot_states: Mapping[str, str]  # raw value → A..F or invalid
    pwm: str
    pwm_on: frozenset[str]
    limit: str
    limit_with: tuple[tuple[str, int], ...]  # written in the same request, just before the limit
    fine_limit: FineLimit | None
    resolution_a: float
    apply_s: float
    errors: str
    error_bits: Mapping[int, str]
    not_errors: frozenset[int]  # status bits among the error bits
    relay_bit: tuple[str, int] | None
    autoreclose: str | None  # register whose bits let the board reclose by itself
    autoreclose_bits: tuple[int, ...]
    set_at_start: tuple[tuple[str, float], ...]
    release: str | None  # register that opens the contactor under load when 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayMap:
    """Coils, contacts, and the timed coil that serves as dead man."""

    coil: str  # coil names are this + number from 1
    contact: str
    flash_on_base: int | None  # write function 5 to base + coil, value × flash_step_s
    flash_step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualMap:
    """How the residual-monitor role is made of rows."""

    dc: str
    status: str
    trip_bits: tuple[int, ...]
    failure_bits: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of device."""

    id: str
    kind: Kind
    vendor: str
    model: str
    source: str  # document and edition
    assumptions: tuple[str, ...] = ()
    baud: int | None = None
    parity: str | None = None
    stop_bits: int | None = None
    unit: int | None = None
    tcp_port: int | None = None
    word_order: WordOrder = "big"
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
    not_available: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # type → raw
    rows: Mapping[str, Row] = field(default_factory=dict)
    identity: tuple[Identity, ...] = ()
    watchdog: Watchdog = field(default_factory=Watchdog)
    meter: MeterMap | None = None
    board: BoardMap | None = None
    relay: RelayMap | None = None
    residual: ResidualMap | None = None
