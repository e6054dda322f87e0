"""A device profile: everything the agent knows about one kind of device, as data.

`profiles/*.toml` hold them; `profile.py` reads and checks them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.profile_variants import Condition, Variant, conditions_of
from laddvakt_hal.settings import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.codec import Type, Value, WordOrder
    from laddvakt_hal.frame import Function
    from laddvakt_hal.profile_maps import BoardMap, MeterMap, RelayMap, ResidualMap

__all__ = [
    "Condition",
    "Discovery",
    "FedBy",
    "Identity",
    "Kind",
    "Limits",
    "OnExpiry",
    "Profile",
    "Row",
    "Span",
    "Variant",
    "Watchdog",
]


_SECONDS_PER = {"ms": 0.001, "s": 1.0, "min": 60.0}


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
    scale_from: str | None = None  # the value is × 10 ^ the value of that row
    enum: str | None = None  # table with texts for its values
    bits: str | None = None  # table with texts for its bits
    overlap: bool = False  # may share addresses with another row
    mask: int | None = None  # only these bits of the raw number, moved down by `shift`
    shift: int = 0
    readback: str | None = None  # the row that reads what is written here
    absent: bool = False  # this variant of the device has no such row
    block: int | None = None  # `addr` counts from another discovered model than the device's own
    note: str | None = None

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
    one_row: bool = False  # one value per request; every row is `alone` then


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The device's own communication watchdog."""

    fed_by: FedBy = FedBy.NOTHING
    on_expiry: OnExpiry = OnExpiry.NOTHING
    timeout_quantity: str | None = None
    timeout_value: float | None = None
    fallback_quantity: str | None = None
    fallback_value: float | None = None
    heartbeat_quantity: str | None = None
    heartbeat_value: float | None = None
    heartbeat_s: float | None = None  # how often it must be fed; `None`: reading feeds it
    timeout_s: float | None = None  # after how long it expires, armed or fixed by the device
    note: str | None = None

    @property
    def guards(self) -> bool:
        """True when its expiry makes things safe."""
        return self.on_expiry in (OnExpiry.STOP, OnExpiry.LESS_CURRENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A point that tells what the device is; neither `values` nor `texts`: any."""

    quantity: str
    values: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()  # what a text may begin with

    def matches(self, value: Value) -> bool:
        """True when a device of this kind may say so."""
        if self.texts:
            return str(value).startswith(self.texts)
        return not self.values or value in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Where to look for the device's registers; its rows count from the model's ID register.

    Source: SunSpec Device Information Model Specification: marker, then (id, length) headers.
    """

    bases: tuple[int, ...]
    models: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of device."""

    id: str
    kind: Kind
    vendor: str
    model: str
    source: str  # document and edition
    second_source: str | None = None  # what confirms the rows
    hardware_checked: bool = False
    variants: tuple[str, ...] = ()  # names the same map is sold under
    assumptions: tuple[str, ...] = ()
    baud: int | None = None
    parity: str | None = None
    stop_bits: int | None = None
    unit: int | None = None
    serial_confirmed: bool = True  # False: nobody confirms the factory's baud, parity, unit
    tcp_port: int | None = None
    tcp_unit: int | None = None
    word_order: WordOrder = "big"
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
    not_available: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # type → raw
    rows: Mapping[str, Row] = field(default_factory=dict)
    enums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bit_names: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    alternatives: tuple[Variant, ...] = ()  # rows that depend on the firmware
    discovery: Discovery | None = None
    identity: tuple[Identity, ...] = ()
    watchdog: Watchdog = field(default_factory=Watchdog)
    meter: MeterMap | None = None
    board: BoardMap | None = None
    relay: RelayMap | None = None
    residual: ResidualMap | None = None

    @property
    def watchdog_s(self) -> float | None:
        """After how long without food the watchdog expires; `None` where nobody knows."""
        quantity, value = self.watchdog.timeout_quantity, self.watchdog.timeout_value
        if quantity is None or value is None:
            return self.watchdog.timeout_s
        unit = self.rows[quantity].unit or ""
        return value * _SECONDS_PER[unit] if unit in _SECONDS_PER else self.watchdog.timeout_s

    def needs(self, quantity: str) -> tuple[str, ...]:
        """The other rows that must be read for a row to have a value: its factor, its conditions.

        Raises:
            KeyError: the profile has no such row.
        """
        shapes = [self.rows[quantity]]
        shapes += [v.rows[quantity] for v in self.alternatives if quantity in v.rows]
        factors = [row.scale_from for row in shapes if row.scale_from is not None]
        return tuple(dict.fromkeys([*factors, *conditions_of(self.alternatives, quantity)]))

    def text_of(self, quantity: str, value: Value) -> str | None:
        """What a value of that row means in words; `None` where no table says it.

        Raises:
            KeyError: the profile has no such row.
        """
        name = self.rows[quantity].enum
        if name is None:
            return None
        code = int(value) if isinstance(value, bool | float) and value == int(value) else value
        return self.enums[name].get(str(code))

    def bit_texts(
        self, quantity: str, value: int, but: frozenset[int] = frozenset()
    ) -> tuple[str, ...]:
        """The names of the bits that are set, `but` left out; one without a name is `bit<N>`.

        Raises:
            KeyError: the profile has no such row.
        """
        table = self.rows[quantity].bits
        names = {} if table is None else self.bit_names[table]
        set_bits = (bit for bit in range(value.bit_length()) if value >> bit & 1)
        return tuple(names.get(bit, f"bit{bit}") for bit in set_bits if bit not in but)
