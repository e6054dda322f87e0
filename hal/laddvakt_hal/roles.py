"""What a device can be for a connector, independent of its make.

Readings are the latest snapshot, without any I/O; commands await their confirmed reply and raise
`HalError`. Commands overtake every planned read at the next transaction boundary.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.reading import Reading

Phases = tuple[float | None, float | None, float | None]


class PilotState(enum.Enum):
    """Vehicle state on the control pilot, IEC 61851-1 Annex A; `INVALID` is outside every band."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    INVALID = "invalid"


class Meter(Protocol):
    """An energy meter; import is positive."""

    name: str
    update_s: float  # how often the device renews its registers
    latency_s: float  # how old a value may be inside the device
    resolution_wh: float  # least significant bit of the energy register
    load_side: bool  # True: measures behind the contactor

    def voltage_v(self) -> Reading[Phases]:
        """Phase voltages; `None` for a phase the meter does not measure."""
        ...

    def current_a(self) -> Reading[Phases]:
        """Phase currents; `None` for a phase the meter does not measure."""
        ...

    def power_w(self) -> Reading[float]:
        """Total active power."""
        ...

    def energy_wh(self) -> Reading[float]:
        """Total imported energy: the register that is billed."""
        ...

    def serial(self) -> Reading[str]:
        """Serial number; absent when the device has none to read."""
        ...


class Board(Protocol):
    """A pilot board: says what the vehicle wants, offers it a current."""

    name: str
    apply_s: float  # how long the board may take to apply a written limit
    limit_resolution_a: float
    needs_dead_man: bool  # True: no communication watchdog of its own

    def pilot(self) -> Reading[PilotState]:
        """Vehicle state on the control pilot."""
        ...

    def pwm_on(self) -> Reading[bool]:
        """True while the pilot offers a current."""
        ...

    def limit_a(self) -> Reading[float]:
        """The limit in force, as read back from the board."""
        ...

    def relay_closed(self) -> Reading[bool]:
        """The board's own contactor relay; absent where the board does not tell."""
        ...

    def errors(self) -> Reading[Sequence[str]]:
        """Active error names; a bit the profile does not name is `bit<N>`."""
        ...

    def watchdog_armed(self) -> Reading[bool]:
        """True while the board's own watchdog reads back as `prepare` left it.

        False: it is disarmed or set otherwise, call `prepare` again. Absent before the first read,
        and always where the board has no watchdog of its own.
        """
        ...

    async def prepare(self) -> bool:
        """Arm the communication watchdog, switch automatic reclosing off.

        Returns:
            True when the watchdog is armed and read back; False when the board has none.
        """
        ...

    async def set_limit(self, current_a: float) -> None:
        """Offer `current_a` per phase; 0 switches the PWM off.

        Above 0 it may wait for the board's turn, 0 never does and overtakes what waits.
        """
        ...


class Fed(Protocol):
    """A board whose communication watchdog wants to be fed on purpose.

    Feed it only while the core lives: a fed watchdog is blind to a hung agent.
    """

    @property
    def heartbeat_s(self) -> float | None:
        """How often; `None`: reading feeds it, or there is none."""
        ...

    async def beat(self) -> None:
        """Feed it; to be called every `heartbeat_s`, also while nothing is offered."""
        ...


class Contactor(Protocol):
    """The main contactor of one connector."""

    name: str
    hold_s: float | None  # dead-man: opens by itself when `hold` is not repeated in time
    has_feedback: bool

    def feedback_closed(self) -> Reading[bool]:
        """The mirror contact; absent where none is fitted."""
        ...

    async def hold(self) -> None:
        """Close, or stay closed for another `hold_s`."""
        ...

    async def open(self) -> None:
        """Open now, under load if need be."""
        ...


class ResidualMonitor(Protocol):
    """A residual-current monitor."""

    name: str

    def dc_a(self) -> Reading[float]:
        """Residual direct current."""
        ...

    def tripped(self) -> Reading[bool]:
        """The monitor's own DC residual-current alarm."""
        ...


class DigitalInput(Protocol):
    """One contact, for example the emergency-stop loop (closed = released)."""

    name: str

    def closed(self) -> Reading[bool]:
        """True while the contact is closed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card somebody held to a reader."""

    uid: str  # its id, hexadecimal in capitals
    technology: str  # ISO14443, ISO15693, EM4100, unknown
    taken_at_s: float


class CardReader(Protocol):
    """Where people show their cards. It tells each presentation once, to whoever made it."""

    down: str  # why no card can be presented now; empty while one can
    heard_s: float | None  # when a card was last presented

    @property
    def name(self) -> str:
        """In the configuration."""
        ...

    @property
    def refused(self) -> int:
        """What came and was no card: noise, or a reader that is set up otherwise."""
        ...

    async def run(self) -> None:
        """Listen until cancelled; a reader that goes away is waited for."""
        ...
