"""Which rows make a meter, a board, a relay or a monitor: the roles of a profile, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COIL_ON = 0xFF00  # Modbus Application Protocol V1.1b3, 6.5


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
    measures_neutral: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FineLimit:
    """A limit register that changes its step: `scale` when bit and firmware say so."""

    config: str
    bit: int
    firmware: str
    min_firmware: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestMap:
    """A test the board makes when a bit is set; the bit falls when it is over."""

    quantity: str
    bit: int
    seconds: float  # it has ended by then
    errors: frozenset[str]  # names of the board's errors that say it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardMap:
    """How the board role is made of rows."""

    pilot: str
    pilot_states: Mapping[str, str]  # raw value → A..F or invalid
    pwm: str | None
    pwm_on: frozenset[str]
    limit: str
    limit_with: tuple[tuple[str, int], ...]  # written in the same request, just before the limit
    fine_limit: FineLimit | None
    resolution_a: float
    apply_s: float
    errors: tuple[str, ...]  # rows of error bits, or of one error code where the row has an enum
    error_bits: Mapping[int, str]
    not_errors: frozenset[int]  # status bits among the error bits
    relay_bit: tuple[str, int] | None
    autoreclose: str | None  # register whose bits let the board reclose by itself
    autoreclose_bits: tuple[int, ...]
    set_at_start: tuple[tuple[str, float], ...]
    release: str | None  # register that opens the contactor under load when 0
    residual_test: SelfTestMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayMap:
    """Outputs, contacts, and the timed output that serves as dead man."""

    coil: str  # output rows are this + number from 1
    contact: str | None  # contact rows likewise; `None`: it has none
    flash_on_base: int | None  # write function 5 to base + coil, value × flash_step_s
    flash_step_s: float
    on_value: int  # what is written to close the output
    off_value: int
    closed_value: int  # what a register output reads while it is closed
    timed_base: int | None = None  # written to the output itself: base + steps of flash_step_s
    timed_most: int = 255  # steps the low byte of such a command can hold

    @property
    def falls_open(self) -> bool:
        """True when an output can be closed for a time only: a contactor must not stay closed."""
        return self.flash_on_base is not None or self.timed_base is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualMap:
    """How the residual-monitor role is made of rows."""

    dc: str
    ac: str | None
    status: str
    trip_bits: tuple[int, ...]
    failure_bits: tuple[int, ...]
